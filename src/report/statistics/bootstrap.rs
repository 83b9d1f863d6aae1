//! The bootstrap interval of a mean.

use super::Summary;
use super::quantile::quantile;
use super::rounding::rounding;
use crate::rng::Rng;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::Normal;

/// How many samples are drawn.
const RESAMPLES: usize = 10_000;

/// Names the random numbers, so that the same values have the same interval always.
const SEED: u64 = 1987;

/// The interval of the mean by the bootstrap, bias-corrected and accelerated (BCa; Efron, 1987).
///
/// Up to five values it is exact: each of the `n^n` samples is taken once. Of more values 10,000 samples are drawn, always
/// the same ones whatever the order of the values. None of fewer than two values, of values that do not differ by more than
/// rounding (they say nothing of the noise), and where one is infinite or not a number.
///
/// `confidence` lies between 0 and 1, both excluded. With a handful of values the interval is too narrow: no sample reaches
/// beyond the values.
pub fn bootstrap_interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let mean = Summary::of(values)?.mean;
    let mut deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let scale = deviations.iter().fold(0.0, |largest: f64, deviation| largest.max(deviation.abs()));
    if !scale.is_finite() || scale <= rounding(values) {
        return None;
    }
    // In units of the largest deviation no power of them overflows.
    deviations.iter_mut().for_each(|deviation| *deviation /= scale);
    deviations.sort_by(f64::total_cmp);

    let means = resampled_means(&deviations);
    let normal = Normal::standard();
    let bias = normal.inverse_cdf(share_below_zero(&means, rounding(values) / scale));
    let sum_of_powers = |power| deviations.iter().map(|deviation| deviation.powi(power)).sum::<f64>();
    let acceleration = sum_of_powers(3) / (6.0 * sum_of_powers(2).powf(1.5));
    let end = |probability| {
        let shifted = bias + normal.inverse_cdf(probability);
        let corrected = normal.cdf(bias + shifted / (1.0 - acceleration * shifted));
        mean + scale * quantile(&means, corrected)
    };
    Some((end((1.0 - confidence) / 2.0), end((1.0 + confidence) / 2.0)))
}

/// The means of samples as large as the values, drawn from them with replacement; sorted.
fn resampled_means(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let all = u32::try_from(n).ok().and_then(|places| n.checked_pow(places)).filter(|count| *count <= RESAMPLES);
    let mut means: Vec<f64> = if let Some(count) = all {
        (0..count).map(|sample| mean_of(values, (0..n as u32).map(|place| sample / n.pow(place) % n))).collect()
    } else {
        let mut rng = Rng::stream(SEED, &[]);
        (0..RESAMPLES).map(|_| mean_of(values, (0..n).map(|_| rng.below(n)))).collect()
    };
    means.sort_by(f64::total_cmp);
    means
}

/// The mean of a sample that is told by the places of its values.
fn mean_of(values: &[f64], sample: impl Iterator<Item = usize>) -> f64 {
    sample.map(|at| values[at]).sum::<f64>() / values.len() as f64
}

/// The share of means below 0. Those at 0, but for rounding, count half.
fn share_below_zero(means: &[f64], rounding: f64) -> f64 {
    let below = means.iter().filter(|mean| **mean < -rounding).count();
    let not_above = means.iter().filter(|mean| **mean <= rounding).count();
    (below + not_above) as f64 / (2 * means.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_values_by_hand() {
        // Means 0, 1, 1, 2: neither bias nor acceleration. The quantile at 0.25 is 3/4 of the way from 0 to 1.
        let (low, high) = bootstrap_interval(&[0.0, 2.0], 0.5).unwrap();
        assert!((low - 0.75).abs() < 1e-12 && (high - 1.25).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn every_sample_is_taken_once() {
        assert_eq!(resampled_means(&[-1.0, 0.0, 1.0]).len(), 27);
        let means = resampled_means(&[0.0, 3.0, 9.0]);
        assert_eq!((means[0], means[26]), (0.0, 9.0));
        // The three values in any order: 6 of 27 samples.
        assert_eq!(means.iter().filter(|mean| **mean == 4.0).count(), 6);
        assert_eq!(resampled_means(&[0.5; 5]).len(), 3125);
        assert_eq!(resampled_means(&[0.5; 6]).len(), RESAMPLES);
    }

    #[test]
    fn the_interval_depends_on_the_values_alone() {
        let values = [64.1, 63.2, 65.9, 64.4, 66.0, 62.7, 64.9];
        let mut turned = values;
        turned.reverse();
        assert_eq!(bootstrap_interval(&values, 0.95), bootstrap_interval(&values, 0.95));
        let (a, b) = (bootstrap_interval(&values, 0.95).unwrap(), bootstrap_interval(&turned, 0.95).unwrap());
        assert!((a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12, "{a:?} {b:?}");
        assert!(62.7 < a.0 && a.0 < 64.4 && 64.5 < a.1 && a.1 < 66.0, "{a:?}");
    }

    #[test]
    fn nothing_can_be_said_without_a_spread() {
        for values in [&[][..], &[1.0], &[2.0, 2.0], &[0.1, 0.1, 0.1], &[1.0, f64::NAN], &[1.0, 2.0, f64::INFINITY]] {
            assert_eq!(bootstrap_interval(values, 0.95), None, "{values:?}");
        }
    }
}
