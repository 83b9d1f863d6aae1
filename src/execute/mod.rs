//! Where workers run. An executor starts, watches and stops them; it decides nothing.

mod local;

#[cfg(test)]
pub(crate) mod scripted;

pub use local::Local;

use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use std::fmt;

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Order {
    /// The run.
    pub run: RunId,
    /// Its folder; `run.yaml` and the parents' results are there.
    pub folder: RunFolder,
    /// The number of the attempt.
    pub attempt: u32,
    /// Where it computes: `cpu`, `cuda:1`.
    pub device: String,
    /// Threads that it may use to load data, and for the mathematics on a CPU.
    pub workers: usize,
}

/// How a worker is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ask it to save a checkpoint and leave.
    Ask,
    /// End it at once.
    Kill,
}

/// A worker that has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The run.
    pub run: RunId,
    /// How it went.
    pub how: Exit,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It left with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "left with exit code {code}"),
            Exit::Signal(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

/// Starts, watches and stops workers. A run has at most one worker at a time, so the run's id names it.
pub trait Executor {
    /// Starts a worker.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&mut self, order: &Order) -> Result<()>;

    /// Returns the workers that have gone since the last call.
    ///
    /// # Errors
    /// When the workers cannot be watched.
    fn poll(&mut self) -> Result<Vec<Gone>>;

    /// Stops the worker of `run`; [`Executor::poll`] tells when it has gone. A run without a worker is no mistake.
    ///
    /// # Errors
    /// When it cannot be stopped.
    fn stop(&mut self, run: &RunId, how: Stop) -> Result<()>;
}
