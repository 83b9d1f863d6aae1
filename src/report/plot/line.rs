//! A metric against an axis, one line a value of another axis, with a band of one standard deviation over seeds.

use super::super::filter;
use super::super::group::{self, summary};
use super::super::question::{Quantity, Question, label};
use super::super::statistics::Summary;
use super::chart::{Chart, Series, Spot, y_axis};
use super::ticks::Axis;
use super::Plot;
use anyhow::Result;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

/// A line plot.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The axis from left to right: numbers stand in proportion, text in its order.
    pub x: String,
    /// What is measured: `<stage>.<metric>`.
    pub y: String,
    /// The axis that makes the lines. One whose runs do not have the x axis is a dashed level.
    #[serde(default)]
    pub color: Option<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
}

impl Plot for Config {
    type Picture = Chart;

    fn name(&self) -> String {
        format!("line-{}-{}", self.y, self.x)
    }

    fn picture(&self, question: &Question) -> Result<Chart> {
        let by: Vec<String> = [Some(&self.x), self.color.as_ref()].into_iter().flatten().cloned().collect();
        by.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = question.quantity(&self.y)?;
        let rows = filter::select(question, self.filter.as_deref())?.into_iter().filter(|row| row.stage == quantity.stage);
        let groups = group::group(question, &rows.collect::<Vec<_>>(), &by)?;

        let values = sorted(groups.keys().map(|key| key[0].clone()).filter(|value| !value.is_null()));
        let (x, places) = Axis::at(self.x.clone(), &values);
        let mut lines: IndexMap<String, Series> = IndexMap::new();
        for (key, group) in &groups {
            let name = key.get(1).map(label).unwrap_or_default();
            let color = lines.len();
            let series = lines.entry(name).or_insert(Series { color, detail: String::new(), spots: vec![], level: None, marked: true });
            let Some(y) = summary(&group.samples(&quantity.metric)) else { continue };
            match values.iter().position(|value| *value == key[0]) {
                Some(at) => series.spots.push(Spot { x: places[at], x_label: label(&key[0]), y }),
                None => series.level = Some(y),
            }
        }
        let (colors, mut series): (Vec<String>, Vec<Series>) = lines.into_iter().unzip();
        series.iter_mut().for_each(|series| series.spots.sort_by(|a, b| a.x.total_cmp(&b.x)));
        let y = y_axis(quantity.title(), &series);
        let all = series.iter().flat_map(|series| series.spots.iter().map(|spot| &spot.y).chain(&series.level));
        let note = note(all, self.filter.as_deref());
        let legend = self.color.clone().unwrap_or_default();
        Ok(Chart { title: title(&quantity), note, x, y, legend, colors, series, x_name: self.x.clone() })
    }
}

/// What a plot of a quantity is called.
pub(super) fn title(quantity: &Quantity) -> String {
    format!("{}, {}", quantity.title(), quantity.stage)
}

/// What a reader must know of the numbers: over how many seeds they are, and which rows were left out.
pub(super) fn note<'a>(summaries: impl Iterator<Item = &'a Summary>, filter: Option<&str>) -> String {
    let counts: Vec<usize> = summaries.map(|summary| summary.n).collect();
    let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
    let seeds = match (least, most) {
        (0, 0) => "no run is done yet".to_owned(),
        (1, 1) => "one seed".to_owned(),
        (least, most) if least == most => format!("mean ± standard deviation over {most} seeds"),
        (least, most) => format!("mean ± standard deviation over {least}–{most} seeds"),
    };
    filter.map_or(seeds.clone(), |filter| format!("{seeds} · {filter}"))
}

/// Values of an axis once each: numbers from low to high, anything else in its order.
pub(super) fn sorted(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut values: Vec<Value> = values.collect::<indexmap::IndexSet<_>>().into_iter().collect();
    if values.iter().all(Value::is_number) {
        values.sort_by(|a, b| a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)));
    }
    values
}
