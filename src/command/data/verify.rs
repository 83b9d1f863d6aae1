//! `vicmae data verify`: is it whole?

use super::super::print;
use super::bar;
use crate::data::verify::verify;
use crate::failure::Failure;
use crate::failure::Fault;
use anyhow::Result;
use std::path::PathBuf;

/// Reads every clip of a data set and says which are damaged
///
/// Of a set that `vicmae pack` made, every file and every clip is compared with the hash that
/// was written with it, and every JPEG is decoded. Of a folder, every file is decoded.
///
/// Exit codes: 0 all is well, 1 something is damaged, 2 there is no such data.
///
/// Example:
///   vicmae data verify data/k400
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder
    data: PathBuf,

    /// Prints JSON: a list of {"file", "reason"}
    #[arg(long)]
    json: bool,
}

/// Prints what is damaged.
pub(super) fn run(args: &Args) -> Result<()> {
    let bar = bar();
    let faults = verify(&args.data, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if args.json {
        print::json(&faults)?;
    } else if faults.is_empty() {
        print::line(&format!("{}: all {} clips are whole", args.data.display(), bar.position()))?;
    } else {
        let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.file, fault.reason)).collect();
        print::line(&lines.join("\n"))?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!("{} of the files and clips of {} are damaged", faults.len(), args.data.display());
    Err(Failure::new(Fault::Runs, message).hint("copy the set again, or pack it again").into())
}
