//! `vicmae plan`: what would be done, and why.

use super::asked::Asked;
use super::asked_before::AskedBefore;
use super::overridden::keep_former;
use super::standing::{Standing, Standings};
use super::{find, print, results, standing};
use crate::engine;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::plan::Plan;
use crate::record::Record;
use crate::record::RunState;
use crate::run_folder::RunFile;
use crate::run_id::RunId;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Shows what an experiment asks for, what is done, and what `run` would do, each with its reason
///
/// A line begins with `+` for a run that is new, `=` for one that is done, `~` for one that
/// will be tried again, resumed, or is running, and `-` for one that the experiment asked for
/// the last time and does not any more. Nothing is written and nothing is started.
///
/// Examples:
///   vicmae plan experiments/quickstart.yaml
///   vicmae plan experiments/quickstart.yaml --only "method == 'mae' and seed == 0"
///   vicmae plan experiments/quickstart.yaml --show 3f2a91
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,

    /// Prints one run, complete, as YAML; ID is the beginning of its id, or its name
    #[arg(long, value_name = "ID")]
    show: Option<String>,

    /// Leaves with exit code 3 when there is something to do
    #[arg(long)]
    detailed_exitcode: bool,

    /// Prints JSON: {"experiment", "runs": [{"id", "name", "stage", "parents", "axes", "state", "reason"}], "asked", "distinct"}
    #[arg(long)]
    json: bool,
}

/// Prints the plan.
///
/// # Errors
/// A [`crate::failure::Failure`] when the experiment is wrong or the run to be shown is none of its runs.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let (mut experiment, mut everything, mut wanted) = args.asked.read()?;
    if let Some(text) = &args.show {
        return show(&wanted, text);
    }
    keep_former(&args.asked.sets, results, &mut experiment, &mut everything, &mut wanted)?;
    let changes = tell(&everything, &wanted, results, args.json)?;
    exit_code(changes && args.detailed_exitcode)
}

/// The exit code that says that there is something to do.
pub(super) fn exit_code(changes: bool) -> Result<()> {
    if changes { Err(Failure::new(Fault::Changes, "there is something to do").into()) } else { Ok(()) }
}

fn show(plan: &Plan, text: &str) -> Result<()> {
    let known: Vec<_> = plan.runs.values().map(|run| (run.id, run.name.clone())).collect();
    let run = &plan.runs[&find::find(text, &known)?];
    let (name, stage, parents) = (run.name.clone(), run.stage.clone(), run.parents.clone());
    print::line(&RunFile { id: run.id, name, stage, parents, data: run.data.clone(), work: &run.work }.to_yaml()?)
}

/// Prints what `run` would do with the wanted part of a plan. Returns whether there is anything to do.
pub(super) fn tell(plan: &Plan, wanted: &Plan, results: &Path, as_json: bool) -> Result<bool> {
    let record = results::record(results)?;
    let rows = rows(plan, wanted, results, record.as_ref())?;
    if as_json {
        print::json(&as_value(wanted, &rows))?;
    } else {
        print::line(&as_text(wanted, &rows))?;
    }
    Ok(rows.iter().any(|(_, _, standing)| standing.sign() != '='))
}

/// The runs with their standings, those that are no longer asked for last.
fn rows(plan: &Plan, wanted: &Plan, results: &Path, record: Option<&Record>) -> Result<Vec<(RunId, String, Standing)>> {
    let standings = Standings::new(results, record);
    let before = AskedBefore::read(record, plan)?;
    // One question for all runs: ten thousand questions take their time.
    let states = record.map(Record::states).transpose()?.unwrap_or_default();
    let asked: HashMap<RunId, RunState> = states.into_iter().filter(|(run, _)| wanted.runs.contains_key(run)).collect();
    let gone = engine::gone(results, &asked)?;
    let cells = wanted.first_cells();
    let mut rows = Vec::new();
    for run in wanted.runs.values() {
        if gone.contains(&run.id) {
            let reason = "its folder is gone: will be run again".to_owned();
            rows.push((run.id, run.name.clone(), Standing { state: "new", reason }));
            continue;
        }
        let mut standing = standings.of_state(&run.id, asked.get(&run.id).unwrap_or(&RunState::New))?;
        if let (true, Some(cell)) = (standing.state == "new", cells.get(&run.id)) {
            standing.reason = before.change(plan, cell)?.unwrap_or(standing.reason);
        }
        rows.push((run.id, run.name.clone(), standing));
    }
    for (id, name, needed) in before.gone() {
        let reason =
            if needed { "no longer asked for; kept, because another experiment needs it" } else { "no longer asked for" };
        rows.push((id, name, Standing { state: "unasked", reason: reason.to_owned() }));
    }
    Ok(rows)
}

fn as_text(plan: &Plan, rows: &[(RunId, String, Standing)]) -> String {
    let count = |sign| rows.iter().filter(|(_, _, standing)| standing.sign() == sign).count();
    let (asked, distinct, done, gone) = (plan.asked, plan.runs.len(), count('='), count('-'));
    let left = rows.len() - done - gone;
    let gone = if gone > 0 { format!(", {gone} no longer asked for") } else { String::new() };
    format!("{}{asked} asked, {distinct} distinct, {done} done, {left} to do{gone}", standing::lines(rows))
}

fn as_value(plan: &Plan, rows: &[(RunId, String, Standing)]) -> Value {
    let cells = plan.first_cells();
    let row = |(id, name, standing): &(RunId, String, Standing)| match plan.runs.get(id) {
        Some(run) => standing::json(*id, name, &run.stage, Some(&run.parents), &cells.get(id).map(|cell| &cell.axes), standing),
        None => json!({"id": id, "name": name, "state": standing.state, "reason": standing.reason}),
    };
    let runs: Vec<Value> = rows.iter().map(row).collect();
    json!({"experiment": plan.experiment, "runs": runs, "asked": plan.asked, "distinct": plan.runs.len()})
}
