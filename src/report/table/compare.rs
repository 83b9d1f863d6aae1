//! How rows stand to a baseline: the difference, and whether chance explains it.

use super::{Cell, Spread, Table};
use crate::failure::Failure;
use crate::report::question::label;
use crate::report::statistics::{Comparison, Test, holm, paired, welch};
use anyhow::Result;
use indexmap::IndexSet;
use serde_json::Value;

/// Below it a difference is marked.
const LEVEL: f64 = 0.05;

/// How a cell stands to the baseline's.
#[derive(Debug, Clone, PartialEq)]
pub struct Gain {
    /// The difference of the means.
    pub difference: f64,
    /// What the seeds say of it; nothing where there are too few.
    pub comparison: Option<Comparison>,
    /// The p value after Holm's correction over all comparisons of the table.
    pub adjusted: Option<f64>,
}

impl Gain {
    /// Whether chance is a poor explanation: the corrected p value is below 0.05.
    pub fn is_significant(&self) -> bool {
        self.adjusted.is_some_and(|p| p < LEVEL)
    }
}

impl Table {
    /// Puts the difference to the baseline into every other row: to the row that has the baseline's value on the first
    /// axis and, on the others, the same values or none.
    pub(super) fn compare_with(&mut self, baseline: &str) -> Result<()> {
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
                let of = |at: usize| self.cells[at][column].as_ref();
                let gain = of(at).zip(of(base)).and_then(|(cell, base)| gain(cell, base));
                if let Some(cell) = &mut self.cells[at][column] {
                    cell.gain = gain;
                }
            }
        }
        self.correct();
        Ok(())
    }

    fn gains(&self) -> impl Iterator<Item = &Gain> {
        self.cells.iter().flatten().flatten().filter_map(|cell| cell.gain.as_ref())
    }

    /// Many comparisons find something by chance: their p values are made larger together.
    fn correct(&mut self) {
        let raw: Vec<f64> = self.gains().filter_map(Gain::p).collect();
        let mut corrected = holm(&raw).into_iter();
        for gain in self.cells.iter_mut().flatten().flatten().filter_map(|cell| cell.gain.as_mut()) {
            gain.adjusted = gain.p().and_then(|_| corrected.next());
        }
    }

    /// How the comparisons were made.
    pub(super) fn comparison_note(&self) -> Option<String> {
        let baseline = self.baseline.as_ref()?;
        // The tests are of means, and so are differences, also where medians are shown.
        let what = if self.spread == Spread::Quartiles { "Differences of means" } else { "Differences" };
        let made: Vec<&Comparison> =
            self.gains().filter(|gain| gain.p().is_some()).filter_map(|g| g.comparison.as_ref()).collect();
        if made.is_empty() {
            return Some(format!("{what} are to {baseline}; there are too few seeds to test them."));
        }
        let by = |test: Test| made.iter().any(|comparison| comparison.test == test);
        let test = match (by(Test::Paired), by(Test::Welch)) {
            (true, false) => "paired t test over equal seeds",
            (false, _) => "Welch's t test",
            (true, true) => "paired t test over equal seeds, or Welch's where they are not",
        };
        let count = made.len();
        Some(format!(
            "{what} are to {baseline}; † p < {LEVEL} ({test}, two-sided, corrected over {count} comparison{} after Holm).",
            if count == 1 { "" } else { "s" }
        ))
    }
}

impl Gain {
    fn p(&self) -> Option<f64> {
        self.comparison.as_ref()?.p
    }
}

/// Paired over seeds where both measured the same ones, and otherwise not.
fn gain(cell: &Cell, base: &Cell) -> Option<Gain> {
    let difference = cell.summary?.mean - base.summary?.mean;
    let measured = |cell: &Cell| -> Vec<(Option<Value>, f64)> {
        cell.samples.iter().filter_map(|sample| Some((sample.seed.clone(), sample.outcome.value()?))).collect()
    };
    let (ours, theirs) = (measured(cell), measured(base));
    let partner = |seed: &Option<Value>| theirs.iter().find(|(other, _)| other == seed).map(|(_, value)| *value);
    let pairs: Vec<(f64, f64)> = ours.iter().filter_map(|(seed, value)| Some((*value, partner(seed)?))).collect();
    let comparison = if pairs.len() == ours.len() && pairs.len() == theirs.len() {
        paired(&pairs)
    } else {
        welch(&cell.values(), &base.values())
    };
    Some(Gain { difference, comparison, adjusted: None })
}
