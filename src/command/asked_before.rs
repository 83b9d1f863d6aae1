//! What an experiment asked for when it was last run: who is no longer wanted, and what has changed.

use crate::plan::Cell;
use crate::plan::Plan;
use crate::plan::Run;
use crate::plan::change;
use crate::record::Record;
use crate::record::RunCard;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The runs of the last time, and which of them others want too.
#[derive(Default)]
pub(super) struct AskedBefore<'a> {
    record: Option<&'a Record>,
    names: IndexMap<RunId, String>,
    /// The runs by stage and axes.
    cells: HashMap<String, RunId>,
    /// What other experiments need.
    others: HashSet<RunId>,
    /// What is asked for now.
    asked: HashSet<RunId>,
}

impl<'a> AskedBefore<'a> {
    /// Reads what the experiment of a plan asked for.
    pub(super) fn read(record: Option<&'a Record>, plan: &Plan) -> Result<Self> {
        let Some(known) = record else { return Ok(AskedBefore::default()) };
        let experiment = &plan.experiment;
        let asked: HashSet<RunId> = plan.cells.iter().map(|cell| cell.run).collect();
        if known.asked_for(experiment)?.is_subset(&asked) {
            // Nothing is gone, so that nothing stands in the place of something else.
            return Ok(AskedBefore::default());
        }
        let others = known.needed(std::slice::from_ref(experiment))?;
        let mut before = AskedBefore { record, others, asked, ..AskedBefore::default() };
        for cell in known.cells(experiment)? {
            before.cells.insert(place(&cell.stage, &cell.axes), cell.run.id);
            before.names.insert(cell.run.id, cell.run.name);
        }
        Ok(before)
    }

    /// The runs that the plan does not ask for any more, and whether another experiment does.
    pub(super) fn gone(&self) -> Vec<(RunId, String, bool)> {
        let gone = self.names.iter().filter(|(run, _)| !self.asked.contains(*run));
        gone.map(|(run, name)| (*run, name.clone(), self.others.contains(run))).collect()
    }

    /// What has changed since there was another run in the place of this one: `mask_ratio 0.75 to 0.8`.
    pub(super) fn change(&self, plan: &Plan, cell: &Cell) -> Result<Option<String>> {
        let before = self.cells.get(&place(&cell.stage, &cell.axes)).filter(|before| !self.asked.contains(*before));
        let (Some(before), Some(run)) = (before, plan.runs.get(&cell.run)) else { return Ok(None) };
        let Some(before) = self.card(before)? else { return Ok(None) };
        let changes = change::changes(&before.config, &serde_json::to_value(&run.work)?);
        if !changes.is_empty() {
            return Ok(Some(format!("changed: {}", change::words(&changes))));
        }
        if before.parents == run.parents {
            return Ok(Some("its data changed".to_owned()));
        }
        Ok(Some(format!("its pretraining changed{}", self.of_parents(plan, &before, run)?)))
    }

    fn of_parents(&self, plan: &Plan, before: &RunCard, run: &Run) -> Result<String> {
        for (old, new) in before.parents.iter().zip(&run.parents) {
            if let (Some(old), Some(new)) = (self.card(old)?, plan.runs.get(new)) {
                let changes = change::changes(&old.config, &serde_json::to_value(&new.work)?);
                let words = if changes.is_empty() { "its data".to_owned() } else { change::words(&changes) };
                return Ok(format!(": {words}"));
            }
        }
        Ok(String::new())
    }

    fn card(&self, run: &RunId) -> Result<Option<RunCard>> {
        self.record.map_or(Ok(None), |record| record.card(run))
    }
}

/// What tells a cell from all others of its experiment.
pub(super) fn place(stage: &str, axes: &IndexMap<String, Value>) -> String {
    serde_json::json!([stage, axes]).to_string()
}
