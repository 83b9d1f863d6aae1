//! A table as CSV (RFC 4180), one line a cell: for other programs.

use super::super::group::Outcome;
use super::super::question::{Quantity, label};
use super::super::statistics::Test;
use super::{Cell, Mark, Sample, Table};
use serde_json::Value;

impl Table {
    /// The table as CSV: row axes, column axes, metric, mean, std, 95 % t interval, n, failed, pruned, missing, mark, difference to
    /// the baseline with its p value, Holm's, that of Wilcoxon's signed-rank test, the test and the effect size, and the value (or
    /// what became of it) and run of each seed, separated by spaces. An axis that does not apply is empty.
    pub fn to_csv(&self) -> String {
        let column_axes = self.columns.first().map(|column| column.axes.clone()).unwrap_or_default();
        let mut heads = self.row_axes.clone();
        heads.extend(column_axes.into_iter().map(|(axis, _)| axis));
        heads.extend(MEASURES.map(str::to_owned));
        let mut text = line(&heads);
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            for (cell, column) in cells.iter().zip(&self.columns) {
                let Some(cell) = cell else { continue };
                let mut fields: Vec<String> = key.iter().chain(column.axes.iter().map(|(_, value)| value)).map(plain).collect();
                fields.extend(measures(&column.quantity, cell));
                text += &line(&fields);
            }
        }
        text
    }
}

/// What each cell says, after the axes.
const MEASURES: [&str; 20] = [
    "stage",
    "metric",
    "mean",
    "std",
    "low95",
    "high95",
    "n",
    "failed",
    "pruned",
    "missing",
    "mark",
    "gain",
    "p",
    "p_holm",
    "p_wilcoxon",
    "test",
    "effect",
    "seeds",
    "values",
    "runs",
];

fn measures(quantity: &Quantity, cell: &Cell) -> [String; MEASURES.len()] {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let all = |field: &dyn Fn(&Sample) -> String| cell.samples.iter().map(field).collect::<Vec<_>>().join(" ");
    let (low, high) = cell.summary.and_then(|summary| summary.interval(0.95)).unzip();
    let comparison = cell.gain.as_ref().and_then(|gain| gain.comparison.as_ref());
    [
        quantity.stage.clone(),
        quantity.metric.to_string(),
        number(cell.summary.map(|summary| summary.mean)),
        number(cell.summary.and_then(|summary| summary.std)),
        number(low),
        number(high),
        cell.summary.map_or(0, |summary| summary.n).to_string(),
        cell.count(Outcome::Failed).to_string(),
        cell.count(Outcome::Pruned).to_string(),
        cell.count(Outcome::Missing).to_string(),
        mark(cell.mark).to_owned(),
        number(cell.gain.as_ref().map(|gain| gain.difference)),
        number(comparison.and_then(|comparison| comparison.p)),
        number(cell.gain.as_ref().and_then(|gain| gain.adjusted)),
        number(comparison.and_then(|comparison| comparison.wilcoxon)),
        comparison.map_or("", |comparison| test(comparison.test)).to_owned(),
        number(comparison.and_then(|comparison| comparison.effect)),
        all(&|sample| sample.seed.as_ref().map(label).unwrap_or_default()),
        all(&|sample| match sample.outcome {
            Outcome::Measured(value) => value.to_string(),
            Outcome::Failed => "failed".into(),
            Outcome::Pruned => "pruned".into(),
            Outcome::Missing => "missing".into(),
        }),
        all(&|sample| sample.runs.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")),
    ]
}

fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Best => "best",
        Mark::Second => "second",
        Mark::None => "",
    }
}

fn test(test: Test) -> &'static str {
    match test {
        Test::Paired => "paired",
        Test::Welch => "welch",
    }
}

/// The value of an axis for a program: nothing where it does not apply.
pub(in crate::report) fn plain(value: &Value) -> String {
    if value.is_null() { String::new() } else { label(value) }
}

/// A line of CSV.
pub(in crate::report) fn line(fields: &[String]) -> String {
    let field = |text: &String| {
        if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    fields.iter().map(field).collect::<Vec<_>>().join(",") + "\n"
}
