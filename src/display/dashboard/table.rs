//! The table of runs.

use super::super::labels::{Form, Labels, elided};
use super::Dashboard;
use super::run::Run;
use super::view::short;
use crate::event::TOP1;
use crate::run_id::RunId;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

/// A column: its title, its width, when it gives way to names (0: never, else the least first), and what stands in it.
struct Column {
    title: &'static str,
    width: usize,
    gives_way: u8,
    text: fn(&RunId, &Run) -> String,
}

const NAME: &str = "run";
const STATE: &str = "state";
const BAR: usize = 8;

const COLUMNS: [Column; 7] = [
    Column { title: "id", width: 12, gives_way: 1, text: |id, _| id.short() },
    Column { title: NAME, width: 0, gives_way: 0, text: |_, run| run.name.clone() },
    Column { title: STATE, width: 11, gives_way: 0, text: |_, run| run.state.name().to_owned() },
    Column { title: "progress", width: BAR, gives_way: 0, text: |_, run| bar(run.share(), BAR) },
    Column { title: "step", width: 13, gives_way: 3, text: |_, run| step(run) },
    Column { title: "loss or top1", width: 12, gives_way: 0, text: |_, run| number(run) },
    Column { title: "images/s", width: 8, gives_way: 2, text: |_, run| images_per_second(run) },
];

/// The columns and the names of a table, from the one that shows most to the one for the narrowest place: how many columns gave
/// way, and how runs are named.
const LAYOUTS: [(u8, Form); 6] =
    [(0, Form::Keyed), (1, Form::Keyed), (0, Form::Bare), (1, Form::Bare), (2, Form::Bare), (3, Form::Bare)];

/// The columns that are left when so many gave way.
fn columns(gone: u8) -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().filter(move |column| column.gives_way == 0 || column.gives_way > gone)
}

/// The width beside the names.
fn fixed(gone: u8) -> usize {
    columns(gone).map(|column| column.width + 1).sum::<usize>() - 1
}

/// The first layout in which all names are seen whole, or the last.
fn layout(labels: &Labels, width: usize) -> (u8, Form) {
    let fits = |(gone, form): &&(u8, Form)| fixed(*gone) + labels.width(*form) <= width;
    *LAYOUTS.iter().find(fits).unwrap_or(&LAYOUTS[LAYOUTS.len() - 1])
}

/// The width of a table that shows everything.
pub(super) fn full_width(labels: &Labels) -> usize {
    fixed(0) + labels.width(Form::Keyed)
}

impl Dashboard {
    /// Draws the rows around the selected one. Says which they are where they are not all.
    pub(super) fn draw_table(&self, frame: &mut Frame, area: Rect, rows: &[(RunId, &Run)], selected: Option<RunId>) -> String {
        let height = usize::from(area.height.saturating_sub(1));
        self.page_of_rows.set(height.max(1));
        let Some(place) = rows.iter().position(|(id, _)| Some(*id) == selected) else {
            frame.render_widget(Paragraph::new(self.filter.nothing()), area);
            return String::new();
        };
        let first = place.saturating_sub(height / 2).min(rows.len().saturating_sub(height));
        let seen = &rows[first..(first + height).min(rows.len())];
        let (gone, form) = layout(&self.labels, usize::from(area.width));
        let name_width = usize::from(area.width).saturating_sub(fixed(gone));
        let row = |(id, run): &(RunId, &Run)| {
            let cell = |column: &'static Column| match column.title {
                NAME => Cell::new(elided(self.labels.get(id, form).unwrap_or(&run.name), name_width)),
                STATE => Cell::new((column.text)(id, run)).style(self.colour_of(run.state, true)),
                _ => Cell::new((column.text)(id, run)),
            };
            let style = if Some(*id) == selected { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
            Row::new(columns(gone).map(cell)).style(style)
        };
        let widths = columns(gone).map(|column| if column.title == NAME { name_width } else { column.width });
        let titles = columns(gone).map(|column| match column.title {
            NAME => elided(self.labels.title(form), name_width),
            title => title.to_owned(),
        });
        let header = Row::new(titles).style(Style::new().add_modifier(Modifier::BOLD));
        let widths = widths.map(|width| Constraint::Length(width as u16));
        frame.render_widget(Table::new(seen.iter().map(row), widths).header(header).column_spacing(1), area);
        if seen.len() == rows.len() { String::new() } else { format!("{}-{} of {}", first + 1, first + seen.len(), rows.len()) }
    }
}

fn bar(share: f64, width: usize) -> String {
    let full = (share * width as f64).floor() as usize;
    "━".repeat(full) + &"─".repeat(width.saturating_sub(full))
}

fn step(run: &Run) -> String {
    run.progress.as_ref().map_or_else(String::new, |progress| format!("{}/{}", progress.step, progress.steps))
}

fn number(run: &Run) -> String {
    match run.number() {
        Some((TOP1, value)) => format!("top1 {value:.1} %"),
        Some((_, value)) => format!("loss {}", short(value)),
        None => String::new(),
    }
}

fn images_per_second(run: &Run) -> String {
    run.images_per_second().map_or_else(String::new, |rate| format!("{rate:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_to_names_and_keys_to_columns() {
        let names = ["vic_mae,mask_ratio=0.75,seed=0", "mae,mask_ratio=0.9,seed=1"];
        let labels = Labels::of(&names.into_iter().map(|name| (RunId::of(name.as_bytes()), name.to_owned())).collect());
        assert_eq!((full_width(&labels), labels.width(Form::Bare)), (70 + 30, 14));
        let widths = [100, 99, 87, 86, 84, 83, 71, 70, 62, 61, 20];
        assert_eq!(widths.map(|width| layout(&labels, width).0), [0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(layout(&labels, 87).1, Form::Keyed);
        assert_eq!(layout(&labels, 86).1, Form::Bare);
    }

    #[test]
    fn a_bar_is_full_at_the_end_and_not_before() {
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| bar(share, 4)), ["────", "━━──", "━━━─", "━━━━"]);
    }
}
