//! RandAugment (Cubuk and others, 2019), as timm does it: some operations in a row, each drawn anew.

use super::rand_ops::Operation;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// RandAugment, written as timm does: `rand-m9-mstd0.5-inc1`.
///
/// After `rand` come any of these, in any order, each once:
///
/// - `m` the magnitude, a whole number; 10 if left out. Whatever is drawn about it is limited to 0..=10
/// - `mstd` the standard deviation of the magnitude; above 100 it is uniform between 0 and `m`; 0 (none) if left out
/// - `n` how many operations are drawn, with replacement; 2 if left out
/// - `p` the probability that a drawn one is done; 0.5 if left out
/// - `inc1` for the set of operations that get stronger with the magnitude; `inc0` (where some get weaker) if left out
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RandAugment {
    /// As it was written, and is written again.
    text: String,
    magnitude: f64,
    deviation: f64,
    count: usize,
    probability: f64,
    increasing: bool,
}

impl RandAugment {
    /// Draws what is done to a picture, or in the same way to every frame of a clip; empty when nothing is.
    pub fn draw(&self, rng: &mut Rng) -> Vec<Operation> {
        (0..self.count).filter_map(|_| self.draw_one(rng)).collect()
    }

    fn draw_one(&self, rng: &mut Rng) -> Option<Operation> {
        let which = rng.below(OPERATIONS);
        let done = rng.chance(self.probability);
        let level = self.level(rng);
        let negative = rng.chance(0.5);
        done.then(|| operation(which, level, self.increasing, negative))
    }

    fn level(&self, rng: &mut Rng) -> f64 {
        let level = match self.deviation {
            0.0 => self.magnitude,
            deviation if deviation > 100.0 => rng.range(0.0, self.magnitude),
            deviation => self.magnitude + deviation * rng.normal(),
        };
        level.clamp(0.0, 10.0)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "m" => self.magnitude = number::<u32>(value, |_| true, "the magnitude is a whole number, as in `m9`")?.into(),
            "mstd" => self.deviation = number(value, |_| true, "the deviation of the magnitude is a number, as in `mstd0.5`")?,
            "n" => self.count = number(value, |n| *n > 0, "the number of operations is a whole number from 1 up, as in `n2`")?,
            "p" => self.probability = number(value, |p| *p <= 1.0, "a probability is between 0 and 1, as in `p0.5`")?,
            "inc" => self.increasing = number::<u8>(value, |on| *on <= 1, "it is `inc1` or `inc0`")? == 1,
            _ => return Err("the parts are `m`, `mstd`, `n`, `inc` and `p`, each with its number".into()),
        }
        Ok(())
    }
}

fn number<T: FromStr>(text: &str, allowed: impl FnOnce(&T) -> bool, what: &str) -> Result<T, String> {
    text.parse().ok().filter(allowed).ok_or_else(|| what.into())
}

impl TryFrom<String> for RandAugment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let defaults =
            RandAugment { text: text.clone(), magnitude: 10.0, deviation: 0.0, count: 2, probability: 0.5, increasing: false };
        let mut parts = text.split('-');
        if parts.next() != Some("rand") {
            return Err(format!("`{text}` is not a RandAugment: it starts with `rand`, as in `rand-m9-mstd0.5-inc1`"));
        }
        let mut seen = Vec::new();
        parts.try_fold(defaults, |mut augment, part| {
            // A value starts with a digit, so it is never negative, infinite or not a number.
            let (key, value) = part.split_at(part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len()));
            if seen.contains(&key) {
                return Err(format!("`{part}` in `{text}`: `{key}` is given twice"));
            }
            seen.push(key);
            augment.set(key, value).map_err(|why| format!("`{part}` in `{text}`: {why}"))?;
            Ok(augment)
        })
    }
}

impl From<RandAugment> for String {
    fn from(augment: RandAugment) -> String {
        augment.text
    }
}

/// The number of operations in either set.
const OPERATIONS: usize = 15;

/// The operation at a place of timm's lists (`_RAND_INCREASING_TRANSFORMS`, `_RAND_TRANSFORMS`), at a level of 0 to 10.
fn operation(which: usize, level: f64, increasing: bool, negative: bool) -> Operation {
    let share = level / 10.0;
    let signed = |value: f64| if negative { -value } else { value };
    let factor = if increasing { (1.0 + signed(share * 0.9)).max(0.1) } else { share * 1.8 + 0.1 };
    let (bits, threshold) = ((share * 4.0) as u32, (share * 256.0) as u16);
    match which {
        0 => Operation::AutoContrast,
        1 => Operation::Equalize,
        2 => Operation::Invert,
        3 => Operation::Rotate(signed(share * 30.0)),
        4 => Operation::Posterize(if increasing { 4 - bits } else { bits }),
        5 => Operation::Solarize(if increasing { 256 - threshold } else { threshold }),
        6 => Operation::SolarizeAdd((share * 110.0) as u8),
        7 => Operation::Color(factor),
        8 => Operation::Contrast(factor),
        9 => Operation::Brightness(factor),
        10 => Operation::Sharpness(factor),
        11 => Operation::ShearX(signed(share * 0.3)),
        12 => Operation::ShearY(signed(share * 0.3)),
        13 => Operation::TranslateX(signed(share * 0.45)),
        _ => Operation::TranslateY(signed(share * 0.45)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    fn parse(text: &str) -> Result<RandAugment, String> {
        RandAugment::try_from(text.to_string())
    }

    fn mae() -> RandAugment {
        parse("rand-m9-mstd0.5-inc1").unwrap()
    }

    fn golden() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/rand_augment.safetensors")).unwrap()
    }

    fn argument(operation: Operation) -> Option<f64> {
        match operation {
            Operation::AutoContrast | Operation::Equalize | Operation::Invert => None,
            Operation::Posterize(bits) => Some(bits.into()),
            Operation::Solarize(threshold) => Some(threshold.into()),
            Operation::SolarizeAdd(add) => Some(add.into()),
            Operation::Rotate(value) | Operation::ShearX(value) | Operation::ShearY(value) => Some(value),
            Operation::TranslateX(value) | Operation::TranslateY(value) => Some(value),
            Operation::Color(factor) | Operation::Contrast(factor) => Some(factor),
            Operation::Brightness(factor) | Operation::Sharpness(factor) => Some(factor),
        }
    }

    #[test]
    fn arguments_are_those_of_timm_at_every_level() {
        let file = golden();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        for (set, increasing) in [("increasing", true), ("plain", false)] {
            let table = tensors.tensor(&format!("arguments/{set}")).unwrap();
            assert_eq!(table.shape(), [OPERATIONS, 21, 2]);
            for (i, bytes) in table.data().chunks_exact(8).enumerate() {
                let theirs = f64::from_le_bytes(bytes.try_into().unwrap());
                let ours = argument(operation(i / 42, (i / 2 % 21) as f64 / 2.0, increasing, i % 2 == 1));
                assert_eq!(ours, Some(theirs).filter(|value| !value.is_nan()), "{set} {i}");
            }
        }
    }

    #[test]
    fn pixels_are_those_of_pillow() {
        let file = golden();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        for image in ["photo", "synthetic"] {
            let source = tensors.tensor(&format!("{image}/source")).unwrap();
            for (set, level, negative) in [("increasing", 8.2, true), ("plain", 6.2, false)] {
                for which in 0..OPERATIONS {
                    let operation = operation(which, level, set == "increasing", negative);
                    let mut ours = source.data().to_vec();
                    operation.apply(&mut ours, source.shape()[0]);
                    let theirs = tensors.tensor(&format!("{image}/{set}/{which}")).unwrap();
                    assert!(ours == theirs.data(), "{image} {operation:?}");
                }
            }
        }
    }

    #[test]
    fn operations_are_their_stream() {
        let drawn = |stream| (0..20).map(|i| mae().draw(&mut Rng::stream(stream, &[i]))).collect::<Vec<_>>();
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

    #[test]
    fn every_operation_is_drawn_as_often_as_asked() {
        let mut rng = Rng::stream(0, &[]);
        let drawn: Vec<Operation> = (0..15_000).flat_map(|_| parse("rand-n3-p0.25").unwrap().draw(&mut rng)).collect();
        assert!(drawn.len().abs_diff(11_250) < 350, "{}", drawn.len());
        let mut counts = std::collections::HashMap::new();
        drawn.iter().for_each(|operation| *counts.entry(std::mem::discriminant(operation)).or_insert(0usize) += 1);
        assert_eq!(counts.len(), OPERATIONS);
        assert!(counts.values().all(|count| count.abs_diff(750) < 150), "{counts:?}");
    }

    #[test]
    fn levels_vary_as_asked_and_stay_within_ten() {
        let levels = |text| {
            let (augment, mut rng) = (parse(text).unwrap(), Rng::stream(0, &[]));
            (0..4000).map(|_| augment.level(&mut rng)).collect::<Vec<f64>>()
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!(levels("rand-m7").iter().all(|level| *level == 7.0));
        assert!(levels("rand-m30").iter().all(|level| *level == 10.0));
        let normal = levels("rand-m5-mstd0.5");
        let squares: Vec<f64> = normal.iter().map(|level| (level - 5.0).powi(2)).collect();
        assert!((mean(&normal) - 5.0).abs() < 0.03 && (mean(&squares) - 0.25).abs() < 0.02);
        let uniform = levels("rand-m6-mstd101");
        assert!((mean(&uniform) - 3.0).abs() < 0.1 && uniform.iter().all(|level| (0.0..6.0).contains(level)));
        assert!(levels("rand-m9-mstd2").iter().all(|level| (0.0..=10.0).contains(level)));
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for text in ["rand", "rand-m9-mstd0.5-inc1", "rand-inc0-p1-n3-m4-mstd0.50"] {
            let augment: RandAugment = serde_yaml::from_str(text).unwrap();
            assert_eq!(serde_yaml::to_string(&augment).unwrap().trim(), text);
        }
        let expected = RandAugment {
            text: "rand-m9-mstd0.5-inc1".into(),
            magnitude: 9.0,
            deviation: 0.5,
            count: 2,
            probability: 0.5,
            increasing: true,
        };
        assert_eq!(mae(), expected);
    }

    #[test]
    fn wrong_parts_are_named() {
        let refused = |text| parse(text).unwrap_err();
        insta::assert_snapshot!(refused("v0-m9"), @"`v0-m9` is not a RandAugment: it starts with `rand`, as in `rand-m9-mstd0.5-inc1`");
        insta::assert_snapshot!(refused("rand-x9"), @"`x9` in `rand-x9`: the parts are `m`, `mstd`, `n`, `inc` and `p`, each with its number");
        insta::assert_snapshot!(refused("rand-tweights"), @"`tweights` in `rand-tweights`: the parts are `m`, `mstd`, `n`, `inc` and `p`, each with its number");
        insta::assert_snapshot!(refused("rand-m9.5"), @"`m9.5` in `rand-m9.5`: the magnitude is a whole number, as in `m9`");
        insta::assert_snapshot!(refused("rand-mstdinf"), @"`mstdinf` in `rand-mstdinf`: the parts are `m`, `mstd`, `n`, `inc` and `p`, each with its number");
        insta::assert_snapshot!(refused("rand-n0"), @"`n0` in `rand-n0`: the number of operations is a whole number from 1 up, as in `n2`");
        insta::assert_snapshot!(refused("rand-p1.5"), @"`p1.5` in `rand-p1.5`: a probability is between 0 and 1, as in `p0.5`");
        insta::assert_snapshot!(refused("rand-inc2"), @"`inc2` in `rand-inc2`: it is `inc1` or `inc0`");
        insta::assert_snapshot!(refused("rand-m9-m5"), @"`m5` in `rand-m9-m5`: `m` is given twice");
        insta::assert_snapshot!(refused("rand-"), @"`` in `rand-`: the parts are `m`, `mstd`, `n`, `inc` and `p`, each with its number");
    }
}
