//! The encoder that a person means: a run, or a file.

use super::{results, show};
use crate::run_folder::RunFolder;
use crate::train::encoder::Source;
use anyhow::Result;
use std::path::Path;

/// A path that is there is taken as a file of weights or as a run's folder; anything else is a run's name or the beginning of its
/// id.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is none.
pub(super) fn source(text: &str, heads: Option<usize>, folder: &Path) -> Result<Source> {
    let path = Path::new(text);
    if path.is_file() {
        return Source::of_file(path, heads);
    }
    if path.join("run.yaml").is_file() {
        return Source::of_run(&RunFolder::at(path));
    }
    let record = results::the_record(folder)?;
    Source::of_run(&RunFolder::new(folder, show::known(&record, text)?))
}
