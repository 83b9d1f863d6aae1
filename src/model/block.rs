//! The transformer block of timm's ViT, which MAE and ViC-MAE use.

use super::config::Transformer;
use super::init::Init;
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use super::precision::Precision;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, softmax};

/// Pre-norm block: `x += attn(norm1(x)); x += mlp(norm2(x))`.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

/// Multi-head self-attention; queries, keys and values come from one matrix with a bias.
#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
    #[module(skip)]
    precision: Precision,
}

/// Two layers with the exact (erf) GELU between, four times as wide inside.
#[derive(Module, Debug)]
pub(super) struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    /// A block of the given size.
    pub fn new(init: &Init<'_>, size: &Transformer, precision: Precision) -> Self {
        let width = size.width;
        let attn = init.part("attn");
        Block {
            norm1: LayerNorm::new(init, width),
            attn: Attention {
                qkv: Linear::new(&attn.part("qkv"), width, 3 * width, precision),
                proj: Linear::new(&attn.part("proj"), width, width, precision),
                heads: size.heads,
                precision,
            },
            norm2: LayerNorm::new(init, width),
            mlp: Mlp::new(&init.part("mlp"), width, precision),
        }
    }

    /// `[batch, tokens, width]` to the same. `factors` scale the two branches of each sample, `[batch, 1, 1]`; none is 1.
    pub fn forward(&self, x: Tensor<3>, factors: Option<&[Tensor<3>; 2]>) -> Tensor<3> {
        let scaled = |branch: Tensor<3>, n: usize| match factors {
            Some(factors) => branch * factors[n].clone(),
            None => branch,
        };
        let x = x.clone() + scaled(self.attn.forward(self.norm1.forward(x)), 0);
        x.clone() + scaled(self.mlp.forward(self.norm2.forward(x)), 1)
    }
}

impl Mlp {
    /// An untrained one, `width` in and out.
    fn new(init: &Init<'_>, width: usize, precision: Precision) -> Self {
        Mlp {
            fc1: Linear::new(&init.part("fc1"), width, 4 * width, precision),
            fc2: Linear::new(&init.part("fc2"), 4 * width, width, precision),
        }
    }

    /// One of given layers.
    pub(super) fn of(fc1: Linear, fc2: Linear) -> Self {
        Mlp { fc1, fc2 }
    }

    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(gelu(self.fc1.forward(x)))
    }
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let head = width / self.heads;
        let qkv = self.qkv.forward(x).reshape([batch, tokens, 3, self.heads, head]).permute([2, 0, 3, 1, 4]);
        let part = |n: usize| qkv.clone().narrow(0, n, 1).squeeze_dim::<4>(0); // [batch, heads, tokens, head]
        let query = part(0) * (head as f64).powf(-0.5);
        let scores = self.precision.matmul(query, part(1).swap_dims(2, 3)); // [batch, heads, tokens, tokens]
        let mixed = self.precision.matmul(softmax(scores, 3), part(2)); // [batch, heads, tokens, head]
        self.proj.forward(mixed.swap_dims(1, 2).reshape([batch, tokens, width]))
    }
}
