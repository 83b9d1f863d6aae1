//! A metric as bars: means with intervals, and every seed as a point.

use super::Plot;
use super::caption::INTERVAL;
use super::columns::{Columns, Request};
use super::ticks::{Axis, extent};
use crate::failure::Failure;
use crate::report::part::Part;
use crate::report::question::Question;
use anyhow::Result;
use serde::Deserialize;

/// Grouped bars.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The axis from left to right, its values side by side.
    pub x: String,
    /// What is measured: `<stage>.<metric>`.
    pub y: String,
    /// The axis that makes bars of several colours.
    #[serde(default)]
    pub color: Option<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
    /// Where bars begin: 0 if left out. The note above the plot says where.
    #[serde(default)]
    pub from: Option<f64>,
}

impl Plot for Config {
    type Picture = Columns;

    fn name(&self) -> String {
        format!("bars-{}-{}", self.y, self.x)
    }

    fn part(&self) -> Part<'_> {
        Part::over(&self.x, &self.y, self.color.as_deref(), self.filter.as_deref())
    }

    fn picture(&self, question: &Question) -> Result<Columns> {
        let (color, filter) = (self.color.as_deref(), self.filter.as_deref());
        let columns = Columns::new(question, &Request { x: &self.x, y: &self.y, color, filter, shown: INTERVAL })?;
        let base = self.from.unwrap_or(0.0);
        let seeds = || columns.columns.iter().flat_map(|column| column.seeds.iter().map(|seed| seed.1));
        if self.from.is_some() && seeds().next().is_some() && seeds().all(|value| value <= base) {
            return Err(Failure::input(format!("`from` is {base}, and no run has more than that"))
                .hint("leave `from` out: bars begin at 0 then")
                .into());
        }
        // Percentages end at 0, whatever an interval says.
        let tops = columns.columns.iter().filter_map(|column| Some(column.interval()?[1]));
        let (low, high) = extent(seeds().chain(tops).chain([base]));
        let room = (high - low) * 0.05;
        let from = if self.from.is_some() || low >= base { base } else { low - room };
        let to = if high > base { high + room } else { base };
        let note = format!("{} · bars begin at {base}", columns.note);
        Ok(Columns { y: Axis::linear(columns.y.title.clone(), from, to), base: Some(base), note, ..columns })
    }
}
