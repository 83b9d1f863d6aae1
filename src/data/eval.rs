//! The pictures of an evaluation: the fixed transform, and the crops that a linear probe trains on.

use super::Clips;
use super::augment::{self, Crop, crop};
use super::batches::{Batches, Order};
use super::picture::{Picture, Skipped};
use super::resize;
use super::stream::{Draw, stream};
use anyhow::Result;
use fast_image_resize::FilterType;
use std::sync::Arc;

/// A batch of single pictures with their classes.
#[derive(Debug)]
pub struct ImageBatch {
    /// `[batch, size, size, 3]`.
    pub pixels: Vec<u8>,
    /// The class of each picture.
    pub labels: Vec<usize>,
    /// The clip of each picture.
    pub clips: Vec<usize>,
    /// The files of this batch that could not be read.
    pub skipped: Vec<Skipped>,
}

/// Resizes the short side to `short_side` and cuts `[crop, crop, 3]` out of the middle; `crop` is at most `short_side`.
///
/// Bicubic with antialiasing, like Pillow and timm: the long side is rounded down, half a pixel of the centre to even.
pub fn eval_transform(picture: &Picture, short_side: usize, crop: usize) -> Vec<u8> {
    let mut out = vec![0; crop * crop * 3];
    write_eval_transform(picture, short_side, &mut out, crop);
    out
}

/// All clips in order, each by its middle frame: short side to `size * 256 / 224`, centre crop (method: MAE, timm).
///
/// The last batch is as small as it comes. A clip that cannot be read is left out and listed in its batch; more than half of them
/// is a [`crate::failure::Failure`], after which the iterator ends. `workers` threads read ahead; the batches are the same with any number of them.
pub fn eval_batches(
    clips: &Arc<dyn Clips>,
    size: usize,
    batch: usize,
    workers: usize,
) -> impl Iterator<Item = Result<ImageBatch>> + use<> {
    let source = clips.clone();
    let order = Order { clips: (0..clips.len()).collect(), batch: batch.max(1), group: 1, replace: false };
    let count = order.clips.len().div_ceil(order.batch);
    let batches = Batches::new(order, 0..count, size * size * 3, workers, move |clip, [out]: [&mut [u8]; 1]| {
        write_eval_transform(&*source.picture(clip)?, short_side(size), out, size);
        Ok(())
    });
    labelled(clips, batches)
}

/// All clips in a random order of the epoch, each by its middle frame: the crop of MAE's linear probe and a flip.
///
/// The crop takes 0.08 to 1 of the area at a ratio of 3/4 to 4/3, without a second try, bicubic. A last batch that is not full is
/// left out, unless it is the only one. A clip that cannot be read is replaced by another one, the same one every time.
/// A picture depends on seed, epoch and clip alone.
pub fn train_batches(
    clips: &Arc<dyn Clips>,
    size: usize,
    batch: usize,
    seed: u64,
    epoch: u32,
    workers: usize,
) -> impl Iterator<Item = Result<ImageBatch>> + use<> {
    let source = clips.clone();
    let epoch = u64::from(epoch);
    let batch = batch.clamp(1, clips.len().max(1));
    let order = stream(seed, Draw::Order, [epoch, 0, 0]).permutation(clips.len());
    let count = order.len() / batch;
    let order = Order { clips: order, batch, group: 1, replace: true };
    let crop = Crop { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] };
    let batches = Batches::new(order, 0..count, size * size * 3, workers, move |clip, [out]: [&mut [u8]; 1]| {
        let picture = source.picture(clip)?;
        let mut rng = stream(seed, Draw::View, [epoch, clip as u64, 0]);
        let window = crop::draw_once(&crop, picture.width, picture.height, &mut rng);
        resize::cut(&picture, window, size, FilterType::CatmullRom, out);
        if rng.chance(0.5) {
            augment::flip(out, size);
        }
        Ok(())
    });
    labelled(clips, batches)
}

fn labelled(clips: &Arc<dyn Clips>, batches: Batches<1>) -> impl Iterator<Item = Result<ImageBatch>> + use<> {
    let source = clips.clone();
    batches.map(move |batch| {
        let batch = batch?;
        let [pixels] = batch.views;
        let labels = batch.clips.iter().map(|clip| source.class(*clip)).collect();
        Ok(ImageBatch { pixels, labels, clips: batch.clips, skipped: batch.skipped })
    })
}

/// The short side before the centre crop: 256 for 224, rounded down in between. Larger crops have no margin (MAE).
pub(super) fn short_side(size: usize) -> usize {
    if size > 224 { size } else { size * 256 / 224 }
}

pub(super) fn write_eval_transform(picture: &Picture, short_side: usize, out: &mut [u8], crop: usize) {
    let shortest = picture.width.min(picture.height);
    let axis = |length: usize| {
        let resized = length * short_side / shortest;
        let offset = (resized.saturating_sub(crop) as f64 / 2.0).round_ties_even();
        let scale = length as f64 / resized as f64;
        (offset * scale, crop.min(resized) as f64 * scale)
    };
    let ((left, width), (top, height)) = (axis(picture.width), axis(picture.height));
    resize::part(picture, [left, top, width, height], crop, FilterType::CatmullRom, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::moving_shapes;
    use crate::data::pair::Pair;
    use crate::data::{Source, open};
    use safetensors::SafeTensors;
    use std::path::Path;

    fn shapes(clips: usize) -> Arc<dyn Clips> {
        let config = moving_shapes::Config { clips, frames: 2, size: 40, pair: Pair::SameFrame, seed: 0 };
        open(&Source::MovingShapes(config), Path::new(".")).unwrap()
    }

    #[test]
    fn the_transform_is_that_of_pillow() {
        let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/eval_transform_a.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        for image in ["0", "1"] {
            let source = tensors.tensor(&format!("source_{image}")).unwrap();
            let [height, width] = [source.shape()[0], source.shape()[1]];
            let picture = Picture { width, height, rgb: source.data().to_vec().into() };
            let ours = eval_transform(&picture, 64, 56);
            let theirs = tensors.tensor(&format!("eval_{image}")).unwrap();
            let difference: u64 = ours.iter().zip(theirs.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = difference as f64 / ours.len() as f64;
            assert!(mean < 0.5, "image {image}: {mean}");
        }
    }

    #[test]
    fn any_shape_of_picture_gives_a_full_crop() {
        for (width, height) in [(1, 1), (3, 200), (200, 3), (57, 56), (59, 56), (73, 64)] {
            let picture = Picture { width, height, rgb: vec![90; width * height * 3].into() };
            assert_eq!(eval_transform(&picture, 64, 56), vec![90; 56 * 56 * 3], "{width}x{height}");
            assert_eq!(eval_transform(&picture, 56, 56), vec![90; 56 * 56 * 3], "{width}x{height}");
        }
        assert_eq!([32, 64, 96, 224, 384].map(short_side), [36, 73, 109, 256, 384]);
    }

    #[test]
    fn eval_goes_through_all_in_order() {
        let clips = shapes(10);
        let of = |workers| eval_batches(&clips, 16, 4, workers).map(Result::unwrap).collect::<Vec<_>>();
        let batches = of(0);
        assert_eq!(batches.iter().flat_map(|batch| batch.clips.clone()).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(batches.iter().map(|batch| batch.pixels.len() / 768).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(batches[1].labels, [4, 5, 0, 1]);
        assert_eq!(batches[1].pixels[..768], eval_transform(&clips.picture(4).unwrap(), 18, 16));
        for (a, b) in batches.iter().zip(of(3)) {
            assert_eq!(a.pixels, b.pixels);
        }
    }

    #[test]
    fn training_shuffles_and_crops_anew_each_epoch() {
        let clips = shapes(10);
        let of = |batch, epoch, workers| {
            let batches: Vec<ImageBatch> = train_batches(&clips, 16, batch, 7, epoch, workers).map(Result::unwrap).collect();
            (
                batches.iter().flat_map(|b| b.clips.clone()).collect::<Vec<_>>(),
                batches.into_iter().flat_map(|b| b.pixels).collect::<Vec<_>>(),
            )
        };
        let (order, pixels) = of(4, 0, 1);
        assert_eq!((order.len(), pixels.len()), (8, 8 * 768));
        assert_eq!(of(4, 0, 3), (order.clone(), pixels.clone()));
        let (other_order, other_pixels) = of(4, 1, 1);
        assert_ne!(order, other_order);
        assert_ne!(pixels, other_pixels);
        assert_eq!(of(64, 0, 2).0.len(), 10);
    }
}
