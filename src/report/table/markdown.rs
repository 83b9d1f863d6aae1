//! A table in Markdown.

use super::super::question::label;
use super::{Mark, Table, show};

impl Table {
    /// The table in Markdown, the best in bold and the second underlined, without its title and its notes.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rules = self.row_axes.iter().map(|_| "---").chain(self.columns.iter().map(|_| "---:"));
        let mut text = line(self.heads().iter().map(|head| escaped(head)).collect());
        text += &line(rules.map(str::to_owned).collect());
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            let shown = cells.iter().zip(&self.columns).map(|(cell, column)| {
                let Some(cell) = cell else { return String::new() };
                // A lone bracket is harmless, and an escaped one is ugly.
                let text = cell.text(&column.quantity.metric, self.spread);
                match cell.mark {
                    Mark::Best => format!("**{text}**"),
                    Mark::Second => format!("<u>{text}</u>"),
                    Mark::None => text,
                }
            });
            text += &line(key.iter().map(|value| escaped(&label(value))).chain(shown).collect());
        }
        for reference in &self.references {
            let values = reference.values.iter().zip(&self.columns).map(|(value, column)| {
                value.map(|value| format!("*{}*", show(&column.quantity.metric, value))).unwrap_or_default()
            });
            let blank = self.row_axes.iter().skip(1).map(|_| String::new());
            text += &line(std::iter::once(format!("*{}*", escaped(&reference.name))).chain(blank).chain(values).collect());
        }
        text
    }
}

/// Text that Markdown shows as it is, in one line.
pub(in crate::report) fn escaped(text: &str) -> String {
    let (mut safe, mut rest, mut before) = (String::new(), text.chars().peekable(), None);
    while let Some(character) = rest.next() {
        let next = rest.peek().copied();
        let in_word = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
        let special = match character {
            '|' | '*' | '`' | '<' | '\\' | '[' | ']' => true,
            // Within a word it makes no emphasis, and with a backslash it is ugly where nothing renders it.
            '_' => !(in_word(before) && in_word(next)),
            // So an entity would begin.
            '&' => next == Some('#') || in_word(next),
            _ => false,
        };
        if special {
            safe.push('\\');
        }
        safe.push(if matches!(character, '\n' | '\r') { ' ' } else { character });
        before = Some(character);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is() {
        assert_eq!(escaped("a\rb\nc|d *e* [f]"), r"a b c\|d \*e\* \[f\]");
        assert_eq!(escaped("vic_mae _old_ x__y"), r"vic_mae \_old\_ x\_\_y");
        assert_eq!(escaped("R & D, &amp; &#42;"), r"R & D, \&amp; \&#42;");
    }
}
