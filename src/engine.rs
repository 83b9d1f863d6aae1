//! Where the parts meet: the schedule decides, the executor does, the record keeps, the display shows.

mod lock;
mod reconcile;

#[cfg(test)]
mod scenarios;

pub use lock::Lock;
pub use lock::is_held;

use crate::display::Cast;
use crate::display::Display;
use crate::event::Cause;
use crate::event::Event;
use crate::event::Kind;
use crate::execute::Executor;
use crate::execute::Exit;
use crate::execute::Order;
use crate::execute::Stop;
use crate::plan::Plan;
use crate::record::Record;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::RunFile;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Action;
use crate::schedule::OnFailure;
use crate::schedule::Schedule;
use crate::schedule::State;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// How many runs may run at a time, at least 1.
    pub jobs: usize,
    /// Threads for each run.
    pub workers: usize,
    /// What a failure does to the others.
    pub on_failure: OnFailure,
    /// Time between two looks at the workers.
    pub tick: Duration,
}

/// What has come about.
#[derive(Debug, Clone, PartialEq, Eq)]
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
/// last called: the first time workers save and leave, the second time they are ended at once.
///
/// # Errors
/// A [`crate::failure::Failure`] when another process holds the results folder; otherwise when the disk refuses. That some
/// run failed is no error: the outcome tells.
pub fn run(
    request: &Request,
    executor: &mut dyn Executor,
    display: &mut dyn Display,
    interrupts: &mut dyn FnMut() -> usize,
) -> Result<Outcome> {
    let _lock = Lock::take(request.results)?;
    let mut record = Record::open(request.results)?;
    reconcile::admit(request, &mut record)?;
    let reconcile::Standing { tasks, readers } = reconcile::reconcile(request, &mut record, display)?;
    let done_before = tasks.iter().filter(|task| task.done).count();
    let schedule = Schedule::new(&tasks, request.jobs, request.on_failure);
    let mut engine =
        Engine { request, schedule, executor, display, record, readers, live: BTreeMap::new(), patience: Patience::Endless };
    if done_before < tasks.len() {
        let names = request.wanted.runs.values().map(|run| (run.id, run.name.clone())).collect();
        engine.display.begin(Cast { names, done: done_before });
        let outcome = engine.work(interrupts);
        engine.display.end();
        outcome?;
    }
    Ok(engine.outcome(done_before))
}

struct Engine<'a> {
    request: &'a Request<'a>,
    schedule: Schedule,
    executor: &'a mut dyn Executor,
    display: &'a mut dyn Display,
    record: Record,
    /// Readers of the runs that have not begun, each behind what was written before.
    readers: BTreeMap<RunId, EventReader>,
    live: BTreeMap<RunId, Live>,
    patience: Patience,
}

/// A run that has a worker.
struct Live {
    attempt: u32,
    slot: usize,
    folder: RunFolder,
    reader: EventReader,
    /// The attempt's last event. It counts when the process has gone, because the device is in use until then.
    ending: Option<Event>,
}

/// How long workers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Until they are done.
    Endless,
    /// Until they have saved.
    Short,
    /// Not at all.
    None,
}

impl Engine<'_> {
    fn work(&mut self, interrupts: &mut dyn FnMut() -> usize) -> Result<()> {
        let actions = self.schedule.begin();
        self.obey(actions)?;
        while !self.schedule.is_over() {
            std::thread::sleep(self.request.tick);
            for _ in 0..interrupts() {
                self.lose_patience()?;
            }
            for run in self.live.keys().copied().collect::<Vec<_>>() {
                self.follow(run)?;
            }
            for gone in self.executor.poll()? {
                let actions = self.part_with(gone.run, gone.how)?;
                self.obey(actions)?;
            }
        }
        Ok(())
    }

    /// Does what the schedule says, and what follows from it.
    fn obey(&mut self, actions: Vec<Action>) -> Result<()> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Start { run, attempt } => actions.extend(self.start(run, attempt)?),
                Action::Stop { run } => self.executor.stop(&run, Stop::Ask)?,
                Action::Skip { run, because } => self.display.skipped(run, because),
            }
        }
        Ok(())
    }

    fn start(&mut self, id: RunId, attempt: u32) -> Result<Vec<Action>> {
        let run = &self.request.wanted.runs[&id];
        let folder = RunFolder::new(self.request.results, id);
        let (name, stage, parents) = (run.name.clone(), run.stage.clone(), run.parents.clone());
        RunFile { id, name, stage, parents, work: &run.work }.write(&folder)?;
        let slot = self.free_slot();
        let device = self.request.devices[slot % self.request.devices.len()].clone();
        let reader = self.readers.remove(&id).unwrap_or_else(|| EventReader::open(&folder));
        self.live.insert(id, Live { attempt, slot, folder: folder.clone(), reader, ending: None });
        let order = Order { run: id, folder, attempt, device, workers: self.request.workers };
        match self.executor.start(&order) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => self.end(id, Cause::Error, format!("{error:#}")),
        }
    }

    fn free_slot(&self) -> usize {
        let taken: BTreeSet<usize> = self.live.values().map(|live| live.slot).collect();
        (0..).find(|slot| !taken.contains(slot)).expect("fewer runs are live than there are numbers")
    }

    /// Takes in what a run's worker has written since the last look.
    fn follow(&mut self, run: RunId) -> Result<()> {
        let Some(live) = self.live.get_mut(&run) else { return Ok(()) };
        let events = live.reader.poll()?;
        self.record.ingest(&events)?;
        if let Some(complaint) = live.reader.complaint() {
            self.display.say(&complaint);
        }
        for event in events.into_iter().filter(|event| event.attempt == live.attempt) {
            self.display.on(&event);
            if matches!(event.kind, Kind::Finished { .. } | Kind::Interrupted { .. } | Kind::Failed { .. }) {
                live.ending = Some(event);
            }
        }
        Ok(())
    }

    /// A worker has gone: what it wrote last is read, and where it wrote no ending, we write it, so that the files stay the
    /// truth.
    fn part_with(&mut self, run: RunId, how: Exit) -> Result<Vec<Action>> {
        self.follow(run)?;
        match self.live.get(&run) {
            Some(Live { ending: None, .. }) => {
                let wanted = if self.patience != Patience::Endless { ", as the user asked" } else { "" };
                self.end(run, Cause::Crashed, format!("{how}{wanted}"))
            }
            _ => Ok(self.free(run)),
        }
    }

    /// Writes the ending of a run that has no worker.
    fn end(&mut self, run: RunId, cause: Cause, error: String) -> Result<Vec<Action>> {
        if let Some(live) = self.live.get(&run) {
            EventWriter::open(&live.folder, run, live.attempt)?.emit(Kind::Failed { cause, error })?;
        }
        self.follow(run)?;
        Ok(self.free(run))
    }

    fn free(&mut self, run: RunId) -> Vec<Action> {
        let ending = self.live.remove(&run).and_then(|live| live.ending);
        ending.map_or_else(Vec::new, |ending| self.schedule.on(&ending))
    }

    fn lose_patience(&mut self) -> Result<()> {
        match self.patience {
            Patience::Endless => {
                self.patience = Patience::Short;
                self.display.say("stopping: workers save and leave (once more to end them at once)");
                let actions = self.schedule.cancel();
                self.obey(actions)
            }
            Patience::Short | Patience::None => {
                self.patience = Patience::None;
                self.live.keys().try_for_each(|run| self.executor.stop(run, Stop::Kill))
            }
        }
    }

    fn outcome(&self, done_before: usize) -> Outcome {
        let interrupted = self.patience != Patience::Endless;
        let mut outcome = Outcome { done_before, done: 0, failed: Vec::new(), skipped: 0, cancelled: 0, interrupted };
        for (run, state) in self.schedule.states() {
            match state {
                State::Done => outcome.done += 1,
                State::Skipped { .. } => outcome.skipped += 1,
                State::Failed { attempt, cause, error } => {
                    let name = self.request.wanted.runs[&run].name.clone();
                    let log = RunFolder::new(self.request.results, run).attempt(*attempt).join("stderr");
                    outcome.failed.push(FailedRun { run, name, cause: *cause, error: error.clone(), log });
                }
                State::Cancelled | State::Waiting { .. } | State::Ready | State::Running { .. } => outcome.cancelled += 1,
            }
        }
        outcome.done -= done_before;
        outcome
    }
}
