//! What the keys do, in a window over the page.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

const KEYS: [(&str, &str); 9] = [
    ("↑ ↓ k j", "a run up, down"),
    ("PgUp PgDn", "a page up, down"),
    ("home g", "the first run"),
    ("end G", "the last run"),
    ("tab m", "the next metric"),
    ("l", "logarithmic scale"),
    ("s", "smooth the curve"),
    ("f", "all, running, failed"),
    ("q esc", "leave; runs go on"),
];
/// The width of two columns.
const TWO_COLUMNS: usize = 57;

/// Draws the help in the middle of `area`, in two columns where it is not high enough for one.
pub(super) fn draw_help(frame: &mut Frame, area: Rect) {
    let (width, height) = (usize::from(area.width.saturating_sub(2)), usize::from(area.height.saturating_sub(2)));
    let lines = lines(width, height);
    let wide = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 2;
    let [row] = Layout::vertical([Constraint::Length(lines.len() as u16 + 2)]).flex(Flex::Center).areas(area);
    let [popup] = Layout::horizontal([Constraint::Length(wide as u16)]).flex(Flex::Center).areas(row);
    frame.render_widget(Clear, popup);
    let block = Block::bordered().title(" keys (any key: back) ");
    frame.render_widget(Paragraph::new(lines.into_iter().map(Line::from).collect::<Vec<_>>()).block(block), popup);
}

/// The keys in a window of this size. What has no room is counted.
fn lines(width: usize, height: usize) -> Vec<String> {
    let columns = if height < KEYS.len() && width >= TWO_COLUMNS { 2 } else { 1 };
    let rows = KEYS.len().div_ceil(columns).min(height);
    let mut cells: Vec<String> = KEYS.iter().take(rows * columns).map(|(key, what)| format!("{key:9} {what}")).collect();
    if let Some(last) = cells.last_mut().filter(|_| rows * columns < KEYS.len()) {
        *last = format!("… and {} more keys", KEYS.len() + 1 - rows * columns);
    }
    let (left, right) = cells.split_at(rows.min(cells.len()));
    let width = left.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let line = |row: usize| match right.get(row) {
        Some(right) => format!("{:width$}  {right}", left[row]),
        None => left[row].clone(),
    };
    (0..rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_has_a_column_two_columns_or_says_what_is_cut() {
        assert_eq!(lines(58, 20).len(), KEYS.len());
        let two = lines(58, 7);
        assert_eq!((two.len(), two.iter().all(|line| line.chars().count() <= 58)), (5, true));
        assert!(KEYS.iter().all(|(_, what)| two.iter().any(|line| line.contains(what))), "{two:?}");
        assert_eq!(lines(40, 4)[2..], ["home g    the first run", "… and 6 more keys"]);
        assert_eq!(lines(40, 0), [""; 0]);
    }
}
