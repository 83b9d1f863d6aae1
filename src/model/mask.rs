//! Which patches the encoder sees.

use crate::rng::Rng;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// The masks of a batch, drawn on the host, so that every device sees the same ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Patches an image.
    pub tokens: usize,
    /// Visible patches an image.
    pub kept: usize,
    /// Whether every patch is visible and in its own place.
    pub(super) open: bool,
    /// For each image its patches in the order of their noise, visible ones first: `ids_shuffle`, `[batch, tokens]`.
    order: Vec<usize>,
    /// Where each patch stands in that order: `ids_restore`, `[batch, tokens]`.
    restore: Vec<usize>,
}

impl Mask {
    /// Keeps, in each image, the patches of the lowest noise. `noise` is `[batch, tokens]`.
    ///
    /// The number kept is `tokens * (1 - mask_ratio)`, cut to a whole number in 64-bit arithmetic, as MAE does; at least 1.
    pub fn from_noise(noise: &[f32], tokens: usize, mask_ratio: f64) -> Self {
        let kept = kept(tokens, mask_ratio);
        let mut order = Vec::with_capacity(noise.len());
        let mut restore = vec![0; noise.len()];
        for (image, noise) in noise.chunks_exact(tokens).enumerate() {
            let mut ids: Vec<usize> = (0..tokens).collect();
            ids.sort_by(|&a, &b| noise[a].total_cmp(&noise[b]));
            for (place, &id) in ids.iter().enumerate() {
                restore[image * tokens + id] = place;
            }
            order.extend(ids);
        }
        Mask { tokens, kept, open: false, order, restore }
    }

    /// Draws uniform noise for `batch` images.
    pub fn draw(batch: usize, tokens: usize, mask_ratio: f64, rng: &mut Rng) -> Self {
        let noise: Vec<f32> = (0..batch * tokens).map(|_| rng.unit() as f32).collect();
        Self::from_noise(&noise, tokens, mask_ratio)
    }

    /// Every patch visible, in its own order.
    pub fn none(batch: usize, tokens: usize) -> Self {
        let ids: Vec<usize> = (0..batch).flat_map(|_| 0..tokens).collect();
        Mask { tokens, kept: tokens, open: true, order: ids.clone(), restore: ids }
    }

    /// Images in the batch.
    pub fn batch(&self) -> usize {
        self.order.len() / self.tokens
    }

    /// Rows of the visible patches in `[batch * tokens, ..]`: `[batch * kept]`.
    pub fn visible_rows(&self, device: &Device) -> Tensor<1, Int> {
        self.rows(0..self.kept, device)
    }

    /// Rows of the removed patches in `[batch * tokens, ..]`: `[batch * (tokens - kept)]`.
    pub fn masked_rows(&self, device: &Device) -> Tensor<1, Int> {
        self.rows(self.kept..self.tokens, device)
    }

    /// Rows of visible patches in a table `[tokens, ..]` that all images share: `[batch * kept]`.
    pub fn visible_places(&self, device: &Device) -> Tensor<1, Int> {
        let places = self.order.chunks_exact(self.tokens).flat_map(|ids| &ids[..self.kept]);
        indices(places.copied(), device)
    }

    /// Rows that put `[batch * kept + 1, ..]` (visible patches, then one mask token) back into image order: `[batch * tokens]`.
    pub fn restore_rows(&self, device: &Device) -> Tensor<1, Int> {
        let mask_token = self.batch() * self.kept;
        let rows = self.restore.iter().enumerate();
        let rows = rows.map(|(n, &place)| if place < self.kept { n / self.tokens * self.kept + place } else { mask_token });
        indices(rows, device)
    }

    /// 1 where a patch was removed, 0 where it was kept: `[batch, tokens]`.
    pub fn removed(&self) -> Vec<f32> {
        self.restore.iter().map(|&place| if place < self.kept { 0.0 } else { 1.0 }).collect()
    }

    /// Where each patch stands in the order of its noise: `ids_restore`, `[batch, tokens]`.
    pub fn restore(&self) -> &[usize] {
        &self.restore
    }

    fn rows(&self, places: std::ops::Range<usize>, device: &Device) -> Tensor<1, Int> {
        let images = self.order.chunks_exact(self.tokens).enumerate();
        let rows = images.flat_map(|(image, ids)| ids[places.clone()].iter().map(move |id| image * self.tokens + id));
        indices(rows, device)
    }
}

/// Visible patches of `tokens` at a mask ratio.
pub fn kept(tokens: usize, mask_ratio: f64) -> usize {
    ((tokens as f64 * (1.0 - mask_ratio)) as usize).max(1)
}

fn indices(rows: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.map(|row| row as i32).collect();
    let count = rows.len();
    Tensor::from_data(TensorData::new(rows, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_noise_is_kept() {
        let mask = Mask::from_noise(&[0.9, 0.1, 0.5, 0.3], 4, 0.5);
        assert_eq!(mask.order, [1, 3, 2, 0]);
        assert_eq!(mask.restore(), [3, 0, 2, 1]);
        assert_eq!(mask.removed(), [1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn the_number_kept_is_cut_in_64_bits() {
        let kept_of_196 = [0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95].map(|ratio| kept(196, ratio));
        assert_eq!(kept_of_196, [98, 78, 68, 58, 49, 39, 29, 19, 9]);
        assert_eq!([kept(100, 0.9), kept(100, 0.8)], [9, 19]);
    }

    #[test]
    fn rows_and_restored_rows_fit_together() {
        let device = Device::flex();
        let mask = Mask::from_noise(&[0.9, 0.1, 0.5, 0.3, 0.1, 0.2, 0.3, 0.4], 4, 0.5);
        let values = |rows: Tensor<1, Int>| rows.into_data().iter::<i64>().collect::<Vec<i64>>();
        assert_eq!(values(mask.visible_rows(&device)), [1, 3, 4, 5]);
        assert_eq!(values(mask.masked_rows(&device)), [2, 0, 6, 7]);
        assert_eq!(values(mask.visible_places(&device)), [1, 3, 0, 1]);
        assert_eq!(values(mask.restore_rows(&device)), [4, 0, 4, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn an_open_mask_shows_everything_in_order() {
        let device = Device::flex();
        let mask = Mask::none(2, 3);
        let rows: Vec<i64> = mask.visible_rows(&device).into_data().iter::<i64>().collect();
        assert_eq!(rows, [0, 1, 2, 3, 4, 5]);
        assert_eq!(mask.removed(), [0.0; 6]);
    }
}
