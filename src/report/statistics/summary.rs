//! Numbers, summed up.

use super::quantile::quantile;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::StudentsT;

/// Numbers, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many there are, at least 1.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n - 1); none of a single number.
    pub std: Option<f64>,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The one in the middle, or the mean of the two there.
    pub median: f64,
    /// The first and the third quartile, between neighbours by a line (numpy's default).
    pub quartiles: (f64, f64),
}

impl Summary {
    /// Sums numbers up; nothing when there are none. One that is not a number makes all but `n` not a number.
    pub fn of(values: &[f64]) -> Option<Summary> {
        if values.is_empty() {
            return None;
        }
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |fraction| if mean.is_nan() { f64::NAN } else { quantile(&sorted, fraction) };
        let quartiles = (at(0.25), at(0.75));
        Some(Summary { n, mean, std, min: at(0.0), max: at(1.0), median: at(0.5), quartiles })
    }

    /// Student's t interval of the mean: `mean ± t(n - 1) std / √n`. None of a single number.
    ///
    /// `confidence` lies between 0 and 1, both excluded.
    pub fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let freedom = StudentsT::new(0.0, 1.0, self.n as f64 - 1.0).ok()?;
        let half = freedom.inverse_cdf(0.5 + confidence / 2.0) * self.std? / (self.n as f64).sqrt();
        Some((self.mean - half, self.mean + half))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_by_hand() {
        let summary = Summary::of(&[66.5, 63.0, 64.0]).unwrap();
        // mean 64.5; squares 2.25 + 0.25 + 4 = 6.5; variance 3.25.
        assert_eq!((summary.n, summary.mean, summary.min, summary.max), (3, 64.5, 63.0, 66.5));
        assert!((summary.std.unwrap() - 3.25_f64.sqrt()).abs() < 1e-12);
        assert_eq!((summary.median, summary.quartiles), (64.0, (63.5, 65.25)));
        // t(0.975, 2) = 4.302653 from any table; half width 4.302653 * 1.802776 / 1.732051 = 4.478345.
        let (low, high) = summary.interval(0.95).unwrap();
        assert!((low - (64.5 - 4.478_345)).abs() < 1e-5, "{low}");
        assert!((high - (64.5 + 4.478_345)).abs() < 1e-5, "{high}");
    }

    #[test]
    fn one_number_has_no_spread_and_none_is_nothing() {
        let summary = Summary::of(&[2.0]).unwrap();
        assert_eq!((summary.std, summary.interval(0.95)), (None, None));
        assert_eq!((summary.median, summary.quartiles), (2.0, (2.0, 2.0)));
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[2.0, 2.0]).unwrap().std, Some(0.0));
    }

    #[test]
    fn what_is_not_a_number_is_not_hidden() {
        let summary = Summary::of(&[1.0, f64::NAN]).unwrap();
        assert!(summary.mean.is_nan() && summary.min.is_nan() && summary.max.is_nan());
        assert!(summary.median.is_nan() && summary.quartiles.0.is_nan() && summary.quartiles.1.is_nan());
        let infinite = Summary::of(&[1.0, 2.0, f64::INFINITY]).unwrap();
        assert_eq!((infinite.min, infinite.median, infinite.max), (1.0, 2.0, f64::INFINITY));
    }
}
