//! Signs of collapse during pretraining: how spread and how varied the features are.

use super::Plot;
use super::curves;
use super::panels::{Panel, Panels};
use crate::event::{FEATURES_ALIGNMENT, FEATURES_RANKME, FEATURES_STD, FEATURES_UNIFORMITY, Metric};
use crate::report::part::{Part, axis};
use crate::report::question::{Quantity, Question};
use anyhow::Result;
use serde::Deserialize;

const METRICS: [&str; 4] = [FEATURES_STD, FEATURES_RANKME, FEATURES_ALIGNMENT, FEATURES_UNIFORMITY];

/// The four measures of the features over training, side by side.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The axis that makes the lines.
    #[serde(default)]
    pub color: Option<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
    /// As in `curves`.
    #[serde(default)]
    pub smooth: f64,
}

impl Plot for Config {
    type Picture = Panels;

    fn name(&self) -> String {
        "collapse".to_owned()
    }

    fn curves(&self, _question: &Question) -> Result<Vec<Quantity>> {
        Ok(METRICS.map(|metric| Quantity { stage: "pretrain".to_owned(), metric: Metric::new(metric) }).to_vec())
    }

    fn part(&self) -> Part<'_> {
        let axes = axis("color", self.color.as_deref());
        Part { axes, smooth: self.smooth, ..Part::filtered(self.filter.as_deref()) }
    }

    /// A measure that no run took has no panel.
    fn picture(&self, question: &Question) -> Result<Panels> {
        let (color, filter, smooth) = (&self.color, &self.filter, self.smooth);
        let mut charts = Vec::new();
        for metric in METRICS {
            let config = curves::Config {
                metric: format!("pretrain.{metric}"),
                color: color.clone(),
                filter: filter.clone(),
                smooth,
                log: false,
            };
            charts.push(Panel { metric: metric.to_owned(), chart: config.picture(question)? });
        }
        let note = charts.iter().find(|panel| panel.is_measured()).unwrap_or(&charts[0]).chart.note.clone();
        charts.retain(Panel::is_measured);
        Ok(Panels { title: "Features during pretraining".to_owned(), note, charts })
    }
}

impl Panel {
    fn is_measured(&self) -> bool {
        self.chart.series.iter().any(|series| !series.spots.is_empty())
    }
}
