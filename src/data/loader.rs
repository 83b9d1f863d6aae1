//! Batches of augmented pairs for pretraining.

use super::augment;
use super::batches::{Batches, Order};
use super::picture::{Picture, Skipped};
use super::stream::{Draw, stream};
use super::{Clips, Source, open};
use crate::failure::Failure;
use crate::rng::Rng;
use anyhow::Result;
use std::collections::BTreeMap;
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

/// Loads augmented pairs from one or more sources, read as one: a clip is as likely as any other, whatever its source.
///
/// An epoch is a new permutation of all clips. A view depends on seed, epoch, clip and view alone, so the batches are the same with
/// any number of workers and wherever an epoch is begun.
pub struct PairLoader {
    clips: Arc<Mixture>,
    augment: Arc<augment::Config>,
    size: usize,
    batch: usize,
    seed: u64,
    workers: usize,
    skipped: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

impl PairLoader {
    /// Lists the clips of the sources. `size` is the side of a view in pixels, `batch` the number of clips a batch.
    ///
    /// Relative roots start at `project`. With `workers` 0 the work is done by whoever asks for a batch. Fails with [`Failure`] for
    /// values that make no sense, a folder that is missing or empty, and fewer clips than one batch.
    pub fn new(
        sources: &[Source],
        project: &Path,
        augment: &augment::Config,
        size: usize,
        batch: usize,
        seed: u64,
        workers: usize,
    ) -> Result<Self> {
        augment.check().map_err(Failure::input)?;
        if size == 0 || batch == 0 {
            return Err(Failure::input(format!("a batch of {batch} views of {size} pixels holds nothing")).into());
        }
        let sources = sources.iter().map(|source| open(source, project)).collect::<Result<Vec<_>>>()?;
        let clips = Mixture::new(sources);
        if clips.len() == 0 {
            return Err(Failure::input("there is no data source").hint("name at least one under `data`").into());
        }
        if clips.len() < batch {
            let message = format!("the data hold {} clips, fewer than one batch of {batch}", clips.len());
            let hint = format!("make the batch {} or smaller, or add data", clips.len());
            return Err(Failure::input(message).hint(hint).into());
        }
        let (clips, augment) = (Arc::new(clips), Arc::new(augment.clone()));
        Ok(PairLoader { clips, augment, size, batch, seed, workers, skipped: Arc::default() })
    }

    /// Number of batches an epoch; clips that do not fill a batch are left out of the epoch, other ones each time.
    pub fn batches_per_epoch(&self) -> usize {
        self.clips.len() / self.batch
    }

    /// The batches of an epoch from `first_batch` on, in order, made ahead by the workers.
    ///
    /// A clip with a damaged file is replaced by another one, the same one every time. When more than half of the clips cannot
    /// be read, the last item is a [`Failure`]. Dropping the iterator ends its workers.
    pub fn epoch(&self, epoch: u32, first_batch: usize) -> impl Iterator<Item = Result<PairBatch>> + use<> {
        let (seed, size, epoch) = (self.seed, self.size, u64::from(epoch));
        let order = stream(seed, Draw::Order, [epoch, 0, 0]).permutation(self.clips.len());
        let order = Order { clips: order, batch: self.batch, replace: true };
        let count = self.batches_per_epoch();
        let (clips, augment) = (self.clips.clone(), self.augment.clone());
        let draw = move |clip: usize, views: [&mut [u8]; 2]| {
            let pair = clips.pair(clip, &mut stream(seed, Draw::Pair, [epoch, clip as u64, 0]))?;
            for (view, out) in views.into_iter().enumerate() {
                let mut rng = stream(seed, Draw::View, [epoch, clip as u64, view as u64]);
                augment::view(&pair[view], &augment, size, view, &mut rng, out);
            }
            Ok(())
        };
        let batches = Batches::new(order, first_batch.min(count)..count, size * size * 3, self.workers, draw);
        let skipped = self.skipped.clone();
        batches.map(move |batch| {
            let batch = batch?;
            let mut list = skipped.lock().unwrap_or_else(PoisonError::into_inner);
            list.extend(batch.skipped.into_iter().map(|skipped| (skipped.path, skipped.reason)));
            Ok(PairBatch { views: batch.views, clips: batch.clips })
        })
    }

    /// The files that could not be read, of the batches handed out so far, in the order of their paths.
    pub fn skipped(&self) -> Vec<Skipped> {
        let list = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().map(|(path, reason)| Skipped { path: path.clone(), reason: reason.clone() }).collect()
    }
}

/// Several sources, one after the other.
struct Mixture {
    sources: Vec<Arc<dyn Clips>>,
    /// The number of clips before each source.
    starts: Vec<usize>,
    len: usize,
}

impl Mixture {
    fn new(sources: Vec<Arc<dyn Clips>>) -> Self {
        let mut len = 0;
        let mut starts = Vec::with_capacity(sources.len());
        for source in &sources {
            starts.push(len);
            len += source.len();
        }
        Mixture { sources, starts, len }
    }

    fn len(&self) -> usize {
        self.len
    }

    /// As [`Clips::pair`], with clips counted through all sources.
    fn pair(&self, clip: usize, rng: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        let source = self.starts.partition_point(|start| *start <= clip) - 1;
        self.sources[source].pair(clip - self.starts[source], rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{frame_folder, image_folder, moving_shapes, pair::Pair};

    fn shapes(clips: usize) -> Source {
        Source::MovingShapes(moving_shapes::Config { clips, frames: 3, size: 24, pair: Pair::Gap(1), seed: 0 })
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
        let augment = augment::Config { jitter: Some(augment::Jitter::default()), ..augment::Config::default() };
        PairLoader::new(sources, project, &augment, 8, batch, 5, workers)
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
        hint: make the batch 12 or smaller, or add data
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
        assert_eq!(loader.clips.len(), 873);
        assert_eq!(loader.epoch(0, 50).map(Result::unwrap).count(), 4);
        assert_eq!(loader.skipped(), []);
    }
}
