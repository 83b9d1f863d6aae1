//! VICReg: equal views, lively dimensions, uncorrelated dimensions.

use super::global::{GlobalTerm, Inputs, Terms};
use crate::model::Head;
use crate::model::Init;
use crate::model::Precision;
use crate::model::Style;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

/// VICReg.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Weight of the invariance part.
    pub invariance: f64,
    /// Weight of the variance part.
    pub variance: f64,
    /// Weight of the covariance part.
    pub covariance: f64,
    /// Widths of the expander's layers.
    pub projector: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { invariance: 25.0, variance: 25.0, covariance: 1.0, projector: vec![8192, 8192, 8192] }
    }
}

/// The term with its expander, which both views share.
#[derive(Module, Debug)]
pub struct Vicreg {
    /// Features to the space of the loss.
    pub projector: Head,
    weights: [f64; 3],
}

impl GlobalTerm for Vicreg {
    type Config = Config;

    fn new(config: &Config, init: &Init<'_>, width: usize, precision: Precision) -> Self {
        let projector = Head::new(&init.part("projector"), width, &config.projector, Style::BareEnd, precision);
        Vicreg { projector, weights: [config.invariance, config.variance, config.covariance] }
    }

    fn loss(&self, inputs: Inputs<'_>) -> Terms {
        let [a, b] = inputs.features.map(|features| self.projector.forward(features));
        let parts = parts(a, b);
        let weighted = |n: usize| parts[n].clone() * self.weights[n];
        Terms::of(weighted(0) + weighted(1) + weighted(2))
            .part("invariance", parts[0].clone())
            .part("variance", parts[1].clone())
            .part("covariance", parts[2].clone())
    }
}

/// Invariance, variance and covariance of two views `[batch, width]`, unweighted, as in the official code:
/// the mean squared difference; the mean hinge `max(0, 1 - sqrt(var + 1e-4))`, half from each view (variance unbiased);
/// the sum of squared off-diagonal covariances of each view, divided by the width.
pub fn parts(a: Tensor<2>, b: Tensor<2>) -> [Tensor<1>; 3] {
    let [batch, width] = a.dims();
    let invariance = (a.clone() - b.clone()).square().mean();
    let [spread_a, spread_b] = [a, b].map(|x| {
        let centred = x.clone() - x.mean_dim(0); // [batch, width]
        let variance = centred.clone().square().sum_dim(0) / (batch as f64 - 1.0); // [1, width]
        let hinge = relu(-(variance.clone() + 1e-4).sqrt() + 1.0).mean();
        let covariance = centred.clone().transpose().matmul(centred) / (batch as f64 - 1.0); // [width, width]
        let off_diagonal = covariance.square().sum() - variance.square().sum();
        (hinge, off_diagonal / width as f64)
    });
    [invariance, (spread_a.0 + spread_b.0) / 2.0, spread_a.1 + spread_b.1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn parts_are_those_of_the_official_code() {
        let device = Device::flex();
        let a = Tensor::<2>::from_data([[1.0f32, 0.0], [0.0, 1.0], [1.0, 1.0]], &device);
        let b = Tensor::<2>::from_data([[0.0f32, 0.0], [0.0, 2.0], [1.0, 1.0]], &device);
        let ours = parts(a, b).map(|part| part.into_scalar::<f32>());
        for (ours, theirs) in ours.iter().zip([0.333333, 0.316922, 0.027778]) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} is not {theirs}");
        }
    }
}
