//! The page: where what stands.

use super::Dashboard;
use super::fit::wrapped;
use super::help::draw_help;
use super::run::{Run, State};
use super::table::full_width;
use crate::run_id::RunId;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Text;

/// The least width and height of a page with a run's details below the table.
const LEAST_FOR_DETAIL: (u16, u16) = (80, 24);
/// The least width of the details beside the table, and of the gap between them.
const LEAST_BESIDE: (u16, u16) = (70, 2);
/// The least height of a page on which head and message may take more than a line or two.
const LEAST_FOR_WORDS: u16 = 12;

impl Dashboard {
    /// Shows the page.
    pub fn draw(&self, frame: &mut Frame) {
        let (width, height) = (usize::from(frame.area().width), frame.area().height);
        let most = if height < LEAST_FOR_WORDS { (2, 1) } else { (3, 2) };
        let mut head = self.head(width);
        head.truncate(most.0);
        let said = wrapped(&self.said, width, most.1);
        let lines = [head.len(), said.len().max(1)].map(|lines| Constraint::Length(lines as u16));
        let [head_area, middle, said_area, foot] =
            Layout::vertical([lines[0], Constraint::Fill(1), lines[1], Constraint::Length(1)]).areas(frame.area());
        frame.render_widget(Text::from(head), head_area);
        let with_details = middle.width >= LEAST_FOR_DETAIL.0 && height >= LEAST_FOR_DETAIL.1;
        let mark = self.draw_middle(frame, middle, with_details);
        frame.render_widget(Text::from(said).style(self.tint(Color::Yellow)), said_area);
        frame.render_widget(self.foot(width, with_details, &mark), foot);
        if self.help {
            draw_help(frame, frame.area());
        }
    }

    /// Draws the table, and the selected run beside it where names are seen whole then, else below. Says which rows are seen.
    fn draw_middle(&self, frame: &mut Frame, area: Rect, with_details: bool) -> String {
        let rows = self.rows();
        let selected = self.selected();
        let marked = selected.map(|(id, _)| id);
        let Some(run) = selected.filter(|_| with_details) else { return self.draw_table(frame, area, &rows, marked) };
        let beside = area.width.saturating_sub(LEAST_BESIDE.0 + LEAST_BESIDE.1);
        if full_width(&self.labels) <= usize::from(beside) {
            return self.draw_beside(frame, area, &rows, run);
        }
        // A table with few rows leaves the rest to the details.
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(1).clamp(4, area.height * 9 / 20);
        let [table, detail] = Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
        self.draw_detail(frame, detail, run, false);
        self.draw_table(frame, table, &rows, marked)
    }

    fn draw_beside(&self, frame: &mut Frame, area: Rect, rows: &[(RunId, &Run)], run: (RunId, &Run)) -> String {
        let table = (full_width(&self.labels) as u16).max(area.width / 2);
        let table = table.min(area.width.saturating_sub(LEAST_BESIDE.0 + LEAST_BESIDE.1));
        let columns = [Constraint::Length(table), Constraint::Length(LEAST_BESIDE.1), Constraint::Fill(1)];
        let [table, _, detail] = Layout::horizontal(columns).areas(area);
        self.draw_detail(frame, detail, run, true);
        self.draw_table(frame, table, rows, Some(run.0))
    }

    /// A colour, where colours are wanted.
    pub(super) fn tint(&self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// The colour of a state, where it is to be seen.
    pub(super) fn colour_of(&self, state: State, is_seen: bool) -> Style {
        match state {
            State::Done if is_seen => self.tint(Color::Green),
            State::Running if is_seen => self.tint(Color::Cyan),
            State::Failed if is_seen => self.tint(Color::Red),
            State::Pruned | State::Interrupted if is_seen => self.tint(Color::Yellow),
            _ => Style::new(),
        }
    }
}

/// A value in few characters: `0.8123`, `412.4`, `3.000e-5`.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e6).contains(&size) => format!("{value:.3e}"),
        size => format!("{value:.*}", usize::from(size < 10.0) * 3 + 1),
    }
}
