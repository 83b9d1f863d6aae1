//! What an experiment asked and what its runs answered: typed rows from the database.

use super::embedding::Features;
use super::facts::{self, Facts};
use crate::event::{Known, Metric, SECONDS};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::record::{Cell, Record, RunRow, RunState};
use crate::run_id::RunId;
use crate::spec::DATASET;
use crate::spec::Experiment;
use anyhow::Result;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

/// The axis over which statistics are made, and no other.
pub const SEED: &str = "seed";

/// Points of a curve that are read, as a plot has not many more columns; fewer of each where there are many.
const POINTS_OF_CURVE: std::ops::RangeInclusive<usize> = 100..=400;
const POINTS: usize = 400_000;

/// An experiment with all that a report needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The name of the experiment.
    pub experiment: String,
    /// What it wants to know.
    pub question: String,
    /// The file it was read from.
    pub file: String,
    /// The axes that its file declares, also where no run has them; empty where nobody asked.
    pub declared: Vec<String>,
    /// What it asked for, in its order.
    pub rows: Vec<Row>,
    /// The curves of the metrics that were wanted, by run.
    pub curves: BTreeMap<Quantity, BTreeMap<RunId, Vec<(u64, f64)>>>,
    /// The features that were wanted, as far as runs kept them.
    pub features: BTreeMap<RunId, Features>,
    /// What the numbers depend on, by run, also of runs that others need; empty where nobody asked.
    pub facts: BTreeMap<RunId, Facts>,
}

/// One cell that was asked for, and what its run answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// `pretrain`, or the name of the transfer.
    pub stage: String,
    /// The value of each axis but the seed.
    pub axes: IndexMap<String, Value>,
    /// The value of the seed axis.
    pub seed: Option<Value>,
    /// The run that answers.
    pub run: RunRow,
    /// Whether the run waits for one that was pruned.
    pub pruned: bool,
    /// Whether the run waits for one that failed.
    pub failed: bool,
    /// The last value of each metric; empty as long as the run is not done.
    pub values: BTreeMap<Metric, f64>,
}

/// A metric of a stage: `linear.top1`, `pretrain.loss.reconstruction`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    /// The stage.
    pub stage: String,
    /// The metric.
    pub metric: Metric,
}

impl Question {
    /// Reads an experiment, without curves.
    ///
    /// # Errors
    /// A [`Failure`] when the record knows no experiment of that name.
    pub fn read(record: &Record, experiment: &str) -> Result<Question> {
        let known = record.experiments()?;
        let Some(card) = known.iter().find(|card| card.name == experiment) else {
            return Err(Failure::input(format!("there is no experiment `{experiment}` in the record"))
                .nearest(experiment, known.iter().map(|card| card.name.as_str()))
                .hint("an experiment is recorded when it is first run: `vicmae run experiments/<name>.yaml`")
                .into());
        };
        let mut finals: BTreeMap<RunId, BTreeMap<Metric, f64>> = BTreeMap::new();
        for last in record.finals(experiment)? {
            finals.entry(last.run).or_default().insert(last.metric, last.value);
        }
        // What a run cost is told beside what it measured.
        for (run, seconds) in record.seconds(experiment)? {
            finals.entry(run).or_default().entry(Metric::new(SECONDS)).or_insert(seconds);
        }
        let heirs = record.heirs_of_pruned()?;
        let cells = record.cells(experiment)?;
        let stranded = stranded(record, experiment, &cells)?;
        let row = |cell: Cell| {
            let mut axes = cell.axes;
            let seed = axes.shift_remove(SEED);
            let done = cell.run.state == RunState::Done;
            let values = finals.get(&cell.run.id).filter(|_| done).cloned().unwrap_or_default();
            let (pruned, failed) = (heirs.contains(&cell.run.id), stranded.contains(&cell.run.id));
            Row { stage: cell.stage, axes, seed, run: cell.run, pruned, failed, values }
        };
        let rows = cells.into_iter().map(row).collect();
        let (question, file) = (card.question.clone(), card.file.clone());
        Ok(Question { question, file, ..Question::of(experiment, rows) })
    }

    /// Reads an experiment with what its numbers depend on, without curves.
    ///
    /// # Errors
    /// As [`Question::read`].
    pub fn read_with_facts(record: &Record, experiment: &str, results: &Path) -> Result<Question> {
        let beside = record.beside()?;
        // Thousands of run folders take as long as what the database knows of them.
        thread::scope(|threads| {
            let facts = threads.spawn(move || facts::read(&beside, experiment, results));
            let question = Question::read(record, experiment)?;
            let facts = facts.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok(Question { facts, ..question })
        })
    }

    /// The question as the plan asks it, before any run is done.
    pub fn of_plan(plan: &Plan) -> Question {
        let row = |cell: &crate::plan::Cell| {
            let run = plan.runs.get(&cell.run)?;
            let mut axes = cell.axes.clone();
            let seed = axes.shift_remove(SEED);
            let run = RunRow { id: run.id, name: run.name.clone(), stage: run.stage.clone(), state: RunState::New };
            let values = BTreeMap::new();
            Some(Row { stage: cell.stage.clone(), axes, seed, run, pruned: false, failed: false, values })
        };
        Question::of(&plan.experiment, plan.cells.iter().filter_map(row).collect())
    }

    fn of(experiment: &str, rows: Vec<Row>) -> Question {
        Question {
            experiment: experiment.to_owned(),
            question: String::new(),
            file: String::new(),
            declared: Vec::new(),
            rows,
            curves: BTreeMap::new(),
            features: BTreeMap::new(),
            facts: BTreeMap::new(),
        }
    }

    /// The same with the axes that the file declares.
    #[must_use]
    pub fn with_declared(mut self, axes: &[String]) -> Question {
        self.declared = axes.to_vec();
        self
    }

    /// Reads the curves of some runs too, by what they measured.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn with_curves(mut self, record: &Record, wanted: BTreeMap<Quantity, BTreeSet<RunId>>) -> Result<Question> {
        let most = (POINTS / self.rows.len().max(1)).clamp(*POINTS_OF_CURVE.start(), *POINTS_OF_CURVE.end());
        for (quantity, runs) in wanted {
            let curves = record.curves(&runs, &quantity.metric, most)?;
            self.curves.insert(quantity, curves);
        }
        Ok(self)
    }

    /// The runs of a stage.
    pub fn runs_of(&self, stage: &str) -> BTreeSet<RunId> {
        self.rows.iter().filter(|row| row.stage == stage).map(|row| row.run.id).collect()
    }

    /// The axes but the seed, in the order in which cells first have them.
    pub fn axes(&self) -> Vec<String> {
        self.rows.iter().flat_map(|row| row.axes.keys().cloned()).collect::<IndexSet<_>>().into_iter().collect()
    }

    /// The axes that tables and plots may name: those that runs have, and those that the file declares and no run has, as a
    /// conditional axis may be.
    pub fn known_axes(&self) -> Vec<String> {
        let (axes, declared) = (self.axes(), self.declared.iter().cloned());
        axes.into_iter().chain(declared).collect::<IndexSet<_>>().into_iter().collect()
    }

    /// The stages, in the order in which they are first asked for.
    pub fn stages(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.stage.clone()).collect::<IndexSet<_>>().into_iter().collect()
    }

    /// What the runs of a stage that are done measured, in alphabetical order.
    pub fn metrics(&self, stage: &str) -> BTreeSet<&Metric> {
        self.rows.iter().filter(|row| row.stage == stage).flat_map(|row| row.values.keys()).collect()
    }

    /// Reads `<stage>.<metric>`.
    ///
    /// # Errors
    /// A [`Failure`] when there is no such stage, or its runs are done and measured no such metric.
    pub fn quantity(&self, text: &str) -> Result<Quantity> {
        let stages = self.stages();
        let split = text.split_once('.').filter(|(stage, _)| stages.iter().any(|known| known == stage));
        let Some((stage, metric)) = split else {
            let stage = text.split('.').next().unwrap_or_default();
            return Err(Failure::input(format!("`{text}` names no stage of `{}`", self.experiment))
                .nearest(stage, stages.iter().map(String::as_str))
                .hint(format!(
                    "write <stage>.<metric>, as in `{}.top1`; stages: {}",
                    stages.last().map_or("linear", |s| s),
                    stages.join(", ")
                ))
                .into());
        };
        let quantity = Quantity { stage: stage.to_owned(), metric: Metric::new(metric) };
        let metrics: IndexSet<&str> = self.metrics(stage).into_iter().map(Metric::as_str).collect();
        if !metrics.is_empty() && !metrics.contains(metric) {
            let list = metrics.iter().copied().collect::<Vec<_>>().join(", ");
            return Err(Failure::input(format!("no run of stage `{stage}` measured `{metric}`"))
                .nearest(metric, metrics)
                .hint(format!("measured there: {list}"))
                .into());
        }
        Ok(quantity)
    }

    /// Checks that `axis` is an axis of the experiment.
    ///
    /// # Errors
    /// A [`Failure`] that names those there are.
    pub fn check_axis(&self, axis: &str) -> Result<()> {
        let axes = self.known_axes();
        if axes.iter().any(|known| known == axis) {
            return Ok(());
        }
        let failure = Failure::input(format!("`{axis}` is no axis of `{}`", self.experiment));
        if axis == SEED {
            return Err(failure.hint("seeds are what means and deviations are made over").into());
        }
        let hint = format!("axes: {}", axes.join(", "));
        Err(failure.nearest(axis, axes.iter().map(String::as_str)).hint(hint).into())
    }
}

/// The axes that an experiment declares, but the seed.
pub fn declared(experiment: &Experiment) -> Vec<String> {
    let zipped = experiment.zip.iter().flat_map(IndexMap::keys);
    let datasets = experiment.transfer.values().any(|transfer| !transfer.datasets.is_empty()).then(|| DATASET.to_owned());
    experiment.axes.keys().chain(zipped).cloned().chain(datasets).collect()
}

/// The runs that need one that failed. As long as it is not tried again, nothing comes of them.
fn stranded(record: &Record, experiment: &str, cells: &[Cell]) -> Result<HashSet<RunId>> {
    let failed = cells.iter().filter(|cell| matches!(cell.run.state, RunState::Failed { .. })).map(|cell| cell.run.id);
    let mut lost: HashSet<RunId> = failed.collect();
    let itself = lost.clone();
    if lost.is_empty() {
        return Ok(lost);
    }
    let cards = record.cards_of(experiment)?;
    loop {
        let before = lost.len();
        let needy = cards.values().filter(|card| card.parents.iter().any(|parent| lost.contains(parent)));
        let needy: Vec<RunId> = needy.map(|card| card.id).collect();
        lost.extend(needy);
        if lost.len() == before {
            return Ok(lost.difference(&itself).copied().collect());
        }
    }
}

impl Quantity {
    /// What it is, for titles: `Top-1 accuracy (%)`.
    pub fn title(&self) -> String {
        match self.metric.known() {
            Some(Known { name, title, unit, .. }) => {
                let rest = self.metric.as_str().strip_prefix(name).unwrap_or_default().trim_start_matches(['.', '_']);
                let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
                let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
                format!("{title}{rest}{unit}")
            }
            None => self.metric.to_string(),
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.stage, self.metric)
    }
}

/// The value of an axis as people read it; an axis that does not apply is a dash.
pub fn label(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EXPERIMENT, lab, question};
    use super::*;

    #[test]
    fn rows_have_axes_seeds_and_the_values_of_runs_that_are_done() {
        let question = question();
        assert_eq!(question.axes(), ["method", "mask_ratio", "weight"]);
        assert_eq!(question.stages(), ["pretrain", "linear"]);
        let row = &question.rows[1];
        assert_eq!((row.stage.as_str(), row.seed.clone(), row.values[&Metric::new("top1")]), ("linear", Some(0.into()), 63.0));
        assert!(question.rows.iter().filter(|row| row.run.state != RunState::Done).all(|row| row.values.is_empty()));
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let (lab, question) = (lab(), question());
        assert_eq!(question.quantity("linear.top5").unwrap().title(), "Top-5 accuracy (%)");
        insta::assert_snapshot!(question.quantity("liner.top1").unwrap_err(), @"
        `liner.top1` names no stage of `mask-ratio`
        hint: did you mean `linear`?
        hint: write <stage>.<metric>, as in `linear.top1`; stages: pretrain, linear
        ");
        insta::assert_snapshot!(question.quantity("linear.top3").unwrap_err(), @"
        no run of stage `linear` measured `top3`
        hint: did you mean `top5`?
        hint: measured there: seconds, top1, top5
        ");
        insta::assert_snapshot!(question.check_axis("mask").unwrap_err(), @"
        `mask` is no axis of `mask-ratio`
        hint: did you mean `mask_ratio`?
        hint: axes: method, mask_ratio, weight
        ");
        insta::assert_snapshot!(Question::read(&lab.record, "mask-ration").unwrap_err(), @"
        there is no experiment `mask-ration` in the record
        hint: did you mean `mask-ratio`?
        hint: an experiment is recorded when it is first run: `vicmae run experiments/<name>.yaml`
        ");
        assert!(Question::read(&lab.record, EXPERIMENT).is_ok());
    }

    #[test]
    fn an_axis_that_is_declared_and_that_no_run_has_is_known() {
        let question = question().with_declared(&["method".to_owned(), "gap".to_owned()]);
        assert!(question.check_axis("gap").is_ok());
        assert_eq!(question.axes(), ["method", "mask_ratio", "weight"]);
        assert_eq!(question.known_axes(), ["method", "mask_ratio", "weight", "gap"]);
    }

    #[test]
    fn titles_keep_the_end_of_a_metric() {
        let title = |metric: &str| Quantity { stage: "knn".into(), metric: Metric::new(metric) }.title();
        assert_eq!(title("top1_k20"), "Top-1 accuracy, k20 (%)");
        assert_eq!(title("loss.global.variance"), "Global (contrastive) loss, variance");
        assert_eq!(title("mystery"), "mystery");
    }
}
