//! What the record is told of runs and experiments before anything has happened.

use crate::run_id::RunId;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All that the record needs to know of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCard {
    /// The run.
    pub id: RunId,
    /// Its name, for people.
    pub name: String,
    /// `pretrain`, or the name of the transfer.
    pub stage: String,
    /// The runs whose results it needs.
    pub parents: Vec<RunId>,
    /// What it does, complete.
    pub config: Value,
}

/// An experiment and the runs it asks for. `results/experiments/<name>.json` holds one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentCard {
    /// Its name.
    pub name: String,
    /// What it wants to know.
    pub question: String,
    /// The file it was read from, as the person named it.
    pub file: String,
    /// What it asks for, in order.
    pub cells: Vec<CellCard>,
}

/// One thing an experiment asks for; several may share a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellCard {
    /// The run that answers.
    pub run: RunId,
    /// `pretrain`, or the name of the transfer.
    pub stage: String,
    /// The value of each axis, `seed` among them; an axis that does not apply is absent.
    pub axes: IndexMap<String, Value>,
}
