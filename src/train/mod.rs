//! One run: pretraining or transfer, from its work to events and checkpoints.

pub mod device;

use crate::event::Cause;
use crate::event::Kind;
use crate::run_folder::RunFolder;
use crate::spec::work::Work;
use anyhow::{Result, bail};
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What a worker is to do, and with what.
pub struct Job<'a> {
    /// The work.
    pub work: &'a Work,
    /// Where results go.
    pub folder: &'a RunFolder,
    /// Where the results stand that it needs.
    pub parents: Vec<RunFolder>,
    /// The folder that relative data roots start at.
    pub project: &'a Path,
    /// Where it computes: `cpu`, `cuda:0`.
    pub device: &'a str,
    /// Threads that load data.
    pub workers: usize,
    /// Becomes true when the run is to save a checkpoint and end.
    pub stop: &'a AtomicBool,
    /// Takes what happens.
    pub emit: &'a mut dyn FnMut(Kind) -> Result<()>,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is complete.
    Finished,
    /// It was asked to stop, and saved.
    Interrupted,
}

/// Why a run cannot go on; travels inside [`anyhow::Error`].
#[derive(Debug)]
pub struct Halt {
    /// The kind of reason.
    pub cause: Cause,
    /// The reason.
    pub message: String,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Halt {}

/// Does the work of one run.
///
/// # Errors
/// A [`Halt`] where the cause is known.
pub fn run(job: Job) -> Result<Ending> {
    bail!("training is not linked into this program yet, so {} cannot be worked on", job.folder.path().display())
}
