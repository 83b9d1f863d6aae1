//! Barlow Twins: the cross-correlation of the two views becomes the identity.

use super::global::{GlobalTerm, Inputs, Terms};
use crate::model::Head;
use crate::model::Init;
use crate::model::Precision;
use crate::model::Style;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Barlow Twins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Weight of the off-diagonal part.
    pub lambda: f64,
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { lambda: 0.0051, projector: vec![8192, 8192, 8192] }
    }
}

/// The term with its projector, which both views share.
#[derive(Module, Debug)]
pub struct BarlowTwins {
    /// Features to the space of the loss.
    pub projector: Head,
    lambda: f64,
}

impl GlobalTerm for BarlowTwins {
    type Config = Config;

    fn new(config: &Config, init: &Init<'_>, width: usize, precision: Precision) -> Self {
        let projector = Head::new(&init.part("projector"), width, &config.projector, Style::BareEnd, precision);
        BarlowTwins { projector, lambda: config.lambda }
    }

    fn loss(&self, inputs: Inputs<'_>) -> Terms {
        let [a, b] = inputs.features.map(|features| self.projector.forward(features));
        Terms::of(loss(a, b, self.lambda))
    }
}

/// `sum_i (1 - C_ii)^2 + lambda * sum_{i != j} C_ij^2`, where `C` is the cross-correlation of the two views `[batch, width]`
/// over the batch (biased variance, 1e-5 added to it).
pub fn loss(a: Tensor<2>, b: Tensor<2>, lambda: f64) -> Tensor<1> {
    let [batch, width] = a.dims();
    let device = a.device();
    let [a, b] = [a, b].map(|x| {
        let centred = x.clone() - x.mean_dim(0);
        let variance = centred.clone().square().mean_dim(0);
        centred / (variance + 1e-5).sqrt()
    });
    let correlation = a.transpose().matmul(b) / batch as f64; // [width, width]
    let identity = Tensor::<2>::eye(width, &device);
    let weights = identity.clone() * (1.0 - lambda) + lambda;
    ((correlation - identity).square() * weights).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_loss_is_that_of_the_official_code() {
        let device = Device::flex();
        let a = Tensor::<2>::from_data([[1.0f32, 0.0], [0.0, 1.0], [1.0, 1.0]], &device);
        let b = Tensor::<2>::from_data([[0.0f32, 0.0], [0.0, 2.0], [1.0, 1.0]], &device);
        assert!((loss(a, b, 0.0051).into_scalar::<f32>() - 0.273078).abs() < 1e-4);
    }
}
