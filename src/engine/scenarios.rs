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
use crate::schedule::OnFailure;
use crate::spec::work::RandomInit;
use crate::spec::work::Work;
use indexmap::IndexMap;
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
        plan.runs.insert(id(name), Run { id: id(name), name: name.to_owned(), stage, parents, work });
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
    Outcome { done_before, done, failed: Vec::new(), skipped, cancelled, interrupted: false }
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
    let seqs: Vec<_> = EventReader::open(&scene.folder("a")).poll().unwrap().iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [0, 1, 2]);
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
    assert_eq!(outcome.failed[0].error, "killed by signal 9, as the user asked");
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
    let request = Request { plan: &plan, wanted: &plan, file, results, devices: &devices, jobs: 1, workers: 1, on_failure, tick };
    let mut display: Box<dyn Display> = Box::new(Plain::new(Vec::new()));
    let error = run(&request, &mut Scripted::default(), display.as_mut(), &mut || 0).unwrap_err();
    assert_eq!(exit_code(&error), 75);
}
