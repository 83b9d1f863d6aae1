//! Where the marks of an axis stand, and what is written at them.

use crate::report::question::label;
use indexmap::IndexSet;
use serde_json::Value;

/// An axis: its title, its ends, and its marks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub title: String,
    pub from: f64,
    pub to: f64,
    pub scale: Scale,
    pub ticks: Vec<(f64, String)>,
}

/// How values stand on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// In proportion.
    Linear,
    /// Equal factors are equal distances.
    Log,
    /// Side by side: the value is the place, from 0. Nothing lies between.
    Text,
}

impl Axis {
    /// An axis over all of `values`, with round marks and a little room at both ends.
    pub fn over(title: String, values: impl IntoIterator<Item = f64>) -> Axis {
        let (low, high) = extent(values);
        let room = (high - low) * 0.05;
        Axis::linear(title, low - room, high + room)
    }

    /// An axis with given ends.
    pub fn linear(title: String, from: f64, to: f64) -> Axis {
        Axis { title, from, to, scale: Scale::Linear, ticks: round_ticks(from, to) }
    }

    /// An axis of equal factors over those of `values` that are above 0.
    pub fn log(title: String, values: impl IntoIterator<Item = f64>) -> Axis {
        let (low, high) = extent(values.into_iter().filter(|value| *value > 0.0));
        let low = if low > 0.0 { low } else { high / 10.0 };
        // However far they are apart, the ends are numbers.
        let room = (high / low).min(f64::MAX).powf(0.05);
        let (from, to) = ((low / room).max(f64::MIN_POSITIVE), (high * room).min(f64::MAX));
        Axis { title: format!("{title} (log scale)"), from, to, scale: Scale::Log, ticks: log_ticks(from, to) }
    }

    /// An axis for training steps: it begins at the first one.
    pub fn of_steps(title: String, values: impl IntoIterator<Item = f64>) -> Axis {
        let (low, high) = extent(values);
        Axis::linear(title, low, high)
    }

    /// An axis of values side by side.
    pub fn text(title: String, values: &[Value]) -> Axis {
        let ticks = values.iter().enumerate().map(|(place, value)| (place as f64, label(value))).collect();
        Axis { title, from: -0.5, to: values.len().max(1) as f64 - 0.5, scale: Scale::Text, ticks }
    }

    /// An axis with a mark at each of the values of an experiment's axis, and the place of each. Numbers stand in
    /// proportion, on a logarithmic scale when they are far apart; text stands in its order. A 0 below numbers that are far apart,
    /// which has no place on a logarithmic scale, stands one step left of the smallest, and the title says so.
    pub fn at(title: String, values: &[Value]) -> (Axis, Vec<f64>) {
        let Some(numbers) = numbers(values) else {
            return (Axis::text(title, values), (0..values.len()).map(|place| place as f64).collect());
        };
        let (low, high) = extent(numbers.iter().copied());
        let marks = |places: &[f64]| places.iter().copied().zip(values.iter().map(label)).collect::<Vec<_>>();
        if is_wide(low, high) {
            let axis = Axis::log(title, numbers.iter().copied());
            return (Axis { ticks: marks(&numbers), ..axis }, numbers);
        }
        if let Some(places) = beside_zero(&numbers) {
            let axis = Axis::log(String::new(), places.iter().copied());
            return (Axis { title: format!("{title} (log scale, 0 apart)"), ticks: marks(&places), ..axis }, places);
        }
        let room = (high - low) * 0.06;
        let ticks = if values.len() > 9 { round_ticks(low, high) } else { marks(&numbers) };
        (Axis { title, from: low - room, to: high + room, scale: Scale::Linear, ticks }, numbers)
    }

    /// Where a value stands: 0 at the beginning of the axis, 1 at its end.
    pub fn share(&self, value: f64) -> f64 {
        let place = |value: f64| if self.scale == Scale::Log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        (place(value) - place(self.from)) / (place(self.to) - place(self.from))
    }
}

/// The values as numbers, when they all are.
pub(super) fn numbers(values: &[Value]) -> Option<Vec<f64>> {
    values.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>().filter(|numbers| !numbers.is_empty())
}

/// Where numbers from 0 on stand on a logarithmic scale when those above 0 are far apart: 0 stands left of the smallest by the mean
/// factor between neighbours.
fn beside_zero(numbers: &[f64]) -> Option<Vec<f64>> {
    let above: Vec<f64> = numbers.iter().copied().filter(|number| *number > 0.0).collect();
    let (low, high) = extent(above.iter().copied());
    if above.len() == numbers.len() || numbers.iter().any(|number| *number < 0.0) || !is_wide(low, high) {
        return None;
    }
    let step = (high / low).powf(1.0 / (above.len() as f64 - 1.0));
    Some(numbers.iter().map(|number| if *number == 0.0 { low / step } else { *number }).collect())
}

/// Values of an axis once each: numbers from low to high, anything else in its order.
pub(super) fn sorted(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut values: Vec<Value> = values.collect::<IndexSet<_>>().into_iter().collect();
    if values.iter().all(Value::is_number) {
        values.sort_by(|a, b| a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)));
    }
    values
}

/// Whether values are so far apart that only a logarithmic scale shows them all.
pub(super) fn is_wide(low: f64, high: f64) -> bool {
    low > 0.0 && high / low >= 10.0
}

/// The smallest and largest of what is finite, never equal.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
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
    let exponent = raw.log10().floor();
    let power = 10f64.powf(exponent);
    // Each with the decimals that it needs: those of the power of ten, and more or fewer.
    let steps = [(1.0, 0.0), (2.0, 0.0), (2.5, 1.0), (5.0, 0.0), (10.0, -1.0)];
    let steps = steps.map(|(factor, more)| (factor * power, (more - exponent) as i32));
    let (step, decimals) = steps.into_iter().find(|(step, _)| *step >= raw * 0.999).unwrap_or(steps[4]);
    let (first, last) = ((from / step - 1e-9).ceil() as i64, (to / step + 1e-9).floor() as i64);
    let largest = from.abs().max(to.abs());
    (first..=last).map(|n| n as f64 * step).map(|tick| (tick, written(tick, decimals, largest))).collect()
}

/// Marks at powers of ten; at 2 and 5 times these too when there are few. Where fewer than two lie inside, no distance can be read:
/// marks are those of a linear axis then.
fn log_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let factors: &[f64] = if to / from < 1000.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = ((last - first) / 8).max(1) as usize;
    let powers = (first..=last).step_by(every);
    let ticks = powers.flat_map(|power| factors.iter().map(move |factor| (factor * 10f64.powi(power), power)));
    let inside: Vec<(f64, i32)> = ticks.filter(|(tick, _)| (from..=to).contains(tick)).collect();
    if inside.len() < 2 {
        return round_ticks(from, to);
    }
    inside.into_iter().map(|(tick, power)| (tick, written(tick, -power, tick))).collect()
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6 * value.abs().max(1e-12)
}

/// A number of so many decimals; fewer than none where it ends before the point. Where `largest`, the largest of its axis, has
/// more digits than anybody counts, it is written with a power of ten.
fn written(tick: f64, decimals: i32, largest: f64) -> String {
    let size = tick.abs();
    if !(1e-4..1e9).contains(&largest) {
        let digits = decimals.saturating_add(size.log10().floor() as i32).clamp(0, 12) as usize;
        return if size > 0.0 { format!("{tick:.digits$e}") } else { "0".to_owned() };
    }
    let decimals = decimals.clamp(0, 12) as usize;
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
        assert_eq!(texts(&round_ticks(-1.0, 8e300)), ["0", "2e300", "4e300", "6e300", "8e300"]);
        assert_eq!(texts(&round_ticks(0.0, 1.6e-14)), ["0", "2.5e-15", "5.0e-15", "7.5e-15", "1.00e-14", "1.25e-14", "1.50e-14"]);
        assert_eq!(texts(&log_ticks(0.04, 3.0)), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(texts(&log_ticks(0.5, 2e5)), ["1", "10", "100", "1000", "10k", "100k"]);
    }

    #[test]
    fn a_narrow_logarithmic_axis_has_marks_too() {
        assert_eq!(texts(&log_ticks(0.56, 0.94)), ["0.6", "0.7", "0.8", "0.9"]);
        assert_eq!(texts(&log_ticks(0.9, 1.6)), ["0.9", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]);
        assert_eq!(texts(&log_ticks(0.9, 2.1)), ["1", "2"]);
    }

    #[test]
    fn a_zero_stands_one_step_left_of_a_logarithmic_scale() {
        let values = [json!(0), json!(1e-4), json!(1e-3), json!(1e-2), json!(1e-1)];
        let (axis, places) = Axis::at("weight".into(), &values);
        assert_eq!((axis.title.as_str(), axis.scale), ("weight (log scale, 0 apart)", Scale::Log));
        let shares: Vec<f64> = places.iter().map(|place| axis.share(*place)).collect();
        let step = shares[1] - shares[0];
        assert!(shares.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-9), "{shares:?}");
        assert!(shares[0] > 0.0 && shares[4] < 1.0);
        assert_eq!(texts(&axis.ticks), ["0", "0.0001", "0.001", "0.01", "0.1"]);
        assert_eq!(axis.ticks[0].0, places[0]);
        for near in [[json!(0), json!(0.5), json!(0.9)], [json!(-1), json!(0), json!(100)], [json!(0), json!(0), json!(5)]] {
            assert_eq!(Axis::at("x".into(), &near).0.scale, Scale::Linear);
        }
    }

    #[test]
    fn values_of_an_axis_stand_where_they_belong() {
        let (axis, places) = Axis::at("weight".into(), &[json!(0.01), json!(0.1), json!(1)]);
        assert_eq!((axis.title.as_str(), axis.scale), ("weight (log scale)", Scale::Log));
        let shares: Vec<f64> = places.iter().map(|place| axis.share(*place)).collect();
        assert!(((shares[1] - shares[0]) - (shares[2] - shares[1])).abs() < 1e-12);
        assert!((axis.share(axis.from), axis.share(axis.to)) == (0.0, 1.0));
        assert_eq!(texts(&axis.ticks), ["0.01", "0.1", "1"]);
        let (axis, places) = Axis::at("pool".into(), &[json!("mean"), json!("max")]);
        assert_eq!((places, axis.from, axis.to), (vec![0.0, 1.0], -0.5, 1.5));
        let (_, places) = Axis::at("mask ratio".into(), &[json!(0.5), json!(0.75)]);
        assert_eq!(places, [0.5, 0.75]);
    }

    #[test]
    fn one_value_or_none_still_makes_an_axis() {
        assert!(Axis::over("x".into(), [3.0]).from < 3.0);
        assert_eq!(Axis::over("x".into(), [f64::NAN]).ticks.len(), 6);
        assert!(Axis::log("x".into(), [0.0, -1.0]).from > 0.0);
        assert!(Axis::log("x".into(), [1e-300, 1e300]).ticks.len() < 12);
    }
}
