//! A table for the terminal.

use super::super::question::label;
use super::Table;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};

impl Table {
    /// The table as text no wider than `width` (as wide as it likes when none is given); the best is bold with `color`,
    /// and otherwise has a star.
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
                let best = cell.as_ref().is_some_and(|cell| cell.best);
                let star = if best && !color { " *" } else { "" };
                let content = cell.as_ref().map(|cell| cell.text(&column.quantity)).unwrap_or_default();
                let shown = Cell::new(format!("{content}{star}")).set_alignment(CellAlignment::Left);
                row.push(if best && color { shown.add_attribute(Attribute::Bold) } else { shown });
            }
            text.add_row(row);
        }
        format!("{}\n{}", self.title, text.trim_fmt())
    }
}
