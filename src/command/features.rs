//! `vicmae features`: what an encoder makes of a data set, for other programs.

use super::print;
use super::source::{make_room, source};
use crate::data;
use crate::data::inspect;
use crate::model::Pool;
use crate::run_folder::write_atomically;
use crate::train::device;
use crate::transfer::Frozen;
use crate::transfer::features::extract;
use anyhow::Result;
use clap::ValueEnum;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// Writes the features that an encoder makes of labelled images, for use in other programs
///
/// The file has `features` [images, width] (32-bit floats), `labels` [images] (64-bit) and
/// `paths` (text in UTF-8, one line an image); `classes`, a JSON list, is in its metadata.
/// They are the features that the frozen protocols (knn, linear_probe, logistic) see: the
/// evaluation transform, every patch visible, the middle frame of a clip. An image that
/// cannot be read is left out.
///
/// Examples:
///   vicmae features 3f2a91 --data data/pets --split train --out pets-train.safetensors
///   vicmae features mae_pretrain_vit_base.pth --data data/k400 --split val --pool cls --out k400.safetensors
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A pretraining run (name, or beginning of its id), or a file of weights
    #[arg(value_name = "RUN|FILE")]
    encoder: String,

    /// What `vicmae pack` made, or a folder of images or frames
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// The split
    #[arg(long, default_value = "train")]
    split: String,

    /// The file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How patch tokens become one feature
    #[arg(long, value_enum, default_value_t = Pooled::Mean)]
    pool: Pooled,

    /// Attention heads a block, for a file of weights whose width is not a published one
    #[arg(long, value_name = "N")]
    heads: Option<usize>,

    /// Where to compute: auto, cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "auto")]
    device: String,
}

/// [`Pool`], on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Pooled {
    Mean,
    Max,
    Gem,
    Cls,
}

/// Writes the file, and says what is in it.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no such encoder, or no such data.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    make_room(&args.out)?;
    let source = source(&args.encoder, args.heads, results)?;
    let (device, _) = device::open(&args.device)?;
    let clips = data::open(&inspect::source(&args.data, &args.split)?, Path::new("."))?;
    let encoder = source.encoder(&device)?;
    let workers = available_parallelism().map_or(1, usize::from);
    let frozen = Frozen { encoder: &encoder, model: &source.model, device: &device, workers };
    let style = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} images, {eta} left")?;
    let bar = ProgressBar::new(clips.len() as u64).with_style(style);
    let mut paths = Vec::new();
    let features = extract(&frozen, &clips, args.pool.into(), &mut |done, batch| {
        // A line a path: a line break in a name would shift all others.
        paths.extend(batch.clips.iter().map(|clip| clips.name(*clip).replace('\n', "\\n")));
        bar.set_position(done as u64);
        Ok(())
    })?;
    bar.finish_and_clear();
    write_atomically(&args.out, &features.to_safetensors(&paths, clips.classes())?)?;
    let left_out = clips.len() - features.len();
    let left_out = if left_out == 0 { String::new() } else { format!("; {left_out} could not be read and were left out") };
    let (out, images) = (args.out.display(), HumanCount(features.len() as u64));
    print::line(&format!("{out}: {images} features of width {} by {}{left_out}", features.width, source.name))
}

impl From<Pooled> for Pool {
    fn from(pooled: Pooled) -> Pool {
        match pooled {
            Pooled::Mean => Pool::Mean,
            Pooled::Max => Pool::Max,
            Pooled::Gem => Pool::Gem,
            Pooled::Cls => Pool::Cls,
        }
    }
}
