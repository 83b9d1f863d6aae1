//! `vicmae status`: how far the experiments are.

use super::named::named;
use super::standing::{Standing, Standings};
use super::{print, results, standing};
use crate::record::Cell;
use crate::record::Record;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::path::Path;

/// Shows how far the experiments of a results folder are, or the runs of one of them
///
/// Examples:
///   vicmae status
///   vicmae status quickstart
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The experiment's name, or its file
    experiment: Option<String>,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Prints how far they are.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, or no such experiment.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let record = results::the_record(folder)?;
    let standings = Standings::new(folder, Some(&record));
    match &args.experiment {
        Some(name) => one(&record, &standings, name, args.json),
        None => all(&record, &standings, args.json),
    }
}

fn all(record: &Record, standings: &Standings, as_json: bool) -> Result<()> {
    let mut values = Vec::new();
    let mut text = String::new();
    for experiment in record.experiments()? {
        let counts = counts(&runs(record, standings, &experiment.name)?);
        text += &format!("{}: {}\n  {}\n", experiment.name, words(&counts), experiment.question.trim());
        values.push(json!({
            "experiment": experiment.name, "question": experiment.question, "file": experiment.file, "runs": counts,
        }));
    }
    if as_json { print::json(&values) } else { print::line(&text) }
}

fn one(record: &Record, standings: &Standings, name: &str, as_json: bool) -> Result<()> {
    let name = &named(record, name)?;
    let runs = runs(record, standings, name)?;
    if as_json {
        let run =
            |(cell, told): &(Cell, Standing)| standing::json(cell.run.id, &cell.run.name, &cell.stage, None, &cell.axes, told);
        return print::json(&json!({"experiment": name, "runs": runs.values().map(run).collect::<Vec<Value>>()}));
    }
    let rows: Vec<_> = runs.iter().map(|(id, (cell, told))| (*id, cell.run.name.clone(), told.clone())).collect();
    print::line(&format!("{}{}", standing::lines(&rows), words(&counts(&runs))))
}

/// The distinct runs of an experiment, each with the first cell that asks for it.
fn runs(record: &Record, standings: &Standings, experiment: &str) -> Result<IndexMap<RunId, (Cell, Standing)>> {
    let mut runs = IndexMap::new();
    for cell in record.cells(experiment)? {
        if !runs.contains_key(&cell.run.id) {
            let told = standings.of_state(&cell.run.id, &cell.run.state)?;
            runs.insert(cell.run.id, (cell, told));
        }
    }
    Ok(runs)
}

fn counts(runs: &IndexMap<RunId, (Cell, Standing)>) -> IndexMap<&'static str, usize> {
    let mut counts: IndexMap<_, usize> = ["done", "running", "interrupted", "failed", "new"].map(|state| (state, 0)).into();
    runs.values().for_each(|(_, told)| *counts.entry(told.state).or_default() += 1);
    counts
}

fn words(counts: &IndexMap<&'static str, usize>) -> String {
    let all: usize = counts.values().sum();
    let parts = counts.iter().filter(|(state, count)| **count > 0 || **state == "done");
    let parts: Vec<_> = parts.map(|(state, count)| format!("{count} {state}")).collect();
    format!("{all} runs: {}", parts.join(", "))
}
