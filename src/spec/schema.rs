//! The experiment file, typed.

use std::path::PathBuf;

/// An experiment: what was said.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Name: of the file, unless the file says otherwise.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// The folder that `templates/` and relative data roots start at.
    pub project: PathBuf,
}
