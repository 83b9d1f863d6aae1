//! A metric against an axis, one line a value of another axis, with a band of one standard deviation over seeds.

use super::Plot;
use super::caption::{DEVIATION, INTERVAL, note, title};
use super::chart::{Chart, Series, Spot, Style};
use super::ticks::{Axis, Scale, sorted};
use crate::report::filter;
use crate::report::group::{self, summary};
use crate::report::part::Part;
use crate::report::question::{Question, label};
use anyhow::Result;
use indexmap::IndexMap;
use serde::Deserialize;

/// The part of the room of a text value over which its points are spread.
const SPREAD: f64 = 0.6;

/// A line plot.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The axis from left to right: numbers stand in proportion and are joined by lines, text stands in its order and is not.
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

    fn part(&self) -> Part<'_> {
        Part::over(&self.x, &self.y, self.color.as_deref(), self.filter.as_deref())
    }

    fn picture(&self, question: &Question) -> Result<Chart> {
        let by: Vec<String> = [Some(&self.x), self.color.as_ref()].into_iter().flatten().cloned().collect();
        by.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = question.quantity(&self.y)?;
        let rows = filter::select(question, self.filter.as_deref())?.into_iter().filter(|row| row.stage == quantity.stage);
        let groups = group::group(question, &rows.collect::<Vec<_>>(), &by)?;

        let values = sorted(groups.keys().map(|key| key[0].clone()).filter(|value| !value.is_null()));
        let (x, places) = Axis::at(self.x.clone(), &values);
        let (style, shown) = if x.scale == Scale::Text { (Style::Points, INTERVAL) } else { (Style::MarkedLine, DEVIATION) };
        let mut lines: IndexMap<String, Series> = IndexMap::new();
        for (key, group) in &groups {
            let name = key.get(1).map(label).unwrap_or_default();
            let color = lines.len();
            let series = lines.entry(name).or_insert(Series { color, detail: String::new(), spots: vec![], level: None, style });
            let Some(y) = summary(&group.samples(&quantity.metric)) else { continue };
            match values.iter().position(|value| *value == key[0]) {
                Some(at) => series.spots.push(Spot { x: places[at], x_label: label(&key[0]), y, smooth: None }),
                None => series.level = Some(y),
            }
        }
        let (colors, mut series): (Vec<String>, Vec<Series>) = lines.into_iter().unzip();
        series.iter_mut().for_each(|series| series.spots.sort_by(|a, b| a.x.total_cmp(&b.x)));
        if style == Style::Points {
            side_by_side(&mut series);
        }
        let y = Axis::over(quantity.title(), series.iter().flat_map(Series::extremes));
        let all = series.iter().flat_map(|series| series.spots.iter().map(|spot| &spot.y).chain(&series.level));
        let note = note(shown, all, &[], self.filter.as_deref());
        let legend = self.color.clone().unwrap_or_default();
        Ok(Chart { title: title(&quantity), note, x, y, legend, colors, series, x_name: self.x.clone() })
    }
}

/// Points of the same text value stand side by side, so that none hides another.
fn side_by_side(series: &mut [Series]) {
    let count = series.len() as f64;
    for (n, series) in series.iter_mut().enumerate() {
        let shift = ((n as f64 + 0.5) / count - 0.5) * SPREAD;
        series.spots.iter_mut().for_each(|spot| spot.x += shift);
    }
}
