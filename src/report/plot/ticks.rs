//! Where the marks of an axis stand, and what is written at them.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use serde_json::Value;
use std::ops::Range;

/// An axis: its title, its ends, and its marks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub title: String,
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis over all of `values`, with round marks and a little room at both ends.
    pub fn over(title: String, values: impl IntoIterator<Item = f64>) -> Axis {
        let (low, high) = extent(values);
        let room = (high - low) * 0.05;
        let (from, to) = (low - room, high + room);
        Axis { title, from, to, ticks: round_ticks(from, to) }
    }

    /// An axis for training steps: it begins at the first one.
    pub fn of_steps(title: String, values: impl IntoIterator<Item = f64>) -> Axis {
        let (low, high) = extent(values);
        Axis { title, from: low, to: high, ticks: round_ticks(low, high) }
    }

    /// An axis with a mark at each of the values of an experiment's axis, and the position of each. Numbers stand in
    /// proportion, on a logarithmic scale when they are far apart; text stands in its order.
    pub fn at(title: String, values: &[Value]) -> (Axis, Vec<f64>) {
        let labels = values.iter().map(super::super::question::label);
        let Some(numbers) = values.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>().filter(|numbers| !numbers.is_empty())
        else {
            let positions: Vec<f64> = (0..values.len()).map(|place| place as f64).collect();
            let to = values.len() as f64 - 0.5;
            return (Axis { title, from: -0.5, to, ticks: positions.iter().copied().zip(labels).collect() }, positions);
        };
        let (low, high) = extent(numbers.iter().copied());
        let logarithmic = low > 0.0 && high / low >= 10.0;
        let positions: Vec<f64> = numbers.iter().map(|number| if logarithmic { number.log10() } else { *number }).collect();
        let (low, high) = extent(positions.iter().copied());
        let room = (high - low) * 0.06;
        let title = if logarithmic { format!("{title} (log scale)") } else { title };
        let crowded = values.len() > 9 && !logarithmic;
        let ticks = if crowded { round_ticks(low, high) } else { positions.iter().copied().zip(labels).collect() };
        (Axis { title, from: low - room, to: high + room, ticks }, positions)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.iter().map(|(place, _)| *place).collect() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        self.ticks.iter().find(|tick| tick.0 == *place).map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// The smallest and largest of what is finite, never equal.
fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    if low == high {
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        return (low - room, high + room);
    }
    (low, high)
}

/// At most eight marks at multiples of 1, 2, 2.5 or 5 times a power of ten.
pub(super) fn round_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    const MOST_STEPS: f64 = 7.0;
    let raw = (to - from) / MOST_STEPS;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((from / step - 1e-9).ceil() as i64, (to / step + 1e-9).floor() as i64);
    let decimals = (0..12).find(|decimals| is_whole(step * 10f64.powi(*decimals))).unwrap_or(12) as usize;
    (first..=last).map(|n| n as f64 * step).map(|tick| (tick, written(tick, decimals))).collect()
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6 * value.abs().max(1e-12)
}

fn written(tick: f64, decimals: usize) -> String {
    let size = tick.abs();
    if size >= 1e4 && is_whole(tick / 1e3) {
        return if size >= 1e6 && is_whole(tick / 1e5) { format!("{}M", tick / 1e6) } else { format!("{}k", tick / 1e3) };
    }
    // Zero is never written with a sign.
    format!("{:.decimals$}", if size < 1e-12 { 0.0 } else { tick })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(axis: &[(f64, String)]) -> Vec<&str> {
        axis.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(texts(&round_ticks(0.0, 1.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&round_ticks(61.3, 66.9)), ["62", "63", "64", "65", "66"]);
        assert_eq!(texts(&round_ticks(-0.03, 0.04)), ["-0.03", "-0.02", "-0.01", "0.00", "0.01", "0.02", "0.03", "0.04"]);
        assert_eq!(texts(&round_ticks(0.0, 120_000.0)), ["0", "20k", "40k", "60k", "80k", "100k", "120k"]);
        assert_eq!(texts(&round_ticks(0.0, 1.2e6)), ["0", "200k", "400k", "600k", "800k", "1M", "1.2M"]);
    }

    #[test]
    fn values_of_an_axis_stand_where_they_belong() {
        let (axis, positions) = Axis::at("weight".into(), &[json!(0.01), json!(0.1), json!(1)]);
        assert_eq!(axis.title, "weight (log scale)");
        assert!(positions.iter().zip([-2.0, -1.0, 0.0]).all(|(got, wanted)| (got - wanted).abs() < 1e-12));
        assert_eq!(texts(&axis.ticks), ["0.01", "0.1", "1"]);
        let (axis, positions) = Axis::at("pool".into(), &[json!("mean"), json!("max")]);
        assert_eq!((positions, axis.from, axis.to), (vec![0.0, 1.0], -0.5, 1.5));
        let (_, positions) = Axis::at("mask ratio".into(), &[json!(0.5), json!(0.75)]);
        assert_eq!(positions, [0.5, 0.75]);
    }

    #[test]
    fn one_value_or_none_still_makes_an_axis() {
        assert!(Axis::over("x".into(), [3.0]).from < 3.0);
        assert_eq!(Axis::over("x".into(), [f64::NAN]).ticks.len(), 6);
    }
}
