//! What stands in a cell.

use super::{Gain, Mark, decimals, show};
use crate::event::Metric;
use crate::report::group::{self, Outcome, Sample};
use crate::report::statistics::{Summary, bootstrap_interval};
use crate::run_id::RunId;
use indexmap::IndexSet;
use serde::Deserialize;
use serde_json::Value;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// A run for each seed.
    pub samples: Vec<Sample>,
    /// The values of the averaged axes that each sample is a mean over; one empty list where nothing is averaged but seeds.
    pub over: IndexSet<Vec<Value>>,
    /// What they measured, summed up; nothing when none did.
    pub summary: Option<Summary>,
    /// Whether it is the best of its column, or the second.
    pub mark: Mark,
    /// How it stands to the baseline.
    pub gain: Option<Gain>,
    /// Whether it says of how many seeds it is.
    pub counted: bool,
}

/// What tells the spread over seeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// The sample standard deviation.
    #[default]
    Std,
    /// The half width of Student's 95 % interval of the mean.
    Interval,
    /// The 95 % interval of the mean by the bootstrap (BCa).
    Bootstrap,
    /// The median in the place of the mean, with both quartiles.
    Quartiles,
    /// None.
    None,
}

impl Spread {
    /// What the numbers are.
    pub fn words(self) -> &'static str {
        match self {
            Spread::Std => "mean ± sample standard deviation",
            Spread::Interval => "mean ± half of the 95 % t interval",
            Spread::Bootstrap => "mean [95 % bootstrap interval (BCa)]",
            Spread::Quartiles => "median [quartiles]",
            Spread::None => "means",
        }
    }

    /// The number that is shown, and by which cells are told apart.
    pub fn center(self, summary: &Summary) -> f64 {
        if self == Spread::Quartiles { summary.median } else { summary.mean }
    }
}

/// A number with its spread, as text: `center`, and `± width` or `[low, high]`, all of them times the same power of ten.
pub(super) struct Figure {
    pub center: String,
    pub width: Option<String>,
    pub ends: Option<[String; 2]>,
    pub power: Option<i32>,
}

impl Cell {
    /// A cell of samples, not compared with others yet.
    pub(super) fn of(samples: Vec<Sample>) -> Cell {
        let summary = group::summary(&samples);
        Cell { samples, over: IndexSet::new(), summary, mark: Mark::None, gain: None, counted: true }
    }

    /// The runs that it is from.
    pub fn runs(&self) -> impl Iterator<Item = &RunId> {
        self.samples.iter().flat_map(|sample| &sample.runs)
    }

    /// Whether it is the best of its column, as far as the shown digits tell.
    pub fn is_best(&self) -> bool {
        self.mark == Mark::Best
    }

    /// How many samples came to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.samples.iter().filter(|sample| sample.outcome == outcome).count()
    }

    /// What was measured.
    pub fn values(&self) -> Vec<f64> {
        self.samples.iter().filter_map(|sample| sample.outcome.value()).collect()
    }

    /// The number and its spread; nothing where there is no number.
    pub(super) fn figure(&self, metric: &Metric, spread: Spread) -> Option<Figure> {
        let summary = self.summary?;
        let number = spread.center(&summary);
        let (center, power) = parted(&show(metric, number));
        // A spread is read beside its number, so it has as many decimals and the same power of ten.
        let with = |value: f64| match power {
            Some(power) => format!("{:.3}", value / 10_f64.powi(power)),
            None => format!("{value:.*}", decimals(metric, number)),
        };
        let both = |(low, high): (f64, f64)| [with(low), with(high)];
        let (mut width, mut ends) = (None, None);
        match spread {
            Spread::Std => width = summary.std.map(with),
            Spread::Interval => width = summary.interval(0.95).map(|(low, high)| with((high - low) / 2.0)),
            Spread::Bootstrap => ends = bootstrap_interval(&self.values(), 0.95).map(both),
            Spread::Quartiles => ends = (summary.n > 1).then(|| both(summary.quartiles)),
            Spread::None => {}
        }
        Some(Figure { center, width, ends, power })
    }

    /// What stands in the place of a number: `failed`, `pruned (1 of 3)`, or `-` for what is missing.
    pub(super) fn instead(&self) -> String {
        match (self.count(Outcome::Pruned), self.count(Outcome::Failed)) {
            (0, 0) => "-".into(),
            (0, _) => "failed".into(),
            (pruned, _) => format!("pruned ({pruned} of {})", self.samples.len()),
        }
    }

    /// What a number is followed by: `n=2`, `1 failed`, `+4.50†`.
    pub(super) fn remarks(&self, metric: &Metric) -> Vec<String> {
        let Some(summary) = self.summary else { return Vec::new() };
        let (failed, missing) = (self.count(Outcome::Failed), self.count(Outcome::Missing));
        let mut remarks = Vec::new();
        if self.counted {
            remarks.push(format!("n={}", summary.n));
        }
        if failed > 0 {
            remarks.push(format!("{failed} failed"));
        }
        if missing > 0 {
            remarks.push(format!("{missing} missing"));
        }
        if let Some(gain) = &self.gain {
            let sign = if gain.is_significant() { "†" } else { "" };
            // Where numbers have a power of ten, so many decimals that a difference shows would be a row of zeros.
            remarks.push(match parted(&show(metric, summary.mean)).1 {
                Some(_) => format!("{:+.3e}{sign}", gain.difference),
                None => format!("{:+.*}{sign}", decimals(metric, summary.mean), gain.difference),
            });
        }
        remarks
    }

    /// The cell as people read it: `64.20 ± 0.35 (n=3)`, `failed`, `pruned (1 of 3)`, or `-` for what is missing.
    pub fn text(&self, metric: &Metric, spread: Spread) -> String {
        let Some(figure) = self.figure(metric, spread) else { return self.instead() };
        let remarks = self.remarks(metric);
        let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) };
        format!("{}{remarks}", figure.text())
    }
}

impl Figure {
    /// `64.20 ± 0.35`, `64.20 [63.90, 64.50]`, or `(9.114 ± 0.012)e-7`.
    pub fn text(&self) -> String {
        let text = match (&self.width, &self.ends) {
            (Some(width), _) => format!("{} ± {width}", self.center),
            (None, Some([low, high])) => format!("{} [{low}, {high}]", self.center),
            (None, None) => self.center.clone(),
        };
        match self.power {
            Some(power) if text == self.center => format!("{text}e{power}"),
            Some(power) => format!("({text})e{power}"),
            None => text,
        }
    }
}

/// A number as it is shown, parted from its power of ten.
fn parted(shown: &str) -> (String, Option<i32>) {
    let parts = shown.split_once('e').and_then(|(digits, power)| Some((digits, power.parse().ok()?)));
    parts.map_or((shown.to_owned(), None), |(digits, power)| (digits.to_owned(), Some(power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(values: &[f64]) -> Cell {
        let sample = |value: &f64| Sample { runs: Vec::new(), seed: None, outcome: Outcome::Measured(*value) };
        Cell::of(values.iter().map(sample).collect())
    }

    #[test]
    fn a_number_and_its_spread_have_the_same_power_of_ten() {
        let text = |values: &[f64], spread| cell(values).text(&Metric::new("loss"), spread);
        assert_eq!(text(&[9.102e-7, 9.126e-7], Spread::Std), "(9.114 ± 0.017)e-7 (n=2)");
        assert_eq!(text(&[9.102e-7, 9.126e-7], Spread::Quartiles), "(9.114 [9.108, 9.120])e-7 (n=2)");
        assert_eq!(text(&[-2.0e6, -4.0e6], Spread::Std), "(-3.000 ± 1.414)e6 (n=2)");
        assert_eq!(text(&[9.102e-7], Spread::Std), "9.102e-7 (n=1)");
        assert_eq!(text(&[0.5, 0.25], Spread::Std), "0.3750 ± 0.1768 (n=2)");
    }

    #[test]
    fn medians_have_the_decimals_of_the_median() {
        // The mean, 34, would have two of them.
        assert_eq!(cell(&[0.5, 1.5, 100.0]).text(&Metric::new("loss"), Spread::Quartiles), "1.500 [1.000, 50.750] (n=3)");
    }

    #[test]
    fn a_difference_of_numbers_with_a_power_of_ten_has_one() {
        let mut cell = cell(&[9.0e-7]);
        cell.gain = Some(Gain { difference: -1.25e-8, comparison: None, adjusted: None });
        assert_eq!(cell.text(&Metric::new("loss"), Spread::Std), "9.000e-7 (n=1, -1.250e-8)");
    }
}
