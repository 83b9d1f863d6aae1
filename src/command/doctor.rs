//! `vicmae doctor`: is this machine ready?

use super::print;
use crate::data::ffmpeg::Ffmpeg;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::record::Record;
use crate::train::device;
use anyhow::Result;
use indicatif::BinaryBytes;
use nix::sys::statvfs::statvfs;
use serde::Serialize;
use std::path::Path;
use std::thread::available_parallelism;

/// Looks at everything that vicmae needs on this machine, and says what is missing and how to get it
///
/// Exit codes: 0 all that every run needs is there, 1 some of it is missing.
///
/// Example:
///   vicmae doctor
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Prints JSON: a list of {"what", "good", "needed", "found", "hints"}
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    good: bool,
    /// Whether nothing works without it.
    needed: bool,
    found: String,
    hints: Vec<String>,
}

/// Looks, and tells.
///
/// # Errors
/// A [`Failure`] when something is missing.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let findings = [processor(), device(), ffmpeg(), folder(results), record(results)];
    match args.json {
        true => print::json(&findings)?,
        false => print::line(&words(&findings))?,
    }
    let missing: Vec<&str> =
        findings.iter().filter(|finding| finding.needed && !finding.good).map(|finding| finding.what).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Fault::Runs, format!("not ready: {}", missing.join(", "))).into())
}

fn good(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, good: true, needed: true, found: found.into(), hints: Vec::new() }
}

fn bad(what: &'static str, failure: Failure) -> Finding {
    Finding { what, good: false, needed: true, found: failure.message, hints: failure.hints }
}

fn processor() -> Finding {
    let cores = available_parallelism().map_or(1, usize::from);
    good("processor", format!("{cores} cores, {}", std::env::consts::ARCH))
}

fn device() -> Finding {
    match device::check("auto") {
        Ok(name) if name == "cpu" && cfg!(feature = "cuda") => good("device", "cpu: no NVIDIA GPU was found"),
        Ok(name) if name == "cpu" => good("device", "cpu: this vicmae was built without the feature `cuda`"),
        Ok(name) => good("device", name),
        Err(error) => bad("device", Failure::input(format!("{error:#}"))),
    }
}

fn ffmpeg() -> Finding {
    match Ffmpeg::find() {
        Ok(found) => good("ffmpeg", format!("{} at {}", found.version(), found.program().display())),
        Err(failure) => Finding { needed: false, ..bad("ffmpeg", failure.hint("only `vicmae pack` of videos needs it")) },
    }
}

/// Whether the results folder, or the place where it will be, can be written.
fn folder(results: &Path) -> Finding {
    let place = results.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("."));
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    if let Err(error) = tempfile::tempfile_in(place) {
        let failure = Failure::input(format!("{} cannot be written: {error}", place.display()));
        return bad("results", failure.hint("name another folder with `--results DIR`"));
    }
    room(results, statvfs(place).ok().map(|disk| disk.blocks_available() * disk.fragment_size()))
}

/// Whether a run finds room for a checkpoint.
fn room(results: &Path, free: Option<u64>) -> Finding {
    /// A small encoder with its optimizer, twice: the old checkpoint goes when the new one is whole.
    const LEAST: u64 = 64 << 20;
    let Some(free) = free else { return good("results", format!("{} can be written, free space unknown", results.display())) };
    if free < LEAST {
        let failure = Failure::input(format!("{}: the disk is full, {} free", results.display(), BinaryBytes(free)));
        let failure = failure.hint("`vicmae gc` shows what no experiment asks for");
        return bad("results", failure.hint("name another folder with `--results DIR`"));
    }
    good("results", format!("{} can be written, {} free", results.display(), BinaryBytes(free)))
}

fn record(results: &Path) -> Finding {
    if !Record::is_there(results) {
        return good("record", "none yet");
    }
    match Record::open(results).and_then(|record| record.experiments()) {
        Ok(experiments) => good("record", format!("{} experiments", experiments.len())),
        Err(error) => {
            let failure = Failure::input(format!("lab.sqlite cannot be read: {error:#}"));
            bad("record", failure.hint("`vicmae reindex` makes it again from the run folders"))
        }
    }
}

fn words(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for Finding { what, good, found, hints, .. } in findings {
        lines.push(format!("{}  {what:<10} {found}", if *good { "good   " } else { "missing" }));
        lines.extend(hints.iter().map(|hint| format!("           hint: {hint}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_good() {
        let full = room(Path::new("results"), Some(0));
        assert!(!full.good && full.needed && full.found.ends_with("the disk is full, 0 B free"), "{}", full.found);
        assert!(room(Path::new("results"), Some(1 << 30)).good && room(Path::new("results"), None).good);
    }

    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        let missing = Failure::input("ffmpeg 3.4 is too old").hint("install it: `apt install ffmpeg`");
        insta::assert_snapshot!(words(&[good("device", "cpu"), bad("ffmpeg", missing)]), @"
        good     device     cpu
        missing  ffmpeg     ffmpeg 3.4 is too old
                   hint: install it: `apt install ffmpeg`
        ");
    }
}
