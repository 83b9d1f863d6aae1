//! `vicmae export`: an experiment's numbers for other programs.

use super::named::named;
use super::{print, results};
use crate::export;
use crate::export::Format;
use anyhow::Result;
use indicatif::HumanCount;
use std::path::{Path, PathBuf};

/// Writes the numbers of an experiment for other programs: CSV, Parquet, TensorBoard, MLflow
///
/// Everything comes from the record: every number of every run, its axes, its configuration,
/// where and when it ran. Times are those of the event logs.
///
/// Examples:
///   vicmae export quickstart --format parquet
///   vicmae export quickstart --format mlflow --out /tmp/quickstart
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The experiment's name, or its file
    experiment: String,

    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,

    /// The folder to write to [default: RESULTS/exports/EXPERIMENT/FORMAT]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes them, and says how to open them.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, or no such experiment.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let record = results::the_record(folder)?;
    let experiment = named(&record, &args.experiment)?;
    let default = || folder.join("exports").join(&experiment).join(args.format.name());
    let out = args.out.clone().unwrap_or_else(default);
    let written = export::write(&record, &experiment, args.format, folder, &out)?;
    let (runs, points) = (HumanCount(written.runs as u64), HumanCount(written.points as u64));
    let place = out.display().to_string();
    print::line(&format!("{place}: {points} numbers of {runs} runs"))?;
    print::line(&format!("open with: {}", args.format.opened_by().replace("OUT", &place)))
}
