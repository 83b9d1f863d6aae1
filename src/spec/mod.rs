//! What was said: the experiment file and the templates, rendered, parsed with places, and checked.

pub mod schema;
pub mod source;
pub mod template;
pub mod work;

pub(crate) mod check;
mod embedded;
mod names;
mod set;
mod tree;
mod yaml_text;

pub use schema::{DATASET, Experiment};
pub use source::SourceText;
pub use template::{Library, Rendered, Template};

use anyhow::Result;
use std::path::{Path, PathBuf};

/// Reads an experiment file, with `--set` overrides applied.
///
/// The current folder is the project, as for cargo: `templates/` and relative data roots start there, wherever the experiment
/// file lies. Every mistake is a [`crate::failure::Failure`] that points at its place.
pub fn load(path: &Path, sets: &[String]) -> Result<Experiment> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    read(SourceText::read(path)?, &stem, sets, Path::new("."))
}

/// Reads an experiment from a text; `stem` is its name when the text gives none.
pub fn read(source: SourceText, stem: &str, sets: &[String], project: &Path) -> Result<Experiment> {
    let source = if sets.is_empty() { source } else { set::apply(source, sets)? };
    let mut experiment: Experiment = source.parse()?;
    experiment.source = source;
    experiment.project = PathBuf::from(project);
    if experiment.name.is_empty() {
        experiment.name = stem.to_owned();
    }
    names::check(&experiment)?;
    Ok(experiment)
}
