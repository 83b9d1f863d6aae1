//! What will be done: every run of an experiment, complete, named by content, equal ones merged.

pub mod change;

mod condition;
mod expand;
mod grid;
mod identity;
mod name;
mod run;

pub(crate) use expand::places;
pub use run::{Cell, PRETRAIN, Run};

use crate::data;
use crate::data::Source;
use crate::run_id::RunId;
use crate::spec::DATASET;
use crate::spec::Experiment;
use crate::spec::SourceText;
use crate::spec::work::Work;
use crate::weights;
use anyhow::Result;
use condition::{Condition, Scope};
use indexmap::IndexMap;
use minijinja::value::Serde;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// What a run reads.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A source of data.
    Source(&'a Source),
    /// A file of weights.
    File(&'a Path),
}

/// Says what is in something that a run reads: two contents with equal fingerprints give equal results.
pub type Fingerprint<'a> = &'a dyn Fn(Content<'_>) -> Result<String>;

/// The fingerprint of what is on disk. `project` is the folder that relative paths start at.
///
/// # Errors
/// A [`crate::failure::Failure`] when it is not there.
pub fn on_disk(content: Content<'_>, project: &Path) -> Result<String> {
    match content {
        Content::Source(source) => data::fingerprint(source, project),
        Content::File(path) => weights::load::fingerprint(&project.join(path)),
    }
}

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
    pub(crate) names: Vec<String>,
}

/// The id of a run without parents, by what is on disk now.
///
/// # Errors
/// A [`crate::failure::Failure`] when what it reads is not there.
pub fn id_now(work: &Work, project: &Path) -> Result<RunId> {
    let fingerprint = |content: Content<'_>| on_disk(content, project);
    let mut identifier = identity::Identifier::new(&fingerprint);
    let canonical = identifier.canonical(work)?;
    Ok(identifier.id(&canonical.text, &[]))
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
            names: names_of_cells(experiment),
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
        Ok(self.keep(kept))
    }

    /// For each run the first cell that asks for it.
    pub fn first_cells(&self) -> HashMap<RunId, &Cell> {
        self.cells.iter().rev().map(|cell| (cell.run, cell)).collect()
    }

    /// The cells that share a run.
    pub fn cells_of(&self, run: RunId) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.run == run)
    }

    /// Keeps the marked cells, and the pretraining cell of every point that has one of them.
    fn keep(mut self, mut kept: Vec<bool>) -> Plan {
        // The cells of a point follow each other, its pretraining first.
        let mut pretrain = 0;
        for at in 0..kept.len() {
            if self.cells[at].stage == PRETRAIN {
                pretrain = at;
            } else if kept[at] {
                kept[pretrain] = true;
            }
        }
        let mut kept = kept.into_iter();
        self.cells.retain(|_| kept.next().unwrap_or(false));
        let needed: BTreeSet<RunId> = self.cells.iter().map(|cell| cell.run).collect();
        self.runs.retain(|id, _| needed.contains(id));
        self.asked = self.cells.len();
        self
    }
}

/// All names that an expression over cells may use.
fn names_of_cells(experiment: &Experiment) -> Vec<String> {
    let datasets = experiment.transfer.values().any(|transfer| !transfer.datasets.is_empty());
    grid::names(experiment).into_iter().chain(datasets.then(|| DATASET.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    fn plan(text: &str) -> Plan {
        let experiment = spec::read(SourceText::new("x.yaml", text), "x", &[], Path::new("no such project")).unwrap();
        Plan::make(&experiment, &|_| Ok("made-up".to_owned())).unwrap()
    }

    const GRID: &str = "template: quick
axes:
  method: [vic_mae, mae, random_init]
  mask_ratio: [0.5, 0.75]
seeds: 2
transfer:
  knn: { template: knn }
  probe: { template: linear_probe }
";

    #[test]
    fn only_keeps_what_is_asked_and_the_encoders_it_needs() {
        let kept = plan(GRID).only("method == 'mae' and stage == 'probe' and seed == 1").unwrap();
        let names: Vec<&str> = kept.runs.values().map(|run| run.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "mae,mask_ratio=0.5,seed=1",
                "mae,mask_ratio=0.5,seed=1/probe",
                "mae,mask_ratio=0.75,seed=1",
                "mae,mask_ratio=0.75,seed=1/probe",
            ]
        );
        assert_eq!(kept.asked, 4);
        assert!(kept.runs.values().all(|run| kept.cells_of(run.id).count() == 1));
    }

    #[test]
    fn only_with_an_unknown_name_is_refused() {
        let said = plan(GRID).only("methd == 'mae'").unwrap_err().to_string();
        insta::assert_snapshot!(said, @r"
        `methd` is no axis and no constant
         --> --only:1:1
          |
        1 | methd == 'mae'
          | ^^^^^ not known here
        hint: did you mean `method`?
        hint: names known here: method, mask_ratio, seed, stage
        ");
    }

    #[test]
    fn parents_come_first_and_names_are_unique() {
        let plan = plan(GRID);
        assert_eq!((plan.asked, plan.runs.len()), (36, 4 * 3 + 4 * 3 - 6 + 12));
        let mut done = BTreeSet::new();
        let mut names = BTreeSet::new();
        for run in plan.runs.values() {
            assert!(run.parents.iter().all(|parent| done.contains(parent)));
            assert!(done.insert(run.id) && names.insert(run.name.clone()));
        }
    }

    #[test]
    fn a_plan_of_ten_thousand_runs_has_ten_thousand_runs() {
        let plan = plan(
            "template: quick\naxes: { mask_ratio: [0.5, 0.6, 0.7, 0.8], weight: [0.01, 0.02, 0.03, 0.04, 0.05] }\nseeds: 250\ntransfer: { knn: { template: knn } }\n",
        );
        assert_eq!(plan.runs.len(), 10_000);
    }
}
