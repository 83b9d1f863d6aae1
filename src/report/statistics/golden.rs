//! Every number beside those of numpy, scipy and statsmodels (tests/golden/statistics.py).

use super::*;
use serde::Deserialize;

/// Where the formula is the same, and only the rounding is not.
const SAME: f64 = 1e-9;

/// How far an end of a bootstrap interval of drawn samples may lie from the mean of scipy's of as many samples, in the
/// standard errors that scipy's own ends have from seed to seed.
const BY_CHANCE: f64 = 4.0;

#[derive(Deserialize)]
struct Golden {
    samples: Vec<Sample>,
    comparisons: Vec<Pair>,
    adjustments: Vec<Adjustment>,
}

#[derive(Deserialize)]
struct Sample {
    name: String,
    values: Vec<f64>,
    mean: f64,
    std: Option<f64>,
    median: f64,
    quartiles: (f64, f64),
    interval: Option<(f64, f64)>,
    bootstrap: Option<Bootstrap>,
    signed_rank: Option<f64>,
}

#[derive(Deserialize)]
struct Bootstrap {
    interval: (f64, f64),
    /// 0 where all samples were taken.
    error: (f64, f64),
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    a: Vec<f64>,
    b: Vec<f64>,
    paired: Option<Expected>,
    welch: Expected,
}

#[derive(Deserialize)]
struct Expected {
    difference: f64,
    test: Option<Student>,
    wilcoxon: Option<f64>,
}

#[derive(Deserialize)]
struct Student {
    p: f64,
    interval: (f64, f64),
    effect: f64,
}

#[derive(Deserialize)]
struct Adjustment {
    name: String,
    p: Vec<f64>,
    holm: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/statistics.json")).unwrap()
}

fn assert_same(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= SAME * expected.abs(), "{what}: {found:e}, not {expected:e}");
}

fn assert_both(found: Option<(f64, f64)>, expected: Option<(f64, f64)>, what: &str) {
    assert_eq!(found.is_some(), expected.is_some(), "{what}: {found:?}, not {expected:?}");
    if let (Some(found), Some(expected)) = (found, expected) {
        assert_same(found.0, expected.0, what);
        assert_same(found.1, expected.1, what);
    }
}

fn assert_one(found: Option<f64>, expected: Option<f64>, what: &str) {
    assert_both(found.map(|found| (found, found)), expected.map(|expected| (expected, expected)), what);
}

#[test]
fn summaries_are_those_of_numpy_and_scipy() {
    let samples = golden().samples;
    assert!(samples.len() >= 25);
    for Sample { name, values, mean, std, median, quartiles, interval, .. } in samples {
        let found = Summary::of(&values).unwrap();
        assert_same(found.mean, mean, &name);
        assert_one(found.std, std, &name);
        assert_same(found.median, median, &name);
        assert_both(Some(found.quartiles), Some(quartiles), &name);
        // Without a spread the interval is the mean itself here, and not a number in scipy.
        let own = (std == Some(0.0)).then_some((mean, mean));
        assert_both(found.interval(0.95), interval.or(own), &name);
    }
}

#[test]
fn bootstrap_intervals_are_those_of_scipy() {
    for Sample { name, values, bootstrap, .. } in golden().samples {
        let found = bootstrap_interval(&values, 0.95);
        match bootstrap {
            Some(Bootstrap { interval, error }) if values.len() > 5 => {
                let (low, high) = found.unwrap();
                let apart = ((low - interval.0).abs() / error.0, (high - interval.1).abs() / error.1);
                assert!(apart.0 < BY_CHANCE && apart.1 < BY_CHANCE, "{name}: {apart:?} standard errors apart");
            }
            exact => assert_both(found, exact.map(|exact| exact.interval), &name),
        }
    }
}

#[test]
fn signed_rank_tests_are_those_of_scipy() {
    for Sample { name, values, signed_rank: expected, .. } in golden().samples {
        assert_one(signed_rank(&values), expected, &name);
    }
}

#[test]
fn comparisons_are_those_of_scipy() {
    let check = |found: Comparison, expected: &Expected, what: &str| {
        assert_same(found.difference, expected.difference, what);
        let test = expected.test.as_ref();
        assert_one(found.p, test.map(|test| test.p), what);
        assert_both(found.interval, test.map(|test| test.interval), what);
        assert_one(found.effect, test.map(|test| test.effect), what);
        assert_one(found.wilcoxon, expected.wilcoxon, what);
    };
    let comparisons = golden().comparisons;
    assert!(comparisons.len() >= 16);
    for Pair { name, a, b, paired: expected, welch: unpaired } in comparisons {
        check(welch(&a, &b).unwrap(), &unpaired, &format!("{name}, Welch"));
        if let Some(expected) = expected {
            let pairs: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).collect();
            check(paired(&pairs).unwrap(), &expected, &format!("{name}, paired"));
        }
    }
}

#[test]
fn adjusted_p_values_are_those_of_statsmodels() {
    let adjustments = golden().adjustments;
    assert!(adjustments.len() >= 6);
    for Adjustment { name, p, holm: expected } in adjustments {
        let found = holm(&p);
        assert_eq!(found.len(), expected.len());
        found.iter().zip(&expected).for_each(|(found, expected)| assert_same(*found, *expected, &name));
    }
}
