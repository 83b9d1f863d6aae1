//! Before anything starts: the record and the schedule are brought to what the run folders say.

use super::Request;
use super::gone;
use crate::display::Display;
use crate::event::Cause;
use crate::event::Kind;
use crate::execute::Executor;
use crate::plan::Cell;
use crate::plan::Run;
use crate::record::CellCard;
use crate::record::ExperimentCard;
use crate::record::Record;
use crate::record::RunCard;
use crate::record::RunState;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::Lease;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Stand;
use crate::schedule::Task;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// Has the record forget the wanted runs whose folders were removed. What their next attempts say would be taken for what is known
/// already otherwise.
pub(super) fn forget_gone(request: &Request, record: &mut Record, display: &mut dyn Display) -> Result<()> {
    let mut states = record.states()?;
    states.retain(|run, _| request.wanted.runs.contains_key(run));
    let gone: Vec<RunId> = gone(request.results, &states)?.into_iter().collect();
    if gone.is_empty() {
        return Ok(());
    }
    let what =
        if gone.len() == 1 { "the folder of 1 run is".to_owned() } else { format!("the folders of {} runs are", gone.len()) };
    display.say(&format!("{what} gone: begun again"));
    record.forget(&gone)
}

/// Tells the record what the experiment asks for.
pub(super) fn admit(request: &Request, record: &mut Record) -> Result<()> {
    let plan = request.plan;
    let cell = |cell: &Cell| CellCard { run: cell.run, stage: cell.stage.clone(), axes: cell.axes.clone() };
    let experiment = ExperimentCard {
        name: plan.experiment.clone(),
        question: plan.question.clone(),
        file: request.file.to_owned(),
        cells: plan.cells.iter().map(cell).collect(),
    };
    let runs = plan.runs.values().map(card).collect::<Result<Vec<_>>>()?;
    record.admit(&experiment, &runs)
}

fn card(run: &Run) -> Result<RunCard> {
    let config = serde_json::to_value(&run.work).context("cannot write the work of a run as JSON")?;
    Ok(RunCard { id: run.id, name: run.name.clone(), stage: run.stage.clone(), parents: run.parents.clone(), config })
}

/// Where the wanted runs stand, and for each that is not done a reader behind everything that was written before.
pub(super) struct Standing {
    pub(super) tasks: Vec<Task>,
    pub(super) readers: BTreeMap<RunId, EventReader>,
}

/// Folds into the record what the folders of the wanted runs hold, takes over what an earlier engine left in a queue, and
/// closes attempts whose worker is gone.
pub(super) fn reconcile(
    request: &Request,
    record: &mut Record,
    executor: &mut dyn Executor,
    display: &mut dyn Display,
) -> Result<Standing> {
    let mut standing = Standing { tasks: Vec::new(), readers: BTreeMap::new() };
    for run in request.wanted.runs.values() {
        let folder = RunFolder::new(request.results, run.id);
        let mut state = record.state(&run.id)?;
        let mut attempts = 0;
        let mut stand = Stand::Done;
        if state != RunState::Done {
            let mut reader = EventReader::open(&folder);
            let events = reader.poll()?;
            record.ingest(&events)?;
            state = record.state(&run.id)?;
            attempts = events.iter().map(|event| event.attempt).max().unwrap_or(0).max(folder.last_attempt()?);
            stand = Stand::Open;
            if state != RunState::Done && executor.adopt(&run.id)? {
                stand = Stand::WithExecutor;
            } else if let RunState::Running { attempt } = state {
                close(run, &folder, attempt.max(attempts), &mut reader, record, display)?;
                state = record.state(&run.id)?;
            }
            if let Some(complaint) = reader.complaint() {
                display.say(&complaint);
            }
            standing.readers.insert(run.id, reader);
        }
        let attempt = match (stand, &state) {
            (Stand::WithExecutor, RunState::Running { attempt }) => *attempt,
            _ => attempts + 1,
        };
        stand = match &state {
            RunState::Done => Stand::Done,
            RunState::Pruned { .. } if request.halving.is_some() => Stand::Pruned,
            _ => stand,
        };
        standing.tasks.push(Task { run: run.id, parents: run.parents.clone(), attempt, stand });
    }
    Ok(standing)
}

/// How long a worker that lost its engine may take to save and leave.
const GRACE: Duration = Duration::from_secs(60);

/// Waits for a worker that outlived the engine before this one, and writes the ending that it could not write.
fn close(
    run: &Run,
    folder: &RunFolder,
    attempt: u32,
    reader: &mut EventReader,
    record: &mut Record,
    display: &mut dyn Display,
) -> Result<()> {
    let mut alone = folder.lock(Duration::ZERO)?;
    if alone.is_none() {
        display.say(&format!("{} {}: attempt {attempt} was left open; waiting for its worker", run.id.short(), run.name));
        alone = folder.lock(GRACE)?;
    }
    if open_attempt(run, reader, record)?.is_none() {
        return Ok(());
    }
    // From here on a worker that still lives, on another machine or stuck on this one, must not write.
    let (lease, holder) = Lease::take(folder, attempt)?;
    if let (None, Some(holder)) = (&alone, holder) {
        holder.end_if_here();
    }
    // What it wrote until then counts.
    let Some(open) = open_attempt(run, reader, record)? else { return Ok(()) };
    let error = "the worker is gone and wrote no ending".to_owned();
    let mut writer = EventWriter::open(&folder.clone().held_by(lease), run.id, open)?;
    writer.emit(Kind::Failed { cause: Cause::Crashed, error })?;
    record.ingest(&reader.poll()?)
}

/// The last attempt at a run, if it has written no ending so far.
fn open_attempt(run: &Run, reader: &mut EventReader, record: &mut Record) -> Result<Option<u32>> {
    record.ingest(&reader.poll()?)?;
    let state = record.state(&run.id)?;
    Ok(if let RunState::Running { attempt } = state { Some(attempt) } else { None })
}
