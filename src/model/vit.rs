//! The encoder: a ViT that sees only the visible patches.

use super::block::Block;
use super::config::Config;
use super::drop_path::Paths;
use super::init::Init;
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use super::mask::Mask;
use super::position::sin_cos;
use super::precision::Precision;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// A ViT with a class token and fixed positions (MAE).
#[derive(Module, Debug)]
pub struct Encoder {
    patch_embed: PatchEmbed,
    /// `[1, 1, width]`
    cls_token: Param<Tensor<3>>,
    /// `[1, 1 + tokens an image, width]`, not trained unless asked for.
    pos_embed: Param<Tensor<3>>,
    /// `[1, steps, width]`, added to every token of a step in time; only encoders of clips have it.
    pos_embed_temporal: Option<Param<Tensor<3>>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

/// Patches to tokens: PyTorch's convolution with kernel and stride of one patch, as a matrix over flat patches.
#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Linear,
}

/// How a clip is cut in time: a token is a patch of `tubelet` frames, and a clip has `steps` times as many as an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tubes {
    /// Frames a token.
    pub tubelet: usize,
    /// Tokens of one place in the image.
    pub steps: usize,
}

impl Encoder {
    /// An untrained encoder of images.
    pub fn new(init: &Init<'_>, config: &Config, precision: Precision) -> Self {
        Self::cut(init, config, 1, None, precision)
    }

    /// An untrained encoder of clips, whose positions are those in the image plus those in time; the latter start at 0.
    pub fn of_clips(init: &Init<'_>, config: &Config, tubes: Tubes, precision: Precision) -> Self {
        Self::cut(init, config, tubes.tubelet, Some(tubes.steps), precision)
    }

    fn cut(init: &Init<'_>, config: &Config, tubelet: usize, steps: Option<usize>, precision: Precision) -> Self {
        let size = &config.vit.0;
        let values = tubelet * config.patch_values();
        let proj = init.part("patch_embed").part("proj");
        // PyTorch's convolution draws its bias from U(-1/sqrt(fan in), 1/sqrt(fan in)), and MAE leaves it so.
        let bias = proj.uniform("bias", [size.width], (values as f64).powf(-0.5));
        Encoder {
            patch_embed: PatchEmbed { proj: Linear::new(&proj, values, size.width, precision).with_bias(bias) },
            cls_token: init.normal("cls_token", [1, 1, size.width], 0.02),
            pos_embed: positions(init, size.width, config.grid()),
            pos_embed_temporal: steps.map(|steps| init.full([1, steps, size.width], 0.0)),
            blocks: (0..size.depth).map(|n| Block::new(&init.part(&format!("blocks.{n}")), size, precision)).collect(),
            norm: LayerNorm::new(init, size.width),
        }
    }

    /// Where its parameters are.
    pub fn device(&self) -> Device {
        self.cls_token.val().device()
    }

    /// Lets training move the positions, as fine-tuning does.
    #[must_use]
    pub fn with_trained_positions(mut self) -> Self {
        self.pos_embed = self.pos_embed.set_require_grad(true);
        self
    }

    /// Encodes the visible patches of flat patches `[batch, tokens, values]`, to `[batch, 1 + kept, width]`, class token first.
    ///
    /// `values` is `patch * patch * 3`, times the frames of a tube for clips, whose tokens go step by step.
    pub fn forward(&self, patches: Tensor<3>, mask: &Mask) -> Tensor<3> {
        self.norm.forward(self.blocks(patches, mask, &Paths::all()))
    }

    /// The same before the last norm, without the branches that `paths` drops.
    ///
    /// Only visible patches are embedded. MAE embeds all and then drops; the numbers are the same, the work is less.
    pub fn blocks(&self, patches: Tensor<3>, mask: &Mask, paths: &Paths) -> Tensor<3> {
        let [batch, tokens, values] = patches.dims();
        let device = patches.device();
        let table = self.pos_embed.val(); // [1, 1 + tokens an image, width]
        let width = table.dims()[2];
        let places = self.places(&table, width); // [tokens, width]
        let x = if mask.open {
            self.patch_embed.proj.forward(patches) + places.unsqueeze::<3>().expand([batch, tokens, width])
        } else {
            let visible = patches.reshape([batch * tokens, values]).select(0, mask.visible_rows(&device));
            let places = places.select(0, mask.visible_places(&device)); // [batch * kept, width]
            (self.patch_embed.proj.forward(visible) + places).reshape([batch, mask.kept, width])
        };
        let class = self.cls_token.val() + table.slice([0..1, 0..1]); // [1, 1, width]
        let x = Tensor::cat(vec![class.expand([batch, 1, width]), x], 1);
        self.blocks.iter().enumerate().fold(x, |x, (n, block)| block.forward(x, paths.of(n)))
    }

    /// The last norm.
    pub fn last_norm(&self) -> &LayerNorm {
        &self.norm
    }

    /// The position of every token but the class token, `[tokens, width]`: place in the image, plus step in time.
    fn places(&self, table: &Tensor<3>, width: usize) -> Tensor<2> {
        let spatial = table.dims()[1] - 1;
        let places = table.clone().slice([0..1, 1..1 + spatial]); // [1, spatial, width]
        let Some(temporal) = &self.pos_embed_temporal else { return places.reshape([spatial, width]) };
        let steps = temporal.dims()[1];
        let temporal = temporal.val().reshape([steps, 1, width]);
        (places.expand([steps, spatial, width]) + temporal.expand([steps, spatial, width])).reshape([steps * spatial, width])
    }
}

/// The fixed table of positions, `[1, 1 + grid * grid, width]`.
pub(super) fn positions(init: &Init<'_>, width: usize, grid: usize) -> Param<Tensor<3>> {
    let table = TensorData::new(sin_cos(width, grid), [1, 1 + grid * grid, width]);
    Param::from_data(table, init.device()).set_require_grad(false)
}
