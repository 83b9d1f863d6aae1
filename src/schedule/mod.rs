//! What to do next. Pure: events in, actions out; no clock, no process, no file.

mod state;

#[cfg(test)]
mod walk;

pub use state::State;

use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use indexmap::IndexMap;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// One run, as the schedule is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The run.
    pub run: RunId,
    /// The runs that must be done first. Those that are not among the tasks are taken to be done.
    pub parents: Vec<RunId>,
    /// The number that the next attempt gets.
    pub attempt: u32,
    /// Whether there is nothing left to do.
    pub done: bool,
}

/// What a failure does to the runs that do not need the failed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They go on.
    KeepGoing,
    /// Those that run go on to their end; no other is started.
    FailFast,
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
    },
    /// Ask the running worker to save and leave.
    Stop {
        /// The run.
        run: RunId,
    },
    /// Tell the person that the run will not be started.
    Skip {
        /// The run.
        run: RunId,
        /// The run that failed or was cancelled.
        because: RunId,
    },
}

/// The runs of one invocation and what has become of each. A run is attempted at most once.
#[derive(Debug, Clone)]
pub struct Schedule {
    entries: IndexMap<RunId, Entry>,
    slots: usize,
    on_failure: OnFailure,
    running: usize,
    /// The ready runs: those that unblock most first, then in the plan's order.
    ready: BTreeSet<(Reverse<usize>, usize)>,
}

#[derive(Debug, Clone)]
struct Entry {
    attempt: u32,
    children: Vec<usize>,
    /// How many runs wait for this one, directly or not.
    unblocks: usize,
    state: State,
}

impl Schedule {
    /// A schedule that runs at most `slots` of `tasks` (in the plan's order) at a time.
    ///
    /// # Panics
    /// When `slots` is 0: nothing would ever end.
    pub fn new(tasks: &[Task], slots: usize, on_failure: OnFailure) -> Self {
        assert!(slots > 0, "a schedule needs a slot");
        let done: BTreeSet<RunId> = tasks.iter().filter(|task| task.done).map(|task| task.run).collect();
        let known: BTreeSet<RunId> = tasks.iter().map(|task| task.run).collect();
        let mut entries: IndexMap<RunId, Entry> = IndexMap::new();
        for task in tasks {
            let waits_for: BTreeSet<_> =
                task.parents.iter().filter(|parent| known.contains(*parent) && !done.contains(*parent)).collect();
            let state = match waits_for.len() as u32 {
                _ if task.done => State::Done,
                0 => State::Ready,
                parents_left => State::Waiting { parents_left },
            };
            entries.insert(task.run, Entry { attempt: task.attempt, children: Vec::new(), unblocks: 0, state });
        }
        for (child, task) in tasks.iter().enumerate() {
            for parent in task.parents.iter().collect::<BTreeSet<_>>() {
                if let Some(parent) = entries.get_mut(parent) {
                    parent.children.push(child);
                }
            }
        }
        let mut schedule = Schedule { entries, slots, on_failure, running: 0, ready: BTreeSet::new() };
        for index in 0..schedule.entries.len() {
            schedule.entries[index].unblocks = schedule.descendants(index).len();
            if schedule.entries[index].state == State::Ready {
                schedule.ready.insert(schedule.rank(index));
            }
        }
        schedule
    }

    /// The first starts.
    pub fn begin(&mut self) -> Vec<Action> {
        self.starts()
    }

    /// What follows from an event. Only the last event of a running attempt moves the schedule; give it when the attempt's
    /// process has gone, because the slot is free from then on.
    pub fn on(&mut self, event: &Event) -> Vec<Action> {
        let Some(index) = self.entries.get_index_of(&event.run) else { return Vec::new() };
        if self.entries[index].state != (State::Running { attempt: event.attempt }) {
            return Vec::new();
        }
        let state = match &event.kind {
            Kind::Finished { .. } => State::Done,
            Kind::Interrupted { .. } => State::Cancelled,
            Kind::Failed { cause, error } => State::Failed { attempt: event.attempt, cause: *cause, error: error.clone() },
            _ => return Vec::new(),
        };
        self.running -= 1;
        let done = state == State::Done;
        let failed = matches!(state, State::Failed { .. });
        self.entries[index].state = state;
        let mut actions = if done {
            self.unblock(index);
            Vec::new()
        } else if failed && self.on_failure == OnFailure::FailFast {
            self.skip((0..self.entries.len()).collect(), event.run)
        } else {
            self.skip(self.descendants(index), event.run)
        };
        actions.extend(self.starts());
        actions
    }

    /// The person wants it to end: nothing more is started, and what runs is asked to save and leave.
    pub fn cancel(&mut self) -> Vec<Action> {
        self.ready.clear();
        let mut actions = Vec::new();
        for (run, entry) in &mut self.entries {
            match entry.state {
                State::Waiting { .. } | State::Ready => entry.state = State::Cancelled,
                State::Running { .. } => actions.push(Action::Stop { run: *run }),
                _ => {}
            }
        }
        actions
    }

    /// Whether nothing runs and nothing will.
    pub fn is_over(&self) -> bool {
        self.running == 0 && self.ready.is_empty()
    }

    /// The runs, in the plan's order, and what has become of each.
    pub fn states(&self) -> impl Iterator<Item = (RunId, &State)> {
        self.entries.iter().map(|(run, entry)| (*run, &entry.state))
    }

    fn rank(&self, index: usize) -> (Reverse<usize>, usize) {
        (Reverse(self.entries[index].unblocks), index)
    }

    fn starts(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.running < self.slots {
            let Some((_, index)) = self.ready.pop_first() else { break };
            self.running += 1;
            let run = *self.entries.get_index(index).expect("a ready run is one of the entries").0;
            let entry = &mut self.entries[index];
            entry.state = State::Running { attempt: entry.attempt };
            actions.push(Action::Start { run, attempt: entry.attempt });
        }
        actions
    }

    fn unblock(&mut self, index: usize) {
        for child in self.entries[index].children.clone() {
            if let State::Waiting { parents_left } = &mut self.entries[child].state {
                *parents_left -= 1;
                if *parents_left == 0 {
                    self.entries[child].state = State::Ready;
                    self.ready.insert(self.rank(child));
                }
            }
        }
    }

    /// Skips those of `indices` that have not begun.
    fn skip(&mut self, indices: BTreeSet<usize>, because: RunId) -> Vec<Action> {
        let mut actions = Vec::new();
        for index in indices {
            if matches!(self.entries[index].state, State::Waiting { .. } | State::Ready) {
                self.ready.remove(&self.rank(index));
                self.entries[index].state = State::Skipped { because };
                let run = *self.entries.get_index(index).expect("the index came from the entries").0;
                actions.push(Action::Skip { run, because });
            }
        }
        actions
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cause;
    use jiff::Timestamp;

    fn id(name: &str) -> RunId {
        RunId::of(name.as_bytes())
    }

    /// Tasks from `name: parent parent`; a name that ends in `!` is done.
    fn tasks(lines: &[&str]) -> Vec<Task> {
        let task = |line: &&str| {
            let (name, parents) = line.split_once(':').unwrap_or((line, ""));
            let parents = parents.split_whitespace().map(id).collect();
            Task { run: id(name.trim_end_matches('!')), parents, attempt: 1, done: name.ends_with('!') }
        };
        lines.iter().map(task).collect()
    }

    fn event(name: &str, kind: Kind) -> Event {
        Event { run: id(name), attempt: 1, seq: 0, at: Timestamp::UNIX_EPOCH, kind }
    }

    fn finished(name: &str) -> Event {
        event(name, Kind::Finished { seconds: 1.0 })
    }

    fn failed(name: &str) -> Event {
        event(name, Kind::Failed { cause: Cause::Error, error: "no".into() })
    }

    fn start(name: &str) -> Action {
        Action::Start { run: id(name), attempt: 1 }
    }

    fn skip(name: &str, because: &str) -> Action {
        Action::Skip { run: id(name), because: id(because) }
    }

    #[test]
    fn children_start_when_all_parents_are_done() {
        let mut schedule = Schedule::new(&tasks(&["a", "b", "c: a b"]), 4, OnFailure::KeepGoing);
        assert_eq!(schedule.begin(), [start("a"), start("b")]);
        assert_eq!(schedule.on(&finished("a")), []);
        assert_eq!(schedule.on(&finished("b")), [start("c")]);
        assert_eq!(schedule.on(&finished("c")), []);
        assert!(schedule.is_over());
    }

    #[test]
    fn done_runs_are_not_started_and_block_nobody() {
        let mut schedule = Schedule::new(&tasks(&["a!", "b: a elsewhere"]), 1, OnFailure::KeepGoing);
        assert_eq!(schedule.begin(), [start("b")]);
    }

    #[test]
    fn what_unblocks_most_goes_first_then_the_order_of_the_plan() {
        let mut schedule = Schedule::new(&tasks(&["a", "b", "c", "d: c", "e: d", "f: b"]), 1, OnFailure::KeepGoing);
        assert_eq!(schedule.begin(), [start("c")]);
        assert_eq!(schedule.on(&finished("c")), [start("b")]);
        assert_eq!(schedule.on(&finished("b")), [start("d")]);
        assert_eq!(schedule.on(&finished("d")), [start("a")]);
    }

    #[test]
    fn a_failure_skips_its_descendants_and_the_others_go_on() {
        let mut schedule = Schedule::new(&tasks(&["a", "b: a", "c: b", "d"]), 1, OnFailure::KeepGoing);
        assert_eq!(schedule.begin(), [start("a")]);
        assert_eq!(schedule.on(&failed("a")), [skip("b", "a"), skip("c", "a"), start("d")]);
        schedule.on(&finished("d"));
        assert!(schedule.is_over());
    }

    #[test]
    fn fail_fast_lets_the_running_end_and_starts_no_more() {
        let mut schedule = Schedule::new(&tasks(&["a", "b", "c"]), 2, OnFailure::FailFast);
        assert_eq!(schedule.begin(), [start("a"), start("b")]);
        assert_eq!(schedule.on(&failed("a")), [skip("c", "a")]);
        assert!(!schedule.is_over());
        assert_eq!(schedule.on(&finished("b")), []);
        assert!(schedule.is_over());
    }

    #[test]
    fn cancel_stops_what_runs_and_forgets_what_waits() {
        let mut schedule = Schedule::new(&tasks(&["a", "b: a", "c"]), 1, OnFailure::KeepGoing);
        schedule.begin();
        assert_eq!(schedule.cancel(), [Action::Stop { run: id("a") }]);
        assert_eq!(schedule.on(&event("a", Kind::Interrupted { step: 3 })), []);
        assert!(schedule.is_over());
        assert!(schedule.states().all(|(_, state)| *state == State::Cancelled));
    }

    #[test]
    fn a_run_that_finishes_while_being_cancelled_is_done() {
        let mut schedule = Schedule::new(&tasks(&["a", "b: a"]), 1, OnFailure::KeepGoing);
        schedule.begin();
        schedule.cancel();
        assert_eq!(schedule.on(&finished("a")), []);
        let states: Vec<_> = schedule.states().map(|(_, state)| state.clone()).collect();
        assert_eq!(states, [State::Done, State::Cancelled]);
    }

    #[test]
    fn events_of_other_attempts_and_of_strangers_change_nothing() {
        let mut schedule = Schedule::new(&tasks(&["a", "b: a"]), 1, OnFailure::KeepGoing);
        schedule.begin();
        assert_eq!(schedule.on(&Event { attempt: 2, ..finished("a") }), []);
        assert_eq!(schedule.on(&finished("stranger")), []);
        assert_eq!(schedule.on(&event("a", Kind::Progressed { step: 1, steps: 2 })), []);
        assert_eq!(schedule.on(&finished("b")), []);
        assert_eq!(schedule.on(&finished("a")), [start("b")]);
        assert_eq!(schedule.on(&finished("a")), []);
    }
}
