//! `vicmae plan`: what would be done, and why.

use super::asked::Asked;
use super::standing::{Standing, Standings};
use super::{find, print, results, standing};
use crate::plan::Plan;
use crate::run_folder::RunFile;
use crate::run_id::RunId;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// Shows what an experiment asks for, what is done, and what `run` would do, each with its reason
///
/// A line begins with `+` for a run that is new, `=` for one that is done, `~` for one that
/// will be tried again, resumed, or is running. Nothing is written and nothing is started.
///
/// Examples:
///   vicmae plan experiments/mask_ratio.yaml
///   vicmae plan experiments/mask_ratio.yaml --only "method == 'mae' and seed == 0"
///   vicmae plan experiments/mask_ratio.yaml --show 3f2a91
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,

    /// Prints one run, complete, as YAML; ID is the beginning of its id, or its name
    #[arg(long, value_name = "ID")]
    show: Option<String>,

    /// Prints JSON: {"experiment", "runs": [{"id", "name", "stage", "parents", "axes", "state", "reason"}], "asked", "distinct"}
    #[arg(long)]
    json: bool,
}

/// Prints the plan.
///
/// # Errors
/// A [`crate::failure::Failure`] when the experiment is wrong or the run to be shown is none of its runs.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let (_, _, wanted) = args.asked.read()?;
    match &args.show {
        Some(text) => show(&wanted, text),
        None => tell(&wanted, results, args.json),
    }
}

fn show(plan: &Plan, text: &str) -> Result<()> {
    let known: Vec<_> = plan.runs.values().map(|run| (run.id, run.name.clone())).collect();
    let run = &plan.runs[&find::find(text, &known)?];
    let (name, stage, parents) = (run.name.clone(), run.stage.clone(), run.parents.clone());
    print::line(&RunFile { id: run.id, name, stage, parents, work: &run.work }.to_yaml()?)
}

/// Prints what `run` would do with a plan.
pub(super) fn tell(plan: &Plan, results: &Path, as_json: bool) -> Result<()> {
    let record = results::record(results)?;
    let standings = Standings::new(results, record.as_ref());
    let rows =
        plan.runs.values().map(|run| Ok((run.id, run.name.clone(), standings.of(&run.id)?))).collect::<Result<Vec<_>>>()?;
    if as_json { print::json(&as_value(plan, &rows)) } else { print::line(&as_text(plan, &rows)) }
}

fn as_text(plan: &Plan, rows: &[(RunId, String, Standing)]) -> String {
    let done = rows.iter().filter(|(_, _, standing)| standing.state == "done").count();
    let (asked, distinct, left) = (plan.asked, rows.len(), rows.len() - done);
    format!("{}{asked} asked, {distinct} distinct, {done} done, {left} to do", standing::lines(rows))
}

fn as_value(plan: &Plan, rows: &[(RunId, String, Standing)]) -> Value {
    let run = |(id, name, standing): &(RunId, String, Standing)| {
        let run = &plan.runs[id];
        let axes = plan.cells_of(*id).next().map(|cell| &cell.axes);
        standing::json(*id, name, &run.stage, Some(&run.parents), &axes, standing)
    };
    let runs: Vec<Value> = rows.iter().map(run).collect();
    json!({"experiment": plan.experiment, "runs": runs, "asked": plan.asked, "distinct": rows.len()})
}
