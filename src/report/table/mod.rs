//! A table: what stands where, without a format. One file a format.

mod csv;
mod markdown;
mod mean;
mod number;
mod terminal;

pub use number::{decimals, show};

pub(in crate::report) use csv::{line as csv_line, plain};
pub(in crate::report) use markdown::escaped;

use super::config::Names;
use super::filter;
use super::group::{self, Group, Outcome, Sample};
use super::question::{Quantity, Question, label};
use super::statistics::Summary;
use crate::event::Better;
use crate::failure::Failure;
use anyhow::Result;
use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;
use serde_json::Value;

/// A table of the `report:` block.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of its files; made of its contents when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The axes whose values make the rows.
    pub rows: Names,
    /// The axes whose values make the columns; the metrics alone do when absent.
    #[serde(default)]
    pub columns: Option<Names>,
    /// What stands in a cell: `<stage>.<metric>`, or several.
    pub cell: Names,
    /// An axis of the columns over which means are shown in a further column.
    #[serde(default)]
    pub mean: Option<String>,
    /// The row that others are compared with: a value of the first row axis.
    #[serde(default)]
    pub baseline: Option<String>,
    /// How the best of a column is marked.
    #[serde(default)]
    pub best: Best,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
}

/// How the best of a column is marked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// In bold.
    #[default]
    Bold,
    /// Not at all.
    None,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The name of its files.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The axes of the rows.
    pub row_axes: Vec<String>,
    /// The value of each row axis, a row.
    pub rows: Vec<Vec<Value>>,
    /// The columns.
    pub columns: Vec<Column>,
    /// `[row][column]`; nothing where nothing was asked for.
    pub cells: Vec<Vec<Option<Cell>>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The axes and their values.
    pub axes: Vec<(String, Value)>,
    /// What stands in its cells.
    pub quantity: Quantity,
    /// What stands over it.
    pub head: String,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// A run for each seed.
    pub samples: Vec<Sample>,
    /// What they measured, summed up; nothing when none did.
    pub summary: Option<Summary>,
    /// Whether it is the best of its column, as far as the shown digits tell.
    pub best: bool,
    /// The difference of its mean to the baseline's.
    pub gain: Option<f64>,
}

impl Table {
    /// Makes a table.
    ///
    /// # Errors
    /// A [`Failure`] when the table names what is not there, or a cell would average over anything but seeds.
    pub fn make(config: &Config, question: &Question) -> Result<Table> {
        let column_axes = config.columns.clone().unwrap_or_default().0;
        let row_axes = config.rows.0.clone();
        row_axes.iter().chain(&column_axes).try_for_each(|axis| question.check_axis(axis))?;
        let quantities = config.cell.0.iter().map(|text| question.quantity(text)).collect::<Result<Vec<_>>>()?;
        let kept = filter::select(question, config.filter.as_deref())?;
        let by: Vec<String> = row_axes.iter().chain(&column_axes).cloned().collect();

        let mut found = Vec::new();
        for quantity in &quantities {
            let rows: Vec<_> = kept.iter().copied().filter(|row| row.stage == quantity.stage).collect();
            found.push(group::group(question, &rows, &by)?);
        }
        let keys = || found.iter().flat_map(|groups| groups.keys()).map(|key| key.split_at(row_axes.len()));
        let rows: Vec<Vec<Value>> = keys().map(|key| key.0.to_vec()).collect::<IndexSet<_>>().into_iter().collect();
        let column_keys: IndexSet<Vec<Value>> = keys().map(|key| key.1.to_vec()).collect();

        let (mut columns, mut sources) = (Vec::new(), Vec::new());
        for key in &column_keys {
            for (quantity, groups) in quantities.iter().zip(&found) {
                let axes: Vec<_> = column_axes.iter().cloned().zip(key.iter().cloned()).collect();
                let head = head(&axes, quantity, quantities.len() > 1);
                columns.push(Column { axes, quantity: quantity.clone(), head });
                sources.push((key, groups));
            }
        }
        let cell = |row: &Vec<Value>, column: usize| cell(row, &columns[column], sources[column]);
        let cells = rows.iter().map(|row| (0..columns.len()).map(|column| cell(row, column)).collect()).collect();
        let title = title(&quantities, config.filter.as_deref());
        let name = config.name.clone().unwrap_or_else(|| config.cell.0.join("-"));
        let mut table = Table { name, title, row_axes, rows, columns, cells };
        if let Some(axis) = &config.mean {
            table.add_mean(axis)?;
        }
        if config.best == Best::Bold {
            table.mark_best();
        }
        if let Some(baseline) = &config.baseline {
            table.compare_with(baseline)?;
        }
        Ok(table)
    }

    fn mark_best(&mut self) {
        for (column, Column { quantity, .. }) in self.columns.iter().enumerate() {
            let sign = match quantity.metric.better() {
                Better::Higher => 1.0,
                Better::Lower => -1.0,
                Better::Neither => continue,
            };
            let mean = |cell: &Option<Cell>| cell.as_ref()?.summary.map(|summary| summary.mean).filter(|mean| !mean.is_nan());
            let means: Vec<f64> = self.cells.iter().filter_map(|row| mean(&row[column])).collect();
            // The best of one is no news.
            let Some(best) = means.iter().copied().max_by(|a, b| (a * sign).total_cmp(&(b * sign))).filter(|_| means.len() > 1)
            else {
                continue;
            };
            let shown = |mean: f64| show(&quantity.metric, mean);
            for row in &mut self.cells {
                let ties = mean(&row[column]).is_some_and(|mean| shown(mean) == shown(best));
                if let Some(cell) = &mut row[column] {
                    cell.best = ties;
                }
            }
        }
    }

    /// Puts the difference to the baseline into every other row: to the row that has the baseline's value on the first
    /// axis and, on the others, the same values or none.
    fn compare_with(&mut self, baseline: &str) -> Result<()> {
        let is_baseline = |row: &Vec<Value>| row.first().is_some_and(|value| label(value) == baseline);
        if !self.rows.iter().any(is_baseline) {
            let values: IndexSet<String> = self.rows.iter().filter_map(|row| row.first().map(label)).collect();
            return Err(Failure::input(format!("the baseline `{baseline}` is no row of table `{}`", self.name))
                .nearest(baseline, values.iter().map(String::as_str))
                .hint(format!("rows: {}", values.iter().cloned().collect::<Vec<_>>().join(", ")))
                .into());
        }
        let fits = |base: &Vec<Value>, row: &Vec<Value>| base.iter().zip(row).skip(1).all(|(b, r)| b == r || b.is_null());
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            if is_baseline(row) {
                continue;
            }
            let Some(base) = self.rows.iter().position(|base| is_baseline(base) && fits(base, row)) else { continue };
            for column in 0..self.columns.len() {
                let mean = |at: usize| self.cells[at][column].as_ref()?.summary.map(|summary| summary.mean);
                let gain = mean(at).zip(mean(base)).map(|(mean, base)| mean - base);
                if let Some(cell) = &mut self.cells[at][column] {
                    cell.gain = gain;
                }
            }
        }
        Ok(())
    }

    /// The texts that stand over the columns, those of the row axes first.
    pub fn heads(&self) -> Vec<String> {
        self.row_axes.iter().cloned().chain(self.columns.iter().map(|column| column.head.clone())).collect()
    }
}

impl Cell {
    /// The cell as people read it: `64.20 ± 0.35 (n=3)`, `failed`, or `-` for what is missing.
    pub fn text(&self, quantity: &Quantity) -> String {
        let count = |outcome: Outcome| self.samples.iter().filter(|sample| sample.outcome == outcome).count();
        let (failed, missing) = (count(Outcome::Failed), count(Outcome::Missing));
        let Some(summary) = self.summary else { return if failed > 0 { "failed".into() } else { "-".into() } };
        let mut notes = Vec::new();
        if summary.n > 1 || failed + missing > 0 {
            notes.push(format!("n={}", summary.n));
        }
        if failed > 0 {
            notes.push(format!("{failed} failed"));
        }
        if missing > 0 {
            notes.push(format!("{missing} missing"));
        }
        if let Some(gain) = self.gain {
            notes.push(format!("{gain:+.*}", decimals(&quantity.metric, summary.mean)));
        }
        let spread = summary.std.map(|std| format!(" ± {std:.*}", decimals(&quantity.metric, summary.mean)));
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        format!("{}{}{notes}", show(&quantity.metric, summary.mean), spread.unwrap_or_default())
    }
}

fn cell(row: &[Value], column: &Column, source: (&Vec<Value>, &IndexMap<Vec<Value>, Group>)) -> Option<Cell> {
    let key: Vec<Value> = row.iter().chain(source.0).cloned().collect();
    let samples = source.1.get(&key)?.samples(&column.quantity.metric);
    Some(Cell { summary: group::summary(&samples), samples, best: false, gain: None })
}

fn head(axes: &[(String, Value)], quantity: &Quantity, several: bool) -> String {
    let mut parts: Vec<String> = axes.iter().map(|(axis, value)| format!("{axis}={}", label(value))).collect();
    if several || parts.is_empty() {
        parts.push(quantity.to_string());
    }
    parts.join(" ")
}

fn title(quantities: &[Quantity], filter: Option<&str>) -> String {
    let titles: IndexSet<String> =
        quantities.iter().map(|quantity| format!("{}, {}", quantity.title(), quantity.stage)).collect();
    let filter = filter.map(|filter| format!(" where {filter}")).unwrap_or_default();
    format!("{}{filter}", titles.into_iter().collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{question, question_of};
    use super::*;
    use serde_json::json;

    fn names(names: &[&str]) -> Names {
        Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn table() -> Table {
        let columns = Some(names(&["mask_ratio"]));
        let baseline = Some("mae".to_owned());
        let config = Config { rows: names(&["method"]), columns, cell: names(&["linear.top1"]), baseline, ..Config::default() };
        Table::make(&config, &question()).unwrap()
    }

    #[test]
    fn missing_failed_and_never_asked_are_told_apart_in_the_terminal() {
        insta::assert_snapshot!(table().to_text(None, false), @"
        Top-1 accuracy (%), linear
        ┌──────────────────────────────────────────────────────────────────────────┐
        │ method        mask_ratio=0.5                mask_ratio=0.75              │
        ╞══════════════════════════════════════════════════════════════════════════╡
        │ vic_mae       64.50 ± 1.80 (n=3, +4.50) *   71.00 ± 1.06 (n=2, 1 failed) │
        │ mae_simsiam   failed                        -                            │
        │ mae           60.00 (n=1, 2 missing)                                     │
        └──────────────────────────────────────────────────────────────────────────┘
        ");
        assert!(table().to_text(Some(60), false).lines().skip(1).all(|line| line.chars().count() <= 60));
        assert!(table().to_text(None, true).contains("\u{1b}[1m"));
    }

    #[test]
    fn and_in_markdown() {
        insta::assert_snapshot!(table().to_markdown(), @"
        | method | mask_ratio=0.5 | mask_ratio=0.75 |
        | --- | ---: | ---: |
        | vic_mae | **64.50 ± 1.80 (n=3, +4.50)** | 71.00 ± 1.06 (n=2, 1 failed) |
        | mae_simsiam | failed | - |
        | mae | 60.00 (n=1, 2 missing) |  |
        ");
    }

    #[test]
    fn and_in_csv() {
        insta::assert_snapshot!(table().to_csv(), @"
        method,mask_ratio,stage,metric,mean,std,n,failed,missing,best,gain,seeds,values,runs
        vic_mae,0.5,linear,top1,64.5,1.8027756377319946,3,0,0,true,4.5,0 1 2,63 64 66.5,c0007ed303bccff205396423a618e0af 075452e963b35cc596f06ca3fc2a8765 3424c5d04f8812a3088702d0bf4867b1
        vic_mae,0.75,linear,top1,71,1.0606601717798212,2,1,0,false,,0 1 2,70.25 failed 71.75,deed352b94ef174b0a773d700e081342 43c96853d2866269ba63cbc9934179b8 bf0b541516a81d483c8acc34d683742f
        mae_simsiam,0.5,linear,top1,,,0,3,0,false,,0 1 2,failed failed failed,4a2572de52d444f9ce7b51614e563649 df49c6e4fa5a5802cdbf07f2695c80a8 5f07ba59925610a8528ada799bd6f135
        mae_simsiam,0.75,linear,top1,,,0,0,3,false,,0 1 2,missing missing missing,72176ef77ce6778b9dd920acbbbec0b2 3f57eed8728aa5eeeb17058f40885569 c0143b9ed444c98fde84c2ccc9c03866
        mae,0.5,linear,top1,60,,1,0,2,false,,0 1 2,60 missing missing,7190f61a83eb42fdb75afaf4b9f0a23b 69eeb9fc48b16af9023a1b7ad7c295c8 1fa6d712f629bbbc8bde5c3b7ee0746a
        ");
    }

    #[test]
    fn metrics_make_columns_when_no_axis_does() {
        let config = Config {
            rows: names(&["method", "mask_ratio"]),
            cell: names(&["linear.top1", "linear.top5"]),
            filter: Some("method == 'vic_mae'".into()),
            ..Config::default()
        };
        insta::assert_snapshot!(Table::make(&config, &question()).unwrap().to_markdown(), @"
        | method | mask_ratio | linear.top1 | linear.top5 |
        | --- | --- | ---: | ---: |
        | vic_mae | 0.5 | 64.50 ± 1.80 (n=3) | 82.25 ± 0.90 (n=3) |
        | vic_mae | 0.75 | **71.00 ± 1.06 (n=2, 1 failed)** | **85.50 ± 0.53 (n=2, 1 failed)** |
        ");
    }

    #[test]
    fn all_that_look_equally_good_are_best_and_the_lower_loss_is() {
        let cells: Vec<_> = [70.001, 70.004, 60.0]
            .iter()
            .enumerate()
            .map(|(n, top1)| (json!({"method": format!("m{n}"), "seed": 0}), "linear", *top1))
            .collect();
        let question = question_of(&cells);
        let best = |cell: &str| -> Vec<bool> {
            let config = Config { rows: names(&["method"]), cell: names(&[cell]), ..Config::default() };
            Table::make(&config, &question).unwrap().cells.iter().map(|row| row[0].as_ref().unwrap().best).collect()
        };
        assert_eq!(best("linear.top1"), [true, true, false]);
        assert_eq!(best("linear.loss"), [false, false, true]);
    }

    #[test]
    fn a_baseline_that_is_no_row_is_refused() {
        let baseline = Some("mea".to_owned());
        let config =
            Config { rows: names(&["method", "mask_ratio"]), cell: names(&["linear.top1"]), baseline, ..Config::default() };
        insta::assert_snapshot!(Table::make(&config, &question()).unwrap_err(), @"
        the baseline `mea` is no row of table `linear.top1`
        hint: rows: vic_mae, mae_simsiam, mae
        ");
    }
}
