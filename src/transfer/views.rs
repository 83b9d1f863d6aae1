//! From a batch of bytes to what a network is given.

use crate::data::augment::{Blend, weights};
use crate::data::{Erased, LabelledBatch, Look};
use crate::model::pixels;
use burn::tensor::{Device, Tensor, TensorData};

/// Normalised views `[batch * frames, size, size, 3]`, with noise where something was erased.
pub(super) fn shown(batch: &LabelledBatch, look: Look, device: &Device) -> Tensor<4> {
    let views = pixels::normalised(&batch.pixels, look.size, device);
    if batch.erased.iter().all(Option::is_none) {
        return views;
    }
    let (count, size) = (look.frames(), look.size);
    let mut keep = vec![1f32; batch.labels.len() * count * size * size];
    let mut noise = vec![0f32; keep.len() * 3];
    for (view, erased) in batch.erased.iter().enumerate() {
        let Some(Erased { rect, noise: values }) = erased else { continue };
        let mut rows = values.chunks_exact(rect.width * 3);
        for frame in view * count..(view + 1) * count {
            for (y, row) in (rect.top..rect.top + rect.height).zip(rows.by_ref()) {
                let start = (frame * size + y) * size + rect.left;
                keep[start..start + rect.width].fill(0.0);
                noise[start * 3..(start + rect.width) * 3].copy_from_slice(row);
            }
        }
    }
    let images = views.dims()[0];
    let keep = Tensor::<4>::from_data(TensorData::new(keep, [images, size, size, 1]), device);
    let noise = Tensor::<4>::from_data(TensorData::new(noise, [images, size, size, 3]), device);
    views * keep + noise
}

/// Mixes views `[batch * frames, size, size, 3]` with those of their partners, all frames of a clip alike.
pub(super) fn blended(views: Tensor<4>, blends: &[Blend], look: Look) -> Tensor<4> {
    if blends.iter().all(|blend| blend.share == 1.0) {
        return views;
    }
    let (batch, frames, size) = (blends.len(), look.frames(), look.size);
    let device = views.device();
    let shape = views.dims();
    let partners: Vec<i32> = blends.iter().map(|blend| blend.partner as i32).collect();
    let partners = Tensor::from_data(TensorData::new(partners, [batch]), &device);
    let views = views.reshape([batch, frames * size * size * 3]);
    let others = views.clone().select(0, partners).reshape([batch, frames, size, size, 3]);
    let views = views.reshape([batch, frames, size, size, 3]);
    let own = match blends.iter().any(|blend| blend.window.is_some()) {
        true => TensorData::new(weights(blends, size), [batch, 1, size, size, 1]),
        false => TensorData::new(blends.iter().map(|blend| blend.share as f32).collect::<Vec<f32>>(), [batch, 1, 1, 1, 1]),
    };
    let own = Tensor::<5>::from_data(own, &device);
    (views * own.clone() + others * (own.neg() + 1.0)).reshape(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sampling;
    use crate::data::augment::{Rect, unmixed};

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn noise_covers_the_rectangle_of_every_frame_and_nothing_else() {
        let look = Look { size: 4, sampling: Some(Sampling::Segments { frames: 2 }) };
        let rect = Rect { top: 1, left: 2, height: 2, width: 1 };
        let noise: Vec<f32> = (0..2 * 2 * 3).map(|n| 100.0 + n as f32).collect();
        let mut batch = LabelledBatch {
            pixels: vec![7; 2 * 2 * 48],
            labels: vec![0, 1],
            clips: vec![0, 1],
            erased: Vec::new(),
            skipped: Vec::new(),
        };
        let device = Device::flex();
        let plain = values(shown(&batch, look, &device));
        batch.erased = vec![None, Some(Erased { rect, noise })];
        let covered = values(shown(&batch, look, &device));
        let changed: Vec<usize> = (0..covered.len()).filter(|&at| covered[at] != plain[at]).collect();
        // The second view's frames are images 2 and 3; rows 1 and 2, column 2, three channels.
        let expected: Vec<usize> =
            [2, 3].iter().flat_map(|image| [1, 2].map(|y| ((image * 4 + y) * 4 + 2) * 3)).flat_map(|at| at..at + 3).collect();
        assert_eq!(changed, expected);
        assert_eq!(
            changed.iter().map(|&at| covered[at]).collect::<Vec<f32>>(),
            (100..112).map(|n| n as f32).collect::<Vec<f32>>()
        );
    }

    #[test]
    fn a_blend_is_the_share_of_its_own_and_the_rest_of_its_partner() {
        let look = Look { size: 2, sampling: Some(Sampling::Segments { frames: 2 }) };
        let device = Device::flex();
        let data: Vec<f32> = [1.0, 5.0].iter().flat_map(|value| vec![*value; 2 * 12]).collect();
        let views = || Tensor::<4>::from_data(TensorData::new(data.clone(), [4, 2, 2, 3]), &device);
        let share = |share| [1, 0].map(|partner| Blend { partner, share, window: None });
        let mixed = values(blended(views(), &share(0.75), look));
        assert!(mixed[..24].iter().all(|value| *value == 2.0) && mixed[24..].iter().all(|value| *value == 4.0), "{mixed:?}");
        let window = Some(Rect { top: 0, left: 1, height: 2, width: 1 });
        let cut = values(blended(views(), &[1, 0].map(|partner| Blend { partner, share: 0.5, window }), look));
        assert_eq!(cut[..12], [1., 1., 1., 5., 5., 5., 1., 1., 1., 5., 5., 5.]);
        assert_eq!(cut[12..24], cut[..12]);
        assert_eq!(values(blended(views(), &unmixed(2), look)), values(views()));
    }
}
