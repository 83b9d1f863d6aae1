//! Opening the record of a results folder to read it.

use crate::failure::Failure;
use crate::record::Record;
use anyhow::Result;
use std::path::Path;

/// Opens the record, when there is one.
pub(super) fn record(results: &Path) -> Result<Option<Record>> {
    if results.join("lab.sqlite").exists() { Record::open_to_read(results).map(Some) } else { Ok(None) }
}

/// Opens the record that a question is about.
pub(super) fn the_record(results: &Path) -> Result<Record> {
    let none = || {
        Failure::input(format!("{} holds no record of runs", results.display()))
            .hint("run an experiment first, or name another folder with `--results DIR`")
            .hint("where the run folders are there and lab.sqlite is not, `vicmae reindex` makes it again")
    };
    record(results)?.ok_or_else(|| none().into())
}
