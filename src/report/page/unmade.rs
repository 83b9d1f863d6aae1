//! What a report lacks because it could not be made.

use crate::failure::Failure;
use anyhow::Error;

/// A table or plot that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade {
    /// Where it stands in the experiment: `report`, `tables` or `plots`, and its place in the list.
    pub path: Vec<String>,
    /// Why.
    pub message: String,
    /// What the person can do.
    pub hints: Vec<String>,
}

/// The table or plot at a place of its list, with what went wrong.
pub(super) fn unmade(list: &str, at: usize, error: &Error) -> Unmade {
    let path = vec!["report".to_owned(), list.to_owned(), at.to_string()];
    match error.downcast_ref::<Failure>() {
        Some(failure) => Unmade { path, message: failure.message.clone(), hints: failure.hints.clone() },
        None => Unmade { path, message: format!("{error:#}"), hints: Vec::new() },
    }
}

impl Unmade {
    /// What it is, as people count: `table 1`.
    pub fn name(&self) -> String {
        let [_, list, at] = self.path.as_slice() else { return self.path.join(".") };
        let number = at.parse::<usize>().map_or(0, |at| at + 1);
        format!("{} {number}", list.trim_end_matches('s'))
    }

    /// What a reader of the report is told.
    pub fn note(&self) -> String {
        format!("{} could not be made: {}", self.name(), self.message)
    }
}
