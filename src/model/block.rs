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
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    /// A block of the given size.
    pub fn new(init: &Init<'_>, size: &Transformer, precision: Precision) -> Self {
        let width = size.width;
        let (attn, mlp) = (init.part("attn"), init.part("mlp"));
        Block {
            norm1: LayerNorm::new(init, width),
            attn: Attention {
                qkv: Linear::new(&attn.part("qkv"), width, 3 * width, precision),
                proj: Linear::new(&attn.part("proj"), width, width, precision),
                heads: size.heads,
                precision,
            },
            norm2: LayerNorm::new(init, width),
            mlp: Mlp {
                fc1: Linear::new(&mlp.part("fc1"), width, 4 * width, precision),
                fc2: Linear::new(&mlp.part("fc2"), 4 * width, width, precision),
            },
        }
    }

    /// `[batch, tokens, width]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attn.forward(self.norm1.forward(x));
        x.clone() + self.mlp.fc2.forward(gelu(self.mlp.fc1.forward(self.norm2.forward(x))))
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
