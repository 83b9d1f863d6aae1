//! `vicmae data`: looks at data sets, whether they are packed or not.

mod export;
mod inspect;
mod sample;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

/// Looks at data: what is in it, whether it is whole, and what a model is fed with
///
/// Examples:
///   vicmae data inspect data/k400
///   vicmae data verify data/k400
///   vicmae data sample experiments/quickstart.yaml --out pairs.png
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Inspect(inspect::Args),
    Verify(verify::Args),
    Sample(sample::Args),
    Export(export::Args),
}

/// Does what was asked for.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no such data, or it is not whole.
pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::Inspect(args) => inspect::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Sample(args) => sample::run(args),
        Verb::Export(args) => export::run(args),
    }
}

/// A bar that counts clips.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} clips, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
