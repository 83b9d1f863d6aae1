//! The parts of the loss during pretraining, of one group of runs.

use super::Plot;
use super::chart::{Chart, Series, Style};
use super::curves::{Curves, Lines, done, mean_curve};
use crate::event::{LOSS, LOSS_GLOBAL, LOSS_RECONSTRUCTION, Metric, WEIGHT_GLOBAL};
use crate::report::group;
use crate::report::part::Part;
use crate::report::question::{Quantity, Question};
use crate::run_id::RunId;
use anyhow::Result;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The total loss and what it is made of.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which rows count: an expression over axes. It must leave one group, which differs in nothing but the seed.
    #[serde(default)]
    pub filter: Option<String>,
    /// As in `curves`.
    #[serde(default)]
    pub smooth: f64,
    /// As in `curves`.
    #[serde(default)]
    pub log: bool,
}

fn quantity(metric: &str) -> Quantity {
    Quantity { stage: "pretrain".to_owned(), metric: Metric::new(metric) }
}

impl Plot for Config {
    type Picture = Chart;

    fn name(&self) -> String {
        "loss_parts".to_owned()
    }

    fn curves(&self, _question: &Question) -> Result<Vec<Quantity>> {
        Ok([LOSS, LOSS_RECONSTRUCTION, LOSS_GLOBAL, WEIGHT_GLOBAL].map(quantity).to_vec())
    }

    fn part(&self) -> Part<'_> {
        Part { groups: Some(vec![]), smooth: self.smooth, ..Part::filtered(self.filter.as_deref()) }
    }

    /// The global loss is shown as it enters the total, times its weight, where the weight was measured.
    fn picture(&self, question: &Question) -> Result<Chart> {
        let rows = done(question, "pretrain", self.filter.as_deref())?;
        let groups = group::group(question, &rows, &[])?;
        let runs: Vec<RunId> = groups.values().flat_map(|group| group.rows.iter().map(|row| row.run.id)).collect();
        let curves = |metric: &str| question.curves.get(&quantity(metric)).cloned().unwrap_or_default();
        let (global, weight) = (curves(LOSS_GLOBAL), curves(WEIGHT_GLOBAL));
        let weighted = runs.iter().any(|run| weight.contains_key(run));
        let global = if weighted { ("weight × global", product(&weight, &global)) } else { ("global", global) };
        let parts = [("total", curves(LOSS)), ("reconstruction", curves(LOSS_RECONSTRUCTION)), global];
        let (mut colors, mut series) = (Vec::new(), Vec::new());
        for (name, curves) in parts {
            let spots = mean_curve(&curves, &runs);
            if !spots.is_empty() {
                series.push(Series { color: colors.len(), detail: String::new(), spots, level: None, style: Style::Line });
                colors.push(name.to_owned());
            }
        }
        let title = "Parts of the loss, pretrain".to_owned();
        let lines = Lines { title, y_title: "Loss".into(), legend: "part".into(), smooth: self.smooth, log: self.log };
        lines.of(colors, series, self.filter.as_deref())
    }
}

/// The product of two curves of each run, at the steps that both have.
fn product(a: &Curves, b: &Curves) -> Curves {
    let times = |(run, a): (&RunId, &Vec<(u64, f64)>)| {
        let a: BTreeMap<u64, f64> = a.iter().copied().collect();
        let common = b.get(run)?.iter().filter_map(|(step, value)| Some((*step, value * a.get(step)?)));
        Some((*run, common.collect()))
    };
    a.iter().filter_map(times).collect()
}
