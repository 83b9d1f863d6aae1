//! A table as CSV (RFC 4180), one line a cell: for other programs.

use super::super::group::Outcome;
use super::super::question::label;
use super::Table;
use serde_json::Value;

impl Table {
    /// The table as CSV: row axes, column axes, metric, mean, std, n, failed, missing, best, gain, and the value (or what
    /// became of it) and run of each seed, separated by spaces. An axis that does not apply is empty.
    pub fn to_csv(&self) -> String {
        let column_axes = self.columns.first().map(|column| column.axes.clone()).unwrap_or_default();
        let mut heads = self.row_axes.clone();
        heads.extend(column_axes.into_iter().map(|(axis, _)| axis));
        heads.extend(
            ["stage", "metric", "mean", "std", "n", "failed", "missing", "best", "gain", "seeds", "values", "runs"]
                .map(str::to_owned),
        );
        let mut text = line(&heads);
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            for (cell, column) in cells.iter().zip(&self.columns) {
                let Some(cell) = cell else { continue };
                let mut fields: Vec<String> = key.iter().chain(column.axes.iter().map(|(_, value)| value)).map(plain).collect();
                let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
                let count = |outcome| cell.samples.iter().filter(|sample| sample.outcome == outcome).count().to_string();
                let all = |field: &dyn Fn(&super::Sample) -> String| cell.samples.iter().map(field).collect::<Vec<_>>().join(" ");
                fields.extend([
                    column.quantity.stage.clone(),
                    column.quantity.metric.to_string(),
                    number(cell.summary.map(|summary| summary.mean)),
                    number(cell.summary.and_then(|summary| summary.std)),
                    cell.summary.map_or(0, |summary| summary.n).to_string(),
                    count(Outcome::Failed),
                    count(Outcome::Missing),
                    cell.best.to_string(),
                    number(cell.gain),
                    all(&|sample| sample.seed.as_ref().map(label).unwrap_or_default()),
                    all(&|sample| match sample.outcome {
                        Outcome::Measured(value) => value.to_string(),
                        Outcome::Failed => "failed".into(),
                        Outcome::Missing => "missing".into(),
                    }),
                    all(&|sample| sample.runs.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")),
                ]);
                text += &line(&fields);
            }
        }
        text
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
