//! Few-shot and low-data splits: which clips of a training split are used.

use super::Clips;
use super::picture::{Picture, Skipped};
use crate::failure::Failure;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A part of a training split, the same for every class: `{ shots: 5, seed: 0 }` or `{ fraction: 0.01, seed: 0 }`.
///
/// Clips are ranked inside their class by a hash of seed and name, and the first ones are taken. So the choice depends on
/// nothing but names and seed, and with one seed a smaller subset is a part of every larger one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Subset {
    /// How much of each class is used.
    pub amount: Amount,
    /// Which choice of this size it is.
    pub seed: u64,
}

/// How many clips of a class are used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// This many.
    Shots(usize),
    /// This share of the class, above 0 and up to 1, to the nearest number of clips and at least one.
    Fraction(f64),
}

impl Subset {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        match self.amount {
            Amount::Shots(0) => Err("`shots` is 0: a class needs at least 1".to_owned()),
            Amount::Fraction(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                Err(format!("`fraction` is {fraction}: a share is above 0 and at most 1"))
            }
            _ => Ok(()),
        }
    }

    /// The clips to use, in ascending order. `clips` gives the name of each clip and its class, an index into `classes`.
    ///
    /// Fails where a class has fewer clips than shots are asked for. A class without clips has a share of none.
    pub fn choose<N: AsRef<str>>(
        &self,
        clips: impl IntoIterator<Item = (N, usize)>,
        classes: &[String],
    ) -> Result<Vec<usize>, String> {
        let mut ranked = vec![BTreeSet::new(); classes.len()];
        for (clip, (name, class)) in clips.into_iter().enumerate() {
            ranked[class].insert((self.rank(name.as_ref()), clip));
        }
        let mut chosen = Vec::new();
        for (clips, class) in ranked.iter().zip(classes) {
            let count = self.amount.of(clips.len(), class)?;
            chosen.extend(clips.iter().take(count).map(|(_, clip)| *clip));
        }
        chosen.sort_unstable();
        Ok(chosen)
    }

    fn rank(&self, name: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(name.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

impl Amount {
    fn of(self, available: usize, class: &str) -> Result<usize, String> {
        match self {
            Amount::Shots(shots) if shots > available => Err(format!(
                "`shots` is {shots}, and class `{class}` has {available} clips: ask for fewer, or leave the class out"
            )),
            Amount::Shots(shots) => Ok(shots),
            Amount::Fraction(fraction) => Ok(((fraction * available as f64).round() as usize).max(1)),
        }
    }
}

/// The clips of a split that a subset chooses.
///
/// # Errors
/// A [`Failure`] where a class has fewer clips than shots are asked for.
pub fn part_of(clips: Arc<dyn Clips>, subset: &Subset) -> Result<Arc<dyn Clips>, Failure> {
    let all = (0..clips.len()).map(|clip| (clips.name(clip), clips.class(clip)));
    let chosen = subset.choose(all, clips.classes()).map_err(Failure::input)?;
    Ok(Arc::new(Part { clips, chosen }))
}

/// `count` clips, evenly spread; all of them where there are no more.
pub fn evenly(clips: Arc<dyn Clips>, count: usize) -> Arc<dyn Clips> {
    let all = clips.len();
    let chosen = (0..count.min(all)).map(|n| n * all / count.min(all)).collect();
    Arc::new(Part { clips, chosen })
}

/// Some clips of a source.
struct Part {
    clips: Arc<dyn Clips>,
    chosen: Vec<usize>,
}

impl Clips for Part {
    fn len(&self) -> usize {
        self.chosen.len()
    }

    fn classes(&self) -> &[String] {
        self.clips.classes()
    }

    fn class(&self, clip: usize) -> usize {
        self.clips.class(self.chosen[clip])
    }

    fn name(&self, clip: usize) -> String {
        self.clips.name(self.chosen[clip])
    }

    fn pair(&self, clip: usize, rng: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        self.clips.pair(self.chosen[clip], rng)
    }

    fn frames(&self, clip: usize) -> usize {
        self.clips.frames(self.chosen[clip])
    }

    fn seconds(&self, clip: usize) -> Option<&[f64]> {
        self.clips.seconds(self.chosen[clip])
    }

    fn frame(&self, clip: usize, frame: usize) -> Result<Arc<Picture>, Skipped> {
        self.clips.frame(self.chosen[clip], frame)
    }
}

/// The keys of a subset as they are written: one of the first two.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shots: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    #[serde(default)]
    seed: u64,
}

impl TryFrom<Written> for Subset {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let amount = match (written.shots, written.fraction) {
            (Some(shots), None) => Amount::Shots(shots),
            (None, Some(fraction)) => Amount::Fraction(fraction),
            (None, None) => return Err("a subset needs its size: give `shots` or `fraction`".to_owned()),
            (Some(_), Some(_)) => return Err("a subset has one size: give `shots` or `fraction`, not both".to_owned()),
        };
        Ok(Subset { amount, seed: written.seed })
    }
}

impl From<Subset> for Written {
    fn from(subset: Subset) -> Written {
        let (shots, fraction) = match subset.amount {
            Amount::Shots(shots) => (Some(shots), None),
            Amount::Fraction(fraction) => (None, Some(fraction)),
        };
        Written { shots, fraction, seed: subset.seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    /// Clips of classes of these sizes, in any order.
    fn split(sizes: &[usize], seed: u64) -> Vec<(String, usize)> {
        let clip = |(class, &size)| (0..size).map(move |clip| (format!("class {class}/clip {clip}"), class));
        let clips: Vec<(String, usize)> = sizes.iter().enumerate().flat_map(clip).collect();
        Rng::stream(seed, &[]).permutation(clips.len()).into_iter().map(|clip| clips[clip].clone()).collect()
    }

    fn classes(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    /// The names that are chosen of clips that leave no class empty.
    fn names(amount: Amount, seed: u64, clips: &[(String, usize)]) -> BTreeSet<String> {
        let of = |(name, class): &(String, usize)| (name.clone(), *class);
        let count = 1 + clips.iter().map(|(_, class)| *class).max().unwrap();
        let chosen = Subset { amount, seed }.choose(clips.iter().map(of), &classes(count)).unwrap();
        assert!(chosen.is_sorted_by(|a, b| a < b));
        chosen.into_iter().map(|clip| clips[clip].0.clone()).collect()
    }

    fn read(text: &str) -> Result<Subset, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_subset_is_written_as_it_is_read() {
        for text in [r#"{"shots":5,"seed":3}"#, r#"{"fraction":0.01,"seed":0}"#] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        assert_eq!(read("{ shots: 5 }").unwrap(), Subset { amount: Amount::Shots(5), seed: 0 });
        assert!(read("{ seed: 1 }").unwrap_err().contains("give `shots` or `fraction`"));
        assert!(read("{ shots: 1, fraction: 0.5 }").unwrap_err().contains("not both"));
        assert!(read("{ shot: 5 }").unwrap_err().contains("shot"));
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let check = |amount| Subset { amount, seed: 0 }.check();
        assert_eq!(check(Amount::Shots(0)), Err("`shots` is 0: a class needs at least 1".to_owned()));
        assert_eq!(check(Amount::Fraction(1.5)), Err("`fraction` is 1.5: a share is above 0 and at most 1".to_owned()));
        assert!(check(Amount::Fraction(0.0)).is_err() && check(Amount::Fraction(f64::NAN)).is_err());
        assert_eq!(check(Amount::Fraction(1.0)), Ok(()));
    }

    #[test]
    fn a_class_that_is_too_small_is_named() {
        let error = Subset { amount: Amount::Shots(5), seed: 0 }.choose(split(&[9, 4], 0), &classes(2)).unwrap_err();
        assert_eq!(error, "`shots` is 5, and class `class 1` has 4 clips: ask for fewer, or leave the class out");
    }

    #[test]
    fn the_choice_stays_as_it_is_from_release_to_release() {
        let clips = (0..6).map(|clip| (format!("clip {clip}"), 0));
        assert_eq!(Subset { amount: Amount::Shots(3), seed: 0 }.choose(clips, &classes(1)), Ok(vec![0, 3, 4]));
    }

    #[test]
    fn seeds_differ() {
        let clips = split(&[100, 100], 0);
        let chosen: BTreeSet<_> = (0..20).map(|seed| names(Amount::Shots(5), seed, &clips)).collect();
        assert_eq!(chosen.len(), 20);
    }

    proptest! {
        #[test]
        fn the_order_of_the_clips_does_not_matter(sizes in prop::collection::vec(8..30usize, 1..5), seed: u64, order: u64) {
            for amount in [Amount::Shots(7), Amount::Fraction(0.3)] {
                prop_assert_eq!(names(amount, seed, &split(&sizes, 0)), names(amount, seed, &split(&sizes, order)));
            }
        }

        #[test]
        fn smaller_subsets_lie_in_larger_ones(
            sizes in prop::collection::vec(20..40usize, 1..5),
            seed: u64,
            shots in (1..20usize, 1..20usize),
            shares in (0.001..1f64, 0.001..1f64),
        ) {
            let clips = split(&sizes, 0);
            let nested = |small, large| names(small, seed, &clips).is_subset(&names(large, seed, &clips));
            prop_assert!(nested(Amount::Shots(shots.0.min(shots.1)), Amount::Shots(shots.0.max(shots.1))));
            prop_assert!(nested(Amount::Fraction(shares.0.min(shares.1)), Amount::Fraction(shares.0.max(shares.1))));
        }

        #[test]
        fn every_class_has_its_count(sizes in prop::collection::vec(1..60usize, 1..5), seed: u64, fraction in 0.001..=1.0) {
            let chosen = names(Amount::Fraction(fraction), seed, &split(&sizes, 0));
            for (class, &size) in sizes.iter().enumerate() {
                let count = chosen.iter().filter(|name| name.starts_with(&format!("class {class}/"))).count();
                prop_assert_eq!(count, ((fraction * size as f64).round() as usize).max(1));
            }
        }
    }
}
