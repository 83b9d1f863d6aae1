//! What is written above a plot.

use crate::report::question::Quantity;
use crate::report::statistics::Summary;

/// What a band shows.
pub(super) const DEVIATION: &str = "mean ± standard deviation";
/// What a whisker shows.
pub(super) const INTERVAL: &str = "mean with 95 % t interval";

/// What a plot of a quantity is called.
pub(super) fn title(quantity: &Quantity) -> String {
    format!("{}, {}", quantity.title(), quantity.stage)
}

/// What a reader must know of the numbers: what is shown of them, over how many seeds they are, what else was done to them,
/// and which rows were left out.
pub(super) fn note<'a>(
    shown: &str,
    summaries: impl Iterator<Item = &'a Summary>,
    more: &[String],
    filter: Option<&str>,
) -> String {
    let counts: Vec<usize> = summaries.map(|summary| summary.n).collect();
    let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
    let seeds = match (least, most) {
        (0, 0) => "no run is done yet".to_owned(),
        (1, 1) => "one seed".to_owned(),
        (least, most) if least == most => format!("{shown} over {most} seeds"),
        (least, most) => format!("{shown} over {least}–{most} seeds"),
    };
    let parts = std::iter::once(seeds.as_str()).chain(more.iter().map(String::as_str)).chain(filter);
    parts.collect::<Vec<_>>().join(" · ")
}
