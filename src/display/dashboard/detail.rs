//! One run closely: its curve, its numbers, what it said.

use super::super::labels::elided;
use super::Dashboard;
use super::run::Run;
use super::view::short;
use crate::event::Metric;
use crate::run_id::RunId;
use indicatif::HumanDuration;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph};
use std::time::Duration;

/// A silence that is worth a word.
const SILENCE: Duration = Duration::from_secs(60);

impl Dashboard {
    /// Draws a run; one below the other where the area is `tall`.
    pub(super) fn draw_detail(&self, frame: &mut Frame, area: Rect, (id, run): (RunId, &Run), tall: bool) {
        let stage = if run.stage.is_empty() { String::new() } else { format!("{}, ", run.stage) };
        let about = format!(" {}, {stage}{} ", id.short(), run.state.name());
        let room = usize::from(area.width).saturating_sub(about.chars().count() + 2);
        let title = Line::styled(format!(" {}{about}", elided(&run.name, room)), Style::new().add_modifier(Modifier::BOLD));
        let block = Block::new().borders(Borders::TOP).title(title);
        let inside = block.inner(area);
        frame.render_widget(block, area);
        let [where_it_is, inside] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(inside);
        frame.render_widget(self.where_it_is(run), where_it_is);
        let metric = self.metric(run);
        let count = u16::try_from(run.curves.len()).unwrap_or(u16::MAX);
        let (chart, rest) = if tall {
            let [chart, rest] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).spacing(1).areas(inside);
            (chart, rest)
        } else {
            let [chart, rest] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2).areas(inside);
            (chart, rest)
        };
        // Numbers come first, but not at the cost of all that was said.
        let [numbers, words] =
            Layout::vertical([Constraint::Length(count.min(rest.height * 3 / 5)), Constraint::Fill(1)]).areas(rest);
        match &metric {
            Some(metric) => self.draw_chart(frame, chart, run, metric),
            None => frame.render_widget(Paragraph::new("nothing is measured yet"), chart),
        }
        frame.render_widget(Paragraph::new(self.numbers(run, metric.as_ref(), usize::from(numbers.height))), numbers);
        frame.render_widget(Paragraph::new(self.words(id, run, usize::from(words.height))), words);
    }

    fn where_it_is(&self, run: &Run) -> String {
        let Some((heard, progress)) = run.heard_at().zip(run.progress.as_ref()) else { return String::new() };
        let silent = Duration::try_from(self.now.duration_since(heard)).ok().filter(|silent| *silent >= SILENCE);
        let silent = silent.map_or_else(String::new, |silent| format!(", silent for {:#}", HumanDuration(silent)));
        format!("{}{silent}", progress.text())
    }

    /// The last value of each metric, with the one on the chart marked and among the `most` that are shown.
    fn numbers(&self, run: &Run, on_chart: Option<&Metric>, most: usize) -> Vec<Line<'_>> {
        let metrics = run.metrics();
        let width = metrics.iter().map(|metric| metric.as_str().len()).max().unwrap_or(0);
        let place = metrics.iter().position(|metric| Some(*metric) == on_chart).unwrap_or(0);
        let line = |metric: &&Metric| {
            let value = run.curves[*metric].latest().map_or_else(String::new, short);
            let unit = metric.known().map_or("", |known| known.unit);
            let mark = if Some(*metric) == on_chart { "▸" } else { " " };
            Line::raw(format!("{mark} {:width$}  {value} {unit}", metric.as_str()))
        };
        metrics.iter().skip((place + 1).saturating_sub(most)).take(most).map(line).collect()
    }

    /// The last messages, and below them the last lines of the worker's log.
    fn words(&self, id: RunId, run: &Run, most: usize) -> Vec<Line<'_>> {
        let tail = self.tail.as_ref().filter(|(of, _)| *of == id).map_or(&[][..], |(_, lines)| lines);
        let mut lines: Vec<Line> =
            run.messages.iter().map(|message| Line::styled(message.clone(), self.tint(Color::Yellow))).collect();
        lines.extend(tail.iter().map(|line| Line::styled(line.as_str(), Style::new().add_modifier(Modifier::DIM))));
        lines.drain(..lines.len().saturating_sub(most));
        lines
    }
}
