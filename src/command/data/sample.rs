//! `vicmae data sample`: what is a model fed with?

use super::super::print;
use crate::data::augment;
use crate::data::inspect::source;
use crate::data::{Feed, PairLoader, Part, contact_sheet};
use crate::failure::Failure;
use crate::plan::{Plan, on_disk};
use crate::run_folder::write_atomically;
use crate::spec;
use crate::spec::work::Work;
use anyhow::{Context, Result};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// Pairs beside each other.
const ACROSS: usize = 4;

/// Draws a sheet of pairs as training sees them, augmented, for a person to look at
///
/// DATA is an experiment, and then the pairs are exactly those of the first batches of one of
/// its pretraining runs; or what `vicmae pack` made, or a folder of images or frames, and then
/// they are augmented as in the released code. The two views of a pair stand side by
/// side.
///
/// Examples:
///   vicmae data sample experiments/quickstart.yaml --out pairs.png
///   vicmae data sample data/k400 --split val --size 224 --pairs 8 --out pairs.png
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// An experiment's YAML file, or a folder
    data: PathBuf,

    /// The picture to make (PNG)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Number of pairs
    #[arg(long, value_name = "N", default_value = "16")]
    pairs: NonZeroUsize,

    /// The epoch, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    epoch: u32,

    /// Of an experiment: the run to take, the first for which an expression holds
    #[arg(long, value_name = "EXPR")]
    only: Option<String>,

    /// Of a folder: the split
    #[arg(long, default_value = "train")]
    split: String,

    /// Of a folder: side of a view in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 224, value_parser = clap::value_parser!(u16).range(1..=4096))]
    size: u16,
}

/// Draws the sheet, and says which clips are on it.
pub(super) fn run(args: &Args) -> Result<()> {
    let (loader, feed) = loader(args)?;
    let mut views = [Vec::new(), Vec::new()];
    let mut clips = Vec::new();
    for batch in loader.epoch(args.epoch, 0) {
        let batch = batch?;
        views.iter_mut().zip(&batch.views).for_each(|(all, some)| all.extend_from_slice(some));
        clips.extend(batch.clips);
        if clips.len() >= args.pairs.get() {
            break;
        }
    }
    clips.truncate(args.pairs.get());
    let rows = clips.len().div_ceil(ACROSS);
    let bytes = feed.size * feed.size * 3;
    // Column by column: the pairs of a column of the sheet are every ACROSS-th one.
    let column = |n: usize| -> Vec<u8> {
        let pairs = (n / 2..clips.len()).step_by(ACROSS);
        pairs.flat_map(|pair| views[n % 2][pair * bytes..(pair + 1) * bytes].iter().copied()).collect()
    };
    let columns: Vec<Vec<u8>> = (0..2 * ACROSS.min(clips.len())).map(column).collect();
    write_atomically(&args.out, &contact_sheet(&columns, rows, feed.size)?)?;
    let mut lines = vec![format!("{}: {} pairs of epoch {}, {ACROSS} across", args.out.display(), clips.len(), args.epoch)];
    lines.extend(clips.iter().enumerate().map(|(n, clip)| format!("  {:>3}  {}", n + 1, loader.name(*clip))));
    print::line(&lines.join("\n"))
}

fn loader(args: &Args) -> Result<(PairLoader, Feed)> {
    let workers = available_parallelism().map_or(1, usize::from);
    if args.data.is_file() || args.data.extension().is_some_and(|extension| extension == "yaml") {
        let experiment = spec::load(&args.data, &[])?;
        let plan = Plan::make(&experiment, &|content| on_disk(content, &experiment.project))?;
        let plan = match &args.only {
            Some(expression) => plan.only(expression)?,
            None => plan,
        };
        let pretrain = plan.runs.values().find_map(|run| match &run.work {
            Work::Pretrain(pretrain) => Some(pretrain),
            _ => None,
        });
        let none = || Failure::input(format!("{} asks for no pretraining run that sees data", args.data.display()));
        let pretrain = pretrain.ok_or_else(none)?;
        let feed = pretrain.feed(workers);
        return Ok((PairLoader::new(&pretrain.data, &experiment.project, &pretrain.augment, feed)?, feed));
    }
    let part = Part::from(source(&args.data, &args.split)?);
    let feed = Feed { size: args.size.into(), batch: args.pairs.get().min(64), drop_last: false, seed: 0, workers };
    let loader = PairLoader::new(&[part], Path::new("."), &augment::release(), feed).context("no pairs can be drawn")?;
    Ok((loader, feed))
}
