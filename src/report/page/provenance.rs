//! `provenance.json`: what each number is from.

use super::{Pages, state_name};
use crate::report::table::Table;
use crate::run_folder::Environment;
use anyhow::Result;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

impl Pages<'_> {
    /// For each cell of each table the runs that it is from, and for each run what it was made of. The configuration is in its
    /// `run.yaml`, and its hash is the run's id.
    pub(super) fn provenance(&self) -> Result<String> {
        let runs = self.runs.iter().map(|run| {
            let (facts, attempt) = (self.question.facts.get(&run.id), self.attempts.get(&run.id));
            let parents: Vec<String> = facts.into_iter().flat_map(|f| &f.parents).map(ToString::to_string).collect();
            let of_run = json!({
                "name": run.name,
                "stage": run.stage,
                "state": state_name(&run.state),
                "parents": parents,
                "configuration": format!("runs/{}/run.yaml", run.id),
                "data": facts.map(|facts| &facts.data),
                "environment": facts.and_then(|facts| facts.environment.as_ref()),
                "device": attempt.and_then(|attempt| attempt.device.as_ref()),
                "attempts": attempt.map_or(0, |attempt| attempt.attempt),
            });
            (run.id.to_string(), of_run)
        });
        let tables = self.tables.iter().map(|table| (table.name.clone(), cells(table)));
        let all = json!({
            "experiment": self.question.experiment,
            "file": self.question.file,
            "vicmae": env!("CARGO_PKG_VERSION"),
            "program": Environment::build(),
            "notes": self.asked,
            "tables": tables.collect::<serde_json::Map<_, _>>(),
            "runs": runs.collect::<serde_json::Map<_, _>>(),
        });
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }
}

/// What a reader of the report in a folder was told of the whole; nothing where there is none.
pub fn notes(out: &Path) -> Vec<String> {
    let provenance: Option<Value> = fs::read(out.join("provenance.json")).ok().and_then(|it| serde_json::from_slice(&it).ok());
    let notes = provenance.and_then(|mut all| Some(all.get_mut("notes")?.take()));
    notes.and_then(|notes| serde_json::from_value(notes).ok()).unwrap_or_default()
}

fn cells(table: &Table) -> Value {
    let mut all = Vec::new();
    for (key, cells) in table.rows.iter().zip(&table.cells) {
        for (cell, column) in cells.iter().zip(&table.columns) {
            let Some(cell) = cell else { continue };
            let runs: Vec<String> = cell.runs().map(ToString::to_string).collect();
            let row: serde_json::Map<_, _> = table.row_axes.iter().cloned().zip(key.iter().cloned()).collect();
            all.push(json!({ "row": row, "column": column.head, "mean": cell.summary.map(|s| s.mean), "runs": runs }));
        }
    }
    Value::Array(all)
}
