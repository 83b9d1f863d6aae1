//! NT-Xent: pull the two views of a clip together, push all other views of the batch away.

use super::global::{GlobalTerm, Inputs, Terms};
use crate::model::Head;
use crate::model::Init;
use crate::model::Precision;
use crate::model::Style;
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};

/// NT-Xent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Temperature of the softmax over cosine similarities.
    pub temperature: f64,
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { temperature: 0.1, projector: vec![4096, 4096, 128] }
    }
}

/// The term with its projector, which both views share.
#[derive(Module, Debug)]
pub struct NtXent {
    /// Features to the space of the loss.
    pub projector: Head,
    temperature: f64,
}

impl GlobalTerm for NtXent {
    type Config = Config;

    fn new(config: &Config, init: &Init<'_>, width: usize, precision: Precision) -> Self {
        let projector = Head::new(&init.part("projector"), width, &config.projector, Style::Biased, precision);
        NtXent { projector, temperature: config.temperature }
    }

    fn loss(&self, inputs: Inputs<'_>) -> Terms {
        let [a, b] = inputs.features.map(|features| self.projector.forward(features));
        Terms::of(loss(a, b, self.temperature))
    }
}

/// NT-Xent of two views `[batch, width]`: the mean over all `2 * batch` views of
/// `-log(exp(s(i, p(i)) / t) / sum_{k != i} exp(s(i, k) / t))`, with `s` the cosine and `p(i)` the other view of the same clip.
pub fn loss(a: Tensor<2>, b: Tensor<2>, temperature: f64) -> Tensor<1> {
    let batch = a.dims()[0];
    let device = a.device();
    let z = super::normalise(Tensor::cat(vec![a, b], 0)); // [2 batch, width]
    let scores = z.clone().matmul(z.transpose()) / temperature; // [2 batch, 2 batch]
    let own = Tensor::<2, Bool>::diag_mask([2 * batch, 2 * batch], 0, &device).bool_not();
    let log_share = log_softmax(scores.mask_fill(own, -1e9), 1);
    let other = |from: usize| log_share.clone().slice([from..from + batch, batch - from..2 * batch - from]);
    let diagonal = Tensor::<2>::eye(batch, &device);
    ((other(0) + other(batch)) * diagonal).sum() / -(2.0 * batch as f64)
}
