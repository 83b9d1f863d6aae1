//! The lists of what was left out and of what is damaged, for people and spreadsheets.

use super::plan::Told;
use crate::data::annotation::Listing;
use crate::run_folder::write_atomically;
use anyhow::{Context, Result};
use std::path::Path;

/// Writes everything that is not in the set: what the lists name wrongly, then what could not be decoded.
pub(super) fn rejects(path: &Path, listing: &Listing, rejected: &[&Told]) -> Result<()> {
    let problems = listing.problems.iter().map(|problem| (problem.file.as_str(), problem.reason.as_str(), 0));
    write(path, problems.chain(rejected.iter().map(|told| row(told))))
}

/// Writes what is in the set with the frames that could be decoded.
pub(super) fn damaged(path: &Path, damaged: &[&Told]) -> Result<()> {
    write(path, damaged.iter().map(|told| row(told)))
}

fn row(told: &Told) -> (&str, &str, usize) {
    (&told.file, &told.reason, told.frames_decoded)
}

/// An empty list is a file with a header only: that nothing is wrong is worth knowing too.
fn write<'a>(path: &Path, rows: impl Iterator<Item = (&'a str, &'a str, usize)>) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "reason", "frames_decoded"])?;
    for (file, reason, frames) in rows {
        writer.write_record([file, reason, &frames.to_string()])?;
    }
    write_atomically(path, &writer.into_inner().context("cannot write a table in memory")?)
}
