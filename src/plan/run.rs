//! One run, and one cell of the grid that asked for it.

use crate::run_id::RunId;
use crate::spec::work::Work;
use indexmap::IndexMap;

/// The stage of every run that makes an encoder.
pub const PRETRAIN: &str = "pretrain";

/// One run, complete: nothing downstream looks at the experiment file again.
#[derive(Debug, Clone)]
pub struct Run {
    /// Hash of everything that decides the result.
    pub id: RunId,
    /// Name for people: the axes that vary.
    pub name: String,
    /// `pretrain`, or the name of the transfer.
    pub stage: String,
    /// Runs that must be done first; a transfer has one: its encoder.
    pub parents: Vec<RunId>,
    /// What is done.
    pub work: Work,
    /// The fingerprint of each folder or file that is read, by the path that was given.
    pub data: IndexMap<String, String>,
}

/// Something that was asked for: a point of the grid, at one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The run that answers it.
    pub run: RunId,
    /// `pretrain`, or the name of the transfer.
    pub stage: String,
    /// The axes that are active at this point, in order, with `seed` last.
    pub axes: IndexMap<String, serde_json::Value>,
}
