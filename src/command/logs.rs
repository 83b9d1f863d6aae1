//! `vicmae logs`: what a run's worker said.

use super::{print, results, show};
use crate::failure::Failure;
use crate::run_folder::RunFolder;
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Shows what the worker of a run wrote to its standard output and standard error
///
/// Examples:
///   vicmae logs 3f2a91
///   vicmae logs 3f2a91 --attempt 1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The beginning of the run's id, or its name
    id: String,

    /// The attempt [default: the last]
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
}

/// Prints the logs.
///
/// # Errors
/// A [`Failure`] when there is no such run, or no such attempt.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let record = results::the_record(folder)?;
    let id = show::known(&record, &args.id)?;
    let run = RunFolder::new(folder, id);
    let last = run.last_attempt()?;
    let attempt = args.attempt.unwrap_or(last);
    if attempt == 0 || attempt > last {
        let failure = Failure::input(format!("{} has no attempt {attempt}", id.short()));
        return Err(failure.hint(format!("it has been tried {last} times")).into());
    }
    let mut is_quiet = true;
    for name in ["stdout", "stderr"] {
        let path = run.attempt(attempt).join(name);
        let bytes = fs::read(&path).unwrap_or_default();
        if !bytes.is_empty() {
            is_quiet = false;
            print::line(&format!("== {}\n{}", path.display(), String::from_utf8_lossy(&bytes)))?;
        }
    }
    if is_quiet {
        print::line(&format!("it wrote nothing in attempt {attempt}; `vicmae show {}` tells how it went", id.short()))
    } else {
        Ok(())
    }
}
