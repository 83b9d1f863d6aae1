//! Fault injection on the real program: it is killed, starved, starved of disk, lied to and given broken files, and each
//! time nothing that was acknowledged is lost, nothing is done twice, and the numbers are those of a calm run, bit for bit.
//!
//! `just faults 1000` injects a thousand kills of each kind into the release build, and more of everything else. The lines
//! that begin with `figure:` are what docs/reliability.md publishes.

use std::io::{Write, stderr};

#[path = "faults/checkpoints.rs"]
mod checkpoints;
#[path = "faults/clocks.rs"]
mod clocks;
#[path = "faults/database.rs"]
mod database;
#[path = "faults/dice.rs"]
mod dice;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/lab.rs"]
mod lab;
#[path = "faults/logs.rs"]
mod logs;
#[path = "faults/mounts.rs"]
mod mounts;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/races.rs"]
mod races;
#[path = "faults/references.rs"]
mod references;
#[path = "faults/snapshot.rs"]
mod snapshot;
#[path = "faults/specs.rs"]
mod specs;
#[path = "faults/witness.rs"]
mod witness;
#[path = "faults/workers.rs"]
mod workers;

/// Says that a test did not look at something on this machine: past the harness, which shows nothing of a test that passes.
fn skipped(what: &str, why: &str) {
    let _ = writeln!(stderr(), "skipped: {what}, as {why}");
}

/// How many processes are killed: `ci`, or as many as `VICMAE_FAULTS` says.
fn kill_points(ci: usize) -> usize {
    std::env::var("VICMAE_FAULTS").map_or(ci, |number| number.parse().expect("VICMAE_FAULTS is a number"))
}

/// How often something else is done: `ci` times, or `long` times when `VICMAE_FAULTS` asks for a long campaign.
fn times(ci: usize, long: usize) -> usize {
    if std::env::var_os("VICMAE_FAULTS").is_some() { long } else { ci }
}
