//! SimSiam: predict one view's projection from the other's, without gradient through the target.

use super::global::{GlobalTerm, Inputs, Terms};
use crate::model::Head;
use crate::model::Init;
use crate::model::Precision;
use crate::model::Style;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// SimSiam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
    /// Hidden width of the predictor.
    pub predictor: usize,
    /// Whether the predictor's learning rate stays constant, as in the paper's appendix.
    pub constant_predictor_lr: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config { projector: vec![2048, 2048, 2048], predictor: 512, constant_predictor_lr: true }
    }
}

/// The term with its projector and predictor.
#[derive(Module, Debug)]
pub struct SimSiam {
    /// Features to the space of the loss.
    pub projector: Head,
    predictor: Head,
    constant_predictor_lr: bool,
}

impl GlobalTerm for SimSiam {
    type Config = Config;

    fn new(config: &Config, init: &Init<'_>, width: usize, precision: Precision) -> Self {
        let end = *config.projector.last().unwrap_or(&width);
        let projector = Head::new(&init.part("projector"), width, &config.projector, Style::NormedEnd, precision);
        let predictor = Head::new(&init.part("predictor"), end, &[config.predictor, end], Style::BiasedEnd, precision);
        SimSiam { projector, predictor, constant_predictor_lr: config.constant_predictor_lr }
    }

    fn loss(&self, inputs: Inputs<'_>) -> Terms {
        let [z1, z2] = inputs.features.map(|features| self.projector.forward(features));
        let [p1, p2] = [&z1, &z2].map(|z| self.predictor.forward(z.clone()));
        Terms::of(loss([p1, p2], [z1, z2]))
    }

    fn constant_lr(&self) -> &'static [&'static str] {
        if self.constant_predictor_lr { &["predictor."] } else { &[] }
    }
}

/// `-(cos(p1, sg(z2)) + cos(p2, sg(z1))) / 2`, means over the batch; in `[-1, 1]`. `sg` stops the gradient.
pub fn loss([p1, p2]: [Tensor<2>; 2], [z1, z2]: [Tensor<2>; 2]) -> Tensor<1> {
    let cosine = |p: Tensor<2>, z: Tensor<2>| (super::normalise(p) * super::normalise(z.detach())).sum_dim(1).mean();
    (cosine(p1, z2) + cosine(p2, z1)) / -2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_loss_is_that_of_the_official_code() {
        let device = Device::flex();
        let of = |values: [[f32; 2]; 2]| Tensor::<2>::from_data(values, &device);
        let p = [of([[1.0, 2.0], [0.0, 1.0]]), of([[2.0, 1.0], [1.0, 1.0]])];
        let z = [of([[1.0, 0.0], [1.0, 1.0]]), of([[0.0, 1.0], [1.0, -1.0]])];
        assert!((loss(p, z).into_scalar::<f32>() + 0.520437).abs() < 1e-5);
    }
}
