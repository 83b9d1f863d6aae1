//! Before anything starts: the record and the schedule are brought to what the run folders say.

use super::Request;
use crate::display::Display;
use crate::event::Cause;
use crate::event::Kind;
use crate::plan::Cell;
use crate::plan::Run;
use crate::record::CellCard;
use crate::record::ExperimentCard;
use crate::record::Record;
use crate::record::RunCard;
use crate::record::RunState;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Task;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

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

/// Folds into the record what the folders of the wanted runs hold, and closes attempts whose worker is gone.
pub(super) fn reconcile(request: &Request, record: &mut Record, display: &mut dyn Display) -> Result<Standing> {
    let mut standing = Standing { tasks: Vec::new(), readers: BTreeMap::new() };
    for run in request.wanted.runs.values() {
        let folder = RunFolder::new(request.results, run.id);
        let mut attempts = folder.last_attempt()?;
        if record.state(&run.id)? != RunState::Done {
            let mut reader = EventReader::open(&folder);
            let events = reader.poll()?;
            record.ingest(&events)?;
            attempts = events.iter().map(|event| event.attempt).max().unwrap_or(0).max(attempts);
            if let RunState::Running { attempt } = record.state(&run.id)? {
                close(run, &folder, attempt, &mut reader, record, display)?;
            }
            if let Some(complaint) = reader.complaint() {
                display.say(&complaint);
            }
            standing.readers.insert(run.id, reader);
        }
        let done = record.state(&run.id)? == RunState::Done;
        standing.tasks.push(Task { run: run.id, parents: run.parents.clone(), attempt: attempts + 1, done });
    }
    Ok(standing)
}

/// Waits for a worker that outlived the orchestrator before this one, and writes the ending that it could not write.
fn close(
    run: &Run,
    folder: &RunFolder,
    attempt: u32,
    reader: &mut EventReader,
    record: &mut Record,
    display: &mut dyn Display,
) -> Result<()> {
    display.say(&format!("{} {}: attempt {attempt} was left open; waiting for its worker", run.id.short(), run.name));
    let _alone = folder.lock()?;
    record.ingest(&reader.poll()?)?;
    if record.state(&run.id)? == (RunState::Running { attempt }) {
        let error = "the worker is gone and wrote no ending".to_owned();
        EventWriter::open(folder, run.id, attempt)?.emit(Kind::Failed { cause: Cause::Crashed, error })?;
        record.ingest(&reader.poll()?)?;
    }
    Ok(())
}
