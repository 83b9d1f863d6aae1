//! Labelled batches for protocols that train on pictures or clips: augmented ones to learn from, fixed views to be measured on.

use super::Clips;
use super::augment;
use super::augment::{Crop, Erase, RandAugment, Rect, crop};
use super::batches::{Batches, Order};
use super::eval::{short_side, write_eval_transform};
use super::picture::{Picture, Skipped};
use super::resize;
use super::sampling::{Sampling, Timeline};
use super::stream::{Draw, stream};
use super::views::{Views, crop_offsets};
use crate::rng::Rng;
use anyhow::Result;
use fast_image_resize::FilterType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a network is given of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The side of a frame, in pixels.
    pub size: usize,
    /// Which frames; none for the middle one alone, as an image.
    pub sampling: Option<Sampling>,
}

/// How a training view of a picture or clip is made. All frames of a clip are treated alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainView {
    /// Random resized crop (bicubic).
    pub crop: Crop,
    /// Probability of a horizontal flip; 0 where left and right matter (Something-Something).
    pub flip: f64,
    /// RandAugment, in the notation of timm: `rand-m9-mstd0.5-inc1`.
    pub rand_augment: Option<RandAugment>,
    /// Random erasing.
    pub erase: Option<Erase>,
    /// Views of each clip in a batch (repeated augmentation).
    pub repeats: usize,
}

/// A batch of labelled views.
#[derive(Debug)]
pub struct LabelledBatch {
    /// `[batch, frames, size, size, 3]`
    pub pixels: Vec<u8>,
    /// The class of each view.
    pub labels: Vec<usize>,
    /// The clip of each view.
    pub clips: Vec<usize>,
    /// What noise covers of each view; empty where nothing is ever erased.
    pub erased: Vec<Option<Erased>>,
    /// The files that could not be read.
    pub skipped: Vec<Skipped>,
}

/// A rectangle that noise covers, in normalised values.
#[derive(Debug, Clone, PartialEq)]
pub struct Erased {
    /// Where it is.
    pub rect: Rect,
    /// `[frames, height, width, 3]`
    pub noise: Vec<f32>,
}

impl Look {
    /// Frames of a view.
    pub fn frames(&self) -> usize {
        self.sampling.map_or(1, |sampling| sampling.frames())
    }

    fn bytes(&self) -> usize {
        self.frames() * self.size * self.size * 3
    }
}

impl Default for TrainView {
    fn default() -> Self {
        let crop = Crop { scale: [0.08, 1.0], ..Crop::default() };
        TrainView { crop, flip: 0.5, rand_augment: None, erase: None, repeats: 1 }
    }
}

impl TrainView {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        self.crop.check()?;
        augment::probability("flip", self.flip)?;
        self.erase.as_ref().map_or(Ok(()), Erase::check)?;
        match self.repeats {
            0 => Err("`repeats` is 0: every clip has at least 1 view in a batch".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Number of batches of an epoch: a last one that is not full is left out, unless it is the only one.
pub fn batches_per_epoch(clips: usize, batch: usize) -> usize {
    (clips / batch.max(1)).max(1)
}

/// Everything that decides the training batches of an epoch.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Clips a batch; each gives [`TrainView::repeats`] views, one after the other.
    pub batch: usize,
    /// Decides order, frames and views.
    pub seed: u64,
    /// The number of the epoch.
    pub epoch: u32,
    /// The batch to begin with.
    pub first_batch: usize,
    /// Threads that make batches ahead; they change nothing.
    pub workers: usize,
}

/// The batches of an epoch, in a random order of the epoch. A clip that cannot be read is replaced by another one.
pub fn training_batches(
    clips: &Arc<dyn Clips>,
    look: Look,
    view: &TrainView,
    epoch: &Epoch,
) -> impl Iterator<Item = Result<LabelledBatch>> + use<> {
    let Epoch { seed, workers, first_batch, .. } = *epoch;
    let number = u64::from(epoch.epoch);
    let (repeats, count) = (view.repeats, clips.len());
    let batch = epoch.batch.clamp(1, count.max(1));
    let order = stream(seed, Draw::Order, [number, 0, 2]).permutation(count);
    // A view is numbered by its clip and by the how-manieth of the clip it is.
    let order = order.into_iter().flat_map(|clip| (0..repeats).map(move |time| clip * repeats + time)).collect();
    let order = Order { clips: order, batch: batch * repeats, group: repeats, replace: true };
    let batches = first_batch..batches_per_epoch(count, batch).max(first_batch);
    let (source, making) = (clips.clone(), view.clone());
    let draw = move |place: usize, [out]: [&mut [u8]; 1]| {
        let (clip, time) = (place / repeats, (place % repeats) as u64);
        let rng = |draw| stream(seed, draw, [number, clip as u64, time]);
        let frames = match &look.sampling {
            Some(sampling) => sampling.train(timeline(&*source, clip), &mut rng(Draw::Pair)),
            None => vec![source.frames(clip) / 2],
        };
        write_training_view(&*source, clip, &frames, &making, look.size, &mut rng(Draw::View), out)
    };
    let batches = Batches::new(order, batches, look.bytes(), workers, draw);
    let (erase, source) = (view.erase.clone(), clips.clone());
    batches.map(move |batch| {
        let batch = batch?;
        let erased = |place: &usize| {
            let mut rng = stream(seed, Draw::Erase, [number, (place / repeats) as u64, (place % repeats) as u64]);
            let rect = erase.as_ref()?.draw(look.size, &mut rng)?;
            Some(Erased { noise: (0..look.frames()).flat_map(|_| augment::noise(&rect, &mut rng)).collect(), rect })
        };
        // Every view has a stream of its own, so they may be drawn side by side.
        let erased = if erase.is_some() { batch.clips.par_iter().map(erased).collect() } else { Vec::new() };
        let clips: Vec<usize> = batch.clips.iter().map(|place| place / repeats).collect();
        let labels = clips.iter().map(|clip| source.class(*clip)).collect();
        let [pixels] = batch.views;
        Ok(LabelledBatch { pixels, labels, clips, erased, skipped: batch.skipped })
    })
}

/// Every view of every clip in order, `views.clips * views.crops` of each, those of a clip one after the other.
///
/// An image has one view, the evaluation transform. Of a clip three crops lie along the long side, the short side being `size`; a
/// single one is the evaluation transform again. A view that cannot be read is left out.
pub fn view_batches(
    clips: &Arc<dyn Clips>,
    look: Look,
    views: Views,
    batch: usize,
    workers: usize,
) -> impl Iterator<Item = Result<LabelledBatch>> + use<> {
    let each = views.count();
    let order = Order { clips: (0..clips.len() * each).collect(), batch: batch.max(1), group: 1, replace: false };
    let count = order.clips.len().div_ceil(order.batch);
    let source = clips.clone();
    let batches = Batches::new(order, 0..count, look.bytes(), workers, move |place, [out]: [&mut [u8]; 1]| {
        write_test_view(&*source, place / each, look, views, place % each, out)
    });
    let source = clips.clone();
    batches.map(move |batch| {
        let batch = batch?;
        let clips: Vec<usize> = batch.clips.iter().map(|place| place / each).collect();
        let labels = clips.iter().map(|clip| source.class(*clip)).collect();
        let [pixels] = batch.views;
        Ok(LabelledBatch { pixels, labels, clips, erased: Vec::new(), skipped: batch.skipped })
    })
}

fn timeline(clips: &dyn Clips, clip: usize) -> Timeline<'_> {
    clips.seconds(clip).map_or(Timeline::Frames(clips.frames(clip)), Timeline::Seconds)
}

/// One draw of crop, flip and RandAugment for all frames, which must have one size.
fn write_training_view(
    clips: &dyn Clips,
    clip: usize,
    frames: &[usize],
    view: &TrainView,
    size: usize,
    rng: &mut Rng,
    out: &mut [u8],
) -> Result<(), Skipped> {
    let first = clips.frame(clip, frames[0])?;
    let window = crop::draw(&view.crop, first.width, first.height, rng);
    let flipped = rng.chance(view.flip);
    let operations = view.rand_augment.as_ref().map(|augment| augment.draw(rng)).unwrap_or_default();
    for (frame, out) in frames.iter().zip(out.chunks_exact_mut(size * size * 3)) {
        let picture = if *frame == frames[0] { first.clone() } else { clips.frame(clip, *frame)? };
        same_size(clips, clip, &first, &picture)?;
        resize::cut(&picture, window, size, FilterType::CatmullRom, out);
        if flipped {
            augment::flip(out, size);
        }
        operations.iter().for_each(|operation| operation.apply(out, size));
    }
    Ok(())
}

fn write_test_view(clips: &dyn Clips, clip: usize, look: Look, views: Views, view: usize, out: &mut [u8]) -> Result<(), Skipped> {
    let size = look.size;
    let Some(sampling) = look.sampling else {
        write_eval_transform(&*clips.picture(clip)?, short_side(size), out, size);
        return Ok(());
    };
    let frames = sampling.test(timeline(clips, clip), view / views.crops, views.clips);
    // A single crop has the margin of an image; three see the whole long side (MAE-ST).
    let short_side = if views.crops == 1 { short_side(size) } else { size };
    for (frame, out) in frames.into_iter().zip(out.chunks_exact_mut(size * size * 3)) {
        let picture = clips.frame(clip, frame)?;
        let shortest = picture.width.min(picture.height);
        let [width, height] = [picture.width, picture.height].map(|length| length * short_side / shortest);
        let [left, top] = crop_offsets(width, height, size, views.crops)[view % views.crops];
        let scale = |length: usize, resized: usize| length as f64 / resized as f64;
        let (across, down) = (scale(picture.width, width), scale(picture.height, height));
        let part = [left as f64 * across, top as f64 * down, size as f64 * across, size as f64 * down];
        resize::part(&picture, part, size, FilterType::CatmullRom, out);
    }
    Ok(())
}

fn same_size(clips: &dyn Clips, clip: usize, first: &Picture, other: &Picture) -> Result<(), Skipped> {
    if [first.width, first.height] == [other.width, other.height] {
        return Ok(());
    }
    let reason = format!("its frames differ in size: {first:?} and {other:?}");
    Err(Skipped { path: clips.name(clip).into(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::moving_shapes;
    use crate::data::pair::Pair;
    use crate::data::{Source, eval_batches, open};
    use std::path::Path;

    fn shapes(clips: usize) -> Arc<dyn Clips> {
        let config = moving_shapes::Config { clips, frames: 6, size: 40, pair: Pair::SameFrame, seed: 0 };
        open(&Source::MovingShapes(config), Path::new(".")).unwrap()
    }

    fn clip_look() -> Look {
        Look { size: 16, sampling: Some(Sampling::Segments { frames: 3 }) }
    }

    fn view() -> TrainView {
        let rand_augment = Some("rand-m9-mstd0.5-inc1".to_owned().try_into().unwrap());
        TrainView {
            rand_augment,
            erase: Some(Erase { probability: 0.5, ..Erase::default() }),
            repeats: 2,
            ..TrainView::default()
        }
    }

    fn batches(view: &TrainView, look: Look, first_batch: usize, workers: usize, epoch: u32) -> Vec<LabelledBatch> {
        let epoch = Epoch { batch: 4, seed: 3, epoch, first_batch, workers };
        training_batches(&shapes(10), look, view, &epoch).map(Result::unwrap).collect()
    }

    fn same(a: &[LabelledBatch], b: &[LabelledBatch]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.pixels == b.pixels && a.clips == b.clips && a.erased == b.erased)
    }

    #[test]
    fn any_number_of_workers_and_any_start_give_the_same_clips() {
        let all = batches(&view(), clip_look(), 0, 0, 0);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|batch| batch.pixels.len() == 8 * 3 * 16 * 16 * 3 && batch.labels.len() == 8));
        assert!(same(&batches(&view(), clip_look(), 0, 3, 0), &all) && same(&batches(&view(), clip_look(), 1, 2, 0), &all[1..]));
        assert!(!same(&batches(&view(), clip_look(), 0, 1, 1), &all));
    }

    #[test]
    fn repeats_stand_side_by_side_and_differ() {
        for batch in batches(&view(), clip_look(), 0, 1, 0) {
            assert!(batch.clips.chunks_exact(2).all(|pair| pair[0] == pair[1]));
            let views: Vec<&[u8]> = batch.pixels.chunks_exact(3 * 16 * 16 * 3).collect();
            assert!(views.chunks_exact(2).all(|pair| pair[0] != pair[1]));
            assert!(batch.erased.iter().any(Option::is_some) && batch.erased.iter().any(Option::is_none));
            for erased in batch.erased.iter().flatten() {
                assert_eq!(erased.noise.len(), 3 * erased.rect.height * erased.rect.width * 3);
            }
        }
    }

    #[test]
    fn the_only_view_of_an_image_is_the_evaluation_transform() {
        let clips = shapes(5);
        let look = Look { size: 16, sampling: None };
        let ours: Vec<u8> =
            view_batches(&clips, look, Views { clips: 1, crops: 1 }, 2, 2).flat_map(|batch| batch.unwrap().pixels).collect();
        let theirs: Vec<u8> = eval_batches(&clips, 16, 64, 0).flat_map(|batch| batch.unwrap().pixels).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn every_clip_has_all_its_views_in_order() {
        let views = Views { clips: 2, crops: 3 };
        let all: Vec<usize> = view_batches(&shapes(3), clip_look(), views, 4, 1).flat_map(|batch| batch.unwrap().clips).collect();
        assert_eq!(all, [[0; 6], [1; 6], [2; 6]].concat());
    }
}
