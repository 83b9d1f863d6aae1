//! From an encoder of images to one of clips and of other sizes: what changes in the state dict.

use super::position::resized;
use super::state::StateDict;
use burn::tensor::TensorData;

/// The weights of the patch embedding, `[width, 3, patch, patch]`, or `[width, 3, frames, patch, patch]` for tubes.
const PATCH: &str = "patch_embed.proj.weight";
/// The positions in an image, `[1, 1 + tokens, width]`, class token first.
const PLACES: &str = "pos_embed";

/// Spreads each patch over `tubelet` frames: `W3d[o, c, t, i, j] = W2d[o, c, i, j] / tubelet` (MAE-ST), so that a clip that
/// stands still embeds as its image does.
pub fn inflate(state: &mut StateDict, tubelet: usize) {
    if tubelet == 1 {
        return;
    }
    let Some(weight) = state.get_mut(PATCH) else { return };
    let &[outputs, colours, rows, columns] = weight.shape().to_vec().as_slice() else { return };
    let values: Vec<f32> = weight.iter::<f32>().map(|value| value / tubelet as f32).collect();
    let spread = values.chunks_exact(rows * columns).flat_map(|plane| plane.repeat(tubelet)).collect::<Vec<f32>>();
    *weight = TensorData::new(spread, [outputs, colours, tubelet, rows, columns]);
}

/// Resizes the positions to another grid, when the state's grid differs.
pub fn resize_positions(state: &mut StateDict, grid: usize) {
    let Some(table) = state.get_mut(PLACES) else { return };
    let &[_, count, width] = table.shape().to_vec().as_slice() else { return };
    let from = (count - 1).isqrt();
    if from != grid {
        let values: Vec<f32> = table.iter::<f32>().collect();
        *table = TensorData::new(resized(&values, width, from, grid), [1, 1 + grid * grid, width]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::vit::Tubes;
    use super::super::{Config, Encoder, Init, Mask, Precision, Transformer, Vit, patch, state};
    use super::*;
    use burn::tensor::{Device, Tensor};
    use proptest::prelude::*;

    fn config(image: usize, depth: usize) -> Config {
        let size = Transformer { width: 16, depth, heads: 2 };
        Config { vit: Vit(size), image, patch: 4, decoder: size }
    }

    fn picture(seed: u64) -> Vec<f32> {
        let mut rng = crate::rng::Rng::stream(seed, &[]);
        (0..8 * 8 * 3).map(|_| rng.normal() as f32).collect()
    }

    /// The inflated twin of an image encoder.
    fn video(encoder: &Encoder, depth: usize, tubes: Tubes) -> Encoder {
        let mut state = state::save(encoder, 4);
        inflate(&mut state, tubes.tubelet);
        let blank = Encoder::of_clips(&Init::new(1, &Device::flex()), &config(8, depth), tubes, Precision::F32);
        let (video, leftover) = state::load(blank, 4, state);
        assert_eq!((leftover.missing, leftover.misshapen.len()), (vec!["pos_embed_temporal".to_owned()], 0));
        video
    }

    fn values(tokens: Tensor<3>, range: std::ops::Range<usize>) -> Vec<f32> {
        tokens.slice([0..1, range]).into_data().iter::<f32>().collect()
    }

    /// Tokens of an image, and of the clip in which it stands still.
    fn both(seed: u64, depth: usize, tubes: Tubes) -> [Tensor<3>; 2] {
        let device = Device::flex();
        let image = Encoder::new(&Init::new(seed, &device), &config(8, depth), Precision::F32);
        let frames = tubes.tubelet * tubes.steps;
        let shown =
            |count: usize| Tensor::<4>::from_data(TensorData::new(picture(seed).repeat(count), [count, 8, 8, 3]), &device);
        let tokens = image.forward(patch::patchify(shown(1), 4), &Mask::none(1, 4)); // [1, 1 + 4, width]
        let clip = patch::patchify_clips(shown(frames), frames, tubes.tubelet, 4);
        [tokens, video(&image, depth, tubes).forward(clip, &Mask::none(1, 4 * tubes.steps))]
    }

    fn close(ours: &[f32], theirs: &[f32]) -> bool {
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 2e-5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn a_clip_that_stands_still_is_embedded_as_its_image(seed in 0u64..1000, tubelet in 1usize..4, steps in 1usize..4) {
            // Without blocks what is left is the embedding with its positions.
            let [image, clip] = both(seed, 0, Tubes { tubelet, steps });
            prop_assert!(close(&values(clip.clone(), 0..1), &values(image.clone(), 0..1)));
            for step in 0..steps {
                prop_assert!(close(&values(clip.clone(), 1 + 4 * step..5 + 4 * step), &values(image.clone(), 1..5)));
            }
        }

        #[test]
        fn one_step_goes_through_all_blocks_as_its_image(seed in 0u64..1000, tubelet in 1usize..4) {
            let [image, clip] = both(seed, 2, Tubes { tubelet, steps: 1 });
            prop_assert!(close(&values(clip, 0..5), &values(image, 0..5)));
        }
    }

    #[test]
    fn an_encoder_of_another_size_gets_its_positions() {
        let device = Device::flex();
        let mut saved = state::save(&Encoder::new(&Init::new(0, &device), &config(8, 2), Precision::F32), 4);
        resize_positions(&mut saved, 2);
        assert_eq!(saved[PLACES].shape().to_vec(), [1, 5, 16]);
        resize_positions(&mut saved, 3);
        let (_, leftover) = state::load(Encoder::new(&Init::new(1, &device), &config(12, 2), Precision::F32), 4, saved);
        assert_eq!(leftover, state::Leftover::default());
    }
}
