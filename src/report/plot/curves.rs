//! A metric during training: the mean over seeds, with a band of one standard deviation.

use super::super::filter;
use super::super::group;
use super::super::question::{Quantity, Question, Row, label};
use super::super::statistics::Summary;
use super::chart::{Chart, Series, Spot, y_axis};
use super::line::{note, title};
use super::ticks::Axis;
use super::Plot;
use crate::event::Metric;
use crate::record::RunState;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexSet;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Training curves.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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

    /// Curves of runs that are done. Other axes than `color` may vary: they make more lines of the same colour, so that
    /// nothing but seeds is averaged.
    fn picture(&self, question: &Question) -> Result<Chart> {
        self.color.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = self.quantity(question);
        let done = |row: &&Row| row.stage == quantity.stage && row.run.state == RunState::Done;
        let rows: Vec<_> = filter::select(question, self.filter.as_deref())?.into_iter().filter(done).collect();
        let others = question.axes().into_iter().filter(|axis| Some(axis) != self.color.as_ref() && varies(&rows, axis));
        let by: Vec<String> = self.color.iter().cloned().chain(others).collect();
        let shown = usize::from(self.color.is_some());
        let groups = group::group(question, &rows, &by)?;
        let nothing = BTreeMap::new();
        let curves = question.curves.get(&quantity).unwrap_or(&nothing);
        let (mut colors, mut series) = (IndexSet::new(), Vec::new());
        for (key, group) in &groups {
            let runs: Vec<RunId> = group.rows.iter().map(|row| row.run.id).collect();
            let (color, _) = colors.insert_full(key[..shown].first().map(label).unwrap_or_default());
            let detail = by.iter().zip(key).skip(shown).map(|(axis, value)| format!("{axis}={}", label(value)));
            let detail = detail.collect::<Vec<_>>().join(" ");
            series.push(Series { color, detail, spots: mean_curve(curves, &runs), level: None, marked: false });
        }
        let spots = || series.iter().flat_map(|series| &series.spots);
        let x = Axis::of_steps("step".into(), spots().map(|spot| spot.x));
        let y = y_axis(quantity.title(), &series);
        let note = note(spots().map(|spot| &spot.y), self.filter.as_deref());
        let (legend, colors) = (self.color.clone().unwrap_or_default(), colors.into_iter().collect());
        Ok(Chart { title: title(&quantity), note, x, y, legend, colors, series, x_name: "step".into() })
    }
}

fn varies(rows: &[&Row], axis: &str) -> bool {
    rows.windows(2).any(|pair| pair[0].axes.get(axis) != pair[1].axes.get(axis))
}

/// The mean of the runs at each step that all of them measured: a mean over fewer would jump where one is missing.
fn mean_curve(curves: &BTreeMap<RunId, Vec<(u64, f64)>>, runs: &[RunId]) -> Vec<Spot> {
    let measured: Vec<&Vec<(u64, f64)>> = runs.iter().filter_map(|run| curves.get(run)).collect();
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (step, value) in measured.iter().copied().flatten() {
        steps.entry(*step).or_default().push(*value);
    }
    let whole = steps.into_iter().filter(|(_, values)| values.len() == measured.len());
    whole
        .filter_map(|(step, values)| Some(Spot { x: step as f64, x_label: step.to_string(), y: Summary::of(&values)? }))
        .collect()
}
