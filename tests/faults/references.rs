//! What damaged results are compared with and made from; made once for all tests.

use super::lab::{GRID, Lab, PAIR, kill_group};
use super::snapshot::Snapshot;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The whole grid, done without any fault.
pub struct Calm {
    numbers: Vec<Value>,
    pub results: Snapshot,
    pub took: Duration,
}

pub static CALM: LazyLock<Calm> = LazyLock::new(|| {
    let lab = Lab::new(GRID);
    let began = Instant::now();
    lab.finish();
    assert!(lab.numbers().len() > 100, "{:?}", lab.numbers());
    Calm { took: began.elapsed(), numbers: lab.numbers(), results: Snapshot::of(&lab.results()) }
});

/// The numbers that the runs of a lab must come to.
pub fn calm_numbers(lab: &Lab) -> Vec<Value> {
    let is_there = |row: &&Value| lab.results().join("runs").join(row["run"].as_str().unwrap()).exists();
    CALM.numbers.iter().filter(is_there).cloned().collect()
}

/// A pretraining that was killed, with its orchestrator, when it had two checkpoints.
pub static INTERRUPTED: LazyLock<Snapshot> = LazyLock::new(|| {
    let lab = Lab::new(PAIR);
    for _ in 0..20 {
        lab.forget();
        let mut orchestrator = lab.start();
        while !orchestrator.ended() && saved(&lab) < 2 {
            sleep(Duration::from_millis(2));
        }
        kill_group(&mut orchestrator);
        let log = log(&lab);
        if saved(&lab) == 2 && log.ends_with('\n') && checkpoints(&lab.run_folder("pretrain")).len() == 2 {
            return Snapshot::of(&lab.results());
        }
    }
    panic!("no pretraining could be killed between its second checkpoint and its third");
});

/// The checkpoints of an unfinished run, oldest first.
pub fn checkpoints(run: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(run.join("checkpoints")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("step-"))
        .collect();
    found.sort();
    found
}

fn log(lab: &Lab) -> String {
    let runs = fs::read_dir(lab.results().join("runs")).into_iter().flatten().flatten();
    runs.filter_map(|run| fs::read_to_string(run.path().join("events.jsonl")).ok()).collect()
}

fn saved(lab: &Lab) -> usize {
    log(lab).matches("\"saved\"").count()
}
