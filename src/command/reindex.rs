//! `vicmae reindex`: the database, made again.

use super::print;
use crate::engine::Lock;
use crate::failure::Failure;
use crate::record::Record;
use anyhow::Result;
use std::path::Path;

/// Makes lab.sqlite again from the run folders, which are the truth
///
/// Example:
///   vicmae reindex --results results
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Makes the database again.
///
/// # Errors
/// A [`Failure`] when there are no results, or another process is writing to them.
pub fn run(_args: &Args, results: &Path) -> Result<()> {
    if !results.is_dir() {
        return Err(Failure::input(format!("there is no folder {}", results.display()))
            .hint("name it with `--results DIR`")
            .into());
    }
    let _lock = Lock::take(results)?;
    let runs = Record::rebuild(results, &mut |note| print::note(&note))?.runs_like("")?.len();
    print::line(&format!("{runs} runs are in {}", results.join("lab.sqlite").display()))
}
