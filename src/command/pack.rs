//! `vicmae pack`: decodes a tree of videos or images once, into files that training reads fast.

use super::amount;
use super::amount::Limit;
use super::print;
use crate::data::annotation::{self, List};
use crate::data::pack::{self, Progress, Request, Summary};
use crate::data::packed::{Encoding, Frames, Settings};
use crate::failure::Failure;
use crate::failure::Fault;
use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Decodes a tree of videos or images once, into a set that training reads by memory map
///
/// SOURCE is a folder: <class>/<video>, <class>/<image> or <class>/<clip>/<frame>, perhaps
/// below train/, val/ and test/. Or lists say what is in it: Kinetics, Moments in Time,
/// Something-Something, UCF-101, VideoMAE-v2, ImageNet, or `path label`; the format is told
/// from the list itself (docs/data.md).
///
/// A file that cannot be decoded stops nothing: it is written to rejects.csv, with the reason.
/// Ctrl-C, a crash or a power cut cost the files of a set that were not complete; the same
/// command goes on. Videos are read by the program `ffmpeg`.
///
/// Exit codes: 0 packed, 1 packed, but with more rejects than allowed (or the machine refused: a
/// full disk, say), 2 the input is wrong, 75 another process packs into DIR, 130 stopped.
///
/// Examples:
///   vicmae pack ~/k400 --list train=k400/train.csv --list val=k400/val.csv --out data/k400
///   vicmae pack ~/imagenet --out data/imagenet --encoding jpeg
///   vicmae pack ~/clips --out data/clips --short-side 128 --frames 16 --budget 50GB
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder that the videos or images lie in
    source: PathBuf,

    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// A list of clips; may be given several times
    #[arg(long = "list", value_name = "[SPLIT=]FILE")]
    lists: Vec<String>,

    /// The split of all clips, whatever the folders or lists say
    #[arg(long, value_name = "NAME")]
    split: Option<String>,

    /// Names of the classes, for lists that give numbers
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,

    /// Pixels of the short side; smaller pictures stay as they are, `full` keeps every size
    #[arg(long, value_name = "PIXELS", default_value = "256")]
    short_side: String,

    /// Frames of a clip, evenly spaced in time; `all` keeps every one
    #[arg(long, value_name = "N", default_value = "16")]
    frames: String,

    /// Frames of a second that are looked at, at most [default: all]
    #[arg(long, value_name = "RATE")]
    fps: Option<f64>,

    /// What a frame is stored as; `auto`: raw where the whole set fits the budget, else jpeg
    #[arg(long, default_value = "auto")]
    encoding: Stored,

    /// Quality of JPEG frames, 1 to 100
    #[arg(long, value_name = "Q", default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,

    /// The most that raw frames may take with `--encoding auto`: 500MB, 64GB, 2TB
    #[arg(long, value_name = "SIZE", default_value = "32GB")]
    budget: String,

    /// Frames a second of clips that are folders of images, which carry no times
    #[arg(long, value_name = "RATE", default_value_t = 30.0)]
    source_fps: f64,

    /// Clips a file, at most; a file also ends after about 256 MiB of source
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(pack::SHARD_CLIPS).unwrap_or(NonZeroUsize::MIN))]
    shard_clips: NonZeroUsize,

    /// Clips decoded at a time [default: one a core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Seconds that a decoder may do nothing before it is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,

    /// Files that may fail to decode before the exit code is 1: 10 or 5%
    #[arg(long, value_name = "N", default_value = "10%")]
    max_rejects: Limit,

    /// Entries of lists that may be missing, double or of no known class before nothing is done: 10 or 5%
    #[arg(long, value_name = "N", default_value = "10%")]
    max_problems: Limit,

    /// Exit code 1 when a single file was rejected or damaged
    #[arg(long)]
    strict: bool,

    /// Throws away what an unfinished pack with other options left
    #[arg(long)]
    restart: bool,

    /// Prints a summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stored {
    Auto,
    Raw,
    Jpeg,
}

/// Packs, with a progress bar.
///
/// # Errors
/// A [`Failure`] that says whose fault it is: see the exit codes above.
pub fn run(args: &Args) -> Result<()> {
    let lists = args.lists.iter().map(|text| List::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let no_name = |text: &str| Failure::input(format!("`--split {text}` is no name: letters, digits, `-` and `_`"));
    let split = args.split.as_deref().map(|text| annotation::split_name(text).ok_or_else(|| no_name(text))).transpose()?;
    let request = Request {
        source: &args.source,
        lists: &lists,
        classes: args.classes.as_deref(),
        out: &args.out,
        settings: settings(args)?,
        budget: matches!(args.encoding, Stored::Auto).then(|| amount::bytes("--budget", &args.budget)).transpose()?,
        max_problems: args.max_problems.0,
        jobs: args.jobs.or(available_parallelism().ok()).map_or(1, NonZeroUsize::get),
        patience: Duration::from_secs(args.timeout.max(1)),
        shard_clips: args.shard_clips.get(),
        split: split.as_deref(),
        restart: args.restart,
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // The second one ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop)).context("cannot listen for signals")?;
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for signals")?;
    }
    let began = Instant::now();
    let bar = bar();
    let summary = pack::pack(&request, &stop, &mut |progress| show(&bar, &progress, began))?;
    bar.finish_and_clear();
    match args.json {
        true => print::json(&serde_json::json!({"out": args.out, "seconds": began.elapsed().as_secs_f64(), "summary": summary}))?,
        false => print::line(&words(&summary, &args.out, began.elapsed()))?,
    }
    verdict(&summary, args)
}

fn settings(args: &Args) -> Result<Settings, Failure> {
    let short_side = match args.short_side.as_str() {
        "full" => None,
        text => Some(amount::count("--short-side", text, "`full`")?),
    };
    let frames = match args.frames.as_str() {
        "all" => Frames::All,
        text => Frames::Even(amount::count("--frames", text, "`all`")?),
    };
    amount::rate("--source-fps", args.source_fps)?;
    args.fps.map_or(Ok(()), |fps| amount::rate("--fps", fps))?;
    let encoding = match args.encoding {
        Stored::Raw => Encoding::Raw,
        Stored::Auto | Stored::Jpeg => Encoding::Jpeg(args.quality),
    };
    Ok(Settings { short_side, frames, fps: args.fps, encoding, source_fps: args.source_fps })
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {msg}, {eta} left");
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn show(bar: &ProgressBar, progress: &Progress, began: Instant) {
    if bar.length() != Some(progress.all as u64) {
        // What an earlier attempt did says nothing of the speed of this one.
        bar.set_length(progress.all as u64);
        bar.set_position(progress.done as u64);
        bar.reset_eta();
    }
    let rate = progress.frames as f64 / began.elapsed().as_secs_f64().max(1e-3);
    let rejected = if progress.rejected > 0 { format!(", {} rejected", progress.rejected) } else { String::new() };
    bar.set_position(progress.done as u64);
    bar.set_message(format!("{rate:.0} frames/s, {}{rejected}", BinaryBytes(progress.bytes)));
}

fn words(summary: &Summary, out: &Path, took: Duration) -> String {
    let clips = count(summary.clips(), "clip");
    let stored = match summary.encoding {
        Encoding::Raw => "raw".to_owned(),
        Encoding::Jpeg(quality) => format!("JPEG of quality {quality}"),
    };
    let mut lines = vec![match summary.was_there {
        true => format!("nothing to do: {} holds these {clips}", out.display()),
        false => {
            let rate = summary.clips() as f64 / took.as_secs_f64().max(1e-3);
            format!("packed {clips} into {} in {:.1} s ({rate:.1} clips/s)", out.display(), took.as_secs_f64())
        }
    }];
    lines.push(format!("  read as {}, {}, stored as {stored}", summary.annotations, count(summary.classes, "class")));
    for split in &summary.splits {
        let (clips, frames) = (count(split.clips, "clip"), count(split.frames, "frame"));
        lines.push(format!("  {}: {clips}, {frames}, {}", split.split, BinaryBytes(split.bytes)));
    }
    let files = |number: usize| count(number, "file");
    let left_out = summary.rejected + summary.problems;
    if left_out > 0 {
        lines.push(format!("{} left out, with the reason: {}", files(left_out), out.join("rejects.csv").display()));
    }
    if summary.damaged > 0 {
        let list = out.join("damaged.csv");
        lines.push(format!("{} damaged, and kept with the frames that decode: {}", files(summary.damaged), list.display()));
    }
    if summary.with_other_streams > 0 {
        let files = files(summary.with_other_streams);
        lines.push(format!("{files} with several video streams; the largest was taken (column `stream`)"));
    }
    lines.extend(summary.notices.iter().map(|notice| format!("note: {notice}")));
    if let Some(first) = summary.splits.first() {
        lines.push(format!("use it:  data: [{{ packed: {{ root: {}, split: {} }} }}]", out.display(), first.split));
    }
    lines.join("\n")
}

/// `1 clip`, `1,234 clips`.
fn count(number: usize, what: &str) -> String {
    let plural = if what.ends_with('s') { "es" } else { "s" };
    if number == 1 { format!("1 {what}") } else { format!("{} {what}{plural}", HumanCount(number as u64)) }
}

fn verdict(summary: &Summary, args: &Args) -> Result<()> {
    let all = summary.clips() + summary.rejected;
    if args.strict && summary.rejected + summary.damaged > 0 {
        let message = format!("{} files were rejected and {} damaged", summary.rejected, summary.damaged);
        return Err(Failure::new(Fault::Runs, message).hint("`--strict` allows none").into());
    }
    if args.max_rejects.0.is_exceeded(summary.rejected, all) {
        let message = format!("{} of {all} files were rejected, more than --max-rejects allows", summary.rejected);
        let hint = format!("the set is complete without them; {} says why", args.out.join("rejects.csv").display());
        return Err(Failure::new(Fault::Runs, message).hint(hint).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pack::SplitSummary;

    fn summary() -> Summary {
        let split =
            |split: &str, clips| SplitSummary { split: split.into(), clips, frames: 16 * clips, bytes: 1 << 30, shards: 1 };
        Summary {
            annotations: "Kinetics CSV".into(),
            splits: vec![split("train", 1234), split("val", 50)],
            classes: 400,
            encoding: Encoding::Jpeg(90),
            rejected: 3,
            problems: 4,
            damaged: 1,
            with_other_streams: 2,
            notices: vec!["files without a label have the class `unlabelled`".into()],
            was_there: false,
        }
    }

    #[test]
    fn the_summary_says_what_there_is_what_is_not_and_how_to_use_it() {
        insta::assert_snapshot!(words(&summary(), Path::new("data/k400"), Duration::from_secs(10)), @"
        packed 1,284 clips into data/k400 in 10.0 s (128.4 clips/s)
          read as Kinetics CSV, 400 classes, stored as JPEG of quality 90
          train: 1,234 clips, 19,744 frames, 1.00 GiB
          val: 50 clips, 800 frames, 1.00 GiB
        7 files left out, with the reason: data/k400/rejects.csv
        1 file damaged, and kept with the frames that decode: data/k400/damaged.csv
        2 files with several video streams; the largest was taken (column `stream`)
        note: files without a label have the class `unlabelled`
        use it:  data: [{ packed: { root: data/k400, split: train } }]
        ");
        let again = Summary { was_there: true, rejected: 0, problems: 0, ..summary() };
        assert!(words(&again, Path::new("d"), Duration::ZERO).starts_with("nothing to do: d holds these 1,284 clips\n"));
    }
}
