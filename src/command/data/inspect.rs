//! `vicmae data inspect`: what is in a data set?

use super::super::print;
use crate::data::inspect::{Contents, SplitContents, Spread, inspect};
use crate::data::packed::Encoding;
use anyhow::Result;
use indicatif::{BinaryBytes, HumanCount};
use std::path::PathBuf;

/// Classes that are shown at each end; `--classes` shows them all.
const SHOWN: usize = 3;

/// Shows what is in a data set: splits, clips, frames, sizes, durations, classes and their balance
///
/// DATA is what `vicmae pack` made, or a folder of videos, images or frames. No picture is decoded.
///
/// Examples:
///   vicmae data inspect data/k400
///   vicmae data inspect data/k400 --classes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder
    data: PathBuf,

    /// Lists every class with the number of its clips
    #[arg(long)]
    classes: bool,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Prints what is in it.
pub(super) fn run(args: &Args) -> Result<()> {
    let contents = inspect(&args.data)?;
    if args.json {
        return print::json(&contents);
    }
    print::line(&words(&contents, args.classes))
}

fn words(contents: &Contents, all_classes: bool) -> String {
    let stored = match contents.encoding {
        Some(Encoding::Raw) => ", raw frames".to_owned(),
        Some(Encoding::Jpeg(quality)) => format!(", JPEG frames of quality {quality}"),
        None => String::new(),
    };
    let mut text = format!("{}{stored}\n", contents.kind);
    for split in &contents.splits {
        text += &format!("\n{}\n{}", split.split, rows(split));
        text += &balance(split, all_classes);
    }
    text
}

fn rows(split: &SplitContents) -> String {
    let count = |count: usize| HumanCount(count as u64).to_string();
    let with_classes = split.classes.iter().filter(|(_, clips)| *clips > 0).count();
    let rows = [
        ("clips", Some(count(split.clips))),
        ("frames", split.frames.map(count)),
        ("frames a clip", split.frames_per_clip.map(|spread| range(spread, 0, ""))),
        ("length", split.seconds.map(|spread| range(spread, 2, " s"))),
        ("short side", split.short_side.map(|spread| range(spread, 0, " px"))),
        ("width / height", split.aspect.map(|spread| range(spread, 2, ""))),
        ("size", Some(BinaryBytes(split.bytes).to_string())),
        ("classes", Some(count(with_classes))),
    ];
    rows.into_iter().filter_map(|(name, value)| Some(format!("  {name:<16}{}\n", value?))).collect()
}

/// One number where all are the same, else the smallest, the middle and the largest.
fn range(spread: Spread, digits: usize, unit: &str) -> String {
    let Spread { least, median, most } = spread;
    if format!("{least:.digits$}") == format!("{most:.digits$}") {
        return format!("{median:.digits$}{unit}");
    }
    format!("{least:.digits$} to {most:.digits$}{unit}, median {median:.digits$}{unit}")
}

fn balance(split: &SplitContents, all: bool) -> String {
    let mut classes: Vec<&(String, usize)> = split.classes.iter().filter(|(_, clips)| all || *clips > 0).collect();
    let line = |(class, clips): &(String, usize)| format!("    {:>8}  {class}\n", HumanCount(*clips as u64).to_string());
    if all || classes.len() <= 2 * SHOWN {
        return classes.into_iter().map(line).collect();
    }
    classes.sort_by_key(|(_, clips)| std::cmp::Reverse(*clips));
    let (first, last) = (&classes[..SHOWN], &classes[classes.len() - SHOWN..]);
    let lines = |classes: &[&(String, usize)]| classes.iter().map(|class| line(class)).collect::<String>();
    format!("{}         ...\n{}", lines(first), lines(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_told_in_a_few_lines() {
        let spread = |least, median, most| Some(Spread { least, median, most });
        let classes = (0..9).map(|n| (format!("class {n}"), 100 - n)).collect();
        let split = SplitContents {
            split: "train".into(),
            clips: 864,
            frames: Some(13824),
            bytes: 3 << 30,
            classes,
            short_side: spread(128.0, 128.0, 128.0),
            aspect: spread(0.56, 1.33, 1.78),
            seconds: spread(1.0, 9.5, 10.0),
            frames_per_clip: spread(16.0, 16.0, 16.0),
        };
        let contents = Contents { kind: "packed set".into(), encoding: Some(Encoding::Raw), splits: vec![split] };
        insta::assert_snapshot!(words(&contents, false), @"
        packed set, raw frames

        train
          clips           864
          frames          13,824
          frames a clip   16
          length          1.00 to 10.00 s, median 9.50 s
          short side      128 px
          width / height  0.56 to 1.78, median 1.33
          size            3.00 GiB
          classes         9
                 100  class 0
                  99  class 1
                  98  class 2
                 ...
                  94  class 6
                  93  class 7
                  92  class 8
        ");
    }
}
