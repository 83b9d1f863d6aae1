//! The mean over an axis of the columns: one number for a dozen data sets.

use super::{Cell, Column, Table};
use crate::failure::Failure;
use crate::report::group::{self, Sample};
use anyhow::Result;
use indexmap::IndexMap;
use serde_json::Value;

/// What stands for the value of the axis in files for other programs.
const MEAN: &str = "mean";

impl Table {
    /// Adds a column of means over the values of `axis`, for each quantity and each value of the other column axes.
    ///
    /// The mean is made for each seed by itself, and only where every value of the axis was measured: a data set that is missing
    /// would make the mean one of something else.
    ///
    /// # Errors
    /// A [`Failure`] when the columns have no such axis.
    pub(super) fn add_mean(&mut self, axis: &str) -> Result<()> {
        let Some(first) = self.columns.first() else { return Ok(()) };
        if first.axes.iter().all(|(name, _)| name != axis) {
            let names: Vec<&str> = first.axes.iter().map(|(name, _)| name.as_str()).collect();
            let failure = Failure::input(format!("`mean: {axis}` of table `{}` names no axis of its columns", self.name));
            return Err(failure
                .nearest(axis, names.iter().copied())
                .hint(format!("put `{axis}` into `columns`; there: {}", names.join(", ")))
                .into());
        }
        let mut groups: IndexMap<String, Vec<usize>> = IndexMap::new();
        for (at, column) in self.columns.iter().enumerate() {
            let others: Vec<_> = column.axes.iter().filter(|(name, _)| name != axis).collect();
            groups.entry(format!("{others:?} {}", column.quantity)).or_default().push(at);
        }
        for columns in groups.into_values() {
            let model = &self.columns[columns[0]];
            let quantity = model.quantity.clone();
            let others: Vec<_> = model.axes.iter().filter(|(name, _)| name != axis).cloned().collect();
            let several = self.columns.iter().any(|column| column.quantity != quantity);
            let mut head = format!("mean over {axis}");
            if several || !others.is_empty() {
                head = format!("{head} {}", super::head(&others, &quantity, several));
            }
            let of = |(name, value): &(String, Value)| (name.clone(), if name == axis { MEAN.into() } else { value.clone() });
            let column = Column { head, axes: model.axes.iter().map(of).collect(), quantity };
            self.cells.iter_mut().for_each(|row| {
                let samples: Vec<&[Sample]> =
                    columns.iter().map(|at| row[*at].as_ref().map_or(&[][..], |cell| &cell.samples)).collect();
                let samples = group::averaged(&samples);
                let over = columns.iter().filter_map(|at| row[*at].as_ref()).flat_map(|cell| cell.over.clone()).collect();
                row.push((!samples.is_empty()).then(|| Cell { over, ..Cell::of(samples) }));
            });
            self.columns.push(column);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::report::config::Names;
    use crate::report::sample::question_of;
    use serde_json::json;

    fn names(names: &[&str]) -> Names {
        Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn table(cells: &[(Value, &str, f64)], mean: &str) -> Result<Table> {
        let (rows, columns) = (names(&["method"]), Some(names(&["dataset"])));
        let config = Config { rows, columns, cell: names(&["small.top1"]), mean: Some(mean.to_owned()), ..Config::default() };
        Table::make(&config, &question_of(cells))
    }

    fn cells() -> Vec<(Value, &'static str, f64)> {
        let cell = |method: &str, dataset: &str, seed: u64, top1| {
            (json!({"method": method, "dataset": dataset, "seed": seed}), "small", top1)
        };
        vec![
            cell("mae", "digits", 0, 50.0),
            cell("mae", "digits", 1, 60.0),
            cell("mae", "pets", 0, 70.0),
            cell("mae", "pets", 1, 70.0),
            cell("vic_mae", "digits", 0, 80.0),
            cell("vic_mae", "pets", 0, 90.0),
            cell("vic_mae", "pets", 1, 90.0),
        ]
    }

    #[test]
    fn the_mean_is_made_seed_by_seed_where_all_data_sets_are_there() {
        let table = table(&cells(), "dataset").unwrap();
        insta::assert_snapshot!(table.to_markdown(), @"
        | method | dataset=digits | dataset=pets | mean over dataset |
        | --- | ---: | ---: | ---: |
        | mae | 55.00 ± 7.07 (n=2) | 70.00 ± 0.00 (n=2) | 62.50 ± 3.54 (n=2) |
        | vic_mae | **80.00 (n=1)** | **90.00 ± 0.00 (n=2)** | **85.00 (n=1, 1 missing)** |
        ");
        let runs: Vec<usize> = table.cells[0][2].as_ref().unwrap().samples.iter().map(|sample| sample.runs.len()).collect();
        assert_eq!(runs, [2, 2]);
    }

    #[test]
    fn an_axis_that_the_columns_lack_is_refused() {
        insta::assert_snapshot!(table(&cells(), "datasets").unwrap_err(), @"
        `mean: datasets` of table `small.top1` names no axis of its columns
        hint: did you mean `dataset`?
        hint: put `datasets` into `columns`; there: dataset
        ");
    }
}
