//! `vicmae gc`: removes what no experiment asks for.

use super::collect;
use super::collect::Orphan;
use super::leftovers::Leftovers;
use super::named::named;
use super::{print, results};
use crate::engine::Lock;
use crate::record::Record;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Shows the runs that no experiment asks for and no other run needs, and removes them when told to
///
/// An experiment asks for what it asked for when it was last run. Runs of values that were
/// taken out of its file since then are found here; those of an experiment that is to go
/// altogether are found with --forget. Batches of Slurm whose jobs are over and copies of this
/// program that no job needs any more go with them.
///
/// Examples:
///   vicmae gc
///   vicmae gc --forget quickstart --yes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Forgets what this experiment asks for, once you have agreed to what goes with it
    #[arg(long, value_name = "EXPERIMENT")]
    forget: Vec<String>,

    /// Removes without asking
    #[arg(long)]
    yes: bool,

    /// Only shows
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Shows, asks, forgets and removes.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, no such experiment, or another process is at the results.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let mut record = results::the_record(folder)?;
    let forgotten = args.forget.iter().map(|name| named(&record, name)).collect::<Result<Vec<_>>>()?;
    let (orphans, leftovers) = (orphans(&record, folder, &forgotten)?, Leftovers::find(folder)?);
    let shown = lines(&orphans, &leftovers);
    if args.dry_run {
        forgotten.iter().try_for_each(|name| print::line(&format!("would forget `{name}`")))?;
        return print::line(shown.as_deref().unwrap_or(NOTHING));
    }
    if let Some(shown) = &shown
        && !collect::is_agreed(shown, args.yes)?
    {
        return print::line("nothing was forgotten or removed");
    }
    if shown.is_none() && forgotten.is_empty() {
        return print::line(NOTHING);
    }
    let lock = Lock::take(folder)?;
    for name in &forgotten {
        record.forget_experiment(name)?;
        print::line(&format!("forgot `{name}`"))?;
    }
    let unneeded: HashSet<RunId> = unneeded(&record, folder, &[])?.into_iter().collect();
    let removed = collect::remove(&lock, folder, &mut record, &orphans, &unneeded)?;
    leftovers.remove(folder)?;
    print::line(&match (shown, orphans.len() - removed) {
        (None, _) => NOTHING.to_owned(),
        (Some(_), 0) => "removed".to_owned(),
        (Some(_), kept) => format!("removed, but for {kept} runs that were asked for in the meantime"),
    })
}

const NOTHING: &str = "nothing to remove: every run is asked for";

/// What a person is shown; nothing when there is nothing to remove.
fn lines(orphans: &[Orphan], leftovers: &Leftovers) -> Option<String> {
    let mut lines = leftovers.lines();
    if !orphans.is_empty() {
        lines.insert(0, collect::lines(orphans));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The runs that nobody needs, where `forgotten` experiments do not count, with their names and sizes.
fn orphans(record: &Record, results: &Path, forgotten: &[String]) -> Result<Vec<Orphan>> {
    let name = |id: &RunId| record.card(id).map(|card| card.map_or_else(String::new, |card| card.name));
    unneeded(record, results, forgotten)?.iter().map(|id| Ok(Orphan::of(results, *id, name(id)?))).collect()
}

/// The run folders that nobody needs, where `forgotten` experiments do not count.
fn unneeded(record: &Record, results: &Path, forgotten: &[String]) -> Result<Vec<RunId>> {
    let mut needed = record.needed(forgotten)?;
    needed.extend(Record::answering(results, forgotten)?);
    let queued = collect::queued(results)?;
    let runs = results.join("runs");
    let entries = match fs::read_dir(&runs) {
        Err(_) if !runs.exists() => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", runs.display()))?,
    };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<RunId>().ok());
    let mut ids: Vec<RunId> = ids.filter(|id| !needed.contains(id) && !queued.contains(id)).collect();
    ids.sort();
    Ok(ids)
}
