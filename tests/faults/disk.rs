//! A full disk at each place that writes: the program ends by itself and says so, and goes on when there is room again.

use super::lab::{Lab, RUN, SQUARE};
use super::mounts::Mount;
use super::process::{Said, children};
use super::{skipped, times, witness};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What is said of a disk that is full, by the system and by SQLite.
const FULL: &[&str] = &["No space left on device", "disk is full"];
/// What is said of a file that may not grow.
const TOO_LARGE: &[&str] = &["File too large", "disk I/O error"];

/// The mounts that make one place of the results full. The first has the ballast.
type Fill = fn(&Lab, &PathBuf) -> Option<Vec<Mount>>;

/// Every place that writes, and how to make that place full and no other; `run` is the folder of the pretraining.
const PLACES: &[(&str, Fill)] = &[
    ("the card of the experiment", |lab, _| full(lab.results().join("experiments"))),
    ("run.yaml", |lab, _| full(lab.results().join("runs"))),
    ("events.jsonl", |lab, run| {
        let mut mounts = vec![Mount::disk(&lab.path("other"), 1)?];
        mounts.push(Mount::file(&lab.path("other/events.jsonl"), &run.join("events.jsonl"))?);
        mounts[0].leave(0);
        Some(mounts)
    }),
    ("the words of workers", |_, run| full(run.join("attempts"))),
    ("checkpoints", |_, run| full(run.join("checkpoints"))),
    ("pictures", |_, run| full(run.join("artifacts"))),
    ("lab.sqlite", |lab, _| {
        let mut mounts = vec![Mount::disk(&lab.results(), 1)?];
        for folder in ["experiments", "runs", "reports"] {
            mounts.push(Mount::disk(&lab.results().join(folder), 64)?);
        }
        mounts[0].leave(0);
        Some(mounts)
    }),
    ("the report", |lab, _| full(lab.results().join("reports"))),
];

fn full(place: PathBuf) -> Option<Vec<Mount>> {
    let disk = Mount::disk(&place, 1)?;
    disk.leave(0);
    Some(vec![disk])
}

#[test]
fn each_place_that_writes_may_find_its_disk_full() {
    let lab = Lab::new(SQUARE);
    lab.finish();
    let run = lab.run_folder("pretrain");
    for (place, fill) in PLACES {
        lab.forget();
        let Some(mounts) = fill(&lab, &run) else {
            return skipped("a full disk at each place", "this user may not mount a disk");
        };
        let said = lab.run();
        told(&said, FULL, place);
        let done = witness::results(&lab).len();
        mounts[0].relieve();
        lab.finish();
        witness::judge(&lab);
        println!("figure: full disk at {place}: exit code {}, {done} of 4 runs done beside it, all when relieved", said.code);
    }
}

#[test]
fn a_disk_may_become_full_at_any_time() {
    let lab = Lab::new(SQUARE);
    let Some(disk) = Mount::disk(&lab.results(), 64) else {
        return skipped("a disk that becomes full", "this user may not mount a disk");
    };
    lab.finish();
    let taken = disk.taken();
    let (sizes, mut ended_well, mut places) = (times(12, 100), 0, BTreeSet::new());
    for size in 0..sizes {
        lab.forget();
        disk.leave(taken * size / sizes);
        let said = lab.run();
        if said.code == 0 {
            ended_well += 1;
        } else {
            places.extend(told(&said, FULL, &format!("{} KiB free", taken * size / sizes)));
        }
        disk.relieve();
        lab.finish();
        witness::judge(&lab);
    }
    // The log of the database grows with the time that all takes, and may leave little to others; each place has a disk of its
    // own in the test above.
    assert!(places.len() > 1, "only {places:?} were hit");
    println!("figure: disk that becomes full: {sizes} sizes below {taken} KiB, {ended_well} were enough; hit {places:?}");
}

#[test]
fn a_file_may_be_forbidden_to_grow() {
    let lab = Lab::new(SQUARE);
    // In blocks of 512 bytes.
    let limits = ["0", "1", "8", "40", "80", "120", "160", "200", "400"];
    let (mut ended_well, mut places) = (0, BTreeSet::new());
    for limit in limits {
        lab.forget();
        // Without the trap, the signal of the limit would end the program.
        let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
        let said = lab.start_by(&["sh", "-c", script, limit], &RUN).end();
        if said.code == 0 {
            ended_well += 1;
        } else {
            places.extend(told(&said, TOO_LARGE, &format!("{limit} blocks a file")));
        }
        lab.finish();
        witness::judge(&lab);
    }
    // The log of the database grows with the time that all takes: on a slow machine no other file is hit before it, except
    // where workers alone are held.
    lab.forget();
    places.extend(told(&with_small_files(&lab), TOO_LARGE, "workers' files may not grow"));
    lab.finish();
    witness::judge(&lab);
    assert!(places.contains("lab.sqlite") && places.contains("/checkpoints/"), "only {places:?} were hit");
    println!("figure: files that may not grow: {} limits, {ended_well} were enough; hit {places:?}", limits.len() + 1);
}

/// Brings the part about with workers whose files may not become as large as a checkpoint. Their logs may grow.
fn with_small_files(lab: &Lab) -> Said {
    const BYTES: &str = "100000";
    let mut orchestrator = lab.start_by(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"], &RUN);
    let mut held = BTreeSet::new();
    while !orchestrator.ends_within(Duration::from_millis(5)) {
        for worker in children(orchestrator.id()).into_iter().filter(|worker| held.insert(*worker)) {
            let (pid, limit) = (format!("--pid={worker}"), format!("--fsize={BYTES}"));
            // It may have gone in this very moment.
            Command::new("prlimit").args([pid, limit]).output().expect("prlimit is a part of util-linux");
        }
    }
    orchestrator.end()
}

/// The program failed and said that it was the disk. Returns the places that it named.
fn told(said: &Said, words: &[&str], when: &str) -> BTreeSet<&'static str> {
    assert_eq!(said.code, 1, "{when}: {said:?}");
    assert!(words.iter().any(|words| said.text.contains(words)), "{when}: {said:?}");
    let known =
        ["/experiments/", "run.yaml", "events.jsonl", "/attempts/", "/checkpoints/", "/artifacts/", "lab.sqlite", "/reports/"];
    let named = known.into_iter().filter(|place| {
        let lines = said.text.lines().filter(|line| words.iter().any(|words| line.contains(words)));
        lines.into_iter().any(|line| line.contains(place))
    });
    named.collect()
}
