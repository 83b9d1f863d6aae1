//! `vicmae show`: everything about one run.

use super::standing::Standings;
use super::{find, print, results};
use crate::record::Attempt;
use crate::record::Record;
use crate::run_folder::RunFile;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use indicatif::BinaryBytes;
use std::path::Path;

/// Shows one run: its configuration, its attempts, its last numbers, its parents and children, and its files
///
/// Examples:
///   vicmae show 3f2a91
///   vicmae show "mae,mask_ratio=0.75,seed=0"
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The beginning of the run's id, or its name
    id: String,
}

/// Prints the run.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, or no such run.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let record = results::the_record(folder)?;
    let id = known(&record, &args.id)?;
    print::line(&page(&record, folder, id)?)
}

/// Finds the run that a person means among all that the record knows.
pub(super) fn known(record: &Record, text: &str) -> Result<RunId> {
    let runs = record.runs_like("")?;
    find::find(text, &runs.into_iter().map(|run| (run.id, run.name)).collect::<Vec<_>>())
}

fn page(record: &Record, results: &Path, id: RunId) -> Result<String> {
    let folder = RunFolder::new(results, id);
    let mut page = String::new();
    let config = match RunFile::<serde_json::Value>::read(&folder) {
        Ok(run) => run.to_yaml()?,
        Err(_) => format!("id: {id}\n"),
    };
    section(&mut page, "run", config.lines().map(str::to_owned).collect());
    section(&mut page, "state", vec![Standings::new(results, Some(record)).of(&id)?.reason]);
    section(&mut page, "attempts", record.attempts(&id)?.iter().map(attempt).collect());
    let numbers = format!("SELECT metric, step, value FROM final WHERE run = '{id}' ORDER BY metric");
    section(&mut page, "last numbers", rows(record, &numbers)?);
    let parents =
        format!("SELECT r.id, r.name FROM parents p JOIN cards r ON r.id = p.parent WHERE p.run = '{id}' ORDER BY p.ordinal");
    section(&mut page, "parents", rows(record, &parents)?);
    let children =
        format!("SELECT r.id, r.name FROM parents p JOIN cards r ON r.id = p.run WHERE p.parent = '{id}' ORDER BY r.name");
    section(&mut page, "children", rows(record, &children)?);
    section(&mut page, "notices", record.notices(&id)?);
    let at = |path: &str| folder.path().join(path).display().to_string();
    let mut files = vec![folder.run_yaml().display().to_string(), folder.events().display().to_string()];
    files.extend(record.artifacts(&id)?.iter().map(|artifact| format!("{} ({})", at(&artifact.path), artifact.name)));
    section(&mut page, "files", files);
    Ok(page)
}

fn section(page: &mut String, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        *page += &format!("{title}:\n");
        lines.iter().for_each(|line| *page += &format!("  {line}\n"));
    }
}

fn attempt(attempt: &Attempt) -> String {
    let mut parts = vec![format!("{}: {}", attempt.attempt, attempt.state)];
    parts.extend(attempt.device.as_ref().map(|device| format!("on {device}")));
    parts.extend(attempt.host.as_ref().map(|host| format!("of {host}")));
    parts.extend(attempt.started_at.as_ref().map(|at| format!("from {at}")));
    parts.extend(attempt.seconds.or(attempt.wall_seconds).map(|seconds| format!("in {seconds:.1} s")));
    parts.extend(attempt.peak_memory_bytes.map(|bytes| format!("with {}", BinaryBytes(bytes))));
    parts.extend(attempt.cause.as_ref().map(|cause| format!("({})", cause.replace('_', " "))));
    let error = attempt.error.as_ref().and_then(|error| error.lines().next());
    error.map_or_else(|| parts.join(" "), |error| format!("{} {error}", parts.join(" ")))
}

fn rows(record: &Record, sql: &str) -> Result<Vec<String>> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows = record.query(sql)?.rows;
    Ok(rows.iter().map(|row| row.iter().map(text).collect::<Vec<_>>().join("  ")).collect())
}
