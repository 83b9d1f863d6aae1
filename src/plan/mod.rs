//! What will be done: every run of an experiment, complete, named by content, equal ones merged.

mod run;

pub use run::{Cell, Run};

use crate::data::Source;
use crate::run_id::RunId;
use crate::spec::Experiment;
use anyhow::Result;
use indexmap::IndexMap;

/// Says what is in a source of data: two sources with equal fingerprints give equal results.
pub type Fingerprint<'a> = &'a dyn Fn(&Source) -> Result<String>;

/// Everything that an experiment asks for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the experiment.
    pub experiment: String,
    /// What it asks.
    pub question: String,
    /// The distinct runs, parents before children, in the order they were first asked for.
    pub runs: IndexMap<RunId, Run>,
    /// Everything that was asked for, in order; several cells may share a run.
    pub cells: Vec<Cell>,
    /// Number of cells.
    pub asked: usize,
}

impl Plan {
    /// Expands, renders, checks, hashes and merges.
    pub fn make(experiment: &Experiment, fingerprint: Fingerprint) -> Result<Plan> {
        let _ = fingerprint;
        anyhow::bail!("{}: planning is not written yet", experiment.name)
    }

    /// Keeps the cells for which `expression` (over the axes, `seed` and `stage`) holds, and the parents that they need.
    pub fn only(self, expression: &str) -> Result<Plan> {
        anyhow::bail!("{expression}: not written yet")
    }

    /// The cells that share a run.
    pub fn cells_of(&self, run: RunId) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.run == run)
    }
}
