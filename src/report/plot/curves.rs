//! A metric during training: the mean over seeds, with a band of one standard deviation.

use super::Plot;
use super::caption::{DEVIATION, note, title};
use super::chart::{Chart, Series, Spot, Style};
use super::ticks::Axis;
use crate::event::Metric;
use crate::failure::Failure;
use crate::record::RunState;
use crate::record::thinned;
use crate::report::filter;
use crate::report::group;
use crate::report::part::{Part, axis};
use crate::report::question::{Quantity, Question, Row, label};
use crate::report::statistics::Summary;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexSet;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The most points of all lines of a drawing, which more would not make clearer but megabytes large, and the least of one line
/// where there are very many.
const POINTS: usize = 10_000;
const LEAST: usize = 25;

/// The values of runs, by step.
pub(super) type Curves = BTreeMap<RunId, Vec<(u64, f64)>>;

/// Training curves.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is measured during pretraining; or `<stage>.<metric>`.
    pub metric: String,
    /// The axis that makes the lines.
    #[serde(default)]
    pub color: Option<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
    /// How much of the line before each step stays in it: 0 (nothing, the default) to below 1. The line as it was measured
    /// is kept faint behind.
    #[serde(default)]
    pub smooth: f64,
    /// Whether equal factors of the metric are equal distances. Values of 0 and less are not shown then.
    #[serde(default)]
    pub log: bool,
}

impl Config {
    fn quantity(&self, question: &Question) -> Quantity {
        let split = self.metric.split_once('.').filter(|(stage, _)| question.stages().iter().any(|known| known == stage));
        let (stage, metric) = split.unwrap_or(("pretrain", &self.metric));
        Quantity { stage: stage.to_owned(), metric: Metric::new(metric) }
    }
}

impl Plot for Config {
    type Picture = Chart;

    fn name(&self) -> String {
        format!("curves-{}", self.metric)
    }

    fn curves(&self, question: &Question) -> Result<Vec<Quantity>> {
        Ok(vec![self.quantity(question)])
    }

    fn part(&self) -> Part<'_> {
        let (axes, curve) = (axis("color", self.color.as_deref()), Some(&*self.metric));
        Part { axes, curve, smooth: self.smooth, ..Part::filtered(self.filter.as_deref()) }
    }

    /// Curves of runs that are done. Other axes than `color` may vary: they make more lines of the same colour, so that
    /// nothing but seeds is averaged.
    fn picture(&self, question: &Question) -> Result<Chart> {
        self.color.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = self.quantity(question);
        let rows = done(question, &quantity.stage, self.filter.as_deref())?;
        let others = question.axes().into_iter().filter(|axis| Some(axis) != self.color.as_ref() && varies(&rows, axis));
        let by: Vec<String> = self.color.iter().cloned().chain(others).collect();
        let shown = usize::from(self.color.is_some());
        let groups = group::group(question, &rows, &by)?;
        let nothing = Curves::new();
        let curves = question.curves.get(&quantity).unwrap_or(&nothing);
        let (mut colors, mut series) = (IndexSet::new(), Vec::new());
        for (key, group) in &groups {
            let runs: Vec<RunId> = group.rows.iter().map(|row| row.run.id).collect();
            let (color, _) = colors.insert_full(key[..shown].first().map(label).unwrap_or_default());
            let detail = by.iter().zip(key).skip(shown).map(|(axis, value)| format!("{axis}={}", label(value)));
            let detail = detail.collect::<Vec<_>>().join(" ");
            series.push(Series { color, detail, spots: mean_curve(curves, &runs), level: None, style: Style::Line });
        }
        let legend = self.color.clone().unwrap_or_default();
        let chart = Lines { title: title(&quantity), y_title: quantity.title(), legend, smooth: self.smooth, log: self.log };
        chart.of(colors.into_iter().collect(), series, self.filter.as_deref())
    }
}

/// How curves are drawn.
pub(super) struct Lines {
    pub title: String,
    pub y_title: String,
    pub legend: String,
    pub smooth: f64,
    pub log: bool,
}

impl Lines {
    /// Draws series over training steps.
    pub fn of(self, colors: Vec<String>, mut series: Vec<Series>, filter: Option<&str>) -> Result<Chart> {
        if !(0.0..1.0).contains(&self.smooth) {
            return Err(Failure::input(format!("`smooth` is {}; it must be at least 0 and below 1", self.smooth))
                .hint("0 is the line as it was measured; 0.9 is smooth")
                .into());
        }
        let mut more = Vec::new();
        if self.log {
            series.iter_mut().for_each(|series| series.spots.retain(|spot| spot.y.mean > 0.0));
        }
        if self.smooth > 0.0 {
            series.iter_mut().for_each(|series| smooth(&mut series.spots, self.smooth));
            more.push(format!("smoothed by {}, measured line faint", self.smooth));
        }
        let most = (POINTS / series.len().max(1)).max(LEAST);
        series.iter_mut().for_each(|series| series.spots = thinned(&series.spots, most));
        let spots = || series.iter().flat_map(|series| &series.spots);
        let x = Axis::of_steps("step".into(), spots().map(|spot| spot.x));
        // A band may reach below 0: it must not stretch a logarithmic axis.
        let y = if self.log {
            Axis::log(self.y_title, spots().map(|spot| spot.y.mean))
        } else {
            Axis::over(self.y_title, series.iter().flat_map(Series::extremes))
        };
        let note = note(DEVIATION, spots().map(|spot| &spot.y), &more, filter);
        Ok(Chart { title: self.title, note, x, y, legend: self.legend, colors, series, x_name: "step".into() })
    }
}

/// The rows of a stage whose runs are done.
pub(super) fn done<'a>(question: &'a Question, stage: &str, filter: Option<&str>) -> Result<Vec<&'a Row>> {
    let done = |row: &&Row| row.stage == stage && row.run.state == RunState::Done;
    Ok(filter::select(question, filter)?.into_iter().filter(done).collect())
}

/// Whether rows have different values of an axis.
pub(super) fn varies(rows: &[&Row], axis: &str) -> bool {
    rows.windows(2).any(|pair| pair[0].axes.get(axis) != pair[1].axes.get(axis))
}

/// The mean of the runs at each step that all of them measured: a mean over fewer would jump where one is missing.
pub(super) fn mean_curve(curves: &Curves, runs: &[RunId]) -> Vec<Spot> {
    let measured: Vec<&Vec<(u64, f64)>> = runs.iter().filter_map(|run| curves.get(run)).collect();
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (step, value) in measured.iter().copied().flatten() {
        steps.entry(*step).or_default().push(*value);
    }
    let whole = steps.into_iter().filter(|(_, values)| values.len() == measured.len());
    let spot = |(step, values): (u64, Vec<f64>)| {
        Some(Spot { x: step as f64, x_label: step.to_string(), y: Summary::of(&values)?, smooth: None })
    };
    whole.filter_map(spot).collect()
}

/// An exponential moving average that does not lean towards its beginning, as TensorBoard draws it: after n values it is
/// divided by `1 - weight^n`. What is not finite is left out.
fn smooth(spots: &mut [Spot], weight: f64) {
    let (mut average, mut rest) = (0.0, 1.0);
    for spot in spots.iter_mut().filter(|spot| spot.y.mean.is_finite()) {
        average = average * weight + spot.y.mean * (1.0 - weight);
        rest *= weight;
        spot.smooth = Some(average / (1.0 - rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(x: f64, y: f64) -> Spot {
        Spot { x, x_label: String::new(), y: Summary::of(&[y]).unwrap(), smooth: None }
    }

    #[test]
    fn of_many_lines_each_has_fewer_points() {
        let spots: Vec<Spot> = (0..400).map(|x| spot(f64::from(x), 1.0)).collect();
        let series = Series { color: 0, detail: String::new(), spots, level: None, style: Style::Line };
        let points = |count: usize| {
            let lines = Lines { title: String::new(), y_title: String::new(), legend: String::new(), smooth: 0.0, log: false };
            let chart = lines.of(vec![String::new()], vec![series.clone(); count], None).unwrap();
            (chart.series[0].spots.len(), chart.series[0].spots.last().unwrap().x)
        };
        assert_eq!([1, 25, 200, 1000].map(points), [(400, 399.0), (400, 399.0), (50, 399.0), (25, 399.0)]);
    }

    #[test]
    fn smoothing_by_hand() {
        let spot = |y: f64| spot(0.0, y);
        let mut spots = [spot(1.0), spot(f64::NAN), spot(3.0), spot(3.0)];
        smooth(&mut spots, 0.5);
        // 0.5 / 0.5; (0.25 + 1.5) / 0.75; (0.875 + 1.5) / 0.875.
        let got = spots.map(|spot| spot.smooth);
        assert_eq!(got, [Some(1.0), None, Some(1.75 / 0.75), Some(2.375 / 0.875)]);
    }
}
