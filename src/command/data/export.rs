//! `vicmae data export`: a packed set for other programs.

use super::super::print;
use super::bar;
use crate::data::webdataset::export;
use anyhow::Result;
use indicatif::{BinaryBytes, HumanCount};
use std::path::PathBuf;

/// Writes a packed set as WebDataset: tar files that other trainers read
///
/// Every clip is a sample: its frames as .jpg (as .png, without loss, where the set is raw), its
/// class as .cls, and path, class name and times as .json. `vicmae pack` reads such files too.
///
/// Example:
///   vicmae data export data/k400 --out data/k400-tars
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder that `vicmae pack` made
    data: PathBuf,

    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the files, and says how many.
pub(super) fn run(args: &Args) -> Result<()> {
    let bar = bar();
    let written = export(&args.data, &args.out, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let (clips, tars) = (HumanCount(written.clips as u64), HumanCount(written.tars as u64));
    print::line(&format!("{}: {clips} samples in {tars} tar files, {}", args.out.display(), BinaryBytes(written.bytes)))
}
