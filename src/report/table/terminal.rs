//! A table for the terminal.

use super::super::question::label;
use super::{Mark, Table, show};
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};

impl Table {
    /// The table as text no wider than `width` (as wide as it likes when none is given), with its notes; the best is bold and the
    /// second underlined with `color`, and otherwise they have a star and a prime, which a note explains.
    pub fn to_text(&self, width: Option<u16>, color: bool) -> String {
        let mut text = comfy_table::Table::new();
        text.load_style(presets::UTF8_BORDERS_ONLY).force_no_tty();
        if color {
            text.enforce_styling();
        }
        if let Some(width) = width {
            text.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        text.set_header(self.heads());
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            let mut row: Vec<Cell> = key.iter().map(|value| Cell::new(label(value))).collect();
            for (cell, column) in cells.iter().zip(&self.columns) {
                let mark = cell.as_ref().map_or(Mark::None, |cell| cell.mark);
                let sign = match mark {
                    Mark::Best if !color => " *",
                    Mark::Second if !color => " '",
                    _ => "",
                };
                let content = cell.as_ref().map(|cell| cell.text(&column.quantity.metric, self.spread)).unwrap_or_default();
                let shown = Cell::new(format!("{content}{sign}")).set_alignment(CellAlignment::Left);
                row.push(match mark {
                    Mark::Best if color => shown.add_attribute(Attribute::Bold),
                    Mark::Second if color => shown.add_attribute(Attribute::Underlined),
                    _ => shown,
                });
            }
            text.add_row(row);
        }
        for reference in &self.references {
            let mut row = vec![Cell::new(format!("({})", reference.name))];
            row.extend(self.row_axes.iter().skip(1).map(|_| Cell::new("")));
            row.extend(reference.values.iter().zip(&self.columns).map(|(value, column)| {
                Cell::new(value.map(|value| format!("({})", show(&column.quantity.metric, value))).unwrap_or_default())
            }));
            text.add_row(row);
        }
        let key = if color { None } else { self.key("*", "'") };
        let notes: String = key.iter().chain(&self.notes()).map(|note| format!("\n{}", folded(note, width))).collect();
        format!("{}\n{}{notes}", self.title, text.trim_fmt())
    }
}

/// A text in lines of at most `width` characters, broken between words.
fn folded(text: &str, width: Option<u16>) -> String {
    let width = width.map_or(usize::MAX, usize::from);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
