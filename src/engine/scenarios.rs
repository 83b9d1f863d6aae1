//! Whole stories with scripted workers: what the record, the files and the outcome say afterwards.

use super::{Outcome, Request, run};
use crate::display::Display;
use crate::display::Plain;
use crate::event::Cause;
use crate::event::Kind;
use crate::execute::Stop;
use crate::execute::scripted::{Play, Scripted};
use crate::failure::exit_code;
use crate::model::Config;
use crate::model::Transformer;
use crate::model::Vit;
use crate::plan::Cell;
use crate::plan::Plan;
use crate::plan::Run;
use crate::record::Record;
use crate::record::RunState;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Halving;
use crate::schedule::OnFailure;
use crate::spec::work::RandomInit;
use crate::spec::work::Work;
use indexmap::IndexMap;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

fn id(name: &str) -> RunId {
    RunId::of(name.as_bytes())
}

/// A plan from lines `name: parent parent`.
fn plan(lines: &[&str]) -> Plan {
    let (runs, cells, names) = (IndexMap::new(), Vec::new(), Vec::new());
    let mut plan = Plan { experiment: "x".into(), question: "?".into(), runs, cells, asked: 0, names };
    for line in lines {
        let (name, parents) = line.split_once(':').unwrap_or((line, ""));
        let parents: Vec<RunId> = parents.split_whitespace().map(id).collect();
        let stage = if parents.is_empty() { "pretrain" } else { "knn" }.to_owned();
        let size = Transformer { width: 8, depth: 1, heads: 1 };
        let work = Work::RandomInit(RandomInit { model: Config { vit: Vit(size), image: 32, patch: 4, decoder: size }, seed: 0 });
        plan.cells.push(Cell { run: id(name), stage: stage.clone(), axes: [("name".to_owned(), name.into())].into() });
        plan.runs.insert(id(name), Run { id: id(name), name: name.to_owned(), stage, parents, work, data: IndexMap::new() });
    }
    plan.asked = plan.cells.len();
    plan
}

struct Scene {
    results: tempfile::TempDir,
    executor: Scripted,
    shown: Vec<u8>,
    jobs: usize,
    on_failure: OnFailure,
    retries: Option<u32>,
    hang_after: Option<Duration>,
    halving: Option<Halving>,
    devices: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        Scene {
            results: tempfile::tempdir().unwrap(),
            executor: Scripted::default(),
            shown: Vec::new(),
            jobs: 2,
            on_failure: OnFailure::KeepGoing,
            retries: Some(0),
            hang_after: None,
            halving: None,
            devices: vec!["cpu".to_owned()],
        }
    }

    /// Runs the plan; `interrupts` says in which looks the person asks to stop.
    fn run(&mut self, plan: &Plan, interrupts: &[usize]) -> Outcome {
        let request = Request {
            plan,
            wanted: plan,
            file: "x.yaml",
            results: self.results.path(),
            devices: &self.devices,
            jobs: self.jobs,
            workers: 1,
            on_failure: self.on_failure,
            retries: self.retries,
            hang_after: self.hang_after,
            halving: self.halving.as_ref(),
            tick: Duration::ZERO,
        };
        let mut looks = 0;
        let mut asked = || {
            looks += 1;
            interrupts.iter().filter(|&&look| look == looks).count()
        };
        let mut display = Plain::new(&mut self.shown);
        run(&request, &mut self.executor, &mut display, &mut asked).unwrap()
    }

    fn folder(&self, name: &str) -> RunFolder {
        RunFolder::new(self.results.path(), id(name))
    }

    fn state(&self, name: &str) -> RunState {
        Record::open(self.results.path()).unwrap().state(&id(name)).unwrap()
    }

    fn last(&self, name: &str) -> Kind {
        EventReader::open(&self.folder(name)).poll().unwrap().pop().unwrap().kind
    }

    fn started(&self) -> Vec<RunId> {
        self.executor.orders.iter().map(|order| order.run).collect()
    }
}

fn outcome(done_before: usize, done: usize, skipped: usize, cancelled: usize) -> Outcome {
    Outcome { done_before, done, skipped, cancelled, ..Outcome::default() }
}

#[test]
fn all_is_done_once_and_the_second_time_there_is_nothing_to_do() {
    let mut scene = Scene::new();
    let plan = plan(&["a", "b", "c: a", "d: a b"]);
    assert_eq!(scene.run(&plan, &[]), outcome(0, 4, 0, 0));
    assert_eq!(scene.started(), [id("a"), id("b"), id("c"), id("d")]);
    assert_eq!(scene.executor.most, 2);
    assert_eq!(scene.run(&plan, &[]), outcome(4, 0, 0, 0));
    assert_eq!(scene.executor.orders.len(), 4);
    assert!(scene.results.path().join("experiments/x.json").exists() && scene.folder("d").run_yaml().exists());
    let record = Record::open(scene.results.path()).unwrap();
    assert_eq!(record.cells("x").unwrap().len(), 4);
}

#[test]
fn a_run_whose_folder_was_removed_is_done_again_and_what_it_says_then_counts() {
    let mut scene = Scene::new();
    let plan = plan(&["a", "b: a"]);
    assert_eq!(scene.run(&plan, &[]), outcome(0, 2, 0, 0));
    fs::remove_dir_all(scene.folder("a").path()).unwrap();
    assert_eq!(scene.run(&plan, &[]), outcome(1, 1, 0, 0));
    assert_eq!(scene.started(), [id("a"), id("b"), id("a")]);
    assert_eq!(scene.state("a"), RunState::Done);
    let shown = String::from_utf8(scene.shown.clone()).unwrap();
    assert!(shown.contains("the folder of 1 run is gone: begun again"), "{shown}");
    // A failed attempt at it counts too, and no rows of the first stay.
    fs::remove_dir_all(scene.folder("a").path()).unwrap();
    scene.executor.play(id("a"), Play::Fail);
    assert_eq!(scene.run(&plan, &[]).failed.len(), 1);
    assert!(matches!(scene.state("a"), RunState::Failed { attempts: 1, .. }));
    assert_eq!(scene.run(&plan, &[]).done, 1);
}

#[test]
fn what_is_done_elsewhere_is_not_done_again() {
    let mut scene = Scene::new();
    scene.run(&plan(&["a"]), &[]);
    std::fs::remove_file(scene.results.path().join("lab.sqlite")).unwrap();
    assert_eq!(scene.run(&plan(&["a", "c: a"]), &[]), outcome(1, 1, 0, 0));
    assert_eq!(scene.started(), [id("a"), id("c")]);
}

#[test]
fn a_failure_skips_its_children_and_is_tried_again_the_next_time() {
    let mut scene = Scene::new();
    scene.executor.play(id("a"), Play::Fail);
    let plan = plan(&["a", "b", "c: a"]);
    let first = scene.run(&plan, &[]);
    assert_eq!((first.done, first.skipped, first.failed.len()), (1, 1, 1));
    assert_eq!(first.failed[0].cause, Cause::NonFinite);
    assert!(first.failed[0].log.ends_with("attempts/1/stderr"));
    assert_eq!(scene.run(&plan, &[]), outcome(1, 2, 0, 0));
    assert_eq!(scene.executor.orders.iter().map(|order| order.attempt).collect::<Vec<_>>(), [1, 1, 2, 1]);
    assert_eq!(scene.state("a"), RunState::Done);
}

#[test]
fn fail_fast_starts_no_more() {
    let mut scene = Scene::new();
    (scene.jobs, scene.on_failure) = (1, OnFailure::FailFast);
    scene.executor.play(id("a"), Play::Fail);
    let outcome = scene.run(&plan(&["a", "b"]), &[]);
    assert_eq!((outcome.done, outcome.skipped, outcome.failed.len()), (0, 1, 1));
}

#[test]
fn a_worker_that_goes_without_a_word_gets_its_ending_written() {
    let mut scene = Scene::new();
    scene.executor.play(id("a"), Play::Crash(9));
    let outcome = scene.run(&plan(&["a"]), &[]);
    assert_eq!(outcome.failed[0].error, "killed by signal 9");
    assert_eq!(scene.last("a"), Kind::Failed { cause: Cause::Crashed, error: "killed by signal 9".into() });
    let events = EventReader::open(&scene.folder("a")).poll().unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(events[2].kind, Kind::Used { seconds: 1.0, peak_memory_bytes: Some(1 << 20) });
}

#[test]
fn a_worker_that_cannot_be_started_is_a_failed_run_and_the_next_attempt_has_a_new_number() {
    let mut scene = Scene::new();
    scene.executor.play(id("a"), Play::Refuse);
    let outcome = scene.run(&plan(&["a", "b"]), &[]);
    assert_eq!((outcome.done, outcome.failed[0].error.as_str()), (1, "no such program"));
    scene.run(&plan(&["a", "b"]), &[]);
    assert_eq!(scene.executor.orders.last().unwrap().attempt, 2);
}

#[test]
fn the_first_interrupt_lets_workers_save_and_the_next_time_they_go_on() {
    let mut scene = Scene::new();
    scene.jobs = 1;
    scene.executor.play(id("a"), Play::Work);
    let plan = plan(&["a", "b: a"]);
    let first = scene.run(&plan, &[3]);
    assert_eq!(first, Outcome { interrupted: true, ..outcome(0, 0, 0, 2) });
    assert_eq!(scene.executor.stops, [(id("a"), Stop::Ask)]);
    assert_eq!(scene.state("a"), RunState::Interrupted { step: 3 });
    scene.executor.stops.clear();
    assert_eq!(scene.run(&plan, &[]), outcome(0, 2, 0, 0));
}

#[test]
fn the_second_interrupt_ends_workers_at_once() {
    let mut scene = Scene::new();
    scene.executor.play(id("a"), Play::Hang);
    let outcome = scene.run(&plan(&["a"]), &[2, 4]);
    assert!(outcome.interrupted);
    assert_eq!(scene.executor.stops, [(id("a"), Stop::Ask), (id("a"), Stop::Kill)]);
    assert_eq!((outcome.cancelled, scene.last("a")), (1, Kind::Interrupted { step: 0 }));
}

#[test]
fn an_attempt_that_an_earlier_orchestrator_left_open_is_closed_and_tried_again() {
    let mut scene = Scene::new();
    let started = Kind::Started { host: "here".into(), device: "cpu".into(), from_step: 0, steps: 9 };
    EventWriter::open(&scene.folder("a"), id("a"), 3).unwrap().emit(started).unwrap();
    assert_eq!(scene.run(&plan(&["a"]), &[]), outcome(0, 1, 0, 0));
    assert_eq!(scene.executor.orders[0].attempt, 4);
    let events = EventReader::open(&scene.folder("a")).poll().unwrap();
    let error = "the worker is gone and wrote no ending".to_owned();
    assert_eq!(events[1].kind, Kind::Failed { cause: Cause::Crashed, error });
}

#[test]
fn runs_that_run_at_a_time_are_on_different_devices() {
    let mut scene = Scene::new();
    scene.devices = ["cuda:0", "cuda:1"].map(str::to_owned).to_vec();
    scene.run(&plan(&["a", "b"]), &[]);
    let devices: Vec<_> = scene.executor.orders.iter().map(|order| order.device.as_str()).collect();
    assert_eq!(devices, ["cuda:0", "cuda:1"]);
}

#[test]
fn a_second_orchestrator_is_refused() {
    let scene = Scene::new();
    let _first = super::Lock::take(scene.results.path()).unwrap();
    let plan = plan(&["a"]);
    let devices = ["cpu".to_owned()];
    let (results, tick) = (scene.results.path(), Duration::ZERO);
    let (on_failure, file) = (OnFailure::KeepGoing, "x.yaml");
    let (retries, hang_after, halving) = (None, None, None);
    let (plan, jobs, workers) = (&plan, 1, 1);
    let devices = &devices;
    let request =
        Request { plan, wanted: plan, file, results, devices, jobs, workers, on_failure, retries, hang_after, halving, tick };
    let mut display: Box<dyn Display> = Box::new(Plain::new(Vec::new()));
    let error = run(&request, &mut Scripted::default(), display.as_mut(), &mut || 0).unwrap_err();
    assert_eq!(exit_code(&error), 75);
}

#[test]
fn a_crash_is_tried_again_in_the_same_invocation() {
    let mut scene = Scene::new();
    scene.retries = Some(1);
    scene.executor.play(id("a"), Play::Crash(9));
    assert_eq!(scene.run(&plan(&["a", "b"]), &[]), outcome(0, 2, 0, 0));
    assert_eq!(scene.executor.orders.iter().map(|order| order.attempt).collect::<Vec<_>>(), [1, 1, 2]);
    assert!(String::from_utf8_lossy(&scene.shown).contains("a: crashed; another try in 1 s"));
}

#[test]
fn a_worker_that_says_nothing_for_too_long_is_ended() {
    let mut scene = Scene::new();
    scene.hang_after = Some(Duration::from_millis(20));
    scene.executor.play(id("a"), Play::Hang);
    let outcome = scene.run(&plan(&["a"]), &[]);
    assert_eq!((outcome.failed[0].cause, &scene.executor.stops[..]), (Cause::Hung, &[(id("a"), Stop::Kill)][..]));
    assert_eq!(outcome.failed[0].error, "said nothing for too long, and was ended");
}

#[test]
fn a_loser_is_stopped_marked_and_left_alone_until_it_is_wanted() {
    let mut scene = Scene::new();
    scene.jobs = 1;
    scene.halving = Some(Halving::new("loss".into(), &[0.5], 0.5).unwrap());
    scene.executor.play(id("a"), Play::Measure(1.0));
    scene.executor.play(id("b"), Play::Measure(2.0));
    let plan = plan(&["a", "b", "c: b", "d: a"]);
    let first = scene.run(&plan, &[]);
    assert_eq!((first.done, first.pruned, first.skipped), (2, 1, 1));
    let reason = "loss 2.0000 at 50 % is place 2 of 2".to_owned();
    assert_eq!(scene.state("b"), RunState::Pruned { step: 3, reason });
    let again = scene.run(&plan, &[]);
    assert_eq!((again.done_before, again.done, again.pruned, again.skipped), (2, 0, 1, 1));
    scene.halving = None;
    scene.executor.stops.clear();
    assert_eq!(scene.run(&plan, &[]), outcome(2, 2, 0, 0));
}

/// What a worker says that does worse than one whose loss is 1.
fn said_by_a_loser() -> [Kind; 2] {
    let values = [("loss".into(), 2.0)].into();
    [Kind::Measured { step: 2, values }, Kind::Saved { step: 3, path: "checkpoints/step-00000003.safetensors".into() }]
}

#[test]
fn who_lost_before_the_engine_was_killed_is_pruned_and_those_that_are_done_count() {
    let mut scene = Scene::new();
    scene.halving = Some(Halving::new("loss".into(), &[0.5], 0.5).unwrap());
    scene.executor.play(id("a"), Play::Measure(1.0));
    scene.run(&plan(&["a"]), &[]);
    let started = Kind::Started { host: "here".into(), device: "cpu".into(), from_step: 0, steps: 4 };
    let mut worker = EventWriter::open(&scene.folder("b"), id("b"), 1).unwrap();
    for kind in [started].into_iter().chain(said_by_a_loser()).chain([Kind::Interrupted { step: 3 }]) {
        worker.emit(kind).unwrap();
    }
    let outcome = scene.run(&plan(&["a", "b", "c: b"]), &[]);
    assert_eq!((outcome.done_before, outcome.pruned, outcome.skipped), (1, 1, 1));
    let reason = "loss 2.0000 at 50 % is place 2 of 2".to_owned();
    assert_eq!((scene.state("b"), scene.started()), (RunState::Pruned { step: 3, reason }, vec![id("a")]));
}

#[test]
fn who_lost_before_the_engine_was_killed_and_is_in_a_queue_is_stopped() {
    for is_waiting in [false, true] {
        let mut scene = Scene::new();
        scene.executor.queue = true;
        scene.halving = Some(Halving::new("loss".into(), &[0.5], 0.5).unwrap());
        scene.executor.play(id("a"), Play::Measure(1.0));
        scene.executor.play(id("b"), Play::Work);
        let plan = plan(&["a", "b"]);
        assert_eq!(scene.run(&plan, &[5]), Outcome { left: 1, interrupted: true, ..outcome(0, 1, 0, 0) });
        let mut worker = EventWriter::open(&scene.folder("b"), id("b"), 1).unwrap();
        said_by_a_loser().into_iter().for_each(|kind| worker.emit(kind).unwrap());
        scene.executor.left = [id("b")].into();
        if is_waiting {
            // Slurm puts a job back into the queue, and a job that is taken out of it was never there.
            worker.emit(Kind::Interrupted { step: 3 }).unwrap();
            scene.executor.running.get_mut(&id("b")).unwrap().1 = Play::Withdraw;
        }
        assert_eq!(scene.run(&plan, &[9]), Outcome { pruned: 1, ..outcome(1, 0, 0, 0) });
        assert_eq!(scene.executor.stops, [(id("b"), Stop::Ask)]);
        assert!(matches!(scene.state("b"), RunState::Pruned { step: 3, .. }), "{:?}", scene.state("b"));
    }
}

#[test]
fn workers_in_a_queue_are_left_to_themselves_and_taken_over_the_next_time() {
    let mut scene = Scene::new();
    scene.executor.queue = true;
    scene.executor.play(id("a"), Play::Work);
    let plan = plan(&["a", "b: a"]);
    let first = scene.run(&plan, &[3]);
    assert!(first.interrupted && first.left == 2 && first.cancelled == 0, "{first:?}");
    assert_eq!((scene.executor.stops.len(), &scene.executor.orders[1].after), (0, &vec![id("a")]));
    scene.executor.left = [id("a"), id("b")].into();
    let worker = EventWriter::open(&scene.folder("a"), id("a"), 1);
    worker.unwrap().emit(Kind::Finished { seconds: 1.0 }).unwrap();
    scene.executor.running.get_mut(&id("a")).unwrap().1 = Play::Leave;
    assert_eq!(scene.run(&plan, &[]).done, 1);
    assert_eq!(scene.executor.orders.len(), 2, "nothing was started twice");
}

#[test]
fn a_run_that_waits_for_a_failed_one_comes_back_from_the_queue_and_is_skipped() {
    let mut scene = Scene::new();
    scene.executor.queue = true;
    scene.executor.play(id("a"), Play::Fail);
    scene.executor.play(id("b"), Play::Withdraw);
    let outcome = scene.run(&plan(&["a", "b: a"]), &[]);
    assert_eq!((outcome.failed.len(), outcome.skipped), (1, 1));
    assert_eq!(scene.state("b"), RunState::New);
}

#[test]
fn a_lost_worker_that_lives_on_cannot_write_any_more() {
    let mut scene = Scene::new();
    scene.executor.play(id("a"), Play::Lose);
    let (lease, _) = crate::run_folder::Lease::take(&scene.folder("a"), 1).unwrap();
    let outcome = scene.run(&plan(&["a"]), &[]);
    assert_eq!((outcome.failed[0].cause, outcome.failed[0].error.as_str()), (Cause::Lost, "the node is gone"));
    assert!(lease.check().is_err());
}

#[test]
fn a_worker_that_was_thought_gone_may_finish_and_its_result_counts() {
    let mut scene = Scene::new();
    // It has not said a word when the run is looked at.
    std::fs::create_dir_all(scene.folder("a").attempt(1)).unwrap();
    scene.executor.play(id("a"), Play::Late);
    assert_eq!(scene.run(&plan(&["a", "b: a"]), &[]), outcome(0, 2, 0, 0));
    assert_eq!(scene.executor.orders.iter().map(|order| order.attempt).collect::<Vec<_>>(), [2, 1]);
    let events = EventReader::open(&scene.folder("a")).poll().unwrap();
    assert_eq!(events.iter().filter(|event| matches!(event.kind, Kind::Finished { .. })).count(), 1);
    assert_eq!(scene.state("a"), RunState::Done);
}

/// Lets the worker of the first attempt at a run finish in the moment in which the run is taken from it.
fn finish_when_taken(folder: RunFolder, run: RunId) -> JoinHandle<()> {
    fs::create_dir_all(folder.path()).unwrap();
    // Whoever takes the run reads who holds it, and goes on when this is written.
    mkfifo(&folder.lease(), Mode::S_IRWXU).unwrap();
    thread::spawn(move || {
        let lease = fs::OpenOptions::new().write(true).open(folder.lease()).unwrap();
        EventWriter::open(&folder, run, 1).unwrap().emit(Kind::Finished { seconds: 1.0 }).unwrap();
        drop(lease);
    })
}

#[test]
fn who_finishes_in_the_moment_in_which_its_run_is_taken_from_it_is_done() {
    let mut scene = Scene::new();
    let started = Kind::Started { host: "here".into(), device: "cpu".into(), from_step: 0, steps: 9 };
    EventWriter::open(&scene.folder("a"), id("a"), 1).unwrap().emit(started).unwrap();
    let left_by_another_engine = finish_when_taken(scene.folder("a"), id("a"));
    scene.executor.play(id("b"), Play::Lose);
    let lost = finish_when_taken(scene.folder("b"), id("b"));
    assert_eq!(scene.run(&plan(&["a", "b"]), &[]), outcome(1, 1, 0, 0));
    [left_by_another_engine, lost].into_iter().for_each(|worker| worker.join().unwrap());
    for name in ["a", "b"] {
        assert_eq!((scene.last(name), scene.state(name)), (Kind::Finished { seconds: 1.0 }, RunState::Done));
    }
}

#[test]
fn a_result_that_was_taken_for_a_failure_is_one_again() {
    let mut scene = Scene::new();
    let mut events = EventWriter::open(&scene.folder("a"), id("a"), 1).unwrap();
    events.emit(Kind::Finished { seconds: 1.0 }).unwrap();
    events.emit(Kind::Failed { cause: Cause::Crashed, error: "the worker is gone".into() }).unwrap();
    assert_eq!(scene.run(&plan(&["a", "b: a"]), &[]), outcome(1, 1, 0, 0));
    assert_eq!(scene.started(), [id("b")]);
}

#[test]
fn who_saves_and_leaves_because_the_queue_needs_its_place_is_given_to_it_again() {
    let mut scene = Scene::new();
    scene.executor.queue = true;
    scene.executor.play(id("a"), Play::Evict);
    scene.executor.play(id("a"), Play::Evict);
    assert_eq!(scene.run(&plan(&["a", "b: a"]), &[]), outcome(0, 2, 0, 0));
    assert_eq!(scene.started().iter().filter(|run| **run == id("a")).count(), 3);
    assert_eq!(scene.folder("a").last_attempt().unwrap(), 3);
}

#[test]
fn a_worker_in_a_queue_that_goes_before_its_first_word_has_crashed_and_is_tried_again() {
    let mut scene = Scene::new();
    (scene.executor.queue, scene.retries) = (true, Some(1));
    scene.executor.play(id("a"), Play::Choke);
    assert_eq!(scene.run(&plan(&["a"]), &[]), outcome(0, 1, 0, 0));
    let events = EventReader::open(&scene.folder("a")).poll().unwrap();
    assert!(matches!(events[1].kind, Kind::Failed { cause: Cause::Crashed, .. }), "{events:?}");
    assert_eq!(scene.folder("a").last_attempt().unwrap(), 2);
}
