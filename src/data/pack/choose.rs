//! Which frames of a clip are kept, chosen while it is read once and its length is not known.

use crate::data::packed::Frames;

/// Bytes of frames that are held until the clip has ended.
///
/// Of frames of 1 megabyte 64 to 128 are held of a long clip: at least four for each of 16 that are wanted, so what is chosen is off
/// by a quarter of their distance at most.
const HELD: usize = 128 << 20;

/// Collects things with a time, and keeps as many as are wanted, evenly spaced in time.
///
/// Short clips are held whole and the choice is exact. Of a long one every second, then every fourth, ... is held.
pub(super) struct Chosen<T> {
    want: Frames,
    most: usize,
    stride: usize,
    seen: usize,
    /// Bytes of all that were added.
    bytes: usize,
    last: f64,
    kept: Vec<(f64, T)>,
}

impl<T> Chosen<T> {
    pub(super) fn new(want: Frames) -> Self {
        Chosen { want, most: 0, stride: 1, seen: 0, bytes: 0, last: 0.0, kept: Vec::new() }
    }

    /// The next one, `bytes` large, at a time that is not before that of the last one.
    pub(super) fn add(&mut self, seconds: f64, bytes: usize, thing: T) {
        if let Frames::Even(count) = self.want
            && self.seen == 0
        {
            self.most = count.saturating_mul(2).max(HELD / bytes.max(1));
        }
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push((seconds, thing));
        }
        (self.seen, self.last, self.bytes) = (self.seen + 1, seconds, self.bytes + bytes);
        if matches!(self.want, Frames::Even(_)) && self.kept.len() > self.most {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
    }

    /// The bytes of all that were added.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those that are kept, in order.
    pub(super) fn finish(self) -> Vec<(f64, T)> {
        let Frames::Even(count) = self.want else { return self.kept };
        let Some(first) = self.kept.first().map(|(seconds, _)| *seconds) else { return self.kept };
        if self.kept.len() <= count {
            return self.kept;
        }
        // The last one is shown as long as the others are, on average.
        let length = (self.last - first) * self.seen as f64 / (self.seen - 1).max(1) as f64;
        let mut wanted = vec![false; self.kept.len()];
        for k in 0..count {
            // What is shown in the middle of each of `count` equal parts; where times stand still, by number.
            let middle = (k as f64 + 0.5) / count as f64;
            let at = match length > 0.0 {
                true => self.kept.partition_point(|(seconds, _)| *seconds <= first + length * middle).saturating_sub(1),
                false => (middle * self.kept.len() as f64) as usize,
            };
            wanted[at] = true;
        }
        let mut wanted = wanted.into_iter();
        self.kept.into_iter().filter(|_| wanted.next().unwrap_or(false)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(want: Frames, times: &[f64], bytes: usize) -> Vec<usize> {
        let mut chosen = Chosen::new(want);
        times.iter().enumerate().for_each(|(n, time)| chosen.add(*time, bytes, n));
        chosen.finish().into_iter().map(|(_, n)| n).collect()
    }

    fn even(frames: usize) -> Vec<f64> {
        (0..frames).map(|n| n as f64 / 25.0).collect()
    }

    #[test]
    fn short_clips_are_kept_whole() {
        assert_eq!(chosen(Frames::Even(4), &even(3), 1), [0, 1, 2]);
        assert_eq!(chosen(Frames::Even(4), &[], 1), [0; 0]);
        assert_eq!(chosen(Frames::All, &even(5), 1), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_middles_of_equal_parts_are_chosen() {
        assert_eq!(chosen(Frames::Even(4), &even(100), 1), [12, 37, 62, 87]);
        assert_eq!(chosen(Frames::Even(1), &even(9), 1), [4]);
        // Times stand still: by number.
        assert_eq!(chosen(Frames::Even(2), &[0.0; 8], 1), [2, 6]);
    }

    #[test]
    fn the_choice_is_even_in_time_where_frames_are_not() {
        // Ten frames in the first second, then one a second for nine.
        let times: Vec<f64> = (0..10).map(|n| n as f64 / 10.0).chain((1..10).map(f64::from)).collect();
        assert_eq!(chosen(Frames::Even(5), &times, 1), [9, 11, 13, 15, 17]);
    }

    #[test]
    fn a_long_clip_takes_bounded_memory_and_stays_nearly_even() {
        let mut chosen = Chosen::new(Frames::Even(16));
        for n in 0..100_000 {
            chosen.add(n as f64 / 25.0, 1 << 20, n);
            assert!(chosen.kept.len() <= 128);
        }
        let chosen: Vec<usize> = chosen.finish().into_iter().map(|(_, n)| n).collect();
        let distances: Vec<usize> = chosen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(chosen.len(), 16);
        assert!(distances.iter().all(|distance| distance.abs_diff(6250) < 6250 / 6), "{distances:?}");
    }
}
