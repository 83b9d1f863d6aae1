//! Which two frames of a clip make a positive pair.

use crate::rng::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How the two frames of a positive pair are chosen from a clip.
///
/// A clip that is too short for what is asked gives what it has: a gap shrinks to its first and last frame, a clip of fewer
/// frames than segments has one segment a frame, and a clip of one frame gives that frame twice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pair {
    /// One frame, twice (a gap of 0).
    SameFrame,
    /// Two frames this far apart, the earlier one first.
    Gap(Gap),
    /// The clip is cut into `segments` equal parts and one frame is drawn from each of two of them (ViC-MAE).
    ///
    /// With two segments the frames keep their order in time; with more, two different segments are drawn in random order.
    /// Parts are equal in time where the source knows its times, in frames elsewhere.
    Distant {
        /// Number of parts, at least 2.
        segments: usize,
    },
    /// Two different frames at most this far apart, in any order.
    Within {
        /// Width of the window.
        seconds: f64,
    },
}

/// How far apart two frames are: `4` (frames), or `{ seconds: 0.5 }`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gap {
    /// In frames.
    Frames(usize),
    /// In seconds: the second frame is the one nearest to that time.
    Seconds(f64),
}

impl Pair {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let duration = |name: &str, seconds: f64| match seconds.is_finite() && seconds > 0.0 {
            true => Ok(()),
            false => Err(format!("`{name}.seconds` is {seconds}: a time is above 0")),
        };
        match self {
            Pair::Distant { segments: segments @ (0 | 1) } => Err(format!("`segments` is {segments}: a pair needs at least 2")),
            Pair::Gap(Gap::Seconds(seconds)) => duration("gap", *seconds),
            Pair::Within { seconds } => duration("within", *seconds),
            _ => Ok(()),
        }
    }

    /// Checks that frames without times can give such pairs. The error says what they can give.
    pub(super) fn check_untimed(&self) -> Result<(), String> {
        self.check()?;
        match self {
            Pair::Gap(Gap::Seconds(_)) | Pair::Within { .. } => {
                Err("`pair` asks for seconds, and the frames of this source have no times: give a gap in frames, or pack it"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Draws two frames of a clip of `frames` frames without times, at least 1.
    pub(super) fn draw(&self, frames: usize, rng: &mut Rng) -> [usize; 2] {
        match *self {
            Pair::SameFrame => [rng.below(frames); 2],
            Pair::Gap(Gap::Frames(gap)) => {
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
            // Without times a frame is as long as a second; `check_untimed` keeps people from asking for it.
            Pair::Gap(Gap::Seconds(_)) | Pair::Within { .. } => {
                self.draw_timed(&(0..frames).map(|frame| frame as f64).collect::<Vec<f64>>(), rng)
            }
        }
    }

    /// Draws two frames of a clip whose frames are shown at `seconds`, which never go back; at least one frame.
    pub(super) fn draw_timed(&self, seconds: &[f64], rng: &mut Rng) -> [usize; 2] {
        match *self {
            Pair::SameFrame | Pair::Gap(Gap::Frames(_)) => self.draw(seconds.len(), rng),
            Pair::Gap(Gap::Seconds(gap)) => apart(seconds, gap, rng),
            Pair::Distant { segments } => distant(seconds, segments, rng),
            Pair::Within { seconds: window } => within(seconds, window, rng),
        }
    }
}

/// A frame that has another one `gap` later, and that one.
fn apart(seconds: &[f64], gap: f64, rng: &mut Rng) -> [usize; 2] {
    let last = seconds.len() - 1;
    // A first frame may be as late as half a frame after the last moment that has a partner.
    let slack = (seconds[last] - seconds[0]) / last.max(1) as f64 / 2.0;
    let firsts = seconds.partition_point(|time| time + gap <= seconds[last] + slack).max(1);
    let first = rng.below(firsts);
    let wanted = seconds[first] + gap;
    let after = seconds.partition_point(|time| *time < wanted).min(last);
    let before = after.saturating_sub(1);
    let nearest = if wanted - seconds[before] < seconds[after] - wanted { before } else { after };
    [first, nearest.max(first)]
}

/// A frame from each of two parts of equal length in time; parts that hold no frame do not count.
fn distant(seconds: &[f64], segments: usize, rng: &mut Rng) -> [usize; 2] {
    let last = seconds.len() - 1;
    // The last frame is shown as long as the others are, on average.
    let length = (seconds[last] - seconds[0]) * (seconds.len() as f64 / last.max(1) as f64);
    if length <= 0.0 || segments > seconds.len() {
        return Pair::Distant { segments }.draw(seconds.len(), rng);
    }
    let edge = |segment: usize| {
        let time = seconds[0] + length * segment as f64 / segments as f64;
        // Times are sums of fractions; a frame at an edge belongs to what begins there.
        seconds.partition_point(|frame| *frame < time - length * 1e-9)
    };
    let parts: Vec<_> = (0..segments).map(|segment| edge(segment)..edge(segment + 1)).filter(|part| !part.is_empty()).collect();
    two_of(parts.len(), rng).map(|part| parts[part].start + rng.below(parts[part].len()))
}

/// Any frame, and another one in the window around it.
fn within(seconds: &[f64], window: f64, rng: &mut Rng) -> [usize; 2] {
    let first = rng.below(seconds.len());
    let start = seconds.partition_point(|time| *time < seconds[first] - window);
    let end = seconds.partition_point(|time| *time <= seconds[first] + window);
    let others = end - start - 1;
    if others == 0 {
        // Nothing is near: the nearest frame is the best there is.
        let near = [first.saturating_sub(1), (first + 1).min(seconds.len() - 1)];
        let far = |other: &usize| if *other == first { f64::INFINITY } else { (seconds[*other] - seconds[first]).abs() };
        return [first, if far(&near[0]) <= far(&near[1]) { near[0] } else { near[1] }];
    }
    let other = start + rng.below(others);
    [first, if other < first { other } else { other + 1 }]
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

impl Serialize for Gap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Gap::Frames(frames) => frames.serialize(serializer),
            Gap::Seconds(seconds) => Seconds { seconds: *seconds }.serialize(serializer),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seconds {
    seconds: f64,
}

impl<'de> Deserialize<'de> for Gap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GapVisitor;
        impl<'de> serde::de::Visitor<'de> for GapVisitor {
            type Value = Gap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of frames, or { seconds: 0.5 }")
            }

            fn visit_u64<E>(self, frames: u64) -> Result<Gap, E> {
                Ok(Gap::Frames(frames as usize))
            }

            fn visit_i64<E: serde::de::Error>(self, frames: i64) -> Result<Gap, E> {
                let refused = |_| E::invalid_value(serde::de::Unexpected::Signed(frames), &self);
                u64::try_from(frames).map_err(refused).map(|frames| Gap::Frames(frames as usize))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Gap, A::Error> {
                let Seconds { seconds } = Seconds::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Gap::Seconds(seconds))
            }
        }
        deserializer.deserialize_any(GapVisitor)
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

    fn timed(pair: Pair, seconds: &[f64]) -> BTreeSet<[usize; 2]> {
        let mut rng = Rng::stream(3, &[]);
        (0..500).map(|_| pair.draw_timed(seconds, &mut rng)).collect()
    }

    fn gap(frames: usize) -> Pair {
        Pair::Gap(Gap::Frames(frames))
    }

    #[test]
    fn gaps_are_kept_and_clamped() {
        assert_eq!(drawn(gap(2), 4), BTreeSet::from([[0, 2], [1, 3]]));
        assert_eq!(drawn(gap(9), 4), BTreeSet::from([[0, 3]]));
        assert_eq!(drawn(gap(9), 1), BTreeSet::from([[0, 0]]));
        assert_eq!(drawn(gap(0), 2), BTreeSet::from([[0, 0], [1, 1]]));
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
    fn gaps_in_seconds_find_the_nearest_frame_of_an_uneven_clip() {
        let seconds = [0.0, 0.1, 0.5, 1.0, 1.1, 2.0];
        assert_eq!(timed(Pair::Gap(Gap::Seconds(1.0)), &seconds), BTreeSet::from([[0, 3], [1, 4], [2, 4], [3, 5], [4, 5]]));
        assert_eq!(timed(Pair::Gap(Gap::Seconds(9.0)), &seconds), BTreeSet::from([[0, 5]]));
        assert_eq!(timed(Pair::Gap(Gap::Seconds(1.0)), &[3.0]), BTreeSet::from([[0, 0]]));
    }

    #[test]
    fn parts_are_equal_in_time() {
        // Five frames in the first second, one in each of the next three: halves of 2 s.
        let seconds = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 2.3, 3.1];
        let pairs = timed(Pair::Distant { segments: 2 }, &seconds);
        assert!(pairs.iter().all(|[a, b]| *a < 6 && *b >= 6), "{pairs:?}");
        assert_eq!(pairs.len(), 12);
        // The middle third is empty, so it does not count.
        let pairs = timed(Pair::Distant { segments: 3 }, &[0.0, 0.1, 2.9, 3.0]);
        assert!(pairs.iter().all(|[a, b]| (*a < 2) != (*b < 2)), "{pairs:?}");
        // All at once: as if there were no times.
        assert_eq!(timed(Pair::Distant { segments: 2 }, &[1.0; 4]), drawn(Pair::Distant { segments: 2 }, 4));
    }

    #[test]
    fn even_times_give_the_parts_that_frames_give() {
        for frames in 2..40 {
            let seconds: Vec<f64> = (0..frames).map(|frame| frame as f64 / 29.97).collect();
            for segments in [2, 3, 8].into_iter().filter(|segments| frames % segments == 0) {
                let pair = Pair::Distant { segments };
                assert_eq!(timed(pair, &seconds), drawn(pair, frames), "{frames} frames, {segments} segments");
            }
        }
    }

    #[test]
    fn a_window_holds_both_frames_and_never_one_twice() {
        let pairs = timed(Pair::Within { seconds: 0.5 }, &[0.0, 0.4, 0.8, 2.0]);
        assert_eq!(pairs, BTreeSet::from([[0, 1], [1, 0], [1, 2], [2, 1], [3, 2]]));
        assert_eq!(timed(Pair::Within { seconds: 0.5 }, &[1.0]), BTreeSet::from([[0, 0]]));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Pair::Distant { segments: 1 }.check(), Err("`segments` is 1: a pair needs at least 2".to_owned()));
        assert_eq!(Pair::Within { seconds: 0.0 }.check(), Err("`within.seconds` is 0: a time is above 0".to_owned()));
        assert_eq!(gap(0).check(), Ok(()));
        assert!(Pair::Within { seconds: 1.0 }.check_untimed().unwrap_err().contains("have no times"));
    }

    #[test]
    fn a_gap_is_written_as_it_is_read() {
        let read = |text: &str| serde_json::from_str::<Pair>(text);
        for text in [r#"{"gap":4}"#, r#"{"gap":{"seconds":0.5}}"#, r#"{"within":{"seconds":1.0}}"#, r#""same_frame""#] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        assert!(read(r#"{"gap":-1}"#).unwrap_err().to_string().contains("a number of frames, or { seconds: 0.5 }"));
    }
}
