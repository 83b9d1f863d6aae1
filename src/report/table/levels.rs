//! Heads over heads: nested columns.

use super::Table;
use crate::report::question::label;

/// A head and the columns that it spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub text: String,
    pub columns: usize,
}

impl Table {
    /// The heads over the columns, from the outermost line to the innermost; equal neighbours below the same head are one.
    pub(super) fn levels(&self) -> Vec<Vec<Span>> {
        let axes = self.columns.first().map_or(0, |column| column.axes.len());
        let several = self.columns.iter().any(|column| column.quantity != self.columns[0].quantity);
        let mut paths: Vec<Vec<String>> = Vec::new();
        for column in &self.columns {
            let mut path: Vec<String> = column.axes.iter().map(|(axis, value)| format!("{axis} = {}", label(value))).collect();
            if several || axes == 0 {
                path.push(format!("{}, {}", column.quantity.title(), column.quantity.stage));
            }
            paths.push(path);
        }
        let depth = paths.first().map_or(0, Vec::len);
        let mut levels = vec![Vec::<Span>::new(); depth];
        for (at, path) in paths.iter().enumerate() {
            for level in 0..depth {
                let joins = at > 0 && level + 1 < depth && paths[at - 1][..=level] == path[..=level];
                match levels[level].last_mut().filter(|_| joins) {
                    Some(span) => span.columns += 1,
                    None => levels[level].push(Span { text: path[level].clone(), columns: 1 }),
                }
            }
        }
        levels
    }
}
