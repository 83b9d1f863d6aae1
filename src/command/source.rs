//! The encoder that a person means, a run or a file, and room for what is made of it.

use super::{results, show};
use crate::run_folder::RunFolder;
use crate::train::encoder::Source;
use anyhow::{Context, Result};
use std::path::Path;

/// A path that is there is taken as a file of weights or as a run's folder; anything else is a run's name or the beginning of its
/// id.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is none.
pub(super) fn source(text: &str, heads: Option<usize>, folder: &Path) -> Result<Source> {
    let path = Path::new(text);
    if path.is_file() {
        let source = Source::of_file(path, heads)?;
        source.notes.iter().for_each(|note| eprintln!("note: {note}"));
        return Ok(source);
    }
    if path.join("run.yaml").is_file() {
        return Source::of_run(&RunFolder::at(path));
    }
    let record = results::the_record(folder)?;
    Source::of_run(&RunFolder::new(folder, show::known(&record, text)?))
}

/// Makes the folder of a file that is to be written, before any work is done for it.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_room(out: &Path) -> Result<()> {
    let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}
