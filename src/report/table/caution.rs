//! What makes a comparison within a column unfair: other seeds, other budgets, other views, other data, other code.

use super::{Cell, Table};
use crate::report::group::Outcome;
use crate::report::question::{Question, label};
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Something in which the runs of a column differ that the table does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caution {
    /// What differs: `seeds`, `epochs`, `code`.
    pub what: String,
    /// Each value with the rows that have it.
    pub values: Vec<(String, Vec<String>)>,
    /// The columns in which it differs.
    pub columns: Vec<String>,
}

/// Looks at each column by itself: its cells are what a reader compares.
pub(super) fn look(table: &Table, question: &Question) -> Vec<Caution> {
    let mut cautions: Vec<Caution> = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        for (what, values) in differences(table, question, at) {
            // Columns that differ in the same way are told together.
            match cautions.iter_mut().find(|caution| caution.what == what && caution.values == values) {
                Some(caution) => caution.columns.push(column.head.clone()),
                None => cautions.push(Caution { what, values, columns: vec![column.head.clone()] }),
            }
        }
    }
    cautions
}

type Values = Vec<(String, Vec<String>)>;

fn differences(table: &Table, question: &Question, column: usize) -> Vec<(String, Values)> {
    let cells: Vec<(&Vec<Value>, &Cell)> = table
        .rows
        .iter()
        .zip(&table.cells)
        .filter_map(|(row, cells)| cells[column].as_ref().filter(|cell| cell.summary.is_some()).map(|cell| (row, cell)))
        .collect();
    let facts: Vec<Facts> = cells.iter().map(|(_, cell)| facts(table, question, cell)).collect();
    let names: IndexSet<&String> = facts.iter().flat_map(IndexMap::keys).collect();
    let mut found = Vec::new();
    for what in names {
        let mut values: IndexMap<String, Vec<String>> = IndexMap::new();
        for ((row, _), facts) in cells.iter().zip(&facts) {
            // A cell that has no such thing, as untrained weights have no epochs, is no case of another value.
            let Some(of_cell) = facts.get(what) else { continue };
            let text = of_cell.iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
            values.entry(text).or_default().push(row.iter().map(label).collect::<Vec<_>>().join(" "));
        }
        // A mean over data sets has several of what follows from the data set; that rows have the same several is fair.
        let several = facts.iter().any(|facts| facts.get(what).is_some_and(|values| values.len() > 1));
        let mixed = several && table.average.is_empty();
        if (values.len() > 1 || mixed) && !is_shown(table, &cells, &facts, what) {
            found.push((what.clone(), values.into_iter().collect()));
        }
    }
    found
}

/// What the runs of a cell have, by name; several values where they differ, in an order that does not depend on the runs'.
type Facts = IndexMap<String, BTreeSet<String>>;

fn facts(table: &Table, question: &Question, cell: &Cell) -> Facts {
    let mut found = Facts::from([("seeds".to_owned(), BTreeSet::from([seeds(cell)]))]);
    for (at, axis) in table.average.iter().enumerate() {
        let values = cell.over.iter().filter_map(|values| values.get(at)).map(label).collect();
        found.insert(format!("averaged {axis}"), values);
    }
    for run in cell.runs() {
        for (what, value) in question.facts.get(run).into_iter().flat_map(|facts| facts.of_fairness()) {
            found.entry(what).or_default().insert(value);
        }
    }
    found
}

/// Whether an axis of the rows has these very values: then the reader sees what differs.
fn is_shown(table: &Table, cells: &[(&Vec<Value>, &Cell)], facts: &[Facts], what: &str) -> bool {
    (0..table.row_axes.len()).any(|axis| {
        cells.iter().zip(facts).all(|((row, _), facts)| {
            facts.get(what).is_none_or(|values| values.len() == 1 && values.contains(&label(&row[axis])))
        })
    })
}

fn seeds(cell: &Cell) -> String {
    let measured = cell.samples.iter().filter(|sample| matches!(sample.outcome, Outcome::Measured(_)));
    let mut seeds: Vec<String> = measured.map(|sample| sample.seed.as_ref().map_or("none".into(), label)).collect();
    seeds.sort();
    seeds.join(" ")
}

impl fmt::Display for Caution {
    /// `epochs differ: 30 (vic_mae, mae), 60 (mae_vicreg)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Rows that are named.
        const NAMED: usize = 3;
        let parts = self.values.iter().map(|(value, rows)| {
            let more = if rows.len() > NAMED { format!(" and {} more", rows.len() - NAMED) } else { String::new() };
            format!("{value} ({}{more})", rows.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
        });
        let parts = parts.collect::<Vec<_>>().join("; ");
        let plural = if self.what.ends_with('s') { "differ" } else { "differs" };
        write!(f, "{} {plural} in {}: {parts}", self.what, self.columns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::report::config::Names;
    use crate::report::facts::Facts;
    use crate::report::sample::question_of;
    use serde_json::json;

    fn cautions(rows: &[&str], epochs: [u64; 3], seeds: [u64; 3]) -> String {
        let cell = |n: usize| {
            let method = ["mae", "vic_mae", "byol"][n];
            (json!({"method": method, "epochs": epochs[n], "seed": seeds[n]}), "linear", 50.0 + n as f64)
        };
        let mut question = question_of(&[cell(0), cell(1), cell(2)]);
        for (n, row) in question.rows.iter().enumerate() {
            let config = json!({"pretrain": {"schedule": {"epochs": epochs[n]}}});
            question.facts.insert(row.run.id, Facts::of(config));
        }
        let rows = Names(rows.iter().map(|axis| (*axis).to_owned()).collect());
        let config = Config { rows, cell: Names(vec!["linear.top1".into()]), ..Config::default() };
        let table = Table::make(&config, &question).unwrap();
        table.cautions.iter().map(|caution| format!("{caution}\n")).collect()
    }

    #[test]
    fn what_differs_is_told_unless_the_table_shows_it() {
        assert_eq!(cautions(&["method"], [30, 30, 30], [0, 0, 0]), "");
        insta::assert_snapshot!(cautions(&["method"], [30, 30, 60], [0, 0, 1]), @"
        seeds differ in linear.top1: 0 (mae, vic_mae); 1 (byol)
        epochs differ in linear.top1: 30 (mae, vic_mae); 60 (byol)
        ");
        insta::assert_snapshot!(cautions(&["method", "epochs"], [30, 30, 60], [0, 0, 1]), @"seeds differ in linear.top1: 0 (mae 30, vic_mae 30); 1 (byol 60)");
    }

    /// What is told of two methods that are measured on two data sets each, by the `k` that each method has on each of them.
    fn over_data_sets(k: [&[u64]; 2], average: &[&str]) -> Vec<String> {
        let mut cells = Vec::new();
        for (method, k) in ["mae", "vic_mae"].into_iter().zip(k) {
            // One has the data sets in another order, as cells that were added later do.
            let order = if method == "mae" { [0, 1] } else { [1, 0] };
            for dataset in order {
                let axes = json!({"method": method, "dataset": format!("set {dataset}"), "seed": 0});
                cells.push((axes, "knn", 50.0, k[dataset]));
            }
        }
        let all: Vec<_> = cells.iter().map(|(axes, stage, top1, _)| (axes.clone(), *stage, *top1)).collect();
        let mut question = question_of(&all);
        for (row, (_, _, _, k)) in question.rows.iter().zip(&cells) {
            question.facts.insert(row.run.id, Facts::of(json!({"transfer": {"protocol": {"knn": {"k": k}}}})));
        }
        let names = |names: &[&str]| Names(names.iter().map(|name| (*name).to_owned()).collect());
        let (rows, cell, average) = (names(&["method"]), names(&["knn.top1"]), Some(names(average)));
        let table = Table::make(&Config { rows, cell, average, ..Config::default() }, &question).unwrap();
        table.cautions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mean_over_data_sets_is_fair_where_rows_have_the_same_several_values() {
        assert_eq!(over_data_sets([&[20, 5], &[20, 5]], &["dataset"]), Vec::<String>::new());
        let found = over_data_sets([&[20, 5], &[20, 10]], &["dataset"]);
        assert_eq!(found, ["knn.k differs in knn.top1: 20 and 5 (mae); 10 and 20 (vic_mae)"]);
    }
}
