//! The MAE decoder: from visible tokens to every patch.

use super::block::Block;
use super::config::Config;
use super::init::Init;
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use super::mask::Mask;
use super::precision::Precision;
use super::vit::positions;
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

/// A light transformer that fills the removed patches with one learned token and predicts pixels.
#[derive(Module, Debug)]
pub struct Decoder {
    decoder_embed: Linear,
    /// `[1, 1, width]`
    mask_token: Param<Tensor<3>>,
    /// `[1, 1 + tokens, width]`, not trained.
    decoder_pos_embed: Param<Tensor<3>>,
    decoder_blocks: Vec<Block>,
    decoder_norm: LayerNorm,
    decoder_pred: Linear,
}

impl Decoder {
    /// An untrained decoder.
    pub fn new(init: &Init<'_>, config: &Config, precision: Precision) -> Self {
        let size = &config.decoder;
        let block = |n: usize| Block::new(&init.part(&format!("decoder_blocks.{n}")), size, precision);
        Decoder {
            decoder_embed: Linear::new(&init.part("decoder_embed"), config.vit.0.width, size.width, precision),
            mask_token: init.normal("mask_token", [1, 1, size.width], 0.02),
            decoder_pos_embed: positions(init, size.width, config.grid()),
            decoder_blocks: (0..size.depth).map(block).collect(),
            decoder_norm: LayerNorm::new(init, size.width),
            decoder_pred: Linear::new(&init.part("decoder_pred"), size.width, config.patch_values(), precision),
        }
    }

    /// Decodes the encoder's output `[batch, 1 + kept, encoder width]` to a token for each patch, `[batch, tokens, width]`.
    pub fn forward(&self, latent: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let device = latent.device();
        let x = self.decoder_embed.forward(latent); // [batch, 1 + kept, width]
        let [batch, _, width] = x.dims();
        let class = x.clone().slice([0..batch, 0..1]);
        let visible = x.slice([0..batch, 1..1 + mask.kept]).reshape([batch * mask.kept, width]);
        let filled = Tensor::cat(vec![visible, self.mask_token.val().reshape([1, width])], 0);
        let patches = filled.select(0, mask.restore_rows(&device)).reshape([batch, mask.tokens, width]);
        let x = Tensor::cat(vec![class, patches], 1) + self.decoder_pos_embed.val();
        let x = self.decoder_blocks.iter().fold(x, |x, block| block.forward(x, None));
        x.slice([0..batch, 1..1 + mask.tokens])
    }

    /// Predicts the pixels of decoded tokens: `[.., width]` to `[.., patch * patch * 3]`.
    pub fn predict<const D: usize>(&self, tokens: Tensor<D>) -> Tensor<D> {
        self.decoder_pred.forward(self.decoder_norm.forward(tokens))
    }

    /// Predicts the pixels of some rows of decoded tokens `[batch, tokens, width]`: `[rows, patch * patch * 3]`.
    ///
    /// The loss needs removed patches only, so only they are normalised and projected.
    pub fn predict_rows(&self, tokens: Tensor<3>, rows: Tensor<1, Int>) -> Tensor<2> {
        let [batch, count, width] = tokens.dims();
        self.predict(tokens.reshape([batch * count, width]).select(0, rows))
    }
}
