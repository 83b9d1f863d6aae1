//! The database made again from the files that are the truth.

use super::card::ExperimentFile;
use super::{FILE, Record, RunCard, connect};
use crate::run_folder::{EventReader, RunFile, RunFolder, runs_in};
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const NEW: &str = "lab.sqlite.new";

impl Record {
    /// Makes `lab.sqlite` again from `runs/*/{run.yaml, events.jsonl}` and `experiments/*.json`, and puts it in the place
    /// of the old one, which need not be readable.
    ///
    /// # Errors
    /// When a file cannot be read; the old database is untouched then.
    pub fn rebuild(results: &Path) -> Result<Record> {
        let new = results.join(NEW);
        remove_database(&new)?;
        fs::create_dir_all(results).with_context(|| format!("cannot create {}", results.display()))?;
        let mut record = Record::from(connect(&new)?, results)?;
        for file in entries(&results.join("experiments"))? {
            if file.extension().is_some_and(|extension| extension == "json") {
                let ExperimentFile { experiment, runs } = read_json(&file)?;
                record.admit_cards(Some(&*experiment), &runs)?;
            }
        }
        for run in runs_in(results)?.unwrap_or_default() {
            record.take_run(&RunFolder::new(results, run))?;
        }
        record.db.close().map_err(|(_, error)| error).context("cannot finish the new database")?;
        let old = results.join(FILE);
        remove_logs(&old)?;
        fs::rename(&new, &old).with_context(|| format!("cannot replace {}", old.display()))?;
        fs::File::open(results)?.sync_all()?;
        Record::open(results)
    }

    fn take_run(&mut self, folder: &RunFolder) -> Result<()> {
        if folder.run_yaml().exists() {
            let RunFile::<serde_json::Value> { id, name, stage, parents, work, .. } = RunFile::read(folder)?;
            self.admit_cards(None, &[RunCard { id, name, stage, parents, config: work }])?;
        }
        self.ingest(&EventReader::open(folder).poll()?)
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not what it should be", path.display()))
}

/// What is in a folder, sorted; nothing when there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn remove_database(path: &Path) -> Result<()> {
    remove(path)?;
    remove_logs(path)
}

/// Removes what SQLite keeps beside a database: a log of an old one must never be applied to a new one.
fn remove_logs(path: &Path) -> Result<()> {
    ["-wal", "-shm", "-journal"].iter().try_for_each(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        remove(Path::new(&name))
    })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome.with_context(|| format!("cannot remove {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Lab;
    use super::*;
    use crate::run_id::RunId;
    use serde_json::json;

    /// Writes what an engine would have left in the run's folder.
    fn write_folder(lab: &Lab, id: RunId) {
        let folder = RunFolder::new(lab.results(), id);
        let work = json!({"random_init": {"seed": 3, "rate": 1e-4}});
        let (parents, data) = (vec![RunId::of(b"parent")], Default::default());
        RunFile { id, name: "one".into(), stage: "pretrain".into(), parents, data, work }.write(&folder).unwrap();
        let lines: Vec<_> = lab.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        fs::write(folder.events(), lines.concat()).unwrap();
    }

    #[test]
    fn a_rebuilt_database_holds_what_the_first_one_held() {
        let lab = Lab::with_one_done_run();
        let before = lab.dump();
        write_folder(&lab, RunId::of(b"one"));
        fs::write(lab.results().join(FILE), b"a disk has written nonsense here").unwrap();
        let (rebuilt, folder) = lab.rebuilt();
        assert_eq!(super::super::scripted::dump(&rebuilt), before);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().filter(|e| e.as_ref().unwrap().path() == folder.path().join(NEW)).count(),
            0
        );
    }

    #[test]
    fn a_run_that_has_not_begun_is_known_after_the_database_is_made_again() {
        let mut lab = Lab::new();
        lab.admit_one_run();
        let before = lab.dump();
        let (rebuilt, _folder) = lab.rebuilt();
        assert_eq!(super::super::scripted::dump(&rebuilt), before);
    }

    #[test]
    fn nothing_rebuilds_to_an_empty_database() {
        let results = tempfile::tempdir().unwrap();
        assert_eq!(Record::rebuild(&results.path().join("new")).unwrap().experiments().unwrap(), []);
    }
}
