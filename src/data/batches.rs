//! Batches of pictures: filled in parts by worker threads, without the clips that cannot be read.

use super::picture::Skipped;
use super::prefetch::Ordered;
use crate::failure::Failure;
use anyhow::Result;
use std::ops::Range;

/// Which clips make which batch.
pub(super) struct Order {
    /// The clips of the epoch.
    pub(super) clips: Vec<usize>,
    /// Clips a batch, at least 1.
    pub(super) batch: usize,
    /// Places that belong to one clip and follow each other, at least 1.
    pub(super) group: usize,
    /// Whether a clip that cannot be read gives its place to another one, or is left out.
    pub(super) replace: bool,
}

/// A batch, or a part of one, with `V` views of every clip.
pub(super) struct Filled<const V: usize> {
    /// Each `[clips, size, size, 3]`.
    pub(super) views: [Vec<u8>; V],
    /// The clips that the views show, in order.
    pub(super) clips: Vec<usize>,
    /// The files that could not be read, in the order they were met; a file may stand here more than once.
    pub(super) skipped: Vec<Skipped>,
    /// Number of clips whose place was given away or left out.
    failed: usize,
}

impl Order {
    /// Fills the places at `positions`. `draw` writes the views of a clip, `bytes` each.
    ///
    /// With `replace`, the clips of the permutation are tried from the same place of the next batch on, which is decided by the
    /// order alone and does not put a clip twice into one batch unless there is hardly more than one. Fails when so many cannot
    /// be read in a row that it must be more than half of all.
    fn fill<const V: usize>(
        &self,
        positions: Range<usize>,
        bytes: usize,
        draw: impl Fn(usize, [&mut [u8]; V]) -> Result<(), Skipped>,
    ) -> Result<Filled<V>> {
        let views = std::array::from_fn(|_| vec![0; positions.len() * bytes]);
        let mut filled = Filled { views, clips: Vec::with_capacity(positions.len()), skipped: Vec::new(), failed: 0 };
        for position in positions {
            let slot = filled.clips.len() * bytes..(filled.clips.len() + 1) * bytes;
            let before = filled.skipped.len();
            let found = self.candidates(position).find(|&clip| {
                let out = filled.views.each_mut().map(|view| &mut view[slot.clone()]);
                draw(clip, out).map_err(|skipped| filled.skipped.push(skipped)).is_ok()
            });
            filled.failed += usize::from(filled.skipped.len() > before);
            match found {
                Some(clip) => filled.clips.push(clip),
                None if self.replace => return Err(unreadable(self.clips.len(), &filled.skipped).into()),
                None => {}
            }
        }
        filled.views.iter_mut().for_each(|view| view.truncate(filled.clips.len() * bytes));
        Ok(filled)
    }

    /// The clip at a position, then those that may take its place.
    fn candidates(&self, position: usize) -> impl Iterator<Item = usize> {
        let count = self.clips.len();
        let groups = count / self.group;
        let others = (0..groups).map(move |i| (position + self.batch + i * self.group) % count);
        let others = others.filter(move |other| *other != position).take(if self.replace { groups / 2 } else { 0 });
        std::iter::once(position).chain(others).map(|position| self.clips[position])
    }

    /// The positions of part `part` of `parts` of a batch.
    fn positions(&self, batch: usize, part: usize, parts: usize) -> Range<usize> {
        let start = batch * self.batch;
        let length = self.batch.min(self.clips.len() - start);
        start + length * part / parts..start + length * (part + 1) / parts
    }
}

/// An iterator over the batches of an epoch, in order, without those that came out empty.
pub(super) struct Batches<const V: usize> {
    parts: Ordered<Result<Filled<V>>>,
    parts_per_batch: usize,
    /// Clips in the epoch.
    count: usize,
    failed: usize,
}

impl<const V: usize> Batches<V> {
    /// Starts making the batches `batches` of the order, on `workers` threads; each thread fills its part of every batch.
    pub(super) fn new(
        order: Order,
        batches: Range<usize>,
        bytes: usize,
        workers: usize,
        draw: impl Fn(usize, [&mut [u8]; V]) -> Result<(), Skipped> + Send + Sync + 'static,
    ) -> Self {
        let count = order.clips.len();
        let parts_per_batch = workers.clamp(1, order.batch);
        let parts = Ordered::new(batches.len() * parts_per_batch, workers, move |job| {
            let batch = batches.start + job / parts_per_batch;
            order.fill(order.positions(batch, job % parts_per_batch, parts_per_batch), bytes, &draw)
        });
        Batches { parts, parts_per_batch, count, failed: 0 }
    }

    /// The next batch as it came out; empty when none of its clips can be read.
    fn whole(&mut self) -> Option<Result<Filled<V>>> {
        let first = self.parts.next()?;
        let rest: Vec<_> = self.parts.by_ref().take(self.parts_per_batch - 1).collect();
        let parts = std::iter::once(first).chain(rest).map(Result::flatten).collect::<Result<Vec<_>>>();
        Some(parts.and_then(|parts| {
            let batch = join(parts);
            self.failed += batch.failed;
            if self.failed * 2 > self.count {
                return Err(unreadable(self.count, &batch.skipped).into());
            }
            Ok(batch)
        }))
    }
}

impl<const V: usize> Iterator for Batches<V> {
    type Item = Result<Filled<V>>;

    /// Fails, and ends, when more than half of the clips so far of the epoch cannot be read.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.whole()? {
                Ok(batch) if batch.clips.is_empty() => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => {
                    self.parts.end();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Puts the parts of a batch together; a batch of one part is not copied.
fn join<const V: usize>(parts: Vec<Filled<V>>) -> Filled<V> {
    let mut parts = parts.into_iter();
    let empty = || Filled { views: std::array::from_fn(|_| Vec::new()), clips: Vec::new(), skipped: Vec::new(), failed: 0 };
    let mut batch = parts.next().unwrap_or_else(empty);
    for (view, whole) in batch.views.iter_mut().enumerate() {
        whole.reserve_exact(parts.as_slice().iter().map(|part| part.views[view].len()).sum());
    }
    for part in parts {
        batch.views.iter_mut().zip(&part.views).for_each(|(whole, view)| whole.extend_from_slice(view));
        batch.clips.extend(part.clips);
        batch.skipped.extend(part.skipped);
        batch.failed += part.failed;
    }
    batch
}

fn unreadable(count: usize, skipped: &[Skipped]) -> Failure {
    let failure = Failure::input(format!("more than half of the {count} clips cannot be read"));
    let failure = match skipped.last() {
        Some(Skipped { path, reason }) => failure.hint(format!("one of the files is {}: {reason}", path.display())),
        None => failure,
    };
    failure.hint("check that the data were copied completely")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clips of every batch, when those in `bad` cannot be read; a view is one byte, the clip.
    fn batches(order: Vec<usize>, replace: bool, workers: usize, bad: &'static [usize]) -> Vec<Result<Vec<usize>>> {
        let count = if replace { order.len() / 4 } else { order.len().div_ceil(4) };
        let order = Order { clips: order, batch: 4, group: 1, replace };
        let batches = Batches::new(order, 0..count, 1, workers, move |clip, [out]: [&mut [u8]; 1]| {
            if bad.contains(&clip) {
                return Err(Skipped { path: format!("{clip}.jpg").into(), reason: "cut off".to_owned() });
            }
            out[0] = clip as u8;
            Ok(())
        });
        let check = |batch: Filled<1>| {
            assert_eq!(batch.views[0].iter().map(|v| usize::from(*v)).collect::<Vec<_>>(), batch.clips);
            batch.clips
        };
        batches.map(|batch| batch.map(check)).collect()
    }

    fn good(batches: Vec<Result<Vec<usize>>>) -> Vec<Vec<usize>> {
        batches.into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn a_bad_clip_is_replaced_from_the_next_batch_on() {
        for workers in [0, 1, 2, 3, 9] {
            let batches = good(batches((0..14).collect(), true, workers, &[1, 5, 10]));
            assert_eq!(batches, [[0, 6, 2, 3], [4, 9, 6, 7], [8, 9, 0, 11]], "{workers} workers");
        }
    }

    #[test]
    fn the_views_of_a_bad_clip_are_replaced_by_those_of_another_one() {
        // Two places a clip, three clips a batch; the clips 0 and 3, its first replacement, cannot be read.
        let order = Order { clips: (0..24).collect(), batch: 6, group: 2, replace: true };
        let batches = Batches::new(order, 0..4, 1, 2, |place, [out]: [&mut [u8]; 1]| {
            if [0, 3].contains(&(place / 2)) {
                return Err(Skipped { path: format!("{}.jpg", place / 2).into(), reason: "cut off".to_owned() });
            }
            out[0] = place as u8;
            Ok(())
        });
        let first = batches.map(Result::unwrap).next().unwrap();
        assert_eq!(first.clips, [8, 9, 2, 3, 4, 5]);
    }

    #[test]
    fn without_replacement_bad_clips_are_left_out_and_the_rest_is_last() {
        for workers in [0, 1, 3] {
            let batches = good(batches((0..10).collect(), false, workers, &[1, 4, 5, 6, 7]));
            assert_eq!(batches, [vec![0, 2, 3], vec![8, 9]], "{workers} workers");
        }
    }

    #[test]
    fn more_than_half_is_an_error_and_the_end() {
        for replace in [true, false] {
            for workers in [0, 1, 3] {
                let results = batches((0..12).collect(), replace, workers, &[2, 3, 4, 5, 6, 8, 9]);
                let error = results.last().unwrap().as_ref().unwrap_err().to_string();
                assert!(error.starts_with("more than half of the 12 clips cannot be read"), "{error}");
                assert_eq!(results.len(), 3);
            }
        }
        let results = batches((0..8).collect(), true, 2, &[0, 1, 2, 3, 4, 5, 6, 7]);
        insta::assert_snapshot!(results[0].as_ref().unwrap_err(), @"
        more than half of the 8 clips cannot be read
        hint: one of the files is 7.jpg: cut off
        hint: check that the data were copied completely
        ");
    }
}
