//! One run, start to end: pretraining, an untrained encoder, or a transfer. Knows no database and no scheduler.

pub mod device;
pub mod encoder;
pub mod picture;

mod checkpoint;
mod imported;
mod pace;
mod pretrain;
mod random_init;
mod similarity;
mod transfer;
mod window;

use crate::event::{Cause, Kind};
use crate::run_folder::RunFolder;
use crate::spec::work::Work;
use anyhow::Result;
use burn::tensor::Device;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Everything a run needs.
pub struct Job<'a> {
    /// What to do.
    pub work: &'a Work,
    /// Where the run's files are.
    pub folder: &'a RunFolder,
    /// Where the files of the runs it builds on are.
    pub parents: Vec<RunFolder>,
    /// The folder at which relative data paths start.
    pub project: &'a Path,
    /// `cpu`, `cuda`, `cuda:1` or `auto`.
    pub device: &'a str,
    /// Threads that prepare images.
    pub workers: usize,
    /// Set from outside to make the run save and leave.
    pub stop: &'a AtomicBool,
    /// Where events go.
    pub emit: &'a mut dyn FnMut(Kind) -> Result<()>,
}

impl Job<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Opens the device. One that is not there is the machine's fault, and not that of the data, as other input is.
    fn open_device(&self) -> Result<(Device, String)> {
        let halt = |error| Halt { cause: Cause::Error, message: format!("{error:#}") };
        Ok(device::open(self.device).map_err(halt)?)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is complete.
    Finished,
    /// It was asked to stop; a later attempt goes on from `step`.
    Interrupted {
        /// The step that is saved.
        step: u64,
    },
}

/// A failure of a run with its cause.
#[derive(Debug)]
pub struct Halt {
    /// Why.
    pub cause: Cause,
    /// What to tell a person.
    pub message: String,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Halt {}

/// Drops what only an unfinished run needs. To be called when it is on record that the run is finished, and not before: who is
/// killed in between finds a checkpoint to go on from.
///
/// # Errors
/// When the disk refuses.
pub fn clear(folder: &RunFolder) -> Result<()> {
    checkpoint::clear(folder)
}

/// Does the work of one attempt. Emits `Started` first and leaves the last word (finished, interrupted, failed) to the caller.
pub fn run(job: Job<'_>) -> Result<Ending> {
    match job.work {
        Work::Pretrain(pretrain) => pretrain::run(pretrain, job),
        Work::RandomInit(init) => random_init::run(init, job),
        Work::Imported(imported) => imported::run(imported, job),
        Work::Transfer(transfer) => transfer::run(transfer, job),
    }
}
