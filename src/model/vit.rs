//! The encoder: a ViT that sees only the visible patches.

use super::block::Block;
use super::config::Config;
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
    /// `[1, 1 + tokens, width]`, not trained.
    pos_embed: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

/// Patches to tokens: PyTorch's convolution with kernel and stride of one patch, as a matrix over flat patches.
#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Linear,
}

impl Encoder {
    /// An untrained encoder.
    pub fn new(init: &Init<'_>, config: &Config, precision: Precision) -> Self {
        let size = &config.vit.0;
        let proj = init.part("patch_embed").part("proj");
        // PyTorch's convolution draws its bias from U(-1/sqrt(fan in), 1/sqrt(fan in)), and MAE leaves it so.
        let bias = proj.uniform("bias", [size.width], (config.patch_values() as f64).powf(-0.5));
        Encoder {
            patch_embed: PatchEmbed { proj: Linear::new(&proj, config.patch_values(), size.width, precision).with_bias(bias) },
            cls_token: init.normal("cls_token", [1, 1, size.width], 0.02),
            pos_embed: positions(init, size.width, config.grid()),
            blocks: (0..size.depth).map(|n| Block::new(&init.part(&format!("blocks.{n}")), size, precision)).collect(),
            norm: LayerNorm::new(init, size.width),
        }
    }

    /// Where its parameters are.
    pub fn device(&self) -> Device {
        self.cls_token.val().device()
    }

    /// Encodes the visible patches of flat patches `[batch, tokens, patch * patch * 3]`, to `[batch, 1 + kept, width]`,
    /// class token first.
    ///
    /// Only visible patches are embedded. MAE embeds all and then drops; the numbers are the same, the work is less.
    pub fn forward(&self, patches: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let [batch, tokens, values] = patches.dims();
        let device = patches.device();
        let table = self.pos_embed.val(); // [1, 1 + tokens, width]
        let width = table.dims()[2];
        let visible = patches.reshape([batch * tokens, values]).select(0, mask.visible_rows(&device));
        let places = table.clone().slice([0..1, 1..1 + tokens]).reshape([tokens, width]);
        let places = places.select(0, mask.visible_places(&device)); // [batch * kept, width]
        let x = (self.patch_embed.proj.forward(visible) + places).reshape([batch, mask.kept, width]);
        let class = self.cls_token.val() + table.slice([0..1, 0..1]); // [1, 1, width]
        let x = Tensor::cat(vec![class.expand([batch, 1, width]), x], 1);
        self.norm.forward(self.blocks.iter().fold(x, |x, block| block.forward(x)))
    }
}

/// The fixed table of positions, `[1, 1 + grid * grid, width]`.
pub(super) fn positions(init: &Init<'_>, width: usize, grid: usize) -> Param<Tensor<3>> {
    let table = TensorData::new(sin_cos(width, grid), [1, 1 + grid * grid, width]);
    Param::from_data(table, init.device()).set_require_grad(false)
}
