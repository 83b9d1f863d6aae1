//! A table in Markdown.

use super::super::question::label;
use super::Table;

impl Table {
    /// The table in Markdown, the best in bold, without its title.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rules = self.row_axes.iter().map(|_| "---").chain(self.columns.iter().map(|_| "---:"));
        let mut text = line(self.heads().iter().map(|head| escaped(head)).collect());
        text += &line(rules.map(str::to_owned).collect());
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            let shown = cells.iter().zip(&self.columns).map(|(cell, column)| match cell {
                Some(cell) if cell.best => format!("**{}**", cell.text(&column.quantity)),
                Some(cell) => cell.text(&column.quantity),
                None => String::new(),
            });
            text += &line(key.iter().map(|value| escaped(&label(value))).chain(shown).collect());
        }
        text
    }
}

/// Text that Markdown shows as it is.
pub(in crate::report) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, character| {
        if matches!(character, '|' | '*' | '`' | '<' | '\\' | '[' | ']') {
            safe.push('\\');
        }
        safe.push(if character == '\n' { ' ' } else { character });
        safe
    })
}
