//! Random walks through random schedules: no illegal state, everything ends, slots are never exceeded.

use super::{Action, OnFailure, Rules, Schedule, Stand, State, Task};
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

/// Tasks whose parents stand before them; about one in eight is done, if all its parents are, and one in eight is with the
/// executor already, on the same condition.
fn tasks() -> impl Strategy<Value = Vec<Task>> {
    prop::collection::vec((prop::collection::vec(0usize..40, 0..4), 0u8..8), 1..40).prop_map(|drawn| {
        let mut tasks: Vec<Task> = Vec::new();
        for (index, (parents, chance)) in drawn.into_iter().enumerate() {
            let parents: Vec<usize> = parents.into_iter().filter(|&parent| parent < index).collect();
            let free = parents.iter().all(|&parent| tasks[parent].stand == Stand::Done);
            let stand = match chance {
                0 if free => Stand::Done,
                1 if free => Stand::WithExecutor,
                2 => Stand::Pruned,
                _ => Stand::Open,
            };
            tasks.push(Task { run: id(index), parents: parents.into_iter().map(id).collect(), attempt: 1 + index as u32, stand });
        }
        tasks
    })
}

/// What an executor has of a run.
#[derive(Debug, Clone)]
struct Order {
    run: RunId,
    attempt: u32,
    /// It waits in the executor's queue.
    held: bool,
    stopped: bool,
}

/// The checks of a walk, kept apart from the schedule's own bookkeeping.
struct Walk {
    tasks: BTreeMap<RunId, Task>,
    rules: Rules,
    orders: Vec<Order>,
    /// The last attempt that was started.
    attempts: BTreeMap<RunId, u32>,
    done: BTreeSet<RunId>,
    delayed: Vec<RunId>,
    cancelled: bool,
    troubled: bool,
}

impl Walk {
    fn new(tasks: &[Task], rules: Rules) -> Self {
        let with = |stand: Stand| tasks.iter().filter(move |task| task.stand == stand);
        let order = |task: &Task| Order { run: task.run, attempt: task.attempt, held: false, stopped: false };
        Walk {
            tasks: tasks.iter().map(|task| (task.run, task.clone())).collect(),
            rules,
            orders: with(Stand::WithExecutor).map(order).collect(),
            attempts: with(Stand::WithExecutor).map(|task| (task.run, task.attempt)).collect(),
            done: with(Stand::Done).map(|task| task.run).collect(),
            delayed: Vec::new(),
            cancelled: false,
            troubled: with(Stand::Pruned).next().is_some(),
        }
    }

    fn has(&self, run: &RunId) -> bool {
        self.orders.iter().any(|order| order.run == *run)
    }

    fn obey(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start { run, attempt, after } => self.start(run, attempt, &after),
                Action::Stop { run } => {
                    let order = self.orders.iter_mut().find(|order| order.run == run);
                    order.expect("what is stopped is with the executor").stopped = true;
                }
                Action::Retry { run, delay, .. } => {
                    assert!(!self.has(&run) && !delay.is_zero() && !self.cancelled);
                    self.delayed.push(run);
                }
                Action::Skip { run, because } => assert!(!self.has(&run) && because != run),
            }
        }
        let begun = self.tasks.values().filter(|task| task.stand == Stand::WithExecutor).count();
        assert!(self.orders.len() <= self.rules.slots.max(begun), "{} in {} slots", self.orders.len(), self.rules.slots);
    }

    fn start(&mut self, run: RunId, attempt: u32, after: &[RunId]) {
        let task = &self.tasks[&run];
        let open = matches!(task.stand, Stand::Open | Stand::WithExecutor);
        assert!(!self.cancelled && open && !self.done.contains(&run) && !self.has(&run));
        assert!(attempt >= task.attempt && self.attempts.get(&run).is_none_or(|last| attempt >= *last));
        let missing: BTreeSet<_> = task.parents.iter().filter(|parent| !self.done.contains(*parent)).copied().collect();
        assert_eq!(missing, after.iter().copied().collect(), "runs that it waits for");
        assert!(after.iter().all(|parent| self.has(parent)) && (after.is_empty() || self.rules.ahead));
        self.attempts.insert(run, attempt);
        self.orders.push(Order { run, attempt, held: !after.is_empty(), stopped: false });
    }

    /// Lets one of the orders come to an end, and tells the schedule.
    fn end(&mut self, schedule: &mut Schedule, which: prop::sample::Index, outcome: u8) {
        let done = self.done.clone();
        // What waits in the queue begins when the runs it waits for are done.
        let free = |run: &RunId, tasks: &BTreeMap<RunId, Task>| tasks[run].parents.iter().all(|parent| done.contains(parent));
        let order = self.orders.swap_remove(which.index(self.orders.len()));
        if order.held && !free(&order.run, &self.tasks) {
            let able = self.tasks[&order.run].parents.iter().all(|parent| done.contains(parent) || self.has(parent));
            if able && !order.stopped {
                return self.orders.push(order);
            }
            let actions = schedule.returned(order.run, false);
            return self.obey(actions);
        }
        let attempt = order.attempt + u32::from(outcome == 3);
        let at = |kind| Event { run: order.run, attempt, seq: 0, at: Timestamp::UNIX_EPOCH, kind };
        let started = Kind::Started { host: String::new(), device: String::new(), from_step: 0, steps: 9 };
        assert_eq!(schedule.on(&at(started)), []);
        let failed = |cause| Kind::Failed { cause, error: "no".into() };
        let kind = match outcome {
            0 => failed(Cause::Crashed),
            1 => failed(Cause::NonFinite),
            2 => Kind::Interrupted { step: 1 },
            4 => Kind::Pruned { step: 1, reason: String::new() },
            _ => Kind::Finished { seconds: 1.0 },
        };
        self.attempts.insert(order.run, attempt);
        match kind {
            Kind::Finished { .. } => drop(self.done.insert(order.run)),
            _ => self.troubled = true,
        }
        let actions = schedule.on(&at(kind));
        self.obey(actions);
    }
}

proptest! {
    #[test]
    fn every_walk_is_legal_and_ends(
        tasks in tasks(), slots in 1usize..5, fail_fast: bool, ahead: bool, retries in prop::option::of(0u32..3),
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0u8..20), 2000), cancel_at in prop::option::of(0usize..60),
    ) {
        let on_failure = if fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing };
        let rules = Rules { slots, on_failure, retries, ahead };
        let mut schedule = Schedule::new(&tasks, rules);
        let mut walk = Walk::new(&tasks, rules);
        walk.obey(schedule.begin());
        for (step, (which, outcome)) in steps.into_iter().enumerate() {
            if cancel_at == Some(step) {
                walk.cancelled = true;
                walk.delayed.clear();
                let actions = schedule.cancel();
                walk.obey(actions);
            }
            if outcome % 2 == 1 && let Some(run) = walk.delayed.pop() {
                let actions = schedule.due(run);
                walk.obey(actions);
            } else if !walk.orders.is_empty() {
                walk.end(&mut schedule, which, outcome);
            } else if walk.delayed.is_empty() {
                break;
            }
        }
        prop_assert!(schedule.is_over() && walk.orders.is_empty(), "{:?} {:?}", walk.orders, walk.delayed);
        prop_assert!(schedule.states().all(|(_, state)| state.is_final()), "{:?}", schedule.states().collect::<Vec<_>>());
        for (run, state) in schedule.states() {
            prop_assert_eq!(*state == State::Done, walk.done.contains(&run));
        }
        if !walk.troubled && !walk.cancelled {
            prop_assert_eq!(walk.done.len(), tasks.len());
        }
    }
}
