//! Where the parts meet: the schedule decides, the executor does, the record keeps, the display shows.

mod gone;
mod live;
mod lock;
mod losers;
mod reconcile;
mod work;

#[cfg(test)]
mod scenarios;

pub use gone::gone;
pub use lock::{Holder, Lock, held_since, holder, is_held};

use crate::display::Cast;
use crate::display::Display;
use crate::event::Cause;
use crate::execute::Executor;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::failure::is_no_space;
use crate::plan::PRETRAIN;
use crate::plan::Plan;
use crate::record::Record;
use crate::run_id::RunId;
use crate::schedule::Halving;
use crate::schedule::OnFailure;
use crate::schedule::Rules;
use crate::schedule::Schedule;
use crate::schedule::Stand;
use anyhow::{Error, Result};
use reconcile::Standing;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use work::Engine;

/// What is to be brought about.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Everything that the experiment asks for.
    pub plan: &'a Plan,
    /// The part of it that is wanted now; parents included.
    pub wanted: &'a Plan,
    /// The experiment's file, as the person named it.
    pub file: &'a str,
    /// The results folder.
    pub results: &'a Path,
    /// Where runs may compute; used in turn.
    pub devices: &'a [String],
    /// How many runs the executor may have at a time, at least 1.
    pub jobs: usize,
    /// Threads for each run.
    pub workers: usize,
    /// What a failure does to the others.
    pub on_failure: OnFailure,
    /// Tries after the first, where another try may help; each cause has its own number otherwise.
    pub retries: Option<u32>,
    /// A worker that says nothing for so long is ended.
    pub hang_after: Option<Duration>,
    /// Who is stopped in favour of better runs.
    pub halving: Option<&'a Halving>,
    /// The longest time between two looks at the workers.
    pub tick: Duration,
}

/// What has come about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Runs that were done before.
    pub done_before: usize,
    /// Runs that were done now.
    pub done: usize,
    /// Runs that failed, in the plan's order.
    pub failed: Vec<FailedRun>,
    /// Runs that were not started because of what became of another.
    pub skipped: usize,
    /// Runs that the person stopped, or did not let start.
    pub cancelled: usize,
    /// Runs that were stopped, now or before, in favour of better ones.
    pub pruned: usize,
    /// Runs that go on in a queue without this process.
    pub left: usize,
    /// Whether the person asked to stop.
    pub interrupted: bool,
}

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRun {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Why.
    pub cause: Cause,
    /// The worker's words.
    pub error: String,
    /// Where the worker's other words are.
    pub log: PathBuf,
}

/// Brings about what is wanted and not yet done. `interrupts` returns how often the person has asked to stop since it was
/// last called: the first time workers save and leave, the second time they are ended at once. Workers that outlive this
/// process are left to themselves instead.
///
/// # Errors
/// A [`Failure`] when another process holds the results folder, or a disk is full; otherwise when the disk refuses. That some
/// run failed is no error: the outcome tells.
pub fn run(
    request: &Request,
    executor: &mut dyn Executor,
    display: &mut dyn Display,
    interrupts: &mut dyn FnMut() -> usize,
) -> Result<Outcome> {
    let lock = Lock::take(request.results)?;
    bring_about(request, &lock, executor, display, interrupts).map_err(explained)
}

fn bring_about(
    request: &Request,
    lock: &Lock,
    executor: &mut dyn Executor,
    display: &mut dyn Display,
    interrupts: &mut dyn FnMut() -> usize,
) -> Result<Outcome> {
    let mut record = Record::open_or_rebuild(request.results, &mut |note| display.say(&note))?;
    reconcile::forget_gone(request, &mut record, display)?;
    reconcile::admit(request, &mut record)?;
    lock.say_at_work()?;
    let mut standing = reconcile::reconcile(request, &mut record, executor, display)?;
    let pretrainings = request.wanted.runs.values().filter(|run| run.stage == PRETRAIN).map(|run| run.id);
    let mut halving = request.halving.cloned().map(|halving| halving.among(pretrainings));
    let losers = match &mut halving {
        Some(halving) => losers::recall(request, halving, &mut record, &mut standing)?,
        None => BTreeMap::new(),
    };
    let Standing { tasks, readers } = standing;
    let done_before = tasks.iter().filter(|task| task.stand == Stand::Done).count();
    let Request { jobs: slots, on_failure, retries, .. } = *request;
    let schedule = Schedule::new(&tasks, Rules { slots, on_failure, retries, ahead: executor.outlives() });
    let names = request.wanted.runs.values().map(|run| (run.id, run.name.clone())).collect();
    let mut engine = Engine::new(request, schedule, executor, display, record, readers, halving);
    if done_before < tasks.len() {
        engine.display().begin(Cast { names, done: done_before });
        let outcome = engine.work(&tasks, &losers, interrupts);
        engine.display().end();
        outcome?;
    }
    let outcome = engine.outcome(done_before);
    drop(engine);
    // Somebody may have removed the database in the meantime; this process wrote to what was removed.
    Record::open_or_rebuild(request.results, &mut |note| display.say(&note))?;
    Ok(outcome)
}

/// Says what to do about a full disk; everything else passes.
fn explained(error: Error) -> Error {
    if !is_no_space(&error) {
        return error;
    }
    let failure = Failure::new(Fault::Runs, format!("no space left on the disk: {error:#}"));
    failure.hint("free some space and give the same command again: it goes on where it stopped, and nothing is lost").into()
}
