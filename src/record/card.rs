//! What the record is told of runs and experiments before anything has happened.

use crate::run_id::RunId;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

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

/// An experiment and what it asks for.
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

/// What `results/experiments/<name>.json` holds: the experiment, and the runs that answer, also those that have not begun and
/// thus have no folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ExperimentFile<'a> {
    #[serde(flatten)]
    pub(super) experiment: Cow<'a, ExperimentCard>,
    #[serde(default)]
    pub(super) runs: Cow<'a, [RunCard]>,
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
