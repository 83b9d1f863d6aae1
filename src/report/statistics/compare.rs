//! Whether two sets of numbers differ.

use super::Summary;
use super::rounding::rounding;
use super::wilcoxon::signed_rank;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::StudentsT;
use statrs::function::gamma::ln_gamma;

/// The confidence of the interval of a difference.
const CONFIDENCE: f64 = 0.95;

/// Which t test was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Student's, of the differences of pairs.
    Paired,
    /// Welch's (1947), of two sets of numbers with spreads of their own.
    Welch,
}

/// How two sets of numbers, a and b, differ.
///
/// A spread of 0, or no more than rounding, says nothing about noise: then there is neither interval nor p value nor
/// effect size, however large the difference is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Which test was made.
    pub test: Test,
    /// How many numbers a and b have.
    pub n: (usize, usize),
    /// mean(a) - mean(b).
    pub difference: f64,
    /// The 95 % t interval of the difference; none of fewer than two numbers or without a spread.
    pub interval: Option<(f64, f64)>,
    /// The two-sided p value of the t test; none where there is no interval.
    pub p: Option<f64>,
    /// The effect size: Cohen's d_z of pairs, else Hedges' g with the pooled standard deviation; none where there is no
    /// interval.
    pub effect: Option<f64>,
    /// The two-sided p value of Wilcoxon's signed-rank test of pairs; none when all differences are 0.
    pub wilcoxon: Option<f64>,
}

/// Compares numbers that belong together in pairs. None when there are none, or one is infinite or not a number.
pub fn paired(pairs: &[(f64, f64)]) -> Option<Comparison> {
    let values: Vec<f64> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    let Summary { n, mean: difference, std, .. } = Summary::of(&differences)?;
    if !difference.is_finite() {
        return None;
    }
    let std = std.filter(|std| std.is_finite() && *std > rounding(&values));
    let (interval, p) = std.and_then(|std| student(difference, std / (n as f64).sqrt(), n as f64 - 1.0)).unzip();
    let effect = std.map(|std| difference / std);
    Some(Comparison { test: Test::Paired, n: (n, n), difference, interval, p, effect, wilcoxon: signed_rank(&differences) })
}

/// Compares two sets of numbers that do not belong together. None when one is empty, or a number is infinite or none.
pub fn welch(a: &[f64], b: &[f64]) -> Option<Comparison> {
    let (of_a, of_b) = (Summary::of(a)?, Summary::of(b)?);
    let difference = of_a.mean - of_b.mean;
    if !difference.is_finite() {
        return None;
    }
    let is_spread = |(s, t): &(f64, f64)| s.hypot(*t).is_finite() && (*s > rounding(a) || *t > rounding(b));
    let stds = of_a.std.zip(of_b.std).filter(is_spread);
    let sizes = (of_a.n as f64, of_b.n as f64);
    let (interval, p) = stds.and_then(|stds| unequal(difference, stds, sizes)).unzip();
    let effect = stds.map(|stds| hedges_g(difference, stds, sizes));
    Some(Comparison { test: Test::Welch, n: (of_a.n, of_b.n), difference, interval, p, effect, wilcoxon: None })
}

/// Interval and p value of a difference with a standard error above 0.
fn student(difference: f64, error: f64, freedom: f64) -> Option<((f64, f64), f64)> {
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let half = student.inverse_cdf(0.5 + CONFIDENCE / 2.0) * error;
    Some(((difference - half, difference + half), 2.0 * student.sf((difference / error).abs())))
}

/// The same for two sets of numbers, with the degrees of freedom after Welch and Satterthwaite.
fn unequal(difference: f64, stds: (f64, f64), sizes: (f64, f64)) -> Option<((f64, f64), f64)> {
    let errors = (stds.0 / sizes.0.sqrt(), stds.1 / sizes.1.sqrt());
    let error = errors.0.hypot(errors.1);
    // Each set's share of the squared error: no fourth power of an error can overflow.
    let shares = ((errors.0 / error).powi(2), (errors.1 / error).powi(2));
    let freedom = 1.0 / (shares.0.powi(2) / (sizes.0 - 1.0) + shares.1.powi(2) / (sizes.1 - 1.0));
    student(difference, error, freedom)
}

/// The difference in pooled standard deviations, corrected for its bias with the exact factor (Hedges, 1981):
/// `Γ(m / 2) / (√(m / 2) Γ((m - 1) / 2))` of m degrees of freedom.
fn hedges_g(difference: f64, stds: (f64, f64), sizes: (f64, f64)) -> f64 {
    let freedom = sizes.0 + sizes.1 - 2.0;
    let weights = ((sizes.0 - 1.0) / freedom, (sizes.1 - 1.0) / freedom);
    let pooled = (weights.0.sqrt() * stds.0).hypot(weights.1.sqrt() * stds.1);
    let correction = (ln_gamma(freedom / 2.0) - ln_gamma((freedom - 1.0) / 2.0)).exp() / (freedom / 2.0).sqrt();
    correction * difference / pooled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-5
    }

    #[test]
    fn pairs_by_hand() {
        // Differences 1, 2, 3: mean 2, std 1, t = 2 √3 with 2 degrees of freedom. p = 1 - t / √(2 + t²) = 1 - √(6 / 7).
        let found = paired(&[(2.0, 1.0), (4.0, 2.0), (6.0, 3.0)]).unwrap();
        assert_eq!((found.test, found.n, found.difference, found.effect), (Test::Paired, (3, 3), 2.0, Some(2.0)));
        assert!(close(found.p.unwrap(), 1.0 - (6.0_f64 / 7.0).sqrt()), "{found:?}");
        // t(0.975, 2) = 4.302653 from any table, over √3.
        let (low, high) = found.interval.unwrap();
        assert!(close(low, 2.0 - 2.484_138) && close(high, 2.0 + 2.484_138), "{found:?}");
        assert_eq!(found.wilcoxon, Some(0.25));
    }

    #[test]
    fn sets_by_hand() {
        // Both variances 2, so the error is √2 with 2 degrees of freedom: t = 4 / √2 = √8, p = 1 - √(8 / 10).
        let found = welch(&[5.0, 7.0], &[1.0, 3.0]).unwrap();
        assert_eq!((found.test, found.n, found.difference, found.wilcoxon), (Test::Welch, (2, 2), 4.0, None));
        assert!(close(found.p.unwrap(), 1.0 - 0.8_f64.sqrt()), "{found:?}");
        // d = 4 / √2, and Γ(1) / Γ(1/2) = 1 / √π.
        assert!(close(found.effect.unwrap(), 8.0_f64.sqrt() / std::f64::consts::PI.sqrt()), "{found:?}");
    }

    #[test]
    fn no_spread_says_nothing() {
        let nothing = |found: Comparison| (found.interval, found.p, found.effect) == (None, None, None);
        for pairs in [&[(2.0, 1.0)][..], &[(2.0, 1.0), (3.0, 2.0)], &[(0.3, 0.1), (0.4, 0.2), (0.9, 0.7)], &[(1.0, 1.0); 4]] {
            assert!(nothing(paired(pairs).unwrap()), "{pairs:?}");
        }
        assert!(nothing(welch(&[0.1; 3], &[0.7; 3]).unwrap()));
        assert!(nothing(welch(&[0.1], &[0.7, 0.8]).unwrap()));
        assert!(welch(&[0.1; 3], &[0.7, 0.8]).unwrap().p.is_some());
        assert_eq!(paired(&[(1.0, 1.0); 4]).unwrap().wilcoxon, None);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(paired(&[]), None);
        assert_eq!(welch(&[], &[1.0]), None);
        assert_eq!(welch(&[1.0], &[]), None);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(paired(&[(1.0, 2.0), (bad, 1.0)]), None);
            assert_eq!(paired(&[(1.0, 2.0), (bad, bad)]), None);
            assert_eq!(welch(&[1.0, 2.0], &[bad, 1.0]), None);
        }
    }
}
