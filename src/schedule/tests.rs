//! Small schedules, step by step.

use super::*;
use crate::event::Cause;
use jiff::Timestamp;

fn id(name: &str) -> RunId {
    RunId::of(name.as_bytes())
}

fn schedule(lines: &[&str], slots: usize, on_failure: OnFailure) -> Schedule {
    Schedule::new(&tasks(lines), Rules { slots, on_failure, retries: None, ahead: false })
}

fn ahead(lines: &[&str]) -> Schedule {
    let on_failure = OnFailure::KeepGoing;
    Schedule::new(&tasks(lines), Rules { slots: 9, on_failure, retries: None, ahead: true })
}

/// Tasks from `name: parent parent`; a name that ends in `!` is done, in `*` with the executor, in `-` pruned.
fn tasks(lines: &[&str]) -> Vec<Task> {
    let task = |line: &&str| {
        let (name, parents) = line.split_once(':').unwrap_or((line, ""));
        let parents = parents.split_whitespace().map(id).collect();
        let stand = match name.chars().last() {
            Some('!') => Stand::Done,
            Some('*') => Stand::WithExecutor,
            Some('-') => Stand::Pruned,
            _ => Stand::Open,
        };
        Task { run: id(name.trim_end_matches(['!', '*', '-'])), parents, attempt: 1, stand }
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
    Action::Start { run: id(name), attempt: 1, after: Vec::new() }
}

fn skip(name: &str, because: &str) -> Action {
    Action::Skip { run: id(name), because: id(because) }
}

#[test]
fn children_start_when_all_parents_are_done() {
    let mut schedule = schedule(&["a", "b", "c: a b"], 4, OnFailure::KeepGoing);
    assert_eq!(schedule.begin(), [start("a"), start("b")]);
    assert_eq!(schedule.on(&finished("a")), []);
    assert_eq!(schedule.on(&finished("b")), [start("c")]);
    assert_eq!(schedule.on(&finished("c")), []);
    assert!(schedule.is_over());
}

#[test]
fn done_runs_are_not_started_and_block_nobody() {
    let mut schedule = schedule(&["a!", "b: a elsewhere"], 1, OnFailure::KeepGoing);
    assert_eq!(schedule.begin(), [start("b")]);
}

#[test]
fn what_unblocks_most_goes_first_then_the_order_of_the_plan() {
    let mut schedule = schedule(&["a", "b", "c", "d: c", "e: d", "f: b"], 1, OnFailure::KeepGoing);
    assert_eq!(schedule.begin(), [start("c")]);
    assert_eq!(schedule.on(&finished("c")), [start("b")]);
    assert_eq!(schedule.on(&finished("b")), [start("d")]);
    assert_eq!(schedule.on(&finished("d")), [start("a")]);
}

#[test]
fn a_failure_skips_its_descendants_and_the_others_go_on() {
    let mut schedule = schedule(&["a", "b: a", "c: b", "d"], 1, OnFailure::KeepGoing);
    assert_eq!(schedule.begin(), [start("a")]);
    assert_eq!(schedule.on(&failed("a")), [skip("b", "a"), skip("c", "a"), start("d")]);
    schedule.on(&finished("d"));
    assert!(schedule.is_over());
}

#[test]
fn fail_fast_lets_the_running_end_and_starts_no_more() {
    let mut schedule = schedule(&["a", "b", "c"], 2, OnFailure::FailFast);
    assert_eq!(schedule.begin(), [start("a"), start("b")]);
    assert_eq!(schedule.on(&failed("a")), [skip("c", "a")]);
    assert!(!schedule.is_over());
    assert_eq!(schedule.on(&finished("b")), []);
    assert!(schedule.is_over());
}

#[test]
fn cancel_stops_what_runs_and_forgets_what_waits() {
    let mut schedule = schedule(&["a", "b: a", "c"], 1, OnFailure::KeepGoing);
    schedule.begin();
    assert_eq!(schedule.cancel(), [Action::Stop { run: id("a") }]);
    assert_eq!(schedule.on(&event("a", Kind::Interrupted { step: 3 })), []);
    assert!(schedule.is_over());
    assert!(schedule.states().all(|(_, state)| *state == State::Cancelled));
}

#[test]
fn a_run_that_finishes_while_being_cancelled_is_done() {
    let mut schedule = schedule(&["a", "b: a"], 1, OnFailure::KeepGoing);
    schedule.begin();
    schedule.cancel();
    assert_eq!(schedule.on(&finished("a")), []);
    let states: Vec<_> = schedule.states().map(|(_, state)| state.clone()).collect();
    assert_eq!(states, [State::Done, State::Cancelled]);
}

#[test]
fn events_of_other_attempts_and_of_strangers_change_nothing() {
    let mut schedule = schedule(&["a", "b: a"], 1, OnFailure::KeepGoing);
    schedule.begin();
    assert_eq!(schedule.on(&Event { attempt: 2, ..finished("a") }), []);
    assert_eq!(schedule.on(&finished("stranger")), []);
    assert_eq!(schedule.on(&event("a", Kind::Progressed { step: 1, steps: 2 })), []);
    assert_eq!(schedule.on(&finished("b")), []);
    assert_eq!(schedule.on(&finished("a")), [start("b")]);
    assert_eq!(schedule.on(&finished("a")), []);
}

fn crashed(name: &str, attempt: u32) -> Event {
    Event { attempt, ..event(name, Kind::Failed { cause: Cause::Crashed, error: "killed".into() }) }
}

fn held(name: &str, parents: &[&str]) -> Action {
    Action::Start { run: id(name), attempt: 1, after: parents.iter().map(|parent| id(parent)).collect() }
}

#[test]
fn a_crash_is_tried_again_after_a_while_and_a_third_one_is_final() {
    let mut schedule = schedule(&["a", "b: a"], 1, OnFailure::FailFast);
    schedule.begin();
    for (attempt, seconds) in [(1, 1), (2, 4)] {
        let (run, cause, delay) = (id("a"), Cause::Crashed, Duration::from_secs(seconds));
        assert_eq!(schedule.on(&crashed("a", attempt)), [Action::Retry { run, cause, delay }]);
        assert!(!schedule.is_over());
        assert_eq!(schedule.due(run), [Action::Start { run, attempt: attempt + 1, after: Vec::new() }]);
        assert_eq!(schedule.due(run), []);
    }
    assert_eq!(schedule.on(&crashed("a", 3)), [skip("b", "a")]);
    assert!(schedule.is_over());
}

#[test]
fn the_slot_of_a_run_that_waits_for_another_try_is_free_and_a_cancelled_wait_is_a_failure() {
    let mut schedule = schedule(&["a", "b"], 1, OnFailure::KeepGoing);
    schedule.begin();
    assert_eq!(schedule.on(&crashed("a", 1))[1..], [start("b")]);
    assert_eq!(schedule.cancel(), [Action::Stop { run: id("b") }]);
    assert_eq!(schedule.on(&event("b", Kind::Interrupted { step: 3 })), []);
    assert!(schedule.is_over());
    assert!(matches!(schedule.states().next(), Some((_, State::Failed { attempt: 1, cause: Cause::Crashed, .. }))));
}

#[test]
fn a_full_disk_starts_no_more() {
    let mut schedule = schedule(&["a", "b", "c"], 1, OnFailure::KeepGoing);
    schedule.begin();
    let full = event("a", Kind::Failed { cause: Cause::NoSpace, error: "no space".into() });
    assert_eq!(schedule.on(&full), [skip("b", "a"), skip("c", "a")]);
}

#[test]
fn a_failure_that_starts_no_more_skips_what_waits_in_the_queue_and_a_person_cancels_it() {
    let lines = ["a", "b", "c: b"];
    let full = event("a", Kind::Failed { cause: Cause::NoSpace, error: "no space".into() });
    let mut schedule = ahead(&lines);
    schedule.begin();
    assert_eq!(schedule.on(&full), [Action::Stop { run: id("c") }]);
    assert_eq!(schedule.returned(id("c"), false), [skip("c", "a")]);

    let mut schedule = ahead(&lines);
    schedule.begin();
    schedule.cancel();
    schedule.on(&full);
    assert_eq!(schedule.returned(id("c"), false), []);
    assert_eq!(schedule.states().last(), Some((id("c"), &State::Cancelled)));
}

#[test]
fn a_queue_gets_children_ahead_and_starts_them_itself() {
    let mut schedule = ahead(&["a", "b: a", "c: b"]);
    assert_eq!(schedule.begin(), [start("a"), held("b", &["a"]), held("c", &["b"])]);
    assert_eq!(schedule.on(&finished("a")), []);
    let started = Kind::Started { host: "n1".into(), device: "cpu".into(), from_step: 0, steps: 9 };
    // The queue has started it twice: after a time limit, say.
    schedule.on(&Event { attempt: 2, ..event("b", started) });
    assert_eq!(schedule.on(&finished("b")), []);
    assert_eq!(schedule.on(&Event { attempt: 2, ..finished("b") }), []);
    schedule.on(&finished("c"));
    assert!(schedule.is_over());
}

#[test]
fn children_in_the_queue_are_taken_back_when_their_parent_is_tried_again_or_fails() {
    let mut schedule = ahead(&["a", "b: a"]);
    schedule.begin();
    assert_eq!(schedule.on(&crashed("a", 1))[1..], [Action::Stop { run: id("b") }]);
    assert_eq!(schedule.returned(id("b"), false), []);
    let again = Action::Start { run: id("a"), attempt: 2, after: Vec::new() };
    assert_eq!(schedule.due(id("a")), [again, held("b", &["a"])]);
    let failed = Event { attempt: 2, ..failed("a") };
    assert_eq!(schedule.on(&failed), [Action::Stop { run: id("b") }]);
    assert_eq!(schedule.returned(id("b"), false), [skip("b", "a")]);
    assert!(schedule.is_over());
}

#[test]
fn a_run_that_a_person_took_out_of_the_queue_is_cancelled() {
    let mut schedule = ahead(&["a", "b: a"]);
    schedule.begin();
    assert_eq!(schedule.returned(id("a"), true), [Action::Stop { run: id("b") }]);
    assert_eq!(schedule.returned(id("b"), false), [skip("b", "a")]);
    assert!(schedule.is_over());
}

#[test]
fn what_an_earlier_invocation_left_with_the_executor_is_not_started_again() {
    let mut schedule = schedule(&["a*", "b: a", "c"], 1, OnFailure::KeepGoing);
    assert_eq!(schedule.begin(), []);
    assert_eq!(schedule.on(&finished("a")), [start("b")]);
}

#[test]
fn what_needs_a_pruned_run_is_skipped() {
    let mut schedule = schedule(&["a", "b: a", "c-", "d: c"], 1, OnFailure::KeepGoing);
    assert_eq!(schedule.begin(), [skip("d", "c"), start("a")]);
    let pruned = event("a", Kind::Pruned { step: 3, reason: "5th of 6".into() });
    assert_eq!(schedule.on(&pruned), [skip("b", "a")]);
    assert!(schedule.is_over() && schedule.states().all(|(_, state)| state.is_final()));
}
