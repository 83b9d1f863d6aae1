//! Batches of augmented pairs for pretraining.

use super::Clips;
use super::augment;
use super::batches::{Batches, Order};
use super::mixture::{Mixture, Part};
use super::picture::Skipped;
use super::stream::{Draw, stream};
use crate::failure::Failure;
use crate::failure::words_of;
use anyhow::Result;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A batch of positive pairs.
#[derive(Debug)]
pub struct PairBatch {
    /// The first and the second view of every clip, each `[batch, size, size, 3]`.
    pub views: [Vec<u8>; 2],
    /// The clips, counted through all sources.
    pub clips: Vec<usize>,
}

/// What batches are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// The side of a view, in pixels.
    pub size: usize,
    /// Pairs a batch.
    pub batch: usize,
    /// Whether the pairs at the end of an epoch that do not fill a batch are left out; else they are a smaller batch.
    pub drop_last: bool,
    /// Decides order, frames and views.
    pub seed: u64,
    /// Threads that make batches ahead; with 0 the work is done by whoever asks for a batch.
    pub workers: usize,
}

/// Loads augmented pairs from one or more sources.
///
/// Without weights and repeats an epoch is a new permutation of all clips, whatever their source; with them every batch is shared
/// out. A view depends on seed, epoch, clip and view alone (and on the how-manieth time the clip comes in the epoch), so the
/// batches are the same with any number of workers and wherever an epoch is begun.
pub struct PairLoader {
    mixture: Arc<Mixture>,
    /// In alphabetical order.
    classes: Vec<String>,
    feed: Feed,
    skipped: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

impl PairLoader {
    /// Lists the clips of the sources. `augment` is for the sources that have none of their own.
    ///
    /// Relative roots start at `project`. Fails with [`Failure`] for values that make no sense, a folder that is missing or empty,
    /// and fewer clips than one batch.
    pub fn new(parts: &[Part], project: &Path, augment: &augment::Config, feed: Feed) -> Result<Self> {
        augment.check().map_err(Failure::input)?;
        let Feed { size, batch, .. } = feed;
        if size == 0 || batch == 0 {
            return Err(Failure::input(format!("a batch of {batch} views of {size} pixels holds nothing")).into());
        }
        if parts.is_empty() {
            return Err(Failure::input("there is no data source").hint("name at least one under `data`").into());
        }
        let mixture = Arc::new(Mixture::open(parts, augment, project)?);
        let classes = mixture.classes();
        let loader = PairLoader { mixture, classes, feed, skipped: Arc::default() };
        if loader.batches_per_epoch() == 0 {
            let pairs = loader.mixture.draws();
            let message = format!("the data hold {pairs} clips, fewer than one batch of {batch}");
            let hint = format!("make the batch {pairs} or smaller (`batch` under `with`, say), or add data");
            return Err(Failure::input(message).hint(hint).into());
        }
        Ok(loader)
    }

    /// Number of batches an epoch. With `drop_last`, pairs that do not fill a batch are left out of the epoch, other ones each
    /// time; without it they are a batch of their own, unless there is only one, which has no other to be compared with.
    pub fn batches_per_epoch(&self) -> usize {
        let (full, rest) = (self.mixture.draws() / self.feed.batch, self.mixture.draws() % self.feed.batch);
        full + usize::from(!self.feed.drop_last && rest > 1)
    }

    /// The batches of an epoch from `first_batch` on, in order, made ahead by the workers.
    ///
    /// A clip with a damaged file is replaced by another one, the same one every time. When more than half of the clips cannot
    /// be read, the last item is a [`Failure`]. Dropping the iterator ends its workers.
    pub fn epoch(&self, epoch: u32, first_batch: usize) -> impl Iterator<Item = Result<PairBatch>> + use<> {
        let (Feed { size, seed, batch, workers, .. }, epoch) = (self.feed, u64::from(epoch));
        let order = Order { clips: self.mixture.order(seed, epoch, batch), batch, group: 1, replace: true };
        let count = self.batches_per_epoch();
        let mixture = self.mixture.clone();
        let draw = move |number: usize, views: [&mut [u8]; 2]| {
            let drawn = mixture.drawn(number);
            let (source, clip) = mixture.place(drawn.clip);
            let (id, time) = (drawn.clip as u64, drawn.time as u64);
            naming(&*source.clips, clip, || {
                let pair = source.clips.pair(clip, &mut stream(seed, Draw::Pair, [epoch, id, time]))?;
                for (view, out) in views.into_iter().enumerate() {
                    let mut rng = stream(seed, Draw::View, [epoch, id, view as u64 + 2 * time]);
                    augment::view(&pair[view], &source.augment, size, view, &mut rng, out);
                }
                Ok(())
            })
        };
        let batches = Batches::new(order, first_batch.min(count)..count, size * size * 3, workers, draw);
        let (skipped, mixture) = (self.skipped.clone(), self.mixture.clone());
        batches.map(move |batch| {
            let batch = batch?;
            let mut list = skipped.lock().unwrap_or_else(PoisonError::into_inner);
            list.extend(batch.skipped.into_iter().map(|skipped| (skipped.path, skipped.reason)));
            let clips = batch.clips.into_iter().map(|number| mixture.drawn(number).clip).collect();
            Ok(PairBatch { views: batch.views, clips })
        })
    }

    /// The names of the classes of all sources, each once; [`PairLoader::labels`] counts by them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The classes of the clips of a [`PairBatch`].
    pub fn labels(&self, clips: &[usize]) -> Vec<usize> {
        let label = |clip: &usize| {
            let (source, clip) = self.mixture.place(*clip);
            let name = &source.clips.classes()[source.clips.class(clip)];
            self.classes.binary_search(name).expect("the class of every clip is known")
        };
        clips.iter().map(label).collect()
    }

    /// The name of a clip of a [`PairBatch`]: its path inside its source.
    pub fn name(&self, clip: usize) -> String {
        let (source, clip) = self.mixture.place(clip);
        source.clips.name(clip)
    }

    /// The files that could not be read, of the batches handed out so far, in the order of their paths.
    pub fn skipped(&self) -> Vec<Skipped> {
        let list = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().map(|(path, reason)| Skipped { path: path.clone(), reason: reason.clone() }).collect()
    }
}

/// Makes the views of a clip; a panic on the way goes on with the clip's name in it, so that the run's error says where to look.
fn naming<T>(clips: &dyn Clips, clip: usize, make: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
        resume_unwind(Box::new(format!("{} (at the clip {})", words_of(panic.as_ref()), clips.name(clip))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pair::{Gap, Pair};
    use crate::data::{Source, frame_folder, image_folder, moving_shapes, open};

    fn shapes(clips: usize) -> Source {
        Source::MovingShapes(moving_shapes::Config { clips, frames: 3, size: 24, pair: Pair::Gap(Gap::Frames(1)), seed: 0 })
    }

    /// Nine images in three classes; those in `bad` cannot be decoded.
    fn images(bad: &[usize]) -> tempfile::TempDir {
        let project = tempfile::tempdir().unwrap();
        for i in 0..9u8 {
            let path = project.path().join(format!("set/{}/{i}.png", i / 3));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match bad.contains(&i.into()) {
                true => std::fs::write(path, b"cut off").unwrap(),
                false => image::RgbImage::from_raw(2, 2, vec![i * 20; 12]).unwrap().save(path).unwrap(),
            }
        }
        project
    }

    fn folder() -> Source {
        Source::ImageFolder(image_folder::Config { root: "set".into() })
    }

    fn loader(sources: &[Source], project: &Path, batch: usize, workers: usize) -> Result<PairLoader> {
        let parts: Vec<Part> = sources.iter().cloned().map(Part::from).collect();
        mixed(&parts, project, Feed { size: 8, batch, drop_last: true, seed: 5, workers })
    }

    fn mixed(parts: &[Part], project: &Path, feed: Feed) -> Result<PairLoader> {
        let augment = augment::Config { jitter: Some(augment::Jitter::default()), ..augment::Config::default() };
        PairLoader::new(parts, project, &augment, feed)
    }

    fn all(loader: &PairLoader, epoch: u32, first_batch: usize) -> Vec<PairBatch> {
        loader.epoch(epoch, first_batch).map(Result::unwrap).collect()
    }

    fn same(a: &[PairBatch], b: &[PairBatch]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.views == b.views && a.clips == b.clips)
    }

    #[test]
    fn any_number_of_workers_and_any_start_give_the_same_bytes() {
        let project = images(&[2, 7]);
        let of = |workers| loader(&[shapes(11), folder()], project.path(), 6, workers).unwrap();
        let (alone, one, many) = (of(0), of(1), of(5));
        assert_eq!(alone.batches_per_epoch(), 3);
        let expected = all(&alone, 1, 0);
        assert_eq!(expected.len(), 3);
        assert!(
            expected.iter().all(|batch| batch.views.iter().all(|view| view.len() == 6 * 8 * 8 * 3) && batch.clips.len() == 6)
        );
        assert!(same(&all(&one, 1, 0), &expected) && same(&all(&many, 1, 0), &expected));
        // A second time, from the cache and knowing the damaged files.
        assert!(same(&all(&many, 1, 0), &expected));
        assert!(same(&all(&many, 1, 2), &expected[2..]));
        assert_eq!(all(&many, 1, 3).len(), 0);
        assert!(!same(&all(&many, 2, 0), &expected));
    }

    #[test]
    fn an_epoch_has_every_clip_once_and_views_differ() {
        let loader = loader(&[shapes(7), shapes(5)], Path::new("."), 4, 2).unwrap();
        for epoch in 0..2 {
            let batches = all(&loader, epoch, 0);
            let mut clips: Vec<usize> = batches.iter().flat_map(|batch| batch.clips.clone()).collect();
            assert!(!clips.is_sorted());
            clips.sort_unstable();
            assert_eq!(clips, (0..12).collect::<Vec<_>>());
            assert!(batches.iter().all(|batch| batch.views[0] != batch.views[1]));
        }
        assert_ne!(all(&loader, 0, 0)[0].clips, all(&loader, 1, 0)[0].clips);
    }

    #[test]
    fn the_last_batch_is_left_out_or_smaller_but_never_one_pair() {
        let sizes = |clips, drop_last| {
            let feed = Feed { size: 8, batch: 4, drop_last, seed: 0, workers: 2 };
            let loader = mixed(&[shapes(clips).into()], Path::new("."), feed).unwrap();
            let batches = all(&loader, 0, 0);
            assert_eq!(batches.len(), loader.batches_per_epoch());
            assert!(batches.iter().all(|batch| batch.views.iter().all(|view| view.len() == batch.clips.len() * 192)));
            batches.iter().map(|batch| batch.clips.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(10, true), [4, 4]);
        assert_eq!(sizes(10, false), [4, 4, 2]);
        assert_eq!(sizes(9, false), [4, 4]);
        assert_eq!(sizes(3, false), [3]);
    }

    #[test]
    fn a_source_keeps_its_own_augmentation_and_a_repeat_gives_new_views() {
        let plain = augment::Crop { scale: [1.0, 1.0], ratio: [1.0, 1.0] };
        let plain = augment::Config { crop: plain, flip: 0.0, ..augment::Config::default() };
        let of = |repeat, augment| {
            let source =
                Source::MovingShapes(moving_shapes::Config { clips: 2, frames: 1, size: 8, pair: Pair::SameFrame, seed: 0 });
            let part = Part { repeat, augment, ..source.into() };
            let loader =
                mixed(&[part], Path::new("."), Feed { size: 8, batch: 2, drop_last: true, seed: 0, workers: 1 }).unwrap();
            all(&loader, 0, 0)
        };
        let [first, second] = of(2, Some(plain)).try_into().unwrap();
        assert_eq!(first.views[0], first.views[1]);
        let sorted = |batch: &PairBatch| {
            let mut views: Vec<&[u8]> = batch.views[0].chunks(192).collect();
            views.sort();
            views.concat()
        };
        assert_eq!(sorted(&first), sorted(&second));
        let [first, second] = of(2, None).try_into().unwrap();
        assert_ne!(first.views[0], first.views[1]);
        assert_ne!(sorted(&first), sorted(&second));
    }

    #[test]
    fn damaged_files_are_replaced_and_listed() {
        let project = images(&[0, 4]);
        let loader = loader(&[folder()], project.path(), 3, 2).unwrap();
        assert_eq!(loader.skipped(), []);
        for batch in all(&loader, 0, 0) {
            assert!(batch.clips.iter().all(|clip| ![0, 4].contains(clip)));
        }
        let skipped = loader.skipped();
        assert_eq!(skipped.len(), 2);
        assert!(skipped[0].path.ends_with("set/0/0.png") && skipped[1].path.ends_with("set/1/4.png"), "{skipped:?}");
    }

    #[test]
    fn mostly_damaged_data_are_an_error() {
        let project = images(&[0, 1, 2, 3, 4, 5]);
        let error = loader(&[folder()], project.path(), 3, 2).unwrap().epoch(0, 0).find_map(Result::err).unwrap();
        assert!(error.to_string().starts_with("more than half of the 9 clips cannot be read"), "{error}");
        assert_eq!(crate::failure::exit_code(&error), 2);
    }

    #[test]
    fn a_panic_names_the_clip() {
        let source = open(&shapes(3), Path::new(".")).unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| naming(&*source, 2, || panic!("a bug")))).unwrap_err();
        assert_eq!(words_of(panic.as_ref()), format!("a bug (at the clip {})", source.name(2)));
    }

    #[test]
    fn dropping_an_epoch_in_the_middle_is_fine() {
        let loader = loader(&[shapes(64)], Path::new("."), 4, 3).unwrap();
        for _ in 0..5 {
            assert!(loader.epoch(0, 0).next().unwrap().is_ok());
        }
    }

    #[test]
    fn too_little_and_senseless_input_is_refused() {
        let refused = |sources: &[Source], batch| loader(sources, Path::new("."), batch, 1).err().unwrap().to_string();
        insta::assert_snapshot!(refused(&[shapes(12)], 64), @"
        the data hold 12 clips, fewer than one batch of 64
        hint: make the batch 12 or smaller (`batch` under `with`, say), or add data
        ");
        insta::assert_snapshot!(refused(&[], 1), @"
        there is no data source
        hint: name at least one under `data`
        ");
        insta::assert_snapshot!(refused(&[shapes(0)], 1), @"`clips` is 0: moving shapes need at least 1");
        insta::assert_snapshot!(refused(&[shapes(1)], 0), @"a batch of 0 views of 8 pixels holds nothing");
    }

    #[test]
    fn the_example_pairs_load() {
        let root = "experiments/data/exercise_pairs".into();
        let source = Source::FrameFolder(frame_folder::Config { root, pair: Pair::Distant { segments: 2 } });
        let loader = loader(&[source], Path::new(env!("CARGO_MANIFEST_DIR")), 16, 2).unwrap();
        assert_eq!(loader.mixture.draws(), 873);
        assert_eq!(loader.epoch(0, 50).map(Result::unwrap).count(), 4);
        assert_eq!(loader.skipped(), []);
    }
}
