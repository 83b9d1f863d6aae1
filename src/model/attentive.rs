//! Attentive pooling: one learned query looks at all tokens (V-JEPA).

use super::block::Mlp;
use super::init::Init;
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

/// Deviation of the initial weights.
const STD: f64 = 0.02;

/// `q += attend(q, norm1(tokens)); q += mlp(norm2(q))`, from a learned query `q`.
#[derive(Module, Debug)]
pub struct AttentivePooler {
    /// `[1, 1, width]`
    query_tokens: Param<Tensor<3>>,
    norm1: LayerNorm,
    q: Linear,
    kv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    mlp: Mlp,
    heads: usize,
}

impl AttentivePooler {
    /// An untrained pooler. As in V-JEPA, what is added to the query starts at `1 / sqrt(2)` of the other weights.
    pub fn new(init: &Init<'_>, width: usize, heads: usize) -> Self {
        let linear = |name: &str, inputs, outputs, std| {
            let weight = init.part(name).normal("weight", [inputs, outputs], std);
            Linear::of(weight, Some(init.full([outputs], 0.0)))
        };
        let added = STD / 2f64.sqrt();
        AttentivePooler {
            query_tokens: init.normal("query_tokens", [1, 1, width], STD),
            norm1: LayerNorm::new(init, width),
            q: linear("q", width, width, STD),
            kv: linear("kv", width, 2 * width, STD),
            proj: linear("proj", width, width, added),
            norm2: LayerNorm::new(init, width),
            mlp: Mlp::of(linear("fc1", width, 4 * width, STD), linear("fc2", 4 * width, width, added)),
            heads,
        }
    }

    /// Tokens `[batch, tokens, width]` to features `[batch, width]`.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [batch, count, width] = tokens.dims();
        let head = width / self.heads;
        let start = self.query_tokens.val().expand([batch, 1, width]);
        let split = |x: Tensor<3>, count: usize| x.reshape([batch, count, self.heads, head]).swap_dims(1, 2);
        let query = split(self.q.forward(start.clone()), 1) * (head as f64).powf(-0.5); // [batch, heads, 1, head]
        let both = self.kv.forward(self.norm1.forward(tokens)); // [batch, tokens, 2 * width]
        let [key, value] = [0, 1].map(|n| split(both.clone().narrow(2, n * width, width), count)); // [batch, heads, tokens, head]
        let scores = softmax(query.matmul(key.swap_dims(2, 3)), 3); // [batch, heads, 1, tokens]
        let seen = scores.matmul(value).swap_dims(1, 2).reshape([batch, 1, width]);
        let query = start + self.proj.forward(seen);
        (query.clone() + self.mlp.forward(self.norm2.forward(query))).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn the_order_of_tokens_does_not_matter_and_their_content_does() {
        let device = Device::flex();
        let pooler = AttentivePooler::new(&Init::new(0, &device), 8, 2);
        let pooled = |tokens: &[f32]| -> Vec<f32> {
            let tokens = Tensor::<3>::from_data(TensorData::new(tokens.to_vec(), [1, 3, 8]), &device);
            pooler.forward(tokens).into_data().iter::<f32>().collect()
        };
        let tokens: Vec<f32> = (0..24).map(|n| (n * 7 % 11) as f32).collect();
        let turned = [&tokens[8..], &tokens[..8]].concat();
        for (a, b) in pooled(&tokens).iter().zip(pooled(&turned)) {
            assert!((a - b).abs() < 1e-6);
        }
        let other: Vec<f32> = tokens.iter().map(|value| value * value).collect();
        assert_ne!(pooled(&tokens), pooled(&other));
    }
}
