//! Mixup (Zhang and others, 2017) and CutMix (Yun and others, 2019), as timm does them: the batch is mixed with its reverse.

use super::erase::Rect;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// Mixup and CutMix: sample `i` of a batch is mixed with the one that is as far from the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Mixup: the share is drawn from Beta(mixup, mixup); 0 for no mixup.
    pub mixup: f64,
    /// CutMix: the share is drawn from Beta(cutmix, cutmix); 0 for no CutMix.
    pub cutmix: f64,
    /// Probability that anything is mixed.
    pub probability: f64,
    /// Probability of CutMix rather than mixup, where both are on.
    pub switch: f64,
    /// For whom the values are drawn.
    pub mode: Mode,
}

/// For whom the values of a mix are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The same for the whole batch.
    #[default]
    Batch,
    /// For each sample and its partner.
    Pair,
    /// For each sample.
    Elem,
}

/// How one sample is mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blend {
    /// The place in the batch of the sample that it is mixed with.
    pub partner: usize,
    /// The share of the sample itself in the result, 0 to 1. With a window, exactly the share of the pixels outside of it.
    pub share: f64,
    /// The part that is taken from the partner (CutMix); without it every pixel is mixed (mixup).
    pub window: Option<Rect>,
}

impl Default for Mix {
    fn default() -> Self {
        Mix { mixup: 0.8, cutmix: 1.0, probability: 1.0, switch: 0.5, mode: Mode::Batch }
    }
}

impl Mix {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        for (name, alpha) in [("mixup", self.mixup), ("cutmix", self.cutmix)] {
            if !(0.0..f64::INFINITY).contains(&alpha) {
                return Err(format!("`mix.{name}` is {alpha}: the parameter of a Beta distribution is above 0, or 0 for none"));
            }
        }
        for (name, value) in [("probability", self.probability), ("switch", self.switch)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`mix.{name}` is {value}: a probability is between 0 and 1"));
            }
        }
        Ok(())
    }

    /// Draws how the samples of a batch of `count` pictures, `side` by `side` pixels each, are mixed.
    ///
    /// The middle one of an odd batch is its own partner, and stays whole.
    pub fn draw(&self, count: usize, side: usize, rng: &mut Rng) -> Vec<Blend> {
        let times = match self.mode {
            Mode::Batch => 1,
            Mode::Pair => count / 2,
            Mode::Elem => count,
        };
        let drawn: Vec<(f64, Option<Rect>)> = (0..times).map(|_| self.draw_one(side, rng)).collect();
        let blend = |i: usize| {
            let partner = count - 1 - i;
            let (share, window) = match self.mode {
                _ if partner == i => (1.0, None),
                Mode::Batch => drawn[0],
                Mode::Pair => drawn[i.min(partner)],
                Mode::Elem => drawn[i],
            };
            Blend { partner, share, window }
        };
        (0..count).map(blend).collect()
    }

    fn draw_one(&self, side: usize, rng: &mut Rng) -> (f64, Option<Rect>) {
        let mixed = rng.chance(self.probability);
        let switched = rng.chance(self.switch);
        let cut = self.cutmix > 0.0 && (switched || self.mixup == 0.0);
        let alpha = if cut { self.cutmix } else { self.mixup };
        if !mixed || alpha == 0.0 {
            return (1.0, None);
        }
        let share = rng.beta(alpha, alpha);
        if !cut {
            return (share, None);
        }
        let window = window(share, side, rng.below(side), rng.below(side));
        let area = (window.height * window.width) as f64;
        (1.0 - area / (side * side) as f64, Some(window))
    }
}

/// A square of a share of `1 - share` of the picture about a pixel, without what is outside (timm's `rand_bbox`).
fn window(share: f64, side: usize, row: usize, column: usize) -> Rect {
    let length = (side as f64 * (1.0 - share).sqrt()) as usize;
    let span = |centre: usize| (centre.saturating_sub(length / 2), (centre + length.div_ceil(2)).min(side));
    let ((top, bottom), (left, right)) = (span(row), span(column));
    Rect { top, left, height: bottom - top, width: right - left }
}

/// The blends of a batch in which nothing is mixed.
pub fn unmixed(count: usize) -> Vec<Blend> {
    (0..count).map(|at| Blend { partner: at, share: 1.0, window: None }).collect()
}

/// The smoothed targets of a mixed batch, `[count, classes]`; the labels are below `classes`, and every row sums to 1.
pub fn targets(labels: &[usize], blends: &[Blend], classes: usize, smoothing: f64) -> Vec<f32> {
    let off = smoothing / classes as f64;
    let mut targets = vec![off as f32; labels.len() * classes];
    for ((row, label), blend) in targets.chunks_exact_mut(classes).zip(labels).zip(blends) {
        let partner = labels[blend.partner];
        let value = |share: f64| (off + share * (1.0 - smoothing)) as f32;
        row[partner] = value(1.0 - blend.share);
        row[*label] = value(if partner == *label { 1.0 } else { blend.share });
    }
    targets
}

/// The share of the sample itself at each pixel, `[count, side, side]`; the rest is the partner's.
///
/// When no blend has a window, the share of a sample is the same everywhere, and [`Blend::share`] is enough.
pub fn weights(blends: &[Blend], side: usize) -> Vec<f32> {
    let mut weights = vec![0.0; blends.len() * side * side];
    for (map, blend) in weights.chunks_exact_mut(side * side).zip(blends) {
        let Some(window) = blend.window else {
            map.fill(blend.share as f32);
            continue;
        };
        map.fill(1.0);
        for row in map.chunks_exact_mut(side).skip(window.top).take(window.height) {
            row[window.left..][..window.width].fill(0.0);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use safetensors::SafeTensors;

    fn golden() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/mix.safetensors")).unwrap()
    }

    fn doubles(tensors: &SafeTensors, name: &str) -> Vec<f64> {
        tensors.tensor(name).unwrap().data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    #[test]
    fn targets_are_those_of_timm() {
        let file = golden();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let labels = [0, 3, 1, 1, 4];
        let shares = doubles(&tensors, "lambdas");
        for (smoothing, text) in [(0.0, "0.0"), (0.1, "0.1")] {
            for (mode, share) in [("batch", None), ("elem", Some(&shares))] {
                let share = |i: usize| share.map_or(0.3, |shares| shares[i]);
                let blends: Vec<Blend> = (0..5).map(|i| Blend { partner: 4 - i, share: share(i), window: None }).collect();
                let ours = targets(&labels, &blends, 5, smoothing);
                let theirs = tensors.tensor(&format!("{mode}/{text}")).unwrap();
                assert_eq!(theirs.shape(), [5, 5]);
                for (ours, theirs) in ours.iter().zip(theirs.data().chunks_exact(4)) {
                    let theirs = f32::from_le_bytes(theirs.try_into().unwrap());
                    assert!((ours - theirs).abs() < 1e-6, "{mode} {smoothing}: {ours} {theirs}");
                }
            }
        }
    }

    #[test]
    fn windows_are_those_of_timm() {
        let file = golden();
        let rows = doubles(&SafeTensors::deserialize(&file).unwrap(), "boxes");
        assert_eq!(rows.len(), 45 * 9);
        for row in rows.chunks_exact(9) {
            let rect = window(row[1], row[0] as usize, row[2] as usize, row[3] as usize);
            let ours = [rect.top, rect.top + rect.height, rect.left, rect.left + rect.width].map(|edge| edge as f64);
            assert_eq!(ours, row[4..8], "{row:?}");
            assert_eq!(1.0 - (rect.height * rect.width) as f64 / (row[0] * row[0]), row[8]);
        }
    }

    #[test]
    fn each_kind_is_drawn_as_often_as_asked() {
        let kinds = |mix: Mix| {
            let blends = Mix { mode: Mode::Elem, ..mix }.draw(4000, 32, &mut Rng::stream(3, &[]));
            let cut = blends.iter().filter(|blend| blend.window.is_some()).count();
            let whole = blends.iter().filter(|blend| blend.window.is_none() && blend.share == 1.0).count();
            (cut, whole)
        };
        assert_eq!(kinds(Mix { mixup: 0.0, ..Mix::default() }), (4000, 0));
        assert_eq!(kinds(Mix { cutmix: 0.0, ..Mix::default() }), (0, 0));
        assert_eq!(kinds(Mix { mixup: 0.0, cutmix: 0.0, ..Mix::default() }), (0, 4000));
        let (cut, whole) = kinds(Mix { probability: 0.5, switch: 0.2, ..Mix::default() });
        assert!(cut.abs_diff(400) < 80 && whole.abs_diff(2000) < 130, "{cut} {whole}");
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = |mix: Mix| mix.check().unwrap_err();
        assert_eq!(Mix::default().check(), Ok(()));
        insta::assert_snapshot!(refused(Mix { mixup: -1.0, ..Mix::default() }), @"`mix.mixup` is -1: the parameter of a Beta distribution is above 0, or 0 for none");
        insta::assert_snapshot!(refused(Mix { cutmix: f64::NAN, ..Mix::default() }), @"`mix.cutmix` is NaN: the parameter of a Beta distribution is above 0, or 0 for none");
        insta::assert_snapshot!(refused(Mix { switch: 2.0, ..Mix::default() }), @"`mix.switch` is 2: a probability is between 0 and 1");
        assert_eq!(serde_yaml::from_str::<Mix>("{mode: elem}").unwrap(), Mix { mode: Mode::Elem, ..Mix::default() });
        assert!(serde_yaml::from_str::<Mix>("alpha: 1.0").is_err());
    }

    fn drawn() -> impl Strategy<Value = (Mix, Vec<Blend>, u64)> {
        let mode = prop_oneof![Just(Mode::Batch), Just(Mode::Pair), Just(Mode::Elem)];
        (mode, 1usize..12, 0.0..2.0, 0.0..2.0, 0.0..=1.0, any::<u64>()).prop_map(
            |(mode, count, mixup, cutmix, probability, seed)| {
                let mix = Mix { mixup, cutmix, probability, switch: 0.5, mode };
                let blends = mix.draw(count, 9, &mut Rng::stream(seed, &[]));
                (mix, blends, seed)
            },
        )
    }

    proptest! {
        #[test]
        fn a_mix_is_its_stream((mix, blends, seed) in drawn()) {
            prop_assert_eq!(mix.draw(blends.len(), 9, &mut Rng::stream(seed, &[])), blends);
        }

        #[test]
        fn partners_are_mutual_and_the_middle_stays_whole((mix, blends, _) in drawn()) {
            for (i, blend) in blends.iter().enumerate() {
                prop_assert_eq!(blends[blend.partner].partner, i);
                let whole = Blend { partner: i, share: 1.0, window: None };
                prop_assert!(blend.partner != i || *blend == whole);
                let of_partner = &blends[blend.partner];
                if mix.mode != Mode::Elem {
                    prop_assert_eq!((blend.share, blend.window), (of_partner.share, of_partner.window));
                }
            }
        }

        #[test]
        fn a_share_is_the_mean_weight_of_its_pixels((_, blends, _) in drawn()) {
            for (map, blend) in weights(&blends, 9).chunks_exact(81).zip(&blends) {
                prop_assert!((0.0..=1.0).contains(&blend.share));
                let mean = map.iter().sum::<f32>() / 81.0;
                prop_assert!((f64::from(mean) - blend.share).abs() < 1e-5);
                prop_assert!(blend.window.is_none() || map.iter().all(|weight| *weight == 0.0 || *weight == 1.0));
            }
        }

        #[test]
        fn targets_sum_to_one((_, blends, seed) in drawn(), smoothing in 0.0..0.5) {
            let mut rng = Rng::stream(seed, &[1]);
            let labels: Vec<usize> = blends.iter().map(|_| rng.below(7)).collect();
            for row in targets(&labels, &blends, 7, smoothing).chunks_exact(7) {
                prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5 && row.iter().all(|value| *value >= 0.0));
            }
        }
    }

    #[test]
    fn modes_differ_in_who_shares_the_values() {
        let distinct = |mode| {
            let mix = Mix { cutmix: 0.0, mode, ..Mix::default() };
            let mut shares: Vec<u64> =
                mix.draw(8, 9, &mut Rng::stream(5, &[])).iter().map(|blend| blend.share.to_bits()).collect();
            shares.sort_unstable();
            shares.dedup();
            shares.len()
        };
        assert_eq!([Mode::Batch, Mode::Pair, Mode::Elem].map(distinct), [1, 4, 8]);
        assert_eq!(Mix::default().draw(0, 9, &mut Rng::stream(0, &[])), []);
    }
}
