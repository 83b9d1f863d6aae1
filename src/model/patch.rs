//! From pixels to patches and back.

use burn::tensor::Tensor;

/// Cuts images into patches: `[batch, height, width, 3]` to `[batch, tokens, patch * patch * 3]`.
///
/// Tokens go row by row; inside a patch the order is row, column, channel (channel last), as in MAE's targets.
pub fn patchify(images: Tensor<4>, patch: usize) -> Tensor<3> {
    let [batch, height, width, channels] = images.dims();
    let (rows, columns) = (height / patch, width / patch);
    images
        .reshape([batch, rows, patch, columns, patch, channels])
        .swap_dims(2, 3) // [batch, rows, columns, patch, patch, channels]
        .reshape([batch, rows * columns, patch * patch * channels])
}

/// Cuts clips into tubes: `[batch * frames, height, width, 3]` to `[batch, steps * places, tubelet * patch * patch * 3]`.
///
/// Tokens go step by step in time, and row by row within a step; inside a tube the order is frame, row, column, channel.
/// `frames` is a multiple of `tubelet`.
pub fn patchify_clips(images: Tensor<4>, frames: usize, tubelet: usize, patch: usize) -> Tensor<3> {
    let patches = patchify(images, patch); // [batch * frames, places, patch values]
    let [images, places, values] = patches.dims();
    let (batch, steps) = (images / frames, frames / tubelet);
    patches
        .reshape([batch * steps, tubelet, places, values])
        .swap_dims(1, 2) // [batch * steps, places, tubelet, patch values]
        .reshape([batch, steps * places, tubelet * values])
}

/// Puts patches back together: the inverse of [`patchify`] for square images.
pub fn unpatchify(patches: Tensor<3>, patch: usize) -> Tensor<4> {
    let [batch, tokens, values] = patches.dims();
    let side = tokens.isqrt();
    let channels = values / (patch * patch);
    patches.reshape([batch, side, side, patch, patch, channels]).swap_dims(2, 3).reshape([
        batch,
        side * patch,
        side * patch,
        channels,
    ])
}

/// Normalises each patch by its own mean and unbiased variance: `(x - mean) / sqrt(var + 1e-6)`, over the last axis.
pub fn normalise<const D: usize>(patches: Tensor<D>) -> Tensor<D> {
    let (mean, deviation) = statistics(patches.clone());
    (patches - mean) / deviation
}

/// Mean and `sqrt(unbiased variance + 1e-6)` of each patch, over the last axis.
pub fn statistics<const D: usize>(patches: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let count = patches.dims()[D - 1] as f64;
    let mean = patches.clone().mean_dim(D - 1);
    let variance = (patches - mean.clone()).square().sum_dim(D - 1) / (count - 1.0);
    (mean, (variance + 1e-6).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn patches_are_channel_last() {
        // image value = channel * 16 + row * 4 + column, as in MAE's own check
        let mut values = vec![0f32; 48];
        for (row, column, channel) in (0..4).flat_map(|r| (0..4).flat_map(move |c| (0..3).map(move |k| (r, c, k)))) {
            values[(row * 4 + column) * 3 + channel] = (channel * 16 + row * 4 + column) as f32;
        }
        let images = Tensor::<4>::from_data(TensorData::new(values, [1, 4, 4, 3]), &Device::flex());
        let patches = patchify(images.clone(), 2);
        let first: Vec<f32> = patches.clone().slice([0..1, 0..2]).into_data().iter::<f32>().collect();
        assert_eq!(first[..12], [0., 16., 32., 1., 17., 33., 4., 20., 36., 5., 21., 37.]);
        assert_eq!(first[12..], [2., 18., 34., 3., 19., 35., 6., 22., 38., 7., 23., 39.]);
        assert_eq!(unpatchify(patches, 2).into_data(), images.into_data());
    }

    #[test]
    fn normalised_patches_use_the_unbiased_variance() {
        let patch = Tensor::<1>::from_data([0.0f32, 1.0, 2.0, 3.0], &Device::flex());
        let normal: Vec<f32> = normalise(patch).into_data().iter::<f32>().collect();
        for (ours, theirs) in normal.iter().zip([-1.161895, -0.387298, 0.387298, 1.161895]) {
            assert!((ours - theirs).abs() < 1e-5);
        }
    }
}
