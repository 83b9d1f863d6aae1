//! Workers that end in a way that no program can answer for: out of memory, aborted, broken.

use super::lab::{Lab, SQUARE};
use super::process::{children, send, until};
use super::witness;
use nix::sys::signal::Signal;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn a_worker_that_is_ended_by_a_signal_fails_its_run_alone() {
    for signal in [Signal::SIGABRT, Signal::SIGSEGV, Signal::SIGBUS] {
        let lab = Lab::new(SQUARE);
        let mut orchestrator = lab.start();
        until("the pretraining has begun", || begun(&lab) || orchestrator.ended());
        let worker = worker_of_pretraining(&lab, orchestrator.id()).expect("the pretraining has a worker");
        // The handler that looks for a stack overflow lets the first SIGSEGV or SIGBUS from outside pass.
        while children(orchestrator.id()).contains(&worker) {
            send(worker, signal);
            sleep(Duration::from_millis(5));
        }
        let said = orchestrator.end();
        let failed = lab.query("SELECT cause, error FROM attempts WHERE state = 'failed'");
        assert_eq!(failed.len(), 1, "{failed:?}");
        let words = format!("killed by signal {}", signal as i32);
        assert_eq!(failed[0]["cause"], "crashed");
        assert!(failed[0]["error"].as_str().unwrap().contains(&words), "{failed:?}");
        assert_eq!(said.code, 0, "it was not tried again by the same invocation: {said:?}");
        witness::judge(&lab);
        println!("figure: worker ended by {signal}: told (crashed), tried again and done, siblings untouched");
    }
}

/// Whether the pretraining has begun.
fn begun(lab: &Lab) -> bool {
    let runs = fs::read_dir(lab.results().join("runs")).into_iter().flatten().flatten();
    let logs: Vec<String> = runs.filter_map(|run| fs::read_to_string(run.path().join("events.jsonl")).ok()).collect();
    logs.iter().any(|log| log.contains("\"measured\"") && log.contains("\"loss\""))
}

fn worker_of_pretraining(lab: &Lab, orchestrator: i32) -> Option<i32> {
    let folder = lab.run_folder("pretrain");
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let is_it = |worker: &i32| fs::read_to_string(format!("/proc/{worker}/cmdline")).is_ok_and(|words| words.contains(&name));
    children(orchestrator).into_iter().find(is_it)
}

#[test]
fn a_worker_that_runs_out_of_memory_fails_its_run_alone() {
    let lab = Lab::new(SQUARE);
    lab.write("templates/run/heavy.yaml.j2", HEAVY);
    lab.write("heavy.yaml", "experiment: heavy\nquestion: Does it fit?\ntemplate: heavy\naxes: { width: [16, 32, 16384] }\n");
    // Address space, in KiB: enough for the program and for the small models, not for the large one.
    let script = "ulimit -v \"$0\"; exec \"$@\"";
    let said = lab.start_by(&["sh", "-c", script, "3000000"], &["run", "heavy.yaml", "--jobs", "1"]).end();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.text.contains("2 of 3 runs are done") && said.text.contains("1 failed"), "{said:?}");
    let failed = lab.query("SELECT cause, error FROM attempts WHERE state = 'failed' ORDER BY attempt");
    assert!(!failed.is_empty() && said.text.contains(failed[0]["error"].as_str().unwrap()), "{failed:?} {said:?}");
    assert_eq!(failed[0]["cause"], "out_of_memory", "{failed:?}");
    // The remedy is more memory; here, a smaller model.
    lab.write("heavy.yaml", "experiment: heavy\nquestion: Does it fit?\ntemplate: heavy\naxes: { width: [16, 32, 64] }\n");
    let said = lab.must(&["run", "heavy.yaml"]);
    assert!(said.contains("3 of 3 runs are done, 1 of them now"), "{said}");
    witness::well(&lab);
    witness::no_panic(&lab);
    println!(
        "figure: worker out of memory: run failed ({}: {}), 2 siblings done, exit code 1",
        failed[0]["cause"], failed[0]["error"]
    );
}

const HEAVY: &str = "
random_init:
  model: { vit: { width: {{ width }}, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  seed: {{ seed }}
";
