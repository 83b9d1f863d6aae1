//! What is no more than rounding.

/// The most by which rounding alone can spread numbers of this size: `4 n ε` of the largest.
///
/// Three times 0.1 has a mean that is not 0.1, and so a spread that is not 0. To test against it would find differences
/// where there are none.
pub(super) fn rounding(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    4.0 * values.len() as f64 * f64::EPSILON * largest
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::*;

    #[test]
    fn equal_numbers_spread_no_more_than_rounding() {
        for value in [0.1, 64.3, 1e-30, 1e30, -0.7] {
            for n in [2, 3, 7, 60, 1000] {
                let values = vec![value; n];
                assert!(Summary::of(&values).unwrap().std.unwrap() <= rounding(&values), "{n} times {value}");
            }
        }
    }

    #[test]
    fn numbers_that_differ_spread_more() {
        let values = [64.3, 64.3, 64.300_000_1];
        assert!(Summary::of(&values).unwrap().std.unwrap() > rounding(&values));
        assert_eq!(rounding(&[0.0, 0.0]), 0.0);
    }
}
