//! Removing runs that nobody asks for: what `gc` and `run --prune` share.

use super::leftovers;
use super::print;
use crate::engine::Lock;
use crate::execute::slurm::Batch;
use crate::failure::Failure;
use crate::record::Record;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use indicatif::BinaryBytes;
use std::collections::HashSet;
use std::fs;
use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::Path;
use walkdir::WalkDir;

/// A run that is to go.
pub(super) struct Orphan {
    pub(super) run: RunId,
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Orphan {
    pub(super) fn of(results: &Path, run: RunId, name: String) -> Self {
        Orphan { run, name, bytes: size(RunFolder::new(results, run).path()) }
    }
}

/// The lines that a person sees before anything is removed.
pub(super) fn lines(orphans: &[Orphan]) -> String {
    let width = orphans.iter().map(|orphan| orphan.name.chars().count()).max().unwrap_or(0);
    let line = |orphan: &Orphan| format!("- {}  {:width$}  {}\n", orphan.run.short(), orphan.name, BinaryBytes(orphan.bytes));
    let all: u64 = orphans.iter().map(|orphan| orphan.bytes).sum();
    orphans.iter().map(line).collect::<String>() + &format!("{} runs, {}", orphans.len(), BinaryBytes(all))
}

/// Shows what is to go, and asks where a person can answer. Returns whether it may go.
///
/// # Errors
/// A [`Failure`] when nobody can answer and `yes` was not said.
pub(super) fn is_agreed(shown: &str, yes: bool) -> Result<bool> {
    print::line(shown)?;
    if yes {
        return Ok(true);
    }
    if !stdin().is_terminal() {
        let failure = Failure::input("nobody is here to say that this may be removed");
        return Err(failure.hint("say it with `--yes`").into());
    }
    write!(stderr(), "remove it for ever? [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The runs that jobs of Slurm may be at, whoever asks for them; `vicmae stop` cancels these jobs.
///
/// # Errors
/// When the disk refuses.
pub(super) fn queued(results: &Path) -> Result<HashSet<RunId>> {
    Ok(Batch::open(results)?.into_iter().flat_map(|(_, batch, _)| batch.tasks.concat()).collect())
}

/// Removes the runs that were shown and that still nobody needs: another process may have asked for some while a person
/// thought about it. Returns how many that were.
///
/// # Errors
/// When the disk refuses.
pub(super) fn remove(
    _lock: &Lock,
    results: &Path,
    record: &mut Record,
    shown: &[Orphan],
    unneeded: &HashSet<RunId>,
) -> Result<usize> {
    leftovers::sweep(results)?;
    let runs: Vec<RunId> = shown.iter().map(|orphan| orphan.run).filter(|run| unneeded.contains(run)).collect();
    // The record first: folders that nobody asks for are found again, rows without a folder are not.
    record.forget(&runs)?;
    runs.iter().try_for_each(|run| remove_run(results, *run))?;
    Ok(runs.len())
}

/// Removes a run's folder. It gets another name first, so that who is killed half way leaves no half run behind.
fn remove_run(results: &Path, run: RunId) -> Result<()> {
    let folder = RunFolder::new(results, run);
    if !folder.path().exists() {
        return Ok(());
    }
    let gone = folder.path().with_file_name(format!("{}{run}", leftovers::GONE));
    fs::rename(folder.path(), &gone).with_context(|| format!("cannot remove {}", folder.path().display()))?;
    fs::remove_dir_all(&gone).with_context(|| format!("cannot remove {}", gone.display()))
}

/// Bytes of all files below a folder.
pub(super) fn size(folder: &Path) -> u64 {
    let files = WalkDir::new(folder).into_iter().flatten().filter_map(|entry| entry.metadata().ok());
    files.filter(|metadata| metadata.is_file()).map(|metadata| metadata.len()).sum()
}
