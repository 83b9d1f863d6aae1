//! What to do next. Pure: events in, actions out; no clock, no process, no file.

mod halving;
mod retry;
mod state;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;

pub use halving::{Halving, Loser, Reached};
pub use retry::Policy;
pub use state::State;

use crate::event::Cause;
use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use indexmap::IndexMap;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

/// One run, as the schedule is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The run.
    pub run: RunId,
    /// The runs that must be done first. Those that are not among the tasks are taken to be done.
    pub parents: Vec<RunId>,
    /// The number of the attempt that is with the executor, or that the next one gets.
    pub attempt: u32,
    /// How far it is.
    pub stand: Stand,
}

/// How far a run is when the schedule begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It is to be done.
    Open,
    /// The executor has it since an earlier invocation.
    WithExecutor,
    /// There is nothing left to do.
    Done,
    /// It was stopped in favour of better ones, and is to stay so.
    Pruned,
}

/// What a failure does to the runs that do not need the failed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They go on.
    KeepGoing,
    /// Those that run go on to their end; no other is started.
    FailFast,
}

/// How a schedule goes about its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many runs the executor may have at a time, at least 1.
    pub slots: usize,
    /// What a failure does to the others.
    pub on_failure: OnFailure,
    /// Tries after the first, where another try may help; each cause has its own number otherwise.
    pub retries: Option<u32>,
    /// Whether a run is given to the executor as soon as the runs it needs are there: an executor with a queue of its own
    /// starts it when they are done.
    pub ahead: bool,
}

/// What the engine is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start this attempt.
    Start {
        /// The run.
        run: RunId,
        /// The number of the attempt.
        attempt: u32,
        /// Runs with the executor that must be done first.
        after: Vec<RunId>,
    },
    /// Ask the worker to save and leave; where none has begun, take the run back.
    Stop {
        /// The run.
        run: RunId,
    },
    /// Call [`Schedule::due`] after a while.
    Retry {
        /// The run.
        run: RunId,
        /// Why its last attempt failed.
        cause: Cause,
        /// The while.
        delay: Duration,
    },
    /// Tell the person that the run will not be started.
    Skip {
        /// The run.
        run: RunId,
        /// The run that failed or was cancelled.
        because: RunId,
    },
}

/// The runs of one invocation and what has become of each.
#[derive(Debug, Clone)]
pub struct Schedule {
    entries: IndexMap<RunId, Entry>,
    rules: Rules,
    /// Runs with the executor.
    running: usize,
    /// Runs that wait for another try.
    delayed: usize,
    /// Whether nothing more is started, and why.
    closed: Option<Closed>,
    /// The ready runs: those that unblock most first, then in the plan's order.
    ready: BTreeSet<(Reverse<usize>, usize)>,
}

/// Why nothing more is started.
#[derive(Debug, Clone, Copy)]
enum Closed {
    /// The person wants it to end.
    ByPerson,
    /// This run failed, and the others are not to go on, or cannot.
    ByFailure(RunId),
}

#[derive(Debug, Clone)]
struct Entry {
    attempt: u32,
    /// Failures in this invocation.
    failures: u32,
    parents: Vec<usize>,
    children: Vec<usize>,
    /// How many runs wait for this one, directly or not.
    unblocks: usize,
    state: State,
}

impl Schedule {
    /// A schedule of `tasks`, in the plan's order.
    ///
    /// # Panics
    /// When there are no slots: nothing would ever end.
    pub fn new(tasks: &[Task], rules: Rules) -> Self {
        assert!(rules.slots > 0, "a schedule needs a slot");
        let mut entries: IndexMap<RunId, Entry> = IndexMap::new();
        for Task { run, attempt, stand, .. } in tasks {
            let state = match stand {
                Stand::Open => State::Waiting,
                Stand::WithExecutor => State::Running { attempt: *attempt },
                Stand::Done => State::Done,
                Stand::Pruned => State::Pruned,
            };
            let (parents, children) = (Vec::new(), Vec::new());
            entries.insert(*run, Entry { attempt: *attempt, failures: 0, parents, children, unblocks: 0, state });
        }
        for (child, task) in tasks.iter().enumerate() {
            let parents = task.parents.iter().filter_map(|parent| entries.get_index_of(parent)).collect::<BTreeSet<_>>();
            parents.iter().for_each(|parent| entries[*parent].children.push(child));
            entries[child].parents = parents.into_iter().collect();
        }
        let running = entries.values().filter(|entry| entry.state.with_executor().is_some()).count();
        let mut schedule = Schedule { entries, rules, running, delayed: 0, closed: None, ready: BTreeSet::new() };
        for index in 0..schedule.entries.len() {
            schedule.entries[index].unblocks = schedule.descendants(index).len();
        }
        schedule
    }

    /// The first actions.
    pub fn begin(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for index in 0..self.entries.len() {
            if self.entries[index].state == State::Pruned {
                actions.extend(self.doom(self.descendants(index), self.run(index)));
            }
        }
        (0..self.entries.len()).for_each(|index| self.consider(index));
        actions.extend(self.starts());
        actions
    }

    /// What follows from an event. Give the last event of an attempt when its process has gone, because the slot is free from
    /// then on.
    pub fn on(&mut self, event: &Event) -> Vec<Action> {
        let Some(index) = self.entries.get_index_of(&event.run) else { return Vec::new() };
        let Some(attempt) = self.entries[index].state.with_executor() else { return Vec::new() };
        if let Kind::Started { .. } = event.kind
            && event.attempt >= attempt
        {
            // A queue may start a run again by itself, under a new number.
            self.entries[index].state = State::Running { attempt: event.attempt };
            return Vec::new();
        }
        match &event.kind {
            // An earlier attempt that was thought gone may have got to the end.
            Kind::Finished { .. } if event.attempt <= attempt => self.leave(index, State::Done),
            _ if event.attempt < attempt => Vec::new(),
            Kind::Interrupted { .. } => self.leave(index, State::Cancelled),
            Kind::Pruned { .. } => self.leave(index, State::Pruned),
            Kind::Failed { cause, error } => self.fail(index, event.attempt, *cause, error.clone()),
            _ => Vec::new(),
        }
    }

    /// A run came back from the executor, and no attempt was made: a person took it out of the queue, or a run that it waits
    /// for did not become what it should.
    pub fn returned(&mut self, run: RunId, by_person: bool) -> Vec<Action> {
        let Some(index) = self.entries.get_index_of(&run) else { return Vec::new() };
        if self.entries[index].state.with_executor().is_none() {
            return Vec::new();
        }
        let doomed = self.entries[index].parents.iter().find(|parent| self.entries[**parent].state.dooms());
        let because = match self.closed {
            Some(Closed::ByFailure(failed)) if !by_person => Some(failed),
            _ => None,
        };
        match doomed.map(|parent| self.run(*parent)).or(because) {
            Some(because) => {
                let mut actions = vec![Action::Skip { run, because }];
                actions.extend(self.leave(index, State::Skipped { because }));
                actions
            }
            None if by_person || self.closed.is_some() => self.leave(index, State::Cancelled),
            None => self.leave(index, State::Waiting),
        }
    }

    /// The time before another try at `run` is over.
    pub fn due(&mut self, run: RunId) -> Vec<Action> {
        let Some(index) = self.entries.get_index_of(&run) else { return Vec::new() };
        if let State::Delayed { attempt, .. } = self.entries[index].state {
            self.delayed -= 1;
            self.entries[index].attempt = attempt + 1;
            self.entries[index].state = State::Waiting;
            self.consider(index);
        }
        self.starts()
    }

    /// The person wants it to end: nothing more is started, and what the executor has is stopped.
    pub fn cancel(&mut self) -> Vec<Action> {
        self.closed = Some(Closed::ByPerson);
        self.ready.clear();
        let mut actions = Vec::new();
        for (run, entry) in &mut self.entries {
            match &entry.state {
                State::Waiting | State::Ready => entry.state = State::Cancelled,
                State::Held { .. } | State::Running { .. } => actions.push(Action::Stop { run: *run }),
                _ => {}
            }
        }
        self.give_up_delayed();
        actions
    }

    /// Whether nothing runs and nothing will.
    pub fn is_over(&self) -> bool {
        self.running == 0 && self.ready.is_empty() && self.delayed == 0
    }

    /// The runs, in the plan's order, and what has become of each.
    pub fn states(&self) -> impl Iterator<Item = (RunId, &State)> {
        self.entries.iter().map(|(run, entry)| (*run, &entry.state))
    }

    fn run(&self, index: usize) -> RunId {
        *self.entries.get_index(index).expect("the index came from the entries").0
    }

    fn rank(&self, index: usize) -> (Reverse<usize>, usize) {
        (Reverse(self.entries[index].unblocks), index)
    }

    /// A run leaves the executor, in `state`.
    fn leave(&mut self, index: usize, state: State) -> Vec<Action> {
        self.running -= 1;
        let dooms = state.dooms();
        self.entries[index].state = state;
        let mut actions = if dooms { self.doom(self.descendants(index), self.run(index)) } else { Vec::new() };
        match self.entries[index].state {
            State::Done => self.entries[index].children.clone().into_iter().for_each(|child| self.consider(child)),
            State::Waiting => {
                actions.extend(self.recall(index));
                self.consider(index);
            }
            _ => {}
        }
        actions.extend(self.starts());
        actions
    }

    fn fail(&mut self, index: usize, attempt: u32, cause: Cause, error: String) -> Vec<Action> {
        let policy = Policy::of(cause);
        let limit = if policy.may_help() { self.rules.retries.unwrap_or(policy.limit) } else { 0 };
        let failures = self.entries[index].failures + 1;
        self.entries[index].failures = failures;
        if failures <= limit && self.closed.is_none() {
            self.running -= 1;
            self.delayed += 1;
            self.entries[index].state = State::Delayed { attempt, cause, error };
            let mut actions = vec![Action::Retry { run: self.run(index), cause, delay: policy.delay(failures) }];
            actions.extend(self.recall(index));
            actions.extend(self.starts());
            return actions;
        }
        // On a full disk the next run fails too.
        if self.rules.on_failure == OnFailure::FailFast || cause == Cause::NoSpace {
            self.closed = self.closed.or(Some(Closed::ByFailure(self.run(index))));
        }
        let mut actions = self.leave(index, State::Failed { attempt, cause, error });
        if self.closed.is_some() {
            self.give_up_delayed();
            actions.extend(self.doom((0..self.entries.len()).collect(), self.run(index)));
        }
        actions
    }

    /// Makes a run ready if it can start now.
    fn consider(&mut self, index: usize) {
        if self.closed.is_none() && self.entries[index].state == State::Waiting && self.is_startable(index) {
            self.entries[index].state = State::Ready;
            self.ready.insert(self.rank(index));
        }
    }

    fn is_startable(&self, index: usize) -> bool {
        self.entries[index].parents.iter().all(|parent| {
            let state = &self.entries[*parent].state;
            *state == State::Done || (self.rules.ahead && state.with_executor().is_some())
        })
    }

    fn starts(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.closed.is_none() && self.running < self.rules.slots {
            let Some((_, index)) = self.ready.pop_first() else { break };
            self.running += 1;
            let attempt = self.entries[index].attempt;
            let parents = self.entries[index].parents.iter();
            let after: Vec<_> =
                parents.filter(|parent| self.entries[**parent].state != State::Done).map(|parent| self.run(*parent)).collect();
            self.entries[index].state = if after.is_empty() { State::Running { attempt } } else { State::Held { attempt } };
            actions.push(Action::Start { run: self.run(index), attempt, after });
            if self.rules.ahead {
                self.entries[index].children.clone().into_iter().for_each(|child| self.consider(child));
            }
        }
        actions
    }

    /// Takes back what was handed over, or made ready, because the run at `index` was with the executor.
    fn recall(&mut self, index: usize) -> Vec<Action> {
        let mut actions = Vec::new();
        for child in self.descendants(index) {
            match self.entries[child].state {
                State::Held { .. } => actions.push(Action::Stop { run: self.run(child) }),
                State::Ready => {
                    self.ready.remove(&self.rank(child));
                    self.entries[child].state = State::Waiting;
                }
                _ => {}
            }
        }
        actions
    }

    /// Skips those of `indices` that have not begun; those that wait in the executor are taken back first.
    fn doom(&mut self, indices: BTreeSet<usize>, because: RunId) -> Vec<Action> {
        let mut actions = Vec::new();
        for index in indices {
            let run = self.run(index);
            match self.entries[index].state {
                State::Waiting | State::Ready => {
                    self.ready.remove(&self.rank(index));
                    self.entries[index].state = State::Skipped { because };
                    actions.push(Action::Skip { run, because });
                }
                State::Held { .. } => actions.push(Action::Stop { run }),
                _ => {}
            }
        }
        actions
    }

    fn give_up_delayed(&mut self) {
        for entry in self.entries.values_mut() {
            if let State::Delayed { attempt, cause, error } = &entry.state {
                entry.state = State::Failed { attempt: *attempt, cause: *cause, error: error.clone() };
            }
        }
        self.delayed = 0;
    }

    /// Everything that needs the run at `index`, directly or not.
    fn descendants(&self, index: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = self.entries[index].children.clone();
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(&self.entries[next].children);
            }
        }
        found
    }
}
