//! A folder in which the program runs a small grid of experiments.

use super::process::{Process, Said, children, send};
use super::snapshot::{Snapshot, empty};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Wall-clock metrics differ from run to run; every other number may not.
const NUMBERS: &str = "SELECT run, metric, step, value FROM curves \
    WHERE metric NOT IN ('images_per_second', 'waited_share', 'seconds') ORDER BY run, metric, step";

/// A part of the grid, as an experiment of its own. A run has the same id in each.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    methods: &'static str,
    seeds: usize,
    pub runs: usize,
}

/// Three pretrainings, three untrained encoders, and a transfer of each.
pub const GRID: Part = Part { methods: "vic_mae, random_init", seeds: 3, runs: 12 };
/// One pretraining, one untrained encoder, and a transfer of each.
pub const SQUARE: Part = Part { seeds: 1, runs: 4, ..GRID };
/// One pretraining and its transfer.
pub const PAIR: Part = Part { methods: "vic_mae", seeds: 1, runs: 2 };
/// The untrained encoders and their transfers: quick.
pub const UNTRAINED: Part = Part { methods: "random_init", seeds: 3, runs: 6 };

/// A project with a results folder of its own.
pub struct Lab {
    folder: tempfile::TempDir,
    pub part: Part,
}

impl Lab {
    pub fn new(part: Part) -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(root().join("experiments/data"), folder.path().join("data")).unwrap();
        fs::create_dir_all(folder.path().join("templates/run")).unwrap();
        fs::create_dir(folder.path().join("results")).unwrap();
        let lab = Lab { folder, part };
        lab.write("templates/run/tiny.yaml.j2", TEMPLATE);
        let Part { methods, seeds, .. } = part;
        lab.write("lab.yaml", format!("{EXPERIMENT}axes: {{ method: [{methods}] }}\nseeds: {seeds}\n"));
        lab
    }

    /// One whose results are those of `snapshot`.
    pub fn with(part: Part, snapshot: &Snapshot) -> Self {
        let lab = Lab::new(part);
        snapshot.put(&lab.results());
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn results(&self) -> PathBuf {
        self.path("results")
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Forgets all results.
    pub fn forget(&self) {
        empty(&self.results());
    }

    /// Starts a program of the lab, the one under test at its end, with `args`.
    pub fn start_by(&self, wrapper: &[&str], args: &[&str]) -> Process {
        let program = program();
        let words = [wrapper, &[program.to_str().unwrap()], args].concat();
        let mut command = Command::new(words[0]);
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(&words[1..]);
        Process::start(command)
    }

    /// Starts the program and returns what it says.
    pub fn vicmae(&self, args: &[&str]) -> Said {
        self.start_by(&[], args).end()
    }

    /// Starts to bring the part about.
    pub fn start(&self) -> Process {
        self.start_by(&[], &RUN)
    }

    /// Brings the part about.
    pub fn run(&self) -> Said {
        self.start().end()
    }

    /// Brings the part about, which must go well, and returns what was said.
    pub fn finish(&self) -> String {
        let said = self.run();
        assert_eq!(said.code, 0, "{}", said.text);
        said.text
    }

    /// Runs something else, which must go well.
    pub fn must(&self, args: &[&str]) -> String {
        let said = self.vicmae(args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.text);
        said.text
    }

    /// The rows that a query gives.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        let text = self.must(&["query", sql, "--json"]);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Every number but those of the wall clock.
    pub fn numbers(&self) -> Vec<Value> {
        self.query(NUMBERS)
    }

    /// The folder of the run of a stage, of which there is one, and it has a `run.yaml`.
    pub fn run_folder(&self, stage: &str) -> PathBuf {
        let folders = fs::read_dir(self.results().join("runs")).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |folder: &PathBuf| {
            let text = fs::read_to_string(folder.join("run.yaml")).unwrap_or_default();
            text.contains(&format!("\nstage: {stage}\n")) && !text.contains("random_init")
        };
        let mut found: Vec<PathBuf> = folders.filter(is_it).collect();
        assert_eq!(found.len(), 1, "{stage}: {found:?}");
        found.remove(0)
    }
}

/// Kills an orchestrator and its workers at once: it is held first, so that it starts no more of them.
pub fn kill_group(orchestrator: &mut Process) -> bool {
    send(orchestrator.id(), Signal::SIGSTOP);
    for worker in children(orchestrator.id()) {
        send(worker, Signal::SIGKILL);
    }
    orchestrator.kill()
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test: the one that was built with the tests, or another build that `VICMAE_BIN` names.
pub fn program() -> PathBuf {
    std::env::var_os("VICMAE_BIN").map_or_else(|| env!("CARGO_BIN_EXE_vicmae").into(), PathBuf::from)
}

/// Brings the part about.
pub const RUN: [&str; 4] = ["run", "lab.yaml", "--jobs", "2"];

const EXPERIMENT: &str = "
experiment: lab
question: Does it stand?
template: tiny
with: { epochs: 4 }
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
  cadence: { measure_steps: 3, checkpoint_epochs: 1 }
  batch: { size: 64 }
  online: { linear: {}, knn: { k: 5, queue: 256 } }
  seed: {{ seed }}
{% endif %}
"#;
