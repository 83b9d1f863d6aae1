//! Curves that fit into `index.html`.

use super::details::DETAILED;
use crate::event::LOSS;
use crate::record::{Curve, Record};
use crate::report::question::{Quantity, Question};
use crate::run_id::RunId;
use anyhow::Result;
use std::collections::BTreeMap;

/// Points of all curves together, of which each takes about 20 bytes of the page.
const POINTS: usize = 100_000;
/// The most points a curve.
const POINTS_OF_CURVE: usize = 200;
/// Fewer points than this tell little: metrics are left out instead.
const LEAST_POINTS: usize = 40;

/// Curves by what they measured and by run.
pub(super) type Curves = BTreeMap<Quantity, BTreeMap<RunId, Curve>>;

/// Curves that fit into the page of so many runs, thinned: those of the loss before others.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn read(record: &Record, question: &Question, runs: usize) -> Result<Curves> {
    let mut curves = BTreeMap::new();
    if runs > DETAILED {
        return Ok(curves);
    }
    let mut wanted = Vec::new();
    for stage in question.stages() {
        let metrics = question.metrics(&stage).into_iter().cloned();
        wanted.extend(metrics.map(|metric| Quantity { stage: stage.clone(), metric }));
    }
    wanted.sort_by_key(|quantity| (quantity.metric.as_str() != LOSS, quantity.stage != "pretrain"));
    let mut left = POINTS;
    let most = (POINTS / runs.max(1)).clamp(LEAST_POINTS, POINTS_OF_CURVE);
    for quantity in wanted {
        let of_metric = record.curves(&question.runs_of(&quantity.stage), &quantity.metric, most)?;
        let points: usize = of_metric.values().map(Vec::len).sum();
        // A single point is no curve; it is among the last values.
        if of_metric.values().all(|curve| curve.len() < 2) || points > left {
            continue;
        }
        left -= points;
        curves.insert(quantity, of_metric);
    }
    Ok(curves)
}
