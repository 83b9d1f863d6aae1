//! How much the patches of a picture are like one of them, to an encoder: what it has learnt to group.

use crate::data::ImageBatch;
use crate::data::titled_sheet;
use crate::model;
use crate::model::Encoder;
use crate::model::Mask;
use crate::model::patch;
use crate::model::pixels;
use anyhow::Result;
use burn::tensor::{Tensor, s};

/// Draws a row for each picture of the batch: the picture with three marked patches, and for each of them the cosine similarity
/// of every patch token to its token, after the mean token of the picture was taken off both: without that, all tokens of an
/// encoder look alike. Dark is least and light most alike within a map. The result is a PNG.
///
/// # Errors
/// When the batch does not hold pictures of the model's size.
pub fn draw(encoder: &Encoder, model: &model::Config, batch: &ImageBatch) -> Result<Vec<u8>> {
    let device = encoder.device();
    let patches = patch::patchify(pixels::normalised(&batch.pixels, model.image, &device), model.patch); // [pictures, tokens, values]
    let [count, tokens, _] = patches.dims();
    let features = encoder.forward(patches.clone(), &Mask::none(count, tokens)); // [pictures, tokens, width]
    let features = features.clone() - features.mean_dim(1);
    let normal = features.clone() / features.square().sum_dim(2).sqrt().clamp_min(1e-12);
    let grid = model.image / model.patch;
    let marked = marked(grid);
    let side = model.image;
    let mut picture: Vec<u8> = shown(patches, model.patch);
    let mut columns = Vec::new();
    for (letter, place) in ["A", "B", "C"].into_iter().zip(marked) {
        let query = normal.clone().slice(s![.., place..=place, ..]); // [pictures, 1, width]
        let alike: Vec<f32> = normal.clone().matmul(query.transpose()).into_data().iter::<f32>().collect(); // [pictures, tokens]
        columns.push((
            format!("like {letter}"),
            alike.chunks_exact(tokens).flat_map(|map| painted(map, grid, model.patch)).collect(),
        ));
        frame(&mut picture, side, (place % grid * model.patch, place / grid * model.patch), model.patch);
    }
    let sheet: Vec<(&str, Vec<u8>)> = std::iter::once(("picture", picture))
        .chain(columns.iter().map(|(title, column): &(String, Vec<u8>)| (title.as_str(), column.clone())))
        .collect();
    let notes = [
        "A, B, C from left to right are the framed patches. Light patches are most like them to the encoder, dark ones least:",
        "cosine similarity of patch tokens without the mean token of the picture, stretched over each map.",
    ];
    titled_sheet(&sheet, &notes, count, side)
}

/// A patch left of the centre, the central one, and one right of it.
fn marked(grid: usize) -> [usize; 3] {
    [grid / 5, grid / 2, grid - 1 - grid / 5].map(|column| grid / 2 * grid + column)
}

/// Patches as bytes, `[pictures, side, side, 3]`.
fn shown(patches: Tensor<3>, patch: usize) -> Vec<u8> {
    let image = patch::unpatchify(patches, patch).into_data();
    pixels::bytes(&image.iter::<f32>().collect::<Vec<f32>>())
}

/// A map `[grid, grid]` as a picture `[side, side, 3]`, stretched from its least to its largest value.
fn painted(map: &[f32], grid: usize, patch: usize) -> Vec<u8> {
    let (low, high) =
        map.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    let side = grid * patch;
    let pixel = |at: usize| {
        let (row, column) = (at / side / patch, at % side / patch);
        let share = (map[row * grid + column] - low) / (high - low).max(1e-12);
        let color = colorous::VIRIDIS.eval_continuous(f64::from(share.clamp(0.0, 1.0)));
        [color.r, color.g, color.b]
    };
    (0..side * side).flat_map(pixel).collect()
}

/// Draws a red frame around the patch whose upper left corner is at `(left, top)`, in every picture.
fn frame(pictures: &mut [u8], side: usize, (left, top): (usize, usize), patch: usize) {
    const RED: [u8; 3] = [230, 30, 30];
    for picture in pictures.chunks_exact_mut(side * side * 3) {
        for step in 0..patch {
            let edge = [(left + step, top), (left + step, top + patch - 1), (left, top + step), (left + patch - 1, top + step)];
            edge.iter().for_each(|(x, y)| picture[(y * side + x) * 3..][..3].copy_from_slice(&RED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_stretched_over_the_colours_and_frames_stand_around_their_patches() {
        let picture = painted(&[0.1, 0.2, 0.3, 0.5], 2, 3);
        let at = |x: usize, y: usize| &picture[(y * 6 + x) * 3..][..3];
        assert_eq!((at(0, 0), at(5, 5)), (&[68, 1, 84][..], &[253, 231, 37][..]));
        let mut pictures = vec![0; 2 * 6 * 6 * 3];
        frame(&mut pictures, 6, (3, 0), 3);
        let red = |picture: usize, x: usize, y: usize| pictures[(picture * 36 + y * 6 + x) * 3] == 230;
        assert!(red(0, 3, 0) && red(1, 5, 2) && !red(1, 4, 1) && !red(0, 2, 0));
        assert_eq!(marked(6), [19, 21, 22]);
    }
}
