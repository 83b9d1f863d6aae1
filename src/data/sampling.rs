//! Which frames of a video a model sees as its clip.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// How the frames of a clip are chosen from a video.
///
/// Frames are in order. Where the video is too short they repeat; a video of one frame gives that frame every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampling {
    /// Equally spaced frames of one stretch of the video, which lasts `frames * stride / 30` seconds (MAE-ST, ViC-MAE: 16 x 4).
    ///
    /// Training draws where the stretch begins; tests spread the stretches evenly, and a single one is in the middle.
    Stride {
        /// Frames the model sees.
        frames: usize,
        /// Distance between two of them, in frames of 1/30 second.
        stride: usize,
    },
    /// The video is cut into `frames` equal parts, and a frame is taken from each (TSN).
    ///
    /// Training draws a moment in each part; tests take the middle, or several moments evenly spread inside the parts.
    Segments {
        /// Frames the model sees.
        frames: usize,
    },
}

/// When the frames of a video are shown; there is at least one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Timeline<'a> {
    /// The time of each frame, which never goes back.
    Seconds(&'a [f64]),
    /// A number of frames without times: 30 a second.
    Frames(usize),
}

/// Frames per second in which strides count, and which frames without times have.
const RATE: f64 = 30.0;

impl Sampling {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Sampling::Stride { frames: 0, .. } | Sampling::Segments { frames: 0 } => {
                Err("`frames` is 0: a clip has at least 1".to_owned())
            }
            Sampling::Stride { stride: 0, .. } => Err("`stride` is 0: it must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }

    /// Frames that the model sees.
    pub fn frames(&self) -> usize {
        match *self {
            Sampling::Stride { frames, .. } | Sampling::Segments { frames } => frames,
        }
    }

    /// Draws the frames of a training clip, [`Sampling::frames`] of them.
    pub fn train(&self, timeline: Timeline<'_>, rng: &mut Rng) -> Vec<usize> {
        match *self {
            Sampling::Stride { frames, stride } => {
                let span = span(frames, stride, timeline);
                let room = (timeline.len() as f64 - span).max(0.0);
                stretch(timeline, frames, rng.range(0.0, room), span)
            }
            Sampling::Segments { frames } => parts(timeline, frames, || rng.unit()),
        }
    }

    /// The frames of test clip `view` of `views`, [`Sampling::frames`] of them.
    pub fn test(&self, timeline: Timeline<'_>, view: usize, views: usize) -> Vec<usize> {
        match *self {
            Sampling::Stride { frames, stride } => {
                let span = span(frames, stride, timeline);
                let room = (timeline.len() as f64 - span).max(0.0);
                // Whole frames, as in MAE-ST.
                let start = match views {
                    1 => whole(room / 2.0),
                    _ => view as f64 * whole(room / (views - 1) as f64),
                };
                stretch(timeline, frames, start, span)
            }
            Sampling::Segments { frames } => parts(timeline, frames, || (view as f64 + 0.5) / views as f64),
        }
    }
}

impl Timeline<'_> {
    fn len(self) -> usize {
        match self {
            Timeline::Seconds(seconds) => seconds.len(),
            Timeline::Frames(frames) => frames,
        }
    }

    /// Frames per second, on average.
    fn rate(self) -> f64 {
        match self {
            Timeline::Seconds(seconds) => {
                let last = seconds.len() - 1;
                let rate = last as f64 / (seconds[last] - seconds[0]);
                // One frame, or all at once.
                if rate.is_finite() { rate } else { RATE }
            }
            Timeline::Frames(_) => RATE,
        }
    }

    /// The frame that is on display at `place`, a time counted in frames of average length.
    ///
    /// At a constant rate this is `place` cut to a whole number; at a varying one it is the last frame not after that time.
    fn at(self, place: f64) -> usize {
        let last = self.len() - 1;
        match self {
            Timeline::Seconds(seconds) if seconds[last] > seconds[0] => {
                let time = seconds[0] + (place + ROUNDING) / self.rate();
                seconds.partition_point(|shown| *shown <= time).saturating_sub(1)
            }
            _ => (whole(place) as usize).min(last),
        }
    }
}

/// Times are sums of fractions: a place this close below a frame is at the frame.
const ROUNDING: f64 = 1e-4;

fn whole(place: f64) -> f64 {
    (place + ROUNDING).floor()
}

/// The length of a stretch, in frames of the video.
fn span(frames: usize, stride: usize, timeline: Timeline<'_>) -> f64 {
    (frames * stride) as f64 / RATE * timeline.rate()
}

/// `frames` equally spaced frames: the first at `start`, the last one frame before the end of the stretch (`temporal_sampling`
/// of MAE-ST).
fn stretch(timeline: Timeline<'_>, frames: usize, start: f64, span: f64) -> Vec<usize> {
    let step = (span - 1.0).max(0.0) / (frames - 1).max(1) as f64;
    (0..frames).map(|frame| timeline.at(start + step * frame as f64)).collect()
}

/// The frame on display in each of `frames` equal parts, at a share of the part that `moment` gives.
fn parts(timeline: Timeline<'_>, frames: usize, mut moment: impl FnMut() -> f64) -> Vec<usize> {
    let length = timeline.len() as f64 / frames as f64;
    (0..frames).map(|part| timeline.at((part as f64 + moment()) * length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    const SIXTEEN: Sampling = Sampling::Stride { frames: 16, stride: 4 };

    fn even(count: usize, rate: f64) -> Vec<f64> {
        (0..count).map(|frame| 1.7 + frame as f64 / rate).collect()
    }

    #[derive(Deserialize)]
    struct Case {
        count: usize,
        rate: f64,
        frames: usize,
        stride: usize,
        view: usize,
        views: usize,
        indices: Vec<usize>,
    }

    #[test]
    fn test_clips_of_a_constant_rate_are_those_of_mae_st() {
        let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/temporal_sampling.json")).unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&text).unwrap();
        assert!(cases.len() > 20);
        for Case { count, rate, frames, stride, view, views, indices } in cases {
            let sampling = Sampling::Stride { frames, stride };
            let timed = sampling.test(Timeline::Seconds(&even(count, rate)), view, views);
            assert_eq!(timed, indices, "{count} frames at {rate}, {sampling:?}, view {view} of {views}");
            if rate == RATE {
                assert_eq!(sampling.test(Timeline::Frames(count), view, views), indices);
            }
        }
    }

    #[test]
    fn training_begins_anywhere_and_spans_the_stretch() {
        let mut rng = Rng::stream(0, &[]);
        let clips: Vec<Vec<usize>> = (0..2000).map(|_| SIXTEEN.train(Timeline::Frames(100), &mut rng)).collect();
        let firsts: std::collections::BTreeSet<usize> = clips.iter().map(|clip| clip[0]).collect();
        assert_eq!(firsts, (0..36).collect());
        assert!(clips.iter().all(|clip| clip[15] == clip[0] + 63));
    }

    #[test]
    fn a_stretch_lasts_as_long_at_any_rate() {
        // 16 x 4 frames at 30 a second are 2.13 seconds: 16 frames at 7.5 a second.
        let seconds = even(40, 7.5);
        assert_eq!(SIXTEEN.test(Timeline::Seconds(&seconds), 0, 1), (12..28).collect::<Vec<_>>());
    }

    #[test]
    fn a_frame_that_stays_on_display_is_seen_again() {
        // Two seconds of a still, then ten frames a second.
        let seconds: Vec<f64> = std::iter::once(0.0).chain((0..20).map(|frame| 2.0 + f64::from(frame) / 10.0)).collect();
        let clip = Sampling::Segments { frames: 8 }.test(Timeline::Seconds(&seconds), 0, 1);
        assert_eq!(clip, [0, 0, 0, 0, 4, 9, 14, 19]);
    }

    #[test]
    fn segments_take_the_middle_of_each_part() {
        let segments = Sampling::Segments { frames: 4 };
        assert_eq!(segments.test(Timeline::Frames(10), 0, 1), [1, 3, 6, 8]);
        assert_eq!(segments.test(Timeline::Frames(40), 0, 2), [2, 12, 22, 32]);
        assert_eq!(segments.test(Timeline::Frames(40), 1, 2), [7, 17, 27, 37]);
        assert_eq!(segments.test(Timeline::Frames(2), 0, 1), [0, 0, 1, 1]);
    }

    #[test]
    fn knobs_that_make_no_sense_are_refused() {
        assert_eq!(Sampling::Segments { frames: 0 }.check(), Err("`frames` is 0: a clip has at least 1".to_owned()));
        let standing = Sampling::Stride { frames: 8, stride: 0 };
        assert_eq!(standing.check(), Err("`stride` is 0: it must be at least 1".to_owned()));
        assert_eq!(SIXTEEN.check(), Ok(()));
        let read = |text: &str| serde_saphyr::from_str::<Sampling>(text);
        assert_eq!(read("stride: { frames: 16, stride: 4 }").unwrap(), SIXTEEN);
        assert!(read("segments: { frames: 8, stride: 4 }").unwrap_err().to_string().contains("stride"));
    }

    fn samplings() -> impl Strategy<Value = Sampling> {
        let stride = (1..33usize, 1..9usize).prop_map(|(frames, stride)| Sampling::Stride { frames, stride });
        prop_oneof![stride, (1..33usize).prop_map(|frames| Sampling::Segments { frames })]
    }

    /// Times of up to 200 frames with gaps of any kind.
    fn times() -> impl Strategy<Value = Vec<f64>> {
        let gap = prop_oneof![Just(0.0), Just(1.0 / 30.0), 0.0..0.5];
        (0.0..9.0, prop::collection::vec(gap, 0..200)).prop_map(|(first, gaps)| {
            let later = gaps.iter().scan(first, |time, gap| {
                *time += gap;
                Some(*time)
            });
            std::iter::once(first).chain(later).collect()
        })
    }

    proptest! {
        #[test]
        fn frames_are_in_order_and_in_range(sampling in samplings(), seconds in times(), views in 1..11usize, seed: u64) {
            for timeline in [Timeline::Seconds(&seconds), Timeline::Frames(seconds.len())] {
                let tests = (0..views).map(|view| sampling.test(timeline, view, views));
                for clip in tests.chain([sampling.train(timeline, &mut Rng::stream(seed, &[]))]) {
                    prop_assert_eq!(clip.len(), sampling.frames());
                    prop_assert!(clip.is_sorted() && clip.iter().all(|frame| *frame < seconds.len()), "{:?}", clip);
                }
            }
        }

        #[test]
        fn one_frame_is_seen_every_time(sampling in samplings(), time in 0.0..9.0, seed: u64) {
            let clip = sampling.train(Timeline::Seconds(&[time]), &mut Rng::stream(seed, &[]));
            prop_assert_eq!(&clip, &vec![0; sampling.frames()]);
            prop_assert_eq!(sampling.test(Timeline::Frames(1), 2, 3), clip);
        }

        #[test]
        fn even_times_count_as_frames(sampling in samplings(), count in 1..300usize, view in 0..5usize) {
            let seconds = even(count, RATE);
            prop_assert_eq!(sampling.test(Timeline::Seconds(&seconds), view, 5), sampling.test(Timeline::Frames(count), view, 5));
        }

        #[test]
        fn one_view_is_the_centre(sampling in samplings(), count in 1..300usize) {
            let clip = sampling.test(Timeline::Frames(count), 0, 1);
            let after = count.saturating_sub(1 + clip[clip.len() - 1]);
            let part = count / sampling.frames() + 2;
            match sampling {
                Sampling::Stride { frames: 2.., .. } => prop_assert!(after == 0 || after.abs_diff(clip[0]) <= 1),
                _ => prop_assert!(after.abs_diff(clip[0]) <= part),
            }
        }

        #[test]
        fn every_part_shows_one_frame(frames in 1..33usize, count in 1..300usize, view in 0..3usize, seed: u64) {
            let sampling = Sampling::Segments { frames };
            let (timeline, length) = (Timeline::Frames(count), count as f64 / frames as f64);
            for clip in [sampling.train(timeline, &mut Rng::stream(seed, &[])), sampling.test(timeline, view, 3)] {
                for (part, frame) in clip.into_iter().enumerate() {
                    // On display from `frame` to `frame + 1`, which must meet the part.
                    let [start, end] = [part, part + 1].map(|edge| edge as f64 * length);
                    prop_assert!((frame as f64) < end + ROUNDING && (frame + 1) as f64 > start);
                }
            }
        }
    }
}
