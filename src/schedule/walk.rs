//! Random walks through random schedules: no illegal state, everything ends, slots are never exceeded.

use super::{Action, OnFailure, Schedule, State, Task};
use crate::event::Cause;
use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn id(index: usize) -> RunId {
    RunId::of(&index.to_le_bytes())
}

/// Tasks whose parents stand before them, every third edge kept; about one in eight is done, if all its parents are.
fn tasks() -> impl Strategy<Value = Vec<Task>> {
    prop::collection::vec((prop::collection::vec(0usize..40, 0..4), 0u8..8), 1..40).prop_map(|drawn| {
        let mut tasks: Vec<Task> = Vec::new();
        for (index, (parents, chance)) in drawn.into_iter().enumerate() {
            let parents: Vec<usize> = parents.into_iter().filter(|&parent| parent < index).collect();
            let done = chance == 0 && parents.iter().all(|&parent| tasks[parent].done);
            tasks.push(Task { run: id(index), parents: parents.into_iter().map(id).collect(), attempt: 1 + index as u32, done });
        }
        tasks
    })
}

/// The checks of a walk, kept apart from the schedule's own bookkeeping.
struct Walk {
    tasks: BTreeMap<RunId, Task>,
    running: Vec<(RunId, u32)>,
    started: BTreeSet<RunId>,
    done: BTreeSet<RunId>,
    cancelled: bool,
}

impl Walk {
    fn obey(&mut self, actions: Vec<Action>, slots: usize) {
        for action in actions {
            match action {
                Action::Start { run, attempt } => {
                    let task = &self.tasks[&run];
                    assert!(!self.cancelled && !task.done && attempt == task.attempt);
                    assert!(task.parents.iter().all(|parent| self.done.contains(parent)), "a parent is not done");
                    assert!(self.started.insert(run), "started twice");
                    self.running.push((run, attempt));
                }
                Action::Stop { run } => assert!(self.running.iter().any(|(running, _)| *running == run)),
                Action::Skip { run, because } => {
                    assert!(!self.started.contains(&run) && self.started.contains(&because));
                }
            }
        }
        assert!(self.running.len() <= slots, "{} run in {slots} slots", self.running.len());
    }
}

proptest! {
    #[test]
    fn every_walk_is_legal_and_ends(
        tasks in tasks(), slots in 1usize..5, fail_fast: bool,
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0u8..10), 200), cancel_at in prop::option::of(0usize..60),
    ) {
        let on_failure = if fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing };
        let mut schedule = Schedule::new(&tasks, slots, on_failure);
        let done = tasks.iter().filter(|task| task.done).map(|task| task.run).collect();
        let by_id = tasks.iter().map(|task| (task.run, task.clone())).collect();
        let mut walk = Walk { tasks: by_id, running: Vec::new(), started: BTreeSet::new(), done, cancelled: false };
        let mut troubled = false;
        walk.obey(schedule.begin(), slots);
        for (step, (which, outcome)) in steps.into_iter().enumerate() {
            if cancel_at == Some(step) {
                walk.cancelled = true;
                let actions = schedule.cancel();
                walk.obey(actions, slots);
            }
            if walk.running.is_empty() {
                break;
            }
            let (run, attempt) = walk.running.swap_remove(which.index(walk.running.len()));
            let kind = match outcome {
                0 => Kind::Failed { cause: Cause::Crashed, error: "killed".into() },
                1 => Kind::Interrupted { step: 1 },
                _ => Kind::Finished { seconds: 1.0 },
            };
            match kind {
                Kind::Finished { .. } => { walk.done.insert(run); }
                _ => troubled = true,
            }
            let actions = schedule.on(&Event { run, attempt, seq: 0, at: Timestamp::UNIX_EPOCH, kind });
            walk.obey(actions, slots);
        }
        prop_assert!(schedule.is_over() && walk.running.is_empty());
        prop_assert!(schedule.states().all(|(_, state)| state.is_final()), "{:?}", schedule.states().collect::<Vec<_>>());
        for (run, state) in schedule.states() {
            prop_assert_eq!(*state == State::Done, walk.done.contains(&run));
        }
        if !troubled && !walk.cancelled {
            prop_assert_eq!(walk.done.len(), tasks.len());
        }
    }
}
