//! What will be done: every run of an experiment, complete, named by content, equal ones merged.

mod condition;
mod expand;
mod grid;
mod identity;
mod name;
mod run;

pub use run::{Cell, PRETRAIN, Run};

use crate::data::Source;
use crate::run_id::RunId;
use crate::spec::Experiment;
use crate::spec::SourceText;
use anyhow::Result;
use condition::{Condition, Scope};
use indexmap::IndexMap;
use minijinja::value::Serde;
use std::collections::BTreeSet;

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
    /// Names that `only` may use besides those of the cells.
    names: Vec<String>,
}

impl Plan {
    /// Expands the grid, renders and checks every run, and merges equal ones.
    ///
    /// `fingerprint` is asked once for each folder of data. A person's mistake is a [`crate::failure::Failure`].
    pub fn make(experiment: &Experiment, fingerprint: Fingerprint) -> Result<Plan> {
        let (mut runs, cells) = expand::expand(experiment, fingerprint)?;
        let names = name::names(&experiment.name, &cells);
        for run in runs.values_mut() {
            run.name = names[&run.id].clone();
        }
        Ok(Plan {
            experiment: experiment.name.clone(),
            question: experiment.question.clone(),
            asked: cells.len(),
            runs,
            cells,
            names: grid::names(experiment),
        })
    }

    /// Keeps the cells for which `expression` (over axes, `seed` and `stage`) holds, and the pretraining that they need.
    pub fn only(self, expression: &str) -> Result<Plan> {
        let source = SourceText::new("--only", expression);
        let axes: BTreeSet<&str> = self.cells.iter().flat_map(|cell| cell.axes.keys()).map(String::as_str).collect();
        let known: Vec<&str> =
            self.names.iter().map(String::as_str).filter(|name| axes.contains(name)).chain(["stage"]).collect();
        let condition = Condition::new(&source, &[], expression, &known)?;
        let absent: Scope = known.iter().map(|name| ((*name).to_owned(), minijinja::Value::from(()))).collect();
        let mut kept = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            let mut scope = absent.clone();
            scope.extend(cell.axes.iter().map(|(name, value)| (name.clone(), minijinja::Value::from(Serde(value)))));
            scope.insert("stage".to_owned(), minijinja::Value::from(cell.stage.as_str()));
            kept.push(condition.holds(&scope)?);
        }
        Ok(self.keep(&kept))
    }

    /// The cells that share a run.
    pub fn cells_of(&self, run: RunId) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.run == run)
    }

    /// Keeps the marked cells; a cell of a parent stays with its first child of the same point, so that every run has a cell.
    fn keep(mut self, kept: &[bool]) -> Plan {
        let marked = self.cells.iter().zip(kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell);
        let mut needed: BTreeSet<RunId> = marked.clone().map(|cell| cell.run).collect();
        let points: Vec<(Vec<RunId>, IndexMap<String, serde_json::Value>)> = marked
            .filter(|cell| cell.stage != PRETRAIN)
            .map(|cell| (self.runs[&cell.run].parents.clone(), cell.axes.clone()))
            .collect();
        needed.extend(points.iter().flat_map(|(parents, _)| parents));
        let mut at = 0;
        self.cells.retain(|cell| {
            at += 1;
            kept[at - 1]
                || points
                    .iter()
                    .any(|(parents, axes)| cell.stage == PRETRAIN && parents.contains(&cell.run) && *axes == cell.axes)
        });
        self.runs.retain(|id, _| needed.contains(id));
        self.asked = self.cells.len();
        self
    }
}
