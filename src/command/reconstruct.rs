//! `vicmae reconstruct`: what does the decoder make of hidden patches?

use super::print;
use super::source::{make_room, source};
use crate::data;
use crate::data::{eval_batches, inspect};
use crate::failure::Failure;
use crate::run_folder::write_atomically;
use crate::train::device;
use crate::train::encoder::Predicts;
use crate::train::picture::Sheet;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// Draws pictures with hidden patches, and what the decoder makes of them
///
/// Where the network was trained on normalised patches, its predictions have no mean and no
/// contrast. They are shown with those of the true patches put back, which it never
/// predicted, and beside it with those of the visible patches; the sheet says which is which.
///
/// Examples:
///   vicmae reconstruct 3f2a91 --data data/pets --split val --out pets.png
///   vicmae reconstruct mae_visualize_vit_base.pth --raw-pixels --data data/pets --out pets.png
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A pretraining run (name, or beginning of its id), or a file of weights with a decoder
    #[arg(value_name = "RUN|FILE")]
    encoder: String,

    /// What `vicmae pack` made, or a folder of images or frames
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// The split
    #[arg(long, default_value = "val")]
    split: String,

    /// The picture to make (PNG)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Pictures, evenly spread over the split
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pictures: u16,

    /// Share of the patches that is hidden [default: that of the run's pretraining, or else 0.75]
    #[arg(long, value_name = "SHARE")]
    mask_ratio: Option<f64>,

    /// Of a file or an imported run: the decoder predicts pixels as they are (MAE without --norm_pix_loss)
    #[arg(long)]
    raw_pixels: bool,

    /// Decides which patches are hidden
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Attention heads a block, for a file of weights whose width is not a published one
    #[arg(long, value_name = "N")]
    heads: Option<usize>,

    /// Where to compute: auto, cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "auto")]
    device: String,
}

/// Draws the sheet.
///
/// # Errors
/// A [`Failure`] when there is no such encoder, no decoder with it, or no such data.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    make_room(&args.out)?;
    let source = source(&args.encoder, args.heads, results)?;
    if !source.weights.contains_key("decoder_pred.weight") {
        let failure = Failure::input(format!("the weights of {} have no decoder, so nothing can be reconstructed", source.name));
        return Err(failure.hint("give a pretraining run with a reconstruction, or a file that holds the decoder too").into());
    }
    if args.raw_pixels && source.predicts.is_some() {
        let failure = Failure::input(format!("--raw-pixels is for files: the run {} says itself what it predicts", source.name));
        return Err(failure.hint("leave it out").into());
    }
    let predicts = source.predicts.unwrap_or(Predicts { mask_ratio: 0.75, norm_pixels: !args.raw_pixels });
    let mask_ratio = args.mask_ratio.unwrap_or(predicts.mask_ratio);
    if !(0.0..1.0).contains(&mask_ratio) {
        return Err(Failure::input(format!("--mask-ratio is {mask_ratio}: it must be at least 0 and below 1")).into());
    }
    let (device, _) = device::open(&args.device)?;
    let clips = data::open(&inspect::source(&args.data, &args.split)?, Path::new("."))?;
    let count = usize::from(args.pictures).min(clips.len());
    let clips = data::evenly(clips, count);
    let workers = available_parallelism().map_or(1, usize::from);
    let batch = eval_batches(&clips, source.model.image, count, workers).next().context("no picture can be read")??;
    let sheet = Sheet {
        encoder: &source.encoder(&device)?,
        decoder: &source.decoder(&device)?,
        model: &source.model,
        mask_ratio,
        norm_pixels: predicts.norm_pixels,
        seed: args.seed,
    };
    write_atomically(&args.out, &sheet.draw(&batch)?)?;
    let mut lines = vec![format!("{}: {} pictures, {mask_ratio} of the patches hidden", args.out.display(), batch.clips.len())];
    lines.extend(batch.clips.iter().map(|clip| format!("  {}", clips.name(*clip))));
    print::line(&lines.join("\n"))
}
