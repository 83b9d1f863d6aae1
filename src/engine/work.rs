//! The loop: what workers write is taken in, what the schedule says is done.

use super::live::Live;
use super::{FailedRun, Outcome, Request};
use crate::display::Display;
use crate::event::Event;
use crate::event::Kind;
use crate::execute::Executor;
use crate::execute::Exit;
use crate::execute::Gone;
use crate::execute::Order;
use crate::execute::Stop;
use crate::failure::is_passing;
use crate::record::Record;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::Lease;
use crate::run_folder::RunFile;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Action;
use crate::schedule::Halving;
use crate::schedule::Schedule;
use crate::schedule::Stand;
use crate::schedule::State;
use crate::schedule::Task;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::time::Instant;

pub(super) struct Engine<'a> {
    request: &'a Request<'a>,
    schedule: Schedule,
    executor: &'a mut dyn Executor,
    display: &'a mut dyn Display,
    record: Record,
    /// Readers of the runs that have not begun, each behind what was written before.
    readers: BTreeMap<RunId, EventReader>,
    live: BTreeMap<RunId, Live>,
    slots: Slots,
    /// When runs are to be tried again.
    due: Vec<(Instant, RunId)>,
    halving: Option<Halving>,
    patience: Patience,
}

/// The numbers of places, so that runs that run at a time are on different devices.
#[derive(Default)]
struct Slots {
    free: BTreeSet<usize>,
    next: usize,
}

impl Slots {
    /// The lowest number that nobody has.
    fn take(&mut self) -> usize {
        self.free.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
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

impl<'a> Engine<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        schedule: Schedule,
        executor: &'a mut dyn Executor,
        display: &'a mut dyn Display,
        record: Record,
        readers: BTreeMap<RunId, EventReader>,
        halving: Option<Halving>,
    ) -> Self {
        let (live, slots, due, patience) = (BTreeMap::new(), Slots::default(), Vec::new(), Patience::Endless);
        Engine { request, schedule, executor, display, record, readers, live, slots, due, halving, patience }
    }

    pub(super) fn display(&mut self) -> &mut dyn Display {
        self.display
    }

    /// `losers` are runs with the executor that are to be stopped in favour of better ones, and why.
    pub(super) fn work(
        &mut self,
        tasks: &[Task],
        losers: &BTreeMap<RunId, String>,
        interrupts: &mut dyn FnMut() -> usize,
    ) -> Result<()> {
        for task in tasks.iter().filter(|task| task.stand == Stand::WithExecutor) {
            self.admit(task.run, task.attempt).pruned = losers.get(&task.run).cloned();
        }
        losers.keys().try_for_each(|run| self.executor.stop(run, Stop::Ask))?;
        let actions = self.schedule.begin();
        self.obey(actions)?;
        while !self.schedule.is_over() {
            self.executor.wait(self.request.tick);
            for _ in 0..interrupts() {
                if self.executor.outlives() {
                    self.patience = Patience::None;
                    return Ok(());
                }
                self.lose_patience()?;
            }
            for run in self.live.keys().copied().collect::<Vec<_>>() {
                if self.executor.is_at_work(&run) {
                    self.follow(run)?;
                    self.look_for_a_hang(run)?;
                } else if let Some(live) = self.live.get_mut(&run) {
                    live.heard = Instant::now();
                }
            }
            for gone in self.executor.poll()? {
                let actions = self.part_with(&gone)?;
                self.obey(actions)?;
            }
            self.executor.says().iter().for_each(|words| self.display.say(words));
            self.try_again()?;
        }
        Ok(())
    }

    /// Does what the schedule says, and what follows from it.
    fn obey(&mut self, actions: Vec<Action>) -> Result<()> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Start { run, attempt, after } => actions.extend(self.start(run, attempt, after)?),
                Action::Stop { run } => self.executor.stop(&run, Stop::Ask)?,
                Action::Retry { run, cause, delay } => {
                    let name = &self.request.wanted.runs[&run].name;
                    self.display.say(&format!("{} {name}: {cause}; another try in {} s", run.short(), delay.as_secs()));
                    self.due.push((Instant::now() + delay, run));
                }
                Action::Skip { run, because } => self.display.skipped(run, because),
            }
        }
        Ok(())
    }

    fn try_again(&mut self) -> Result<()> {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.due).into_iter().partition::<Vec<_>, _>(|(at, _)| *at <= now);
        self.due = later;
        for (_, run) in due {
            let actions = self.schedule.due(run);
            self.obey(actions)?;
        }
        Ok(())
    }

    fn start(&mut self, id: RunId, attempt: u32, after: Vec<RunId>) -> Result<Vec<Action>> {
        let run = &self.request.wanted.runs[&id];
        let (name, stage, parents) = (run.name.clone(), run.stage.clone(), run.parents.clone());
        let short = !parents.is_empty();
        let live = self.admit(id, attempt);
        let (folder, slot) = (live.folder.clone(), live.slot);
        RunFile { id, name, stage, parents, data: run.data.clone(), work: &run.work }.write(&folder)?;
        let device = self.request.devices[slot % self.request.devices.len()].clone();
        let order = Order { run: id, folder, attempt, device, workers: self.request.workers, after, short };
        match self.executor.start(&order) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => self.part_with(&Gone {
                run: id,
                how: Exit::Refused(format!("{error:#}")),
                begun: false,
                peak_memory_bytes: None,
                seconds: None,
            }),
        }
    }

    /// Begins to follow a run that the executor has.
    fn admit(&mut self, id: RunId, attempt: u32) -> &mut Live {
        let slot = self.slots.take();
        let folder = RunFolder::new(self.request.results, id);
        let reader = self.readers.remove(&id).unwrap_or_else(|| EventReader::open(&folder));
        self.live.entry(id).or_insert(Live::new(attempt, slot, folder, reader))
    }

    /// Takes in what a run's worker has written since the last look.
    fn follow(&mut self, run: RunId) -> Result<()> {
        let Some(live) = self.live.get_mut(&run) else { return Ok(()) };
        let events = match live.reader.poll() {
            Err(error) if is_passing(&error) => {
                if !std::mem::replace(&mut live.unreadable, true) {
                    self.display.say(&format!("{}: {error:#}; it is tried again", run.short()));
                }
                return Ok(());
            }
            events => events?,
        };
        live.unreadable = false;
        self.record.ingest(&events)?;
        if let Some(complaint) = live.reader.complaint() {
            self.display.say(&complaint);
        }
        for event in events {
            if !live.on(&event) {
                continue;
            }
            self.display.on(&event);
            if let Kind::Started { .. } = event.kind {
                self.schedule.on(&event);
            }
            if let Some(loser) = self.halving.as_mut().and_then(|halving| halving.on(&event)) {
                live.pruned = Some(loser.reason);
                self.executor.stop(&run, Stop::Ask)?;
            }
        }
        Ok(())
    }

    fn look_for_a_hang(&mut self, run: RunId) -> Result<()> {
        let (Some(limit), Some(live)) = (self.request.hang_after, self.live.get_mut(&run)) else { return Ok(()) };
        if !live.hung && live.ending.is_none() && live.heard.elapsed() > limit {
            live.hung = true;
            let name = &self.request.wanted.runs[&run].name;
            self.display.say(&format!("{} {name}: no word for {} s; it is ended", run.short(), limit.as_secs()));
            self.executor.stop(&run, Stop::Kill)?;
        }
        Ok(())
    }

    /// A worker has gone: what it wrote last is read, and where it wrote no ending, we write it, so that the files stay the
    /// truth.
    fn part_with(&mut self, gone: &Gone) -> Result<Vec<Action>> {
        let run = gone.run;
        self.follow(run)?;
        let user_asked = self.patience != Patience::Endless;
        let Some(live) = self.live.get(&run) else { return Ok(Vec::new()) };
        match (&live.ending, &live.pruned, &gone.how) {
            (None, None, Exit::Withdrawn) => return Ok(self.give_back(run, false)),
            (None, None, Exit::Cancelled) if !gone.begun => return Ok(self.give_back(run, true)),
            (None, pruned, how) => {
                let ending = match pruned {
                    // However it went, maybe while it waited in a queue: it is not wanted any more.
                    Some(reason) => {
                        let (saved, _) = self.record.reached(&run)?;
                        Kind::Pruned { step: saved.unwrap_or_default(), reason: reason.clone() }
                    }
                    None => live.unsaid_ending(how, user_asked),
                };
                let used = gone.seconds.map(|seconds| Kind::Used { seconds, peak_memory_bytes: gone.peak_memory_bytes });
                self.write(run, used.into_iter().chain([ending]))?;
            }
            (Some(Event { kind: Kind::Interrupted { step }, .. }), Some(reason), _) => {
                let ending = Kind::Pruned { step: *step, reason: reason.clone() };
                self.write(run, [ending])?;
            }
            _ => {}
        }
        let ending = self.live.get(&run).and_then(|live| live.ending.as_ref());
        let saved_and_left = matches!(ending, Some(Event { kind: Kind::Interrupted { .. }, .. }));
        if saved_and_left && self.executor.outlives() && !user_asked && gone.how != Exit::Cancelled {
            // The queue needed its place, and did not put it back by itself.
            return Ok(self.give_back(run, false));
        }
        let ending = self.let_go(run);
        Ok(ending.map_or_else(Vec::new, |ending| self.schedule.on(&ending)))
    }

    /// Follows a run no more: its slot is free, and its reader waits for another attempt.
    fn let_go(&mut self, run: RunId) -> Option<Event> {
        let live = self.live.remove(&run)?;
        self.slots.free.insert(live.slot);
        self.readers.insert(run, live.reader);
        live.ending
    }

    /// A run came back without an attempt.
    fn give_back(&mut self, run: RunId, by_person: bool) -> Vec<Action> {
        self.let_go(run);
        self.schedule.returned(run, by_person)
    }

    /// Writes events of a run that has no worker, in its place; nothing when its worker has come to its end meanwhile.
    fn write(&mut self, run: RunId, kinds: impl IntoIterator<Item = Kind>) -> Result<()> {
        let outlives = self.executor.outlives();
        let Some(live) = self.live.get_mut(&run) else { return Ok(()) };
        if outlives {
            // The queue may have started it again, and its worker have gone before it said its number.
            live.attempt = live.attempt.max(live.folder.last_attempt()?);
        }
        let attempt = live.folder.attempt(live.attempt);
        fs::create_dir_all(&attempt).with_context(|| format!("cannot create {}", attempt.display()))?;
        // A worker that is thought lost, and is not, must not write after this.
        let (lease, _) = Lease::take(&live.folder, live.attempt)?;
        // What it wrote until then counts.
        let known = live.ending.clone();
        self.follow(run)?;
        let Some(live) = self.live.get(&run).filter(|live| live.ending == known) else { return Ok(()) };
        let mut writer = EventWriter::open(&live.folder.clone().held_by(lease), run, live.attempt)?;
        kinds.into_iter().try_for_each(|kind| writer.emit(kind))?;
        self.follow(run)
    }

    fn lose_patience(&mut self) -> Result<()> {
        match self.patience {
            Patience::Endless => {
                self.patience = Patience::Short;
                self.display.say("stopping: workers save and leave (once more to end them at once)");
                self.due.clear();
                let actions = self.schedule.cancel();
                self.obey(actions)
            }
            Patience::Short | Patience::None => {
                self.patience = Patience::None;
                self.live.keys().try_for_each(|run| self.executor.stop(run, Stop::Kill))
            }
        }
    }

    pub(super) fn outcome(&self, done_before: usize) -> Outcome {
        let mut outcome = Outcome { done_before, interrupted: self.patience != Patience::Endless, ..Outcome::default() };
        for (run, state) in self.schedule.states() {
            match state {
                State::Done => outcome.done += 1,
                State::Skipped { .. } => outcome.skipped += 1,
                State::Pruned => outcome.pruned += 1,
                State::Failed { attempt, cause, error } | State::Delayed { attempt, cause, error } => {
                    let name = self.request.wanted.runs[&run].name.clone();
                    let log = RunFolder::new(self.request.results, run).attempt(*attempt).join("stderr");
                    outcome.failed.push(FailedRun { run, name, cause: *cause, error: error.clone(), log });
                }
                State::Held { .. } | State::Running { .. } => outcome.left += 1,
                State::Cancelled | State::Waiting | State::Ready => outcome.cancelled += 1,
            }
        }
        outcome.done -= done_before;
        outcome
    }
}
