//! Rows put together that differ in nothing but the seed.

use super::question::{Question, Row, label};
use super::statistics::Summary;
use crate::event::Metric;
use crate::failure::Failure;
use crate::record::RunState;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

/// What answers one cell of a table or one point of a plot: a run for each seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// The rows, one a run.
    pub rows: Vec<&'a Row>,
}

/// What one run says of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The run, or all of those that a mean is made of.
    pub runs: Vec<RunId>,
    /// Its seed.
    pub seed: Option<Value>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// It is done, and this is its value.
    Measured(f64),
    /// It, or the run whose encoder it needs, failed.
    Failed,
    /// It, or the run whose encoder it needs, was stopped in favour of better ones.
    Pruned,
    /// It is not done, or did not measure this.
    Missing,
}

/// Groups rows by the values of axes (null where a row lacks one), in the order in which they first come. A run that
/// several rows share counts once.
///
/// # Errors
/// A [`Failure`] when rows of a group differ in another axis, or share a seed: that is never averaged.
pub fn group<'a>(question: &Question, rows: &[&'a Row], by: &[String]) -> Result<IndexMap<Vec<Value>, Group<'a>>> {
    let mut groups: IndexMap<Vec<Value>, Group<'a>> = IndexMap::new();
    for row in rows {
        let key = by.iter().map(|axis| row.axes.get(axis).cloned().unwrap_or(Value::Null)).collect();
        let group = groups.entry(key).or_insert_with(|| Group { rows: Vec::new() });
        if group.rows.iter().all(|other| other.run.id != row.run.id) {
            group.rows.push(row);
        }
    }
    let others: Vec<String> = question.axes().into_iter().filter(|axis| !by.contains(axis)).collect();
    for (key, group) in &groups {
        check(key, group, by, &others)?;
    }
    Ok(groups)
}

fn check(key: &[Value], group: &Group, by: &[String], others: &[String]) -> Result<()> {
    let place = || by.iter().zip(key).map(|(axis, value)| format!("{axis}={}", label(value))).collect::<Vec<_>>().join(", ");
    for axis in others {
        let values: IndexSet<&Value> = group.rows.iter().map(|row| row.axes.get(axis).unwrap_or(&Value::Null)).collect();
        if values.len() > 1 {
            let list = values.iter().map(|value| label(value)).collect::<Vec<_>>().join(", ");
            let one = values.iter().find(|value| !value.is_null()).map_or("null".into(), |value| quoted(value));
            return Err(Failure::input(format!("`{axis}` varies ({list}) where {} would be averaged", place_or_all(&place())))
                .hint(format!(
                    "only seeds are averaged: add `{axis}` to rows or columns (or x, y, color), or `filter: \"{axis} == {one}\"`"
                ))
                .into());
        }
    }
    let mut seeds = IndexSet::new();
    match group.rows.iter().find(|row| !seeds.insert(&row.seed)) {
        Some(row) => {
            let seed = row.seed.as_ref().map_or("no seed".to_owned(), |seed| format!("seed {}", label(seed)));
            Err(Failure::input(format!("two different runs with {seed} answer {}", place_or_all(&place())))
                .hint("a mean over them would count one seed twice: their `run.yaml` say what differs")
                .into())
        }
        None => Ok(()),
    }
}

fn place_or_all(place: &str) -> String {
    if place.is_empty() { "all of it".into() } else { format!("[{place}]") }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}

impl Outcome {
    /// What was measured, if it was.
    pub fn value(self) -> Option<f64> {
        match self {
            Outcome::Measured(value) => Some(value),
            Outcome::Failed | Outcome::Pruned | Outcome::Missing => None,
        }
    }
}

impl Group<'_> {
    /// What each run says of a metric.
    pub fn samples(&self, metric: &Metric) -> Vec<Sample> {
        let outcome = |row: &Row| match (row.values.get(metric), &row.run.state) {
            (Some(value), _) => Outcome::Measured(*value),
            (None, RunState::Pruned { .. }) => Outcome::Pruned,
            (None, _) if row.pruned => Outcome::Pruned,
            (None, RunState::Failed { .. }) => Outcome::Failed,
            (None, _) if row.failed => Outcome::Failed,
            (None, _) => Outcome::Missing,
        };
        self.rows.iter().map(|row| Sample { runs: vec![row.run.id], seed: row.seed.clone(), outcome: outcome(row) }).collect()
    }
}

/// The mean over several lists of samples (one for each data set, say), seed by seed. It is made only where every list has a
/// measured value: what is missing would make the mean one of something else.
pub fn averaged(lists: &[&[Sample]]) -> Vec<Sample> {
    let seeds: IndexSet<&Option<Value>> = lists.iter().copied().flatten().map(|sample| &sample.seed).collect();
    let mean = |seed: &Option<Value>| {
        let found: Vec<Option<&Sample>> = lists.iter().map(|list| list.iter().find(|sample| sample.seed == *seed)).collect();
        let runs = found.iter().flatten().flat_map(|sample| sample.runs.clone()).collect();
        let values: Option<Vec<f64>> = found.iter().map(|sample| sample.as_ref()?.outcome.value()).collect();
        let any = |outcome| found.iter().flatten().any(|sample| sample.outcome == outcome);
        let outcome = match values {
            Some(values) => Outcome::Measured(values.iter().sum::<f64>() / values.len() as f64),
            None if any(Outcome::Pruned) => Outcome::Pruned,
            None if any(Outcome::Failed) => Outcome::Failed,
            None => Outcome::Missing,
        };
        Sample { runs, seed: seed.clone(), outcome }
    };
    seeds.into_iter().map(mean).collect()
}

/// Sums up what was measured; nothing when nothing was, or when a seed was pruned: the others are those that did well, and
/// their mean would be too good.
pub fn summary(samples: &[Sample]) -> Option<Summary> {
    if samples.iter().any(|sample| sample.outcome == Outcome::Pruned) {
        return None;
    }
    let values: Vec<f64> = samples.iter().filter_map(|sample| sample.outcome.value()).collect();
    Summary::of(&values)
}

#[cfg(test)]
mod tests {
    use super::super::sample::question_of;
    use super::*;
    use crate::event::{Cause, Kind};
    use crate::record::scripted::{Lab, started};
    use crate::record::{CellCard, ExperimentCard, RunCard};
    use serde_json::json;

    fn by(axes: &[&str]) -> Vec<String> {
        axes.iter().map(|axis| (*axis).to_owned()).collect()
    }

    #[test]
    fn a_run_that_cells_share_counts_once() {
        let mut question = question_of(&[
            (json!({"lr": 1, "seed": 0}), "pretrain", 50.0),
            (json!({"lr": 1, "seed": 1}), "pretrain", 52.0),
            (json!({"lr": 2, "seed": 0}), "pretrain", 99.0),
            (json!({"lr": 2, "seed": 1}), "pretrain", 99.0),
        ]);
        for row in 0..2 {
            let shared = question.rows[row].clone();
            question.rows[row + 2].run = shared.run;
            question.rows[row + 2].values = shared.values;
        }
        let rows: Vec<_> = question.rows.iter().collect();
        let groups = group(&question, &rows, &[]).unwrap();
        let samples = groups[0].samples(&Metric::new("top1"));
        assert_eq!(summary(&samples).map(|summary| (summary.n, summary.mean)), Some((2, 51.0)));
    }

    #[test]
    fn seeds_that_are_left_after_pruning_are_not_averaged() {
        let mut question =
            question_of(&[(json!({"lr": 1, "seed": 0}), "linear", 50.0), (json!({"lr": 1, "seed": 1}), "linear", 52.0)]);
        question.rows[0].values.clear();
        question.rows[0].pruned = true;
        let rows: Vec<_> = question.rows.iter().collect();
        let groups = group(&question, &rows, &[]).unwrap();
        let samples = groups[0].samples(&Metric::new("top1"));
        assert_eq!(samples.iter().map(|sample| sample.outcome).collect::<Vec<_>>(), [Outcome::Pruned, Outcome::Measured(52.0)]);
        assert_eq!(summary(&samples), None);
    }

    #[test]
    fn what_needs_an_encoder_that_failed_has_failed() {
        let mut lab = Lab::new();
        let (encoder, knn) = (RunId::of(b"encoder"), RunId::of(b"knn"));
        let run = |id, stage: &str, parents| RunCard { id, name: stage.into(), stage: stage.into(), parents, config: json!({}) };
        let cell = |run, stage: &str| CellCard { run, stage: stage.into(), axes: IndexMap::new() };
        let cells = vec![cell(encoder, "pretrain"), cell(knn, "knn")];
        let card = ExperimentCard { name: "nan".into(), question: "?".into(), file: "nan.yaml".into(), cells };
        lab.record.admit(&card, &[run(encoder, "pretrain", vec![]), run(knn, "knn", vec![encoder])]).unwrap();
        let outcome = |lab: &Lab| {
            let question = Question::read(&lab.record, "nan").unwrap();
            let rows: Vec<_> = question.rows.iter().filter(|row| row.stage == "knn").collect();
            group(&question, &rows, &[]).unwrap()[0].samples(&Metric::new("top1"))[0].outcome
        };
        assert_eq!(outcome(&lab), Outcome::Missing);
        lab.say(encoder, 1, [started(0), Kind::Failed { cause: Cause::NonFinite, error: "NaN".into() }]);
        assert_eq!(outcome(&lab), Outcome::Failed);
        lab.say(encoder, 2, [started(0)]);
        assert_eq!(outcome(&lab), Outcome::Missing);
    }

    #[test]
    fn nothing_but_seeds_is_averaged() {
        let question = question_of(&[
            (json!({"method": "mae", "weight": 0.1, "seed": 0}), "linear", 50.0),
            (json!({"method": "mae", "weight": 0.3, "seed": 0}), "linear", 52.0),
        ]);
        let rows: Vec<_> = question.rows.iter().collect();
        insta::assert_snapshot!(group(&question, &rows, &by(&["method"])).unwrap_err(), @r#"
        `weight` varies (0.1, 0.3) where [method=mae] would be averaged
        hint: only seeds are averaged: add `weight` to rows or columns (or x, y, color), or `filter: "weight == 0.1"`
        "#);
        assert_eq!(group(&question, &rows, &by(&["method", "weight"])).unwrap().len(), 2);
    }

    #[test]
    fn a_seed_counts_once() {
        let question = question_of(&[(json!({"a": 1, "seed": 0}), "linear", 50.0), (json!({"a": 1, "seed": 0}), "linear", 52.0)]);
        let rows: Vec<_> = question.rows.iter().collect();
        insta::assert_snapshot!(group(&question, &rows, &by(&["a"])).unwrap_err(), @"
        two different runs with seed 0 answer [a=1]
        hint: a mean over them would count one seed twice: their `run.yaml` say what differs
        ");
    }
}
