//! A small experiment, done by jobs of a cluster.

use super::cluster::Cluster;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Wall-clock metrics differ from run to run; every other number may not.
const NUMBERS: &str = "SELECT name, stage, metric, step, value FROM curves \
    WHERE metric NOT IN ('images_per_second', 'waited_share', 'seconds') ORDER BY name, stage, metric, step";

pub struct Lab<'a> {
    folder: tempfile::TempDir,
    cluster: &'a Cluster,
    /// The same experiment, done by processes of this machine meanwhile.
    local: Option<Child>,
}

/// What the program said, and its exit code.
pub struct Said {
    pub text: String,
    pub code: i32,
}

impl<'a> Lab<'a> {
    /// `seeds` pretrainings of `epochs`, with a transfer of each, asked for by `profile`.
    pub fn new(cluster: &'a Cluster, seeds: usize, epochs: usize, profile: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::os::unix::fs::symlink(root.join("experiments/data"), folder.path().join("data")).unwrap();
        let mut lab = Lab { folder, cluster, local: None };
        for place in ["templates/run", "templates/slurm"] {
            fs::create_dir_all(lab.path(place)).unwrap();
        }
        fs::write(lab.path("templates/run/tiny.yaml.j2"), TEMPLATE).unwrap();
        fs::write(lab.path("templates/slurm/test.yaml"), format!("{{ device: cpu, poll_seconds: [0.5, 2], {profile} }}"))
            .unwrap();
        fs::write(lab.path("lab.yaml"), format!("{EXPERIMENT}with: {{ epochs: {epochs} }}\nseeds: {seeds}\n")).unwrap();
        let local = lab.command(&["run", "lab.yaml", "--device", "cpu", "--jobs", "1", "--results", "local"]);
        lab.local = Some(quiet(local));
        lab
    }

    /// Has `sbatch` refuse what goes beyond `most` jobs, in the words of a cluster with such a limit: a real one needs a data base.
    pub fn limit_jobs(&self, most: usize) {
        let shim = self.path("bin/sbatch");
        let tools = std::env::var_os("PATH").unwrap_or_default();
        let real = std::env::split_paths(&tools).map(|folder| folder.join("sbatch")).find(|tool| tool.exists()).unwrap();
        fs::create_dir_all(self.path("bin")).unwrap();
        fs::write(&shim, SHIM.replace("MOST", &most.to_string()).replace("REAL", real.to_str().unwrap())).unwrap();
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vicmae"));
        let tools = std::env::var_os("PATH").unwrap_or_default();
        let tools = [self.path("bin")].into_iter().chain(std::env::split_paths(&tools));
        command.env("PATH", std::env::join_paths(tools).unwrap());
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").env("SLURM_CONF", self.cluster.conf());
        command.args(args).stdin(Stdio::null());
        command
    }

    pub fn vicmae(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Said { text, code: output.status.code().unwrap() }
    }

    /// Brings the experiment about by jobs.
    pub fn run(&self) -> Said {
        self.vicmae(&RUN)
    }

    pub fn finish(&self) -> String {
        let said = self.run();
        assert_eq!(said.code, 0, "{}\n{}", said.text, self.cluster.ask(&["squeue", "-a", "-t", "all"]));
        said.text
    }

    /// Begins to bring it about, with its words in a file.
    pub fn start(&self) -> Child {
        let file = fs::File::options().create(true).append(true).open(self.path("said")).unwrap();
        self.command(&RUN).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap()
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    pub fn query(&self, sql: &str, results: &str) -> Vec<Value> {
        let said = self.vicmae(&["query", sql, "--json", "--results", results]);
        serde_json::from_str(&said.text).unwrap_or_else(|error| panic!("{error}: {}", said.text))
    }

    /// The numbers are those of the same experiment done on this machine, each run was done once, and no attempt is open.
    pub fn judge(&mut self) {
        assert!(self.local.take().unwrap().wait().unwrap().success());
        let (numbers, calm) = (self.query(NUMBERS, "results"), self.query(NUMBERS, "local"));
        let differs = numbers.iter().zip(&calm).find(|(number, calm)| number != calm);
        assert!(differs.is_none() && numbers.len() == calm.len(), "{differs:?} of {} and {}", numbers.len(), calm.len());
        for log in self.logs() {
            assert_eq!(log.matches("\"finished\"").count(), 1, "{log}");
        }
        assert_eq!(self.query("SELECT * FROM attempts WHERE state = 'running'", "results").len(), 0);
        let again = self.finish();
        assert!(again.contains("nothing to do"), "{again}");
    }

    /// What each run wrote.
    pub fn logs(&self) -> Vec<String> {
        let runs = fs::read_dir(self.path("results/runs")).into_iter().flatten().flatten();
        runs.filter_map(|run| fs::read_to_string(run.path().join("events.jsonl")).ok()).collect()
    }

    /// Whether some run was gone on with by the job that began it, which the queue had started again.
    pub fn was_requeued(&self) -> bool {
        let runs = fs::read_dir(self.path("results/runs")).into_iter().flatten().flatten();
        let mut leases = runs.filter_map(|run| fs::read_to_string(run.path().join("lease.json")).ok());
        leases.any(|lease| lease.contains(" start ") && !lease.contains(" start 0"))
    }

    /// Whether some run says this.
    pub fn some_log(&self, word: &str) -> bool {
        self.logs().iter().any(|log| log.contains(word))
    }
}

/// A test that fails leaves no process behind.
impl Drop for Lab<'_> {
    fn drop(&mut self) {
        if let Some(local) = &mut self.local {
            let _ = local.kill();
            let _ = local.wait();
        }
    }
}

fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

const RUN: [&str; 6] = ["run", "lab.yaml", "--executor", "slurm", "--profile", "test"];

const SHIM: &str = r#"#!/bin/sh
for word; do
    case $word in --array=0-*) last=${word#--array=0-}; last=${last%%%*} ;; esac
done
if [ $(($(squeue --me -h -r | wc -l) + last + 1)) -gt MOST ]; then
    echo "sbatch: error: AssocMaxSubmitJobLimit" >&2
    echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy" \
        "(job submit limit, user's size and/or time limits)" >&2
    exit 1
fi
exec REAL "$@"
"#;

const EXPERIMENT: &str = "
experiment: lab
question: Does the cluster give the same numbers?
template: tiny
transfer:
  knn: { template: knn, with: { train: data/sign_digits/val, eval: data/sign_digits/val } }
  again: { template: knn, with: { train: data/sign_digits/val, eval: data/sign_digits/val, k: [5] } }
";

const TEMPLATE: &str = r#"
pretrain:
  data: [ { frame_folder: { root: data/exercise_pairs } } ]
  augment: { jitter: {}, grayscale: 0.2 }
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  objective: { mask_ratio: 0.5, reconstruction: {}, global: { nt_xent: { projector: [32, 16] } }, weight: 0.1 }
  optimizer: { adamw: { base_lr: 1.0e-3 } }
  schedule: { epochs: {{ epochs }}, warmup_epochs: 1 }
  cadence: { measure_steps: 3, checkpoint_epochs: 1 }
  batch: { size: 64 }
  seed: {{ seed }}
"#;
