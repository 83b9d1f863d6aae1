//! The folder of one run: where each file stands, the resolved run, and the event file.
//!
//! ```text
//! results/runs/<32 hex>/
//!    run.yaml                      the resolved run
//!    events.jsonl                  one event a line, append only: the truth about the run
//!    lease.json                    who may write: the attempt, its process and its machine
//!    attempts/<n>/{stdout,stderr,exit.json,environment.json}
//!    checkpoints/  artifacts/
//! ```

mod atomic;
mod environment;
mod event_reader;
mod event_writer;
mod lease;
mod line;

pub use atomic::{is_unfinished, write_atomically, write_if};
pub use environment::Environment;
pub use event_reader::EventReader;
pub use event_writer::EventWriter;
pub use lease::{Fenced, Holder, Lease, host, nonce};

use crate::run_id::RunId;
use anyhow::{Context, Result};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The runs that have a folder below the results folder, sorted; nothing when there is no place for them.
///
/// # Errors
/// When it is there and cannot be read.
pub fn runs_in(results: &Path) -> Result<Option<BTreeSet<RunId>>> {
    let place = results.join("runs");
    let entries = match fs::read_dir(&place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries.with_context(|| format!("cannot read {}", place.display()))?,
    };
    let mut runs = BTreeSet::new();
    for entry in entries {
        // What is being removed has another name.
        runs.extend(entry?.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()));
    }
    Ok(Some(runs))
}

/// The folder of one run. It names places and creates none of them.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    lease: Option<Arc<Lease>>,
}

impl RunFolder {
    /// The folder of run `id` below the results folder.
    pub fn new(results: &Path, id: RunId) -> Self {
        Self::at(results.join("runs").join(id.to_string()))
    }

    /// The run folder at `path`: what a worker is handed.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        RunFolder { path: path.into(), lease: None }
    }

    /// The folder of another run of the same results: a parent's, say.
    pub fn sibling(&self, id: RunId) -> Self {
        Self::at(self.path.with_file_name(id.to_string()))
    }

    /// The same folder in the hands of one who holds `lease`: it is checked before anything is written.
    #[must_use]
    pub fn held_by(self, lease: Lease) -> Self {
        RunFolder { lease: Some(Arc::new(lease)), ..self }
    }

    /// Makes sure that the run was not taken over by another process. Who holds no lease may read, and need not ask.
    ///
    /// # Errors
    /// [`Fenced`] when it was.
    pub fn check(&self) -> Result<()> {
        self.lease.as_ref().map_or(Ok(()), |lease| lease.check())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved run.
    pub fn run_yaml(&self) -> PathBuf {
        self.path.join("run.yaml")
    }

    /// The events, one a line, append only.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// What the process of attempt `n` (from 1) left: `stdout`, `stderr`, `exit.json`.
    pub fn attempt(&self, n: u32) -> PathBuf {
        self.path.join("attempts").join(n.to_string())
    }

    /// The checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Pictures and other files that the run made.
    pub fn artifacts(&self) -> PathBuf {
        self.path.join("artifacts")
    }

    /// Who may write.
    pub fn lease(&self) -> PathBuf {
        self.path.join("lease.json")
    }

    /// Who holds the run, or held it last.
    ///
    /// # Errors
    /// When the lease is there but cannot be read.
    pub fn holder(&self) -> Result<Option<Holder>> {
        Holder::read(&self.lease())
    }

    /// Waits until no other worker of this machine is at this run, `at_most` so long, and keeps others away for as long as the
    /// file is held. The kernel lets go when the process ends, however it ends. Returns nothing when the time is over.
    ///
    /// # Errors
    /// When the folder is not there or the file system knows no locks.
    pub fn lock(&self, at_most: Duration) -> Result<Option<File>> {
        let path = self.path.join(".lock");
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < at_most => sleep(Duration::from_millis(10)),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display()))?,
            }
        }
    }

    /// Takes the next free attempt, also where several processes ask at once, and makes its folder.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn claim(&self) -> Result<u32> {
        loop {
            let attempt = self.last_attempt()? + 1;
            let path = self.attempt(attempt);
            let create = || {
                fs::create_dir_all(self.path.join("attempts"))?;
                fs::create_dir(&path)
            };
            match create() {
                Ok(()) => return Ok(attempt),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("cannot create {}", path.display())),
            }
        }
    }

    /// The number of the last attempt that was begun, 0 when there was none.
    ///
    /// # Errors
    /// When the folder of attempts is there but cannot be read.
    pub fn last_attempt(&self) -> Result<u32> {
        let attempts = self.path.join("attempts");
        let entries = match fs::read_dir(&attempts) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries.with_context(|| format!("cannot read {}", attempts.display()))?,
        };
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(numbers.max().unwrap_or(0))
    }
}

/// The resolved run as `run.yaml` holds it. `W` is the work: typed for those who do it, JSON for those who only show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile<W = serde_json::Value> {
    /// The run.
    pub id: RunId,
    /// Its name, for people.
    pub name: String,
    /// `pretrain`, or the name of the transfer.
    pub stage: String,
    /// The runs whose results it needs.
    pub parents: Vec<RunId>,
    /// The fingerprint of each folder or file that it reads, by the path that was given.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub data: IndexMap<String, String>,
    /// What it does.
    pub work: W,
}

impl<W: Serialize> RunFile<W> {
    /// The run as YAML text.
    ///
    /// # Errors
    /// When the work holds something that JSON cannot say (a map with keys that are no strings).
    pub fn to_yaml(&self) -> Result<String> {
        // By way of JSON: enums become maps of one key there, as people write them, and not YAML tags.
        let value = serde_json::to_value(self).context("cannot write the run down")?;
        serde_yaml::to_string(&value).context("cannot write the run as YAML")
    }

    /// Writes `run.yaml`, and the folder when it is not there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        fs::create_dir_all(folder.path()).with_context(|| format!("cannot create {}", folder.path().display()))?;
        write_atomically(&folder.run_yaml(), self.to_yaml()?.as_bytes())
    }
}

impl<W: DeserializeOwned> RunFile<W> {
    /// Reads `run.yaml`.
    ///
    /// # Errors
    /// When the file is not there or is no run.
    pub fn read(folder: &RunFolder) -> Result<Self> {
        let path = folder.run_yaml();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: serde_json::Value = serde_yaml::from_str(&text).with_context(|| format!("{} is no YAML", path.display()))?;
        serde_json::from_value(value).with_context(|| format!("{} is no resolved run", path.display()))
    }
}

/// The fingerprints of a run's data, as `run.yaml` holds them. What follows them there is not looked at: a report asks ten
/// thousand runs.
///
/// # Errors
/// When the file is not there or is no run.
pub fn fingerprints(folder: &RunFolder) -> Result<IndexMap<String, String>> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        data: IndexMap<String, String>,
    }
    let path = folder.run_yaml();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // Only a key of the file itself can stand at the beginning of a line.
    let head = text.split_once("\nwork:").map_or(text.as_str(), |(head, _)| head);
    let head: Head = serde_yaml::from_str(head).with_context(|| format!("{} is no resolved run", path.display()))?;
    Ok(head.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Toy {
        Train { rate: f64, big: u64, text: String },
    }

    fn toy() -> RunFile<Toy> {
        RunFile {
            id: RunId::of(b"toy"),
            name: "toy".into(),
            stage: "pretrain".into(),
            parents: vec![RunId::of(b"parent")],
            data: IndexMap::new(),
            work: Toy::Train { rate: 0.1 + 0.2, big: u64::MAX, text: "1e-3".into() },
        }
    }

    #[test]
    fn run_yaml_is_plain_yaml_and_comes_back_bit_for_bit() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(results.path(), toy().id);
        toy().write(&folder).unwrap();
        assert_eq!(RunFile::<Toy>::read(&folder).unwrap(), toy());
        let untyped = RunFile::<serde_json::Value>::read(&folder).unwrap();
        assert_eq!(untyped.work, json!({"train": {"rate": 0.1 + 0.2, "big": u64::MAX, "text": "1e-3"}}));
        let text = fs::read_to_string(folder.run_yaml()).unwrap().replace(&toy().id.to_string(), "<id>");
        insta::assert_snapshot!(text.replace(&toy().parents[0].to_string(), "<parent>"), @r"
        id: <id>
        name: toy
        stage: pretrain
        parents:
        - <parent>
        work:
          train:
            rate: 0.30000000000000004
            big: 18446744073709551615
            text: '1e-3'
        ");
    }

    #[test]
    fn fingerprints_are_read_without_the_work() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(results.path(), toy().id);
        toy().write(&folder).unwrap();
        assert!(fingerprints(&folder).unwrap().is_empty());
        // A path may look like the key that follows.
        let data: IndexMap<String, String> = [("a\nwork: b", "0123"), ("c", "4567")].map(|(k, v)| (k.into(), v.into())).into();
        RunFile { data: data.clone(), ..toy() }.write(&folder).unwrap();
        assert_eq!(fingerprints(&folder).unwrap(), data);
        assert!(fingerprints(&RunFolder::at(results.path().join("a"))).is_err());
    }

    #[test]
    fn a_broken_run_yaml_names_the_file() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(results.path().join("a"));
        assert!(RunFile::<Toy>::read(&folder).unwrap_err().to_string().ends_with("a/run.yaml"));
    }

    #[test]
    fn the_last_attempt_is_the_largest_number() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(results.path(), RunId::of(b"x"));
        assert_eq!(folder.last_attempt().unwrap(), 0);
        for name in ["2", "10", "junk"] {
            fs::create_dir_all(folder.path().join("attempts").join(name)).unwrap();
        }
        assert_eq!(folder.last_attempt().unwrap(), 10);
    }

    #[test]
    fn a_sibling_shares_the_results() {
        let (a, b) = (RunId::of(b"a"), RunId::of(b"b"));
        assert_eq!(RunFolder::new(Path::new("r"), a).sibling(b).path(), RunFolder::new(Path::new("r"), b).path());
    }
}
