//! Opening the record of a results folder to read it.

use super::print;
use crate::engine::Lock;
use crate::failure::Failure;
use crate::record::Record;
use anyhow::Result;
use std::path::Path;

/// Opens the record, when there is one. Where there is none and there are run folders, it is made of these: else all that was done
/// would look new. Not where another process is at the results, which may be about to do just that, or nothing can be written.
pub(super) fn record(results: &Path) -> Result<Option<Record>> {
    if Record::is_missing(results)
        && let Ok(_lock) = Lock::take(results)
        && Record::is_missing(results)
    {
        print::note(&format!("{} has lost its lab.sqlite, which is made again from the run folders", results.display()));
        Record::rebuild(results, &mut |note| print::note(&note))?;
    }
    if Record::is_there(results) { Record::open_to_read(results).map(Some) } else { Ok(None) }
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
