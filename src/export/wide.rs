//! One line a run: what it was, what it did, and its last numbers.

use super::Source;
use crate::report::facts::flat;
use crate::report::question::{Row, label};
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

/// What columns of the two tables are called that are no axes.
const OWN: [&str; 16] = [
    "run",
    "name",
    "stage",
    "state",
    "device",
    "host",
    "started_at",
    "ended_at",
    "seconds",
    "commit",
    "program",
    "config",
    "metric",
    "step",
    "value",
    "time",
];

/// How the columns of last values begin.
pub(super) const METRIC: &str = "metric.";

/// The table of runs: the names of the columns, and the lines, each as long.
pub(super) struct Wide {
    pub columns: Vec<String>,
    pub lines: Vec<Vec<Value>>,
}

impl Source<'_> {
    /// The axes of a run with its seed, by the names of their columns; null where it has none.
    pub(super) fn axes(&self, row: &Row) -> IndexMap<String, Value> {
        let seed = ("seed".to_owned(), row.seed.clone().unwrap_or(Value::Null));
        let axes = self.question.axes().into_iter().map(|axis| {
            let value = row.axes.get(&axis).cloned().unwrap_or(Value::Null);
            (column(axis), value)
        });
        std::iter::once(seed).chain(axes).collect()
    }

    /// One line a run: id, name, stage, state, seed, axes, last attempt, last values and the flat configuration.
    pub(super) fn wide(&self) -> Wide {
        let mut lines = Vec::new();
        for row in self.rows() {
            let attempt = self.attempts.get(&row.run.id);
            let text = |value: Option<&String>| value.map_or(Value::Null, |text| text.as_str().into());
            let mut line: IndexMap<String, Value> = IndexMap::new();
            let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
            put("run", row.run.id.to_string().into());
            put("name", row.run.name.as_str().into());
            put("stage", row.stage.as_str().into());
            put("state", crate::report::state_name(&row.run.state).into());
            self.axes(row).into_iter().for_each(|(axis, value)| put(&axis, value));
            row.values.iter().for_each(|(metric, value)| put(&format!("{METRIC}{metric}"), number(*value)));
            put("device", text(attempt.and_then(|attempt| attempt.device.as_ref())));
            put("host", text(attempt.and_then(|attempt| attempt.host.as_ref())));
            put("started_at", text(attempt.and_then(|attempt| attempt.started_at.as_ref())));
            put("ended_at", text(attempt.and_then(|attempt| attempt.ended_at.as_ref())));
            put("seconds", attempt.and_then(|attempt| attempt.wall_seconds.or(attempt.seconds)).into());
            if let Some(facts) = self.question.facts.get(&row.run.id) {
                let environment = facts.environment.as_ref();
                put("commit", text(environment.and_then(|environment| environment.commit.as_ref())));
                put("program", text(environment.map(|environment| &environment.program)));
                flat("config", &facts.config, &mut |key, value| put(key, value.clone()));
            }
            lines.push(line);
        }
        let place = |name: &str| [METRIC, "config."].iter().position(|kind| name.starts_with(kind)).map_or(0, |kind| kind + 1);
        let names: IndexSet<String> = lines.iter().flat_map(IndexMap::keys).cloned().collect();
        let mut columns: Vec<String> = names.into_iter().collect();
        columns.sort_by_key(|name| place(name));
        let of =
            |line: &IndexMap<String, Value>| columns.iter().map(|name| line.get(name).cloned().unwrap_or(Value::Null)).collect();
        Wide { lines: lines.iter().map(of).collect(), columns }
    }
}

/// The column of an axis. A name that another column has in one of the tables is set apart in all files, so that an axis is
/// called the same everywhere; names of axes have no point.
fn column(axis: String) -> String {
    if OWN.contains(&axis.as_str()) { format!("axis.{axis}") } else { axis }
}

/// A last value. JSON has no number that is none, and null would say that nothing was measured: it is text, `NaN` or `inf`.
fn number(value: f64) -> Value {
    if value.is_finite() { value.into() } else { value.to_string().into() }
}

/// A value in a text file: nothing for null.
pub(super) fn plain(value: &Value) -> String {
    if value.is_null() { String::new() } else { label(value) }
}
