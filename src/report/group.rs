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
    /// It failed.
    Failed,
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

impl Group<'_> {
    /// What each run says of a metric.
    pub fn samples(&self, metric: &Metric) -> Vec<Sample> {
        let outcome = |row: &Row| match (row.values.get(metric), &row.run.state) {
            (Some(value), _) => Outcome::Measured(*value),
            (None, RunState::Failed { .. }) => Outcome::Failed,
            (None, _) => Outcome::Missing,
        };
        self.rows.iter().map(|row| Sample { runs: vec![row.run.id], seed: row.seed.clone(), outcome: outcome(row) }).collect()
    }
}

/// Sums up what was measured; nothing when nothing was.
pub fn summary(samples: &[Sample]) -> Option<Summary> {
    let values: Vec<f64> = samples
        .iter()
        .filter_map(|sample| match sample.outcome {
            Outcome::Measured(value) => Some(value),
            Outcome::Failed | Outcome::Missing => None,
        })
        .collect();
    Summary::of(&values)
}

#[cfg(test)]
mod tests {
    use super::super::sample::question_of;
    use super::*;
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
