//! `vicmae query`: any question, in SQL.

use super::{print, results};
use anyhow::Result;
use std::path::Path;

/// Answers a question in SQL over the record; it can only read
///
/// Examples:
///   vicmae query "SELECT name, state FROM run_states"
///   vicmae query "SELECT run, value FROM final WHERE metric = 'top1' ORDER BY value DESC LIMIT 5" --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The question
    sql: String,

    /// Prints JSON: a list of objects
    #[arg(long)]
    json: bool,
}

/// Prints the answer.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, or the question is wrong.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let rows = results::the_record(folder)?.query(&args.sql)?;
    if args.json { print::json(&rows.to_json()) } else { print::line(&rows.to_text()) }
}
