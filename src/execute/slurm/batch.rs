//! What is submitted together: one job array. Its folder is `results/slurm/<nonce>/`.
//!
//! ```text
//! batch.json    what was meant, written before anything is submitted
//! job.sh        the job script
//! logs/         what the jobs wrote
//! job           the id that Slurm gave, written after it answered
//! done          there is nothing left to look for
//! ```

use crate::run_folder::RunFolder;
use crate::run_folder::nonce;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The runs of one job array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// A name that no other batch has.
    pub nonce: String,
    /// The runs of each task of the array, one after the other.
    pub tasks: Vec<Vec<RunId>>,
    /// Where they compute.
    pub device: String,
    /// Threads of each run.
    pub workers: usize,
    /// How often the time limit may put a job back into the queue.
    pub requeues: u32,
}

impl Batch {
    /// A batch with a name of its own.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(tasks: Vec<Vec<RunId>>, device: String, workers: usize, requeues: u32) -> Result<Self> {
        Ok(Batch { nonce: nonce()?, tasks, device, workers, requeues })
    }

    /// The name of its jobs. Ids are given again when a controller has lost its memory; this name never is.
    pub fn name(&self) -> String {
        format!("vicmae-{}", self.nonce)
    }

    /// Its folder below the results.
    pub fn folder(&self, results: &Path) -> PathBuf {
        root(results).join(&self.nonce)
    }

    /// Writes down what is meant, and makes the folder of the logs, which Slurm does not make.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let logs = folder.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        write_atomically(&folder.join("batch.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// Reads what was meant.
    ///
    /// # Errors
    /// When the file is not there or is no batch.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("batch.json");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is no batch", path.display()))
    }

    /// Writes down that there is nothing left to look for.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn close(folder: &Path) -> Result<()> {
        write_atomically(&folder.join("done"), b"")
    }

    /// The batches that may still have jobs, with their folders and the ids of their jobs.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn open(results: &Path) -> Result<Vec<(PathBuf, Batch, Option<String>)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(root(results)).into_iter().flatten() {
            let folder = entry?.path();
            // What was never written whole was never submitted.
            if folder.join("batch.json").exists() && !folder.join("done").exists() {
                let job = fs::read_to_string(folder.join("job")).ok().map(|job| job.trim().to_owned());
                let batch = Batch::read(&folder)?;
                found.push((folder, batch, job));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }
}

/// Where batches are.
pub(super) fn root(results: &Path) -> PathBuf {
    results.join("slurm")
}

/// The folder of a run of the batch in `folder`.
///
/// # Errors
/// When the folder is not below results.
pub fn run_folder(folder: &Path, run: RunId) -> Result<RunFolder> {
    let results = folder.parent().and_then(Path::parent).context("a batch lies in results/slurm")?;
    Ok(RunFolder::new(results, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_found_until_it_is_done() {
        let results = tempfile::tempdir().unwrap();
        let run = RunId::of(b"run");
        let batch = Batch::new(vec![vec![run]], "cpu".into(), 2, 3).unwrap();
        let folder = batch.folder(results.path());
        assert_eq!(Batch::open(results.path()).unwrap(), []);
        batch.write(&folder).unwrap();
        assert!(folder.join("logs").is_dir());
        assert_eq!(Batch::open(results.path()).unwrap(), [(folder.clone(), batch.clone(), None)]);
        fs::write(folder.join("job"), "17\n").unwrap();
        assert_eq!(Batch::open(results.path()).unwrap()[0].2.as_deref(), Some("17"));
        assert_eq!(run_folder(&folder, run).unwrap().path(), RunFolder::new(results.path(), run).path());
        Batch::close(&folder).unwrap();
        assert_eq!(Batch::open(results.path()).unwrap(), []);
    }
}
