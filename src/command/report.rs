//! `vicmae report`: tables, plots and a page of an experiment.

use super::{print, results};
use crate::report;
use crate::spec;
use crate::spec::Experiment;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Makes the report of an experiment from the record: tables, plots and a page, in RESULTS/reports/EXPERIMENT
///
/// Example:
///   vicmae report experiments/mask_ratio.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The experiment's YAML file
    file: PathBuf,
}

/// Makes the report, and prints its tables.
///
/// # Errors
/// A [`crate::failure::Failure`] when the experiment is wrong or there is no record of it.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    make(&spec::load(&args.file, &[])?, results)
}

/// Makes the report of an experiment, and prints its tables.
pub(super) fn make(experiment: &Experiment, results: &Path) -> Result<()> {
    let config = config(experiment)?;
    let record = results::the_record(results)?;
    let folder = results.join("reports").join(&experiment.name);
    let written = report::write(&record, &experiment.name, config.as_ref(), results, &folder)?;
    written.tables.iter().try_for_each(|table| print::line(&format!("\n{}\n\n{}", table.title, table.to_markdown())))?;
    print::line(&format!("\nreport: {}", written.index.display()))
}

/// What the experiment wants to see, checked as far as it can be before there are numbers.
pub(super) fn config(experiment: &Experiment) -> Result<Option<report::Config>> {
    report::Config::read(&experiment.source.text, &experiment.source.name)
}
