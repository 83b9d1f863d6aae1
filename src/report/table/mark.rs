//! Which cells of a column are the best and the second best, as far as the shown digits tell.

use super::{Cell, Column, Table, show};
use crate::event::Better;

/// How a cell stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The best, or as good as it.
    Best,
    /// The best of the others.
    Second,
    /// Neither.
    None,
}

impl Table {
    /// What the marks mean, where some are used: `best` and `second` say how these look.
    pub(super) fn key(&self, best: &str, second: &str) -> Option<String> {
        let used = |mark| self.cells.iter().flatten().flatten().any(|cell| cell.mark == mark);
        let second = if used(Mark::Second) { format!("; {second}: the second best") } else { String::new() };
        used(Mark::Best).then(|| format!("{best}: the best of its column{second}."))
    }

    pub(super) fn mark_best(&mut self) {
        for (column, Column { quantity, .. }) in self.columns.iter().enumerate() {
            let sign = match quantity.metric.better() {
                Better::Higher => 1.0,
                Better::Lower => -1.0,
                Better::Neither => continue,
            };
            // Means over different values are no competitors; a caution says so.
            if !self.are_alike(column) {
                continue;
            }
            // What is compared is what is shown, which may be the median.
            let spread = self.spread;
            let number = |cell: &Option<Cell>| {
                cell.as_ref()?.summary.map(|summary| spread.center(&summary)).filter(|number| !number.is_nan())
            };
            let mut numbers: Vec<f64> = self.cells.iter().filter_map(|row| number(&row[column])).collect();
            numbers.sort_by(|a, b| (b * sign).total_cmp(&(a * sign)));
            // The best of one is no news, and neither is the second of two.
            let Some(best) = numbers.first().filter(|_| numbers.len() > 1).map(|best| show(&quantity.metric, *best)) else {
                continue;
            };
            let second = numbers.iter().map(|number| show(&quantity.metric, *number)).find(|shown| *shown != best);
            let second = second.filter(|_| numbers.len() > 2);
            for row in &mut self.cells {
                let shown = number(&row[column]).map(|number| show(&quantity.metric, number));
                if let Some(cell) = &mut row[column] {
                    cell.mark = match shown {
                        Some(shown) if shown == best => Mark::Best,
                        shown if shown.is_some() && shown == second => Mark::Second,
                        _ => Mark::None,
                    };
                }
            }
        }
    }
    /// Whether all numbers of a column are means over the same.
    fn are_alike(&self, column: usize) -> bool {
        let cells = self.cells.iter().filter_map(|row| row[column].as_ref());
        let mut over = cells.filter(|cell| cell.summary.is_some()).map(|cell| &cell.over);
        let first = over.next();
        over.all(|other| Some(other) == first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::Spread;
    use super::*;
    use crate::report::config::Names;
    use crate::report::sample::question_of;
    use serde_json::json;

    #[test]
    fn the_best_is_the_best_of_what_is_shown() {
        let mut cells = Vec::new();
        for (method, values) in [("steady", [60.0, 61.0, 62.0]), ("lucky", [50.0, 51.0, 90.0])] {
            for (seed, value) in values.into_iter().enumerate() {
                cells.push((json!({"method": method, "seed": seed}), "linear", value));
            }
        }
        let marks = |spread| -> Vec<bool> {
            let (rows, cell) = (Names(vec!["method".into()]), Names(vec!["linear.top1".into()]));
            let table = Table::make(&Config { rows, cell, spread, ..Config::default() }, &question_of(&cells)).unwrap();
            table.cells.iter().map(|row| row[0].as_ref().unwrap().is_best()).collect()
        };
        assert_eq!(marks(Spread::Std), [false, true]);
        assert_eq!(marks(Spread::Quartiles), [true, false]);
    }
}
