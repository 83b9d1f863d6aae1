//! Where workers run. An executor starts, watches and stops them; it decides nothing.

mod local;
mod memory;
pub mod slurm;

#[cfg(test)]
pub(crate) mod scripted;

pub use local::Local;
pub use memory::peak_bytes;
pub use slurm::Slurm;

use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use std::fmt;
use std::time::Duration;

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Order {
    /// The run.
    pub run: RunId,
    /// Its folder; `run.yaml` is there.
    pub folder: RunFolder,
    /// The number of the attempt. Where a queue starts workers again by itself, they take the next free one.
    pub attempt: u32,
    /// Where it computes: `cpu`, `cuda:1`.
    pub device: String,
    /// Threads that it may use to load data, and for the mathematics on a CPU.
    pub workers: usize,
    /// Runs that are with the executor too and must be done first.
    pub after: Vec<RunId>,
    /// Whether it is short, and may share an allocation with others.
    pub short: bool,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Gone {
    /// The run.
    pub run: RunId,
    /// How it went.
    pub how: Exit,
    /// Whether it had begun, whatever it has said.
    pub begun: bool,
    /// The most memory that it held, as far as it is known.
    pub peak_memory_bytes: Option<u64>,
    /// How long it lived, as far as it is known.
    pub seconds: Option<f64>,
}

/// How a worker went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It left with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// It was ended because there was no memory left, or ended itself.
    OutOfMemory,
    /// The time limit of the queue came.
    TimedOut,
    /// A person ended it with the queue's own tools.
    Cancelled,
    /// Nobody knows: these are the words of who should.
    Lost(String),
    /// It could not be started, for this reason.
    Refused(String),
    /// It was never started, because a run that it waited for did not become what it should.
    Withdrawn,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "left with exit code {code}"),
            Exit::Signal(signal) => write!(f, "killed by signal {signal}"),
            Exit::OutOfMemory => f.write_str("out of memory"),
            Exit::TimedOut => f.write_str("the time limit came"),
            Exit::Cancelled => f.write_str("cancelled"),
            Exit::Lost(words) | Exit::Refused(words) => f.write_str(words),
            Exit::Withdrawn => f.write_str("never started"),
        }
    }
}

/// Starts, watches and stops workers. A run has at most one worker at a time, so the run's id names it.
pub trait Executor {
    /// Whether workers outlive this process.
    fn outlives(&self) -> bool;

    /// Takes over the worker, running or in a queue, that an earlier process left for a run; false when there is none.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn adopt(&mut self, run: &RunId) -> Result<bool>;

    /// Takes an order. Orders that are given together may be kept until the next [`Executor::poll`].
    ///
    /// # Errors
    /// When the worker cannot be started.
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

    /// Whether a run has a worker that is at work: one that waits in a queue is silent for as long as it has to.
    fn is_at_work(&self, _run: &RunId) -> bool {
        true
    }

    /// Sleeps until there may be something to poll, or a signal has come, and `at_most` so long.
    fn wait(&mut self, at_most: Duration);

    /// What a person should know that belongs to no run, once each.
    fn says(&mut self) -> Vec<String> {
        Vec::new()
    }
}
