//! Wilcoxon's signed-rank test.

use statrs::distribution::ContinuousCDF;
use statrs::distribution::Normal;
use std::iter::repeat_n;

/// The most differences of which the exact distribution is taken, where no two are equal in size and none is 0.
const EXACT: usize = 50;

/// The same where some are.
const EXACT_WITH_TIES: usize = 13;

/// The two-sided p value of Wilcoxon's signed-rank test (1945): whether differences lie about 0.
///
/// Differences of 0 are dropped, and equal sizes share their mean rank. The p value is exact for up to 50 differences when
/// none is 0 and no two are equal in size, and else for up to 13 differences; of more it is that of the normal
/// approximation, corrected for ties but not for continuity. These are the rules of `scipy.stats.wilcoxon` 1.17.
/// Sizes are equal when they are so to the last bit: rounding can hide a tie.
///
/// None when no difference is left, or one is infinite or not a number.
pub fn signed_rank(differences: &[f64]) -> Option<f64> {
    if !differences.iter().all(|difference| difference.is_finite()) {
        return None;
    }
    let mut left: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    if left.is_empty() {
        return None;
    }
    left.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Twice the rank is a whole number, shared or not.
    let mut ranks: Vec<usize> = Vec::new();
    for equal in left.chunk_by(|a, b| a.abs() == b.abs()) {
        ranks.extend(repeat_n(2 * ranks.len() + equal.len() + 1, equal.len()));
    }
    let positive = left.iter().zip(&ranks).filter(|(difference, _)| **difference > 0.0).map(|(_, rank)| rank).sum();
    let is_plain = left.len() == differences.len() && ranks.is_sorted_by(|a, b| a < b);
    let is_exact = differences.len() <= if is_plain { EXACT } else { EXACT_WITH_TIES };
    Some(if is_exact { exact(&ranks, positive) } else { approximate(&ranks, positive) })
}

/// Every choice of signs is as likely: the share of those whose sum of positive ranks is as far out, on both sides.
fn exact(ranks: &[usize], positive: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    // How many choices of signs have which sum. Up to 2^50 choices are whole numbers for a float.
    let mut choices = vec![0.0; total + 1];
    choices[0] = 1.0;
    for rank in ranks {
        for sum in (*rank..=total).rev() {
            choices[sum] += choices[sum - rank];
        }
    }
    let tail: f64 = choices[..=positive.min(total - positive)].iter().sum();
    (2.0 * tail / (ranks.len() as f64).exp2()).min(1.0)
}

/// A quarter of the sum of the squared ranks is the variance, ties and all.
fn approximate(ranks: &[usize], positive: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let squares: f64 = ranks.iter().map(|rank| (*rank as f64).powi(2)).sum();
    let z = (positive as f64 - total as f64 / 2.0) / (squares.sqrt() / 2.0);
    2.0 * Normal::standard().sf(z.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_by_hand() {
        // All of five positive: 1 of 32 choices of signs, on both sides.
        assert_eq!(signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0]), Some(2.0 / 32.0));
        // Negative ranks 1: the sums 0 and 1 are one choice each, of 8.
        assert_eq!(signed_rank(&[-1.0, 2.0, 3.0]), Some(0.5));
        assert_eq!(signed_rank(&[7.0]), Some(1.0));
        // Sums 3 and 3: no choice is less far out.
        assert_eq!(signed_rank(&[1.0, 2.0, -3.0]), Some(1.0));
    }

    #[test]
    fn ties_share_a_rank_and_zeros_are_dropped() {
        // Ranks 1.5, 1.5, 3, the negative sum 1.5: of 8 choices one has the sum 0 and two have 1.5.
        assert_eq!(signed_rank(&[1.0, -1.0, 2.0, 0.0]), Some(0.75));
        assert_eq!(signed_rank(&[0.5; 4]), Some(2.0 / 16.0));
    }

    #[test]
    fn the_sign_of_all_does_not_matter() {
        let differences: Vec<f64> = (1..=60).map(|k| f64::from(k * k % 61) - 20.5).collect();
        let turned: Vec<f64> = differences.iter().map(|difference| -difference).collect();
        for n in [3, 13, 14, 50, 51, 60] {
            let (a, b) = (signed_rank(&differences[..n]).unwrap(), signed_rank(&turned[..n]).unwrap());
            assert!((a - b).abs() < 1e-12 && a > 0.0 && a <= 1.0, "{n}: {a} {b}");
        }
    }

    #[test]
    fn nothing_to_rank() {
        for differences in [&[][..], &[0.0, -0.0], &[1.0, f64::NAN], &[1.0, f64::INFINITY]] {
            assert_eq!(signed_rank(differences), None, "{differences:?}");
        }
    }
}
