//! Whole experiments on the data that ships with the repository: same numbers always, whatever happens on the way.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Wall-clock metrics differ from run to run; every other number may not.
const NUMBERS: &str = "SELECT name, stage, metric, step, value FROM curves \
    WHERE metric NOT IN ('images_per_second', 'waited_share', 'seconds') ORDER BY name, stage, metric, step";

/// A small experiment over real pictures, in a folder of its own.
struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(epochs: u32, checkpoint_epochs: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data");
        std::os::unix::fs::symlink(data, folder.path().join("data")).unwrap();
        std::fs::create_dir_all(folder.path().join("templates/run")).unwrap();
        std::fs::write(folder.path().join("templates/run/tiny.yaml.j2"), TEMPLATE).unwrap();
        let experiment = format!("{EXPERIMENT}with: {{ epochs: {epochs}, checkpoint_epochs: {checkpoint_epochs} }}\n");
        std::fs::write(folder.path().join("lab.yaml"), experiment).unwrap();
        Lab { folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vicmae"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(args).stdin(Stdio::null());
        command
    }

    fn vicmae(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs to the end and returns what was printed.
    fn run(&self, args: &[&str]) -> String {
        let output = self.vicmae(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {text}");
        text
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn numbers(&self, results: &str) -> Vec<Value> {
        let output = self.vicmae(&["query", NUMBERS, "--json", "--results", results]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until a run that has not come to its end has written all of some words.
    fn wait_for_run(&self, results: &str, words: &[&str]) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(300) {
            let runs = std::fs::read_dir(self.path(results).join("runs")).into_iter().flatten().flatten();
            let mut logs = runs.filter_map(|run| std::fs::read_to_string(run.path().join("events.jsonl")).ok());
            if logs.any(|log| words.iter().all(|word| log.contains(word)) && !log.contains("\"finished\"")) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no run got as far as {words:?}");
    }
}

const EXPERIMENT: &str = "
experiment: lab
question: Are the numbers the same?
template: tiny
axes: { method: [vic_mae, random_init] }
transfer:
  knn: { template: knn, with: { train: data/sign_digits/val, eval: data/sign_digits/val } }
";

const TEMPLATE: &str = r#"
{% if method == "random_init" %}
random_init:
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  seed: {{ seed }}
{% else %}
pretrain:
  data: [ { frame_folder: { root: data/exercise_pairs } } ]
  augment: { jitter: {}, grayscale: 0.2, blur: 0.5, solarize: [0.0, 0.2] }
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  objective:
    mask_ratio: 0.5
    reconstruction: { weight: 0.97 }
    global: { nt_xent: { projector: [32, 16] } }
    weight: { ramp: { from: 0.0, to: 0.1, epochs: 2 } }
  optimizer: { adamw: { base_lr: 1.0e-3 } }
  schedule: { epochs: {{ epochs }}, warmup_epochs: 1 }
  cadence: { measure_steps: 3, checkpoint_epochs: {{ checkpoint_epochs }} }
  batch: { size: 64 }
  online: { linear: {}, knn: { k: 5, queue: 256 } }
  seed: {{ seed }}
{% endif %}
"#;

#[test]
fn the_same_experiment_gives_the_same_numbers_and_is_done_once() {
    let lab = Lab::new(2, 1);
    let first = lab.run(&["run", "lab.yaml", "--results", "a", "--jobs", "2"]);
    assert!(first.contains("4 of 4 runs are done"), "{first}");
    let again = lab.run(&["run", "lab.yaml", "--results", "a"]);
    assert!(again.contains("nothing to do"), "{again}");
    lab.run(&["run", "lab.yaml", "--results", "b", "--jobs", "1"]);
    let numbers = lab.numbers("a");
    assert!(numbers.len() > 20, "{} numbers", numbers.len());
    for probe in ["online.linear.top1", "online.knn.top1"] {
        assert!(numbers.iter().any(|row| row["metric"] == probe), "{probe}");
    }
    assert_eq!(numbers, lab.numbers("b"));
}

#[test]
fn the_record_and_the_report_can_be_made_again_from_the_run_folders() {
    let lab = Lab::new(1, 1);
    lab.run(&["run", "lab.yaml", "--results", "a"]);
    lab.run(&["report", "lab.yaml", "--results", "a"]);
    let (numbers, report) = (lab.numbers("a"), files(&lab.path("a/reports")));
    assert!(report.iter().any(|(name, _)| name.ends_with("index.md")), "{report:?}");
    assert!(report.iter().any(|(name, _)| name.ends_with(".svg")), "no plot");
    for name in ["lab.sqlite", "lab.sqlite-wal", "lab.sqlite-shm"] {
        let _ = std::fs::remove_file(lab.path("a").join(name));
    }
    std::fs::remove_dir_all(lab.path("a/reports")).unwrap();
    lab.run(&["reindex", "--results", "a"]);
    lab.run(&["report", "lab.yaml", "--results", "a"]);
    assert_eq!(numbers, lab.numbers("a"));
    for ((name, before), (other, after)) in report.iter().zip(files(&lab.path("a/reports"))) {
        assert_eq!(*name, other);
        assert!(*before == after, "{} differs", name);
    }
}

#[test]
fn a_run_that_was_killed_ends_with_the_numbers_of_one_that_was_not() {
    let lab = Lab::new(12, 1);
    lab.run(&["run", "lab.yaml", "--results", "calm", "--jobs", "1"]);
    let mut engine = lab.start(&["run", "lab.yaml", "--results", "killed", "--jobs", "1"]);
    lab.wait_for_run("killed", &["\"saved\""]);
    let send = |process: u32, signal| kill(Pid::from_raw(process as i32), signal).unwrap();
    // The engine is held, so that it starts no other worker; then the worker, so that nobody tells it to save.
    send(engine.id(), Signal::SIGSTOP);
    children(engine.id()).into_iter().for_each(|worker| send(worker, Signal::SIGKILL));
    send(engine.id(), Signal::SIGKILL);
    engine.wait().unwrap();
    let text = lab.run(&["run", "lab.yaml", "--results", "killed", "--jobs", "2"]);
    assert!(!text.contains("nothing to do"), "the run ended before it could be killed");
    let attempts =
        lab.vicmae(&["query", "SELECT max(attempt) AS n, max(from_step) AS s FROM attempts", "--json", "--results", "killed"]);
    let attempts: Value = serde_json::from_slice(&attempts.stdout).unwrap();
    assert!(attempts[0]["n"] == 2 && attempts[0]["s"].as_i64().unwrap() > 0, "it did not go on from a checkpoint: {attempts}");
    assert_eq!(lab.numbers("calm"), lab.numbers("killed"));
}

#[test]
fn ctrl_c_saves_and_the_same_command_goes_on() {
    let lab = Lab::new(12, 100);
    lab.run(&["run", "lab.yaml", "--results", "calm", "--jobs", "1"]);
    let mut engine = lab.start(&["run", "lab.yaml", "--results", "stopped", "--jobs", "1"]);
    lab.wait_for_run("stopped", &["\"measured\"", "\"loss\""]);
    kill(Pid::from_raw(engine.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(engine.wait().unwrap().code(), Some(130));
    lab.run(&["run", "lab.yaml", "--results", "stopped", "--jobs", "2"]);
    assert_eq!(lab.numbers("calm"), lab.numbers("stopped"));
}

/// Process ids of the children of a process. Not every kernel has a list of them.
fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the program's name come the state and the parent.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(&parent.to_string()))
    };
    pids.filter(is_child).collect()
}

/// Every file below a folder with its bytes, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.path().strip_prefix(folder).unwrap().display().to_string(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}
