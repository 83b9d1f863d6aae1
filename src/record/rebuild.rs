//! The database made again from the files that are the truth.

use super::card::ExperimentFile;
use super::{FILE, Record, RunCard, connect};
use crate::failure::Failure;
use crate::run_folder::{EventReader, RunFile, RunFolder, runs_in};
use crate::run_id::RunId;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const NEW: &str = "lab.sqlite.new";

impl Record {
    /// Makes `lab.sqlite` again from `runs/*/{run.yaml, events.jsonl}` and `experiments/*.json`, and puts it in the place
    /// of the old one, which need not be readable. Of what cannot be understood, `note` is told: one broken file costs no other.
    ///
    /// # Errors
    /// When the disk refuses; the old database is untouched then.
    pub fn rebuild(results: &Path, note: &mut dyn FnMut(String)) -> Result<Record> {
        let new = results.join(NEW);
        remove_database(&new)?;
        fs::create_dir_all(results).with_context(|| format!("cannot create {}", results.display()))?;
        let mut record = Record::from(connect(&new)?, results)?;
        for file in cards(results)? {
            match read_json(&file) {
                Ok(ExperimentFile { experiment, runs }) => record.admit_cards(Some(&*experiment), &runs)?,
                Err(error) => note(format!("passed over {error:#}; running that experiment writes it again")),
            }
        }
        for run in runs_in(results)?.unwrap_or_default() {
            record.take_run(&RunFolder::new(results, run), note)?;
        }
        record.db.close().map_err(|(_, error)| error).context("cannot finish the new database")?;
        let old = results.join(FILE);
        remove_logs(&old)?;
        fs::rename(&new, &old).with_context(|| format!("cannot replace {}", old.display()))?;
        fs::File::open(results)?.sync_all()?;
        Record::open(results)
    }

    /// The runs that answer experiments, as the files say that stand behind the database; the experiments `but` do not count. For who
    /// is going to remove runs: the database might be an old one.
    ///
    /// # Errors
    /// A [`Failure`] when one of these files cannot be understood.
    pub fn answering(results: &Path, but: &[String]) -> Result<HashSet<RunId>> {
        let mut runs = HashSet::new();
        for file in cards(results)? {
            let found: ExperimentFile = read_json(&file).map_err(|error| {
                Failure::input(format!("{error:#}")).hint("run that experiment, which writes the file again, or remove the file")
            })?;
            if !but.contains(&found.experiment.name) {
                runs.extend(found.runs.iter().map(|run| run.id));
                runs.extend(found.experiment.cells.iter().map(|cell| cell.run));
            }
        }
        Ok(runs)
    }

    fn take_run(&mut self, folder: &RunFolder, note: &mut dyn FnMut(String)) -> Result<()> {
        if folder.run_yaml().exists() {
            match RunFile::<serde_json::Value>::read(folder) {
                Ok(RunFile { id, name, stage, parents, work, .. }) => {
                    self.admit_cards(None, &[RunCard { id, name, stage, parents, config: work }])?;
                }
                Err(error) => note(format!("passed over {}: {error:#}; its events are kept", folder.run_yaml().display())),
            }
        }
        self.ingest(&EventReader::open(folder).poll()?)
    }
}

/// The files that say what experiments ask for.
fn cards(results: &Path) -> Result<Vec<PathBuf>> {
    let mut files = entries(&results.join("experiments"))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    Ok(files)
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
    use super::super::RunState;
    use super::super::scripted::Lab;
    use super::*;
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
        let rebuilt = Record::rebuild(&results.path().join("new"), &mut |note| panic!("{note}"));
        assert_eq!(rebuilt.unwrap().experiments().unwrap(), []);
    }

    #[test]
    fn a_broken_file_costs_no_other() {
        let lab = Lab::with_one_done_run();
        let (whole, broken) = (RunId::of(b"one"), RunId::of(b"two"));
        write_folder(&lab, whole);
        write_folder(&lab, broken);
        fs::write(RunFolder::new(lab.results(), broken).run_yaml(), "id: 5").unwrap();
        fs::create_dir_all(lab.results().join("experiments")).unwrap();
        fs::write(lab.results().join("experiments/x.json"), "{").unwrap();
        let mut notes = Vec::new();
        let record = Record::rebuild(lab.results(), &mut |note| notes.push(note)).unwrap();
        assert_eq!(record.state(&whole).unwrap(), RunState::Done);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("x.json") && notes[1].contains("run.yaml"), "{notes:?}");
        // Who does not know what is asked for must not say that something is not.
        assert!(Record::answering(lab.results(), &[]).unwrap_err().to_string().contains("x.json"));
        assert!(record.needed(&[]).is_ok());
    }

    #[test]
    fn the_files_know_which_runs_answer_experiments() {
        let mut lab = Lab::new();
        lab.admit_one_run();
        let answering = |but: &[String]| Record::answering(lab.results(), but).unwrap();
        assert_eq!(answering(&[]), HashSet::from([RunId::of(b"one")]));
        assert_eq!(answering(&["x".to_owned()]), HashSet::new());
    }

    #[test]
    fn an_empty_file_is_no_database() {
        let lab = Lab::with_one_done_run();
        write_folder(&lab, RunId::of(b"one"));
        let again = tempfile::tempdir().unwrap();
        assert!(!Record::is_missing(again.path()) && Record::is_there(lab.results()));
        fs::rename(lab.results().join("runs"), again.path().join("runs")).unwrap();
        fs::write(again.path().join(FILE), "").unwrap();
        // What a process leaves whose database is taken from under it.
        fs::write(again.path().join(format!("{FILE}-wal")), [7; 4096]).unwrap();
        assert!(Record::is_missing(again.path()));
        let record = Record::open_or_rebuild(again.path(), &mut |note| panic!("{note}")).unwrap();
        assert_eq!(record.state(&RunId::of(b"one")).unwrap(), RunState::Done);
    }
}
