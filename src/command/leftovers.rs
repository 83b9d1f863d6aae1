//! What is left in a results folder beside runs, and is of no use any more: closed batches of Slurm, builds of this program that no
//! open batch names, and folders of a removal that was cut off.

use super::collect::size;
use anyhow::{Context, Result};
use indicatif::BinaryBytes;
use std::fs;
use std::path::{Path, PathBuf};

/// How the folder of a run begins that is being removed.
pub(super) const GONE: &str = ".gone-";

/// Folders that may go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    batches: Vec<PathBuf>,
    builds: Vec<PathBuf>,
    /// A person has agreed to the removal of these before.
    gone: Vec<PathBuf>,
}

impl Leftovers {
    /// Looks for them.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(super) fn find(results: &Path) -> Result<Self> {
        let slurm = results.join("slurm");
        let (mut batches, mut open) = (Vec::new(), Vec::new());
        for folder in folders(&slurm)?.into_iter().filter(|folder| !folder.ends_with("bin")) {
            // What was never written whole was never submitted.
            match folder.join("batch.json").exists() && !folder.join("done").exists() {
                true => open.push(folder),
                false => batches.push(folder),
            }
        }
        let scripts: Vec<String> = open.iter().filter_map(|folder| fs::read_to_string(folder.join("job.sh")).ok()).collect();
        let is_named = |build: &PathBuf| {
            let name = format!("/bin/{}/", build.file_name().unwrap_or_default().to_string_lossy());
            scripts.iter().any(|script| script.contains(&name))
        };
        let mut builds = folders(&slurm.join("bin"))?;
        // Where the script of an open batch cannot be read, nobody knows what it names.
        builds.retain(|build| scripts.len() == open.len() && !is_named(build));
        let mut gone = folders(&results.join("runs"))?;
        gone.retain(|folder| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(GONE)));
        Ok(Leftovers { batches, builds, gone })
    }

    /// The lines that a person sees before anything is removed.
    pub(super) fn lines(&self) -> Vec<String> {
        let kinds = [
            (&self.batches, "batches of Slurm that have no jobs any more, with their logs"),
            (&self.builds, "copies of vicmae that no job needs any more"),
            (&self.gone, "runs whose removal was cut off"),
        ];
        let some = kinds.into_iter().filter(|(folders, _)| !folders.is_empty());
        let bytes = |folders: &[PathBuf]| BinaryBytes(folders.iter().map(|folder| size(folder)).sum());
        some.map(|(folders, what)| format!("- {} {what}, {}", folders.len(), bytes(folders))).collect()
    }

    /// Removes those that were shown and are still of no use. Only who holds the results folder may.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn remove(&self, results: &Path) -> Result<()> {
        let now = Self::find(results)?;
        // The copies are looked for after the batches, as a batch that is open now may name one.
        now.gone.iter().try_for_each(|folder| remove(folder))?;
        now.batches.iter().filter(|folder| self.batches.contains(folder)).try_for_each(|folder| remove(folder))?;
        now.builds.iter().filter(|folder| self.builds.contains(folder)).try_for_each(|folder| remove(folder))
    }
}

/// Removes what an earlier removal left half done.
///
/// # Errors
/// When the disk refuses.
pub(super) fn sweep(results: &Path) -> Result<()> {
    Leftovers::find(results)?.gone.iter().try_for_each(|folder| remove(folder))
}

fn remove(folder: &Path) -> Result<()> {
    // First what makes it a batch: who is killed half way must not leave one that looks open.
    let batch = folder.join("batch.json");
    let remove = || {
        if batch.exists() {
            fs::remove_file(&batch)?;
        }
        fs::remove_dir_all(folder)
    };
    remove().with_context(|| format!("cannot remove {}", folder.display()))
}

/// The folders in a folder, sorted; none where it is not there.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(results: &Path, files: &[(&str, &str)]) {
        for (file, text) in files {
            let path = results.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn closed_batches_unnamed_builds_and_half_removed_runs_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path();
        assert_eq!(Leftovers::find(results).unwrap(), Leftovers::default());
        write(
            results,
            &[
                ("slurm/open/batch.json", "{}"),
                ("slurm/open/job.sh", "exec '/lab/results/slurm/bin/b1/vicmae' worker"),
                ("slurm/closed/batch.json", "{}"),
                ("slurm/closed/done", ""),
                ("slurm/closed/job.sh", "exec '/lab/results/slurm/bin/b2/vicmae' worker"),
                ("slurm/bin/b1/vicmae", "elf"),
                ("slurm/bin/b2/vicmae", "elf"),
                ("runs/.gone-00000000000000000000000000000007/events.jsonl", ""),
                ("runs/00000000000000000000000000000008/events.jsonl", ""),
            ],
        );
        let found = Leftovers::find(results).unwrap();
        insta::assert_snapshot!(found.lines().join("\n"), @r"
        - 1 batches of Slurm that have no jobs any more, with their logs, 48 B
        - 1 copies of vicmae that no job needs any more, 3 B
        - 1 runs whose removal was cut off, 0 B
        ");
        found.remove(results).unwrap();
        assert_eq!(Leftovers::find(results).unwrap(), Leftovers::default());
        for stays in ["slurm/open/job.sh", "slurm/bin/b1/vicmae", "runs/00000000000000000000000000000008/events.jsonl"] {
            assert!(results.join(stays).exists(), "{stays}");
        }
    }

    #[test]
    fn a_batch_whose_script_is_missing_keeps_all_builds() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("slurm/open/batch.json", "{}"), ("slurm/bin/b1/vicmae", "elf")]);
        assert_eq!(Leftovers::find(folder.path()).unwrap(), Leftovers::default());
    }
}
