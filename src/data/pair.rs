//! Which two frames of a clip make a positive pair.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// How the two frames of a positive pair are chosen from a clip.
///
/// A clip that is too short for what is asked gives what it has: a gap shrinks to its first and last frame, a clip of fewer
/// frames than segments has one segment a frame, and a clip of one frame gives that frame twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pair {
    /// One frame, twice (a gap of 0).
    SameFrame,
    /// Two frames this many frames apart, the earlier one first.
    Gap(usize),
    /// The clip is cut into `segments` equal parts and one frame is drawn from each of two of them (ViC-MAE).
    ///
    /// With two segments the frames keep their order in time; with more, two different segments are drawn in random order.
    Distant {
        /// Number of parts, at least 2.
        segments: usize,
    },
}

impl Pair {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Pair::Distant { segments: segments @ (0 | 1) } => Err(format!("`segments` is {segments}: a pair needs at least 2")),
            _ => Ok(()),
        }
    }

    /// Draws two frames of a clip of `frames` frames, at least 1.
    pub(super) fn draw(&self, frames: usize, rng: &mut Rng) -> [usize; 2] {
        match *self {
            Pair::SameFrame => [rng.below(frames); 2],
            Pair::Gap(gap) => {
                let gap = gap.min(frames - 1);
                let first = rng.below(frames - gap);
                [first, first + gap]
            }
            Pair::Distant { segments } => {
                let segments = segments.min(frames);
                two_of(segments, rng).map(|segment| {
                    let [start, end] = [segment, segment + 1].map(|edge| edge * frames / segments);
                    start + rng.below(end - start)
                })
            }
        }
    }
}

/// Two different segments: in order when there are two, in random order when there are more, the same twice when there is one.
fn two_of(segments: usize, rng: &mut Rng) -> [usize; 2] {
    match segments {
        0 | 1 => [0, 0],
        2 => [0, 1],
        _ => {
            let first = rng.below(segments);
            let other = rng.below(segments - 1);
            [first, if other < first { other } else { other + 1 }]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn drawn(pair: Pair, frames: usize) -> BTreeSet<[usize; 2]> {
        let mut rng = Rng::stream(3, &[]);
        (0..500).map(|_| pair.draw(frames, &mut rng)).collect()
    }

    #[test]
    fn gaps_are_kept_and_clamped() {
        assert_eq!(drawn(Pair::Gap(2), 4), BTreeSet::from([[0, 2], [1, 3]]));
        assert_eq!(drawn(Pair::Gap(9), 4), BTreeSet::from([[0, 3]]));
        assert_eq!(drawn(Pair::Gap(9), 1), BTreeSet::from([[0, 0]]));
        assert_eq!(drawn(Pair::Gap(0), 2), BTreeSet::from([[0, 0], [1, 1]]));
        assert_eq!(drawn(Pair::SameFrame, 3), BTreeSet::from([[0, 0], [1, 1], [2, 2]]));
    }

    #[test]
    fn two_segments_give_one_frame_of_each_half_in_order() {
        let pairs = drawn(Pair::Distant { segments: 2 }, 5);
        let expected = (0..2).flat_map(|a| (2..5).map(move |b| [a, b])).collect::<BTreeSet<_>>();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn more_segments_give_two_different_ones_in_any_order() {
        let pairs = drawn(Pair::Distant { segments: 3 }, 6);
        let expected = (0..6).flat_map(|a| (0..6).map(move |b| [a, b])).filter(|[a, b]| a / 2 != b / 2).collect::<BTreeSet<_>>();
        assert_eq!(pairs, expected);
        assert_eq!(drawn(Pair::Distant { segments: 8 }, 2), BTreeSet::from([[0, 1]]));
        assert_eq!(drawn(Pair::Distant { segments: 8 }, 1), BTreeSet::from([[0, 0]]));
    }

    #[test]
    fn a_single_segment_is_refused() {
        assert_eq!(Pair::Distant { segments: 1 }.check(), Err("`segments` is 1: a pair needs at least 2".to_owned()));
        assert_eq!(Pair::Gap(0).check(), Ok(()));
    }
}
