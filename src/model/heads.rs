//! Heads on pooled features: projectors and predictors.

use super::batch_norm::BatchNorm;
use super::init::Init;
use super::linear::Linear;
use super::precision::Precision;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// How a head ends and whether its layers have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Every layer has a bias and nothing follows the last (ViC-MAE, SimCLR).
    Biased,
    /// Hidden layers have a bias, the last has none (VICReg, Barlow Twins).
    BareEnd,
    /// Hidden layers have no bias; the last is followed by BatchNorm without affine (SimSiam's projector).
    NormedEnd,
    /// Hidden layers have no bias, the last has one (SimSiam's and BYOL's predictor).
    BiasedEnd,
}

/// `Linear -> BatchNorm -> ReLU`, again and again, and a last `Linear`.
#[derive(Module, Debug)]
pub struct Head {
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    linear: Linear,
    norm: Option<BatchNorm>,
}

impl Head {
    /// A head of the given layer widths, from features of width `inputs`.
    pub fn new(init: &Init<'_>, inputs: usize, widths: &[usize], style: Style, precision: Precision) -> Self {
        let mut inputs = inputs;
        let layer = |(n, &outputs): (usize, &usize)| {
            let last = n + 1 == widths.len();
            let bias = match style {
                Style::Biased => true,
                Style::BareEnd => !last,
                Style::NormedEnd => false,
                Style::BiasedEnd => last,
            };
            // The number is that of PyTorch's Sequential, in which every layer but the last counts three.
            let place = init.part(&(3 * n).to_string());
            let linear = if bias { Linear::new } else { Linear::without_bias }(&place, inputs, outputs, precision);
            inputs = outputs;
            let norm = match (last, style) {
                (false, _) => Some(BatchNorm::new(init, outputs)),
                (true, Style::NormedEnd) => Some(BatchNorm::without_affine(init, outputs)),
                (true, _) => None,
            };
            Layer { linear, norm }
        };
        Head { layers: widths.iter().enumerate().map(layer).collect() }
    }

    /// `[batch, inputs]` to `[batch, last width]`. Called once for each view, so that batch statistics are those of one view.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len() - 1;
        self.layers.iter().enumerate().fold(x, |x, (n, layer)| {
            let y = layer.linear.forward(x);
            let y = layer.norm.as_ref().map_or(y.clone(), |norm| norm.forward(y));
            if n == last { y } else { relu(y) }
        })
    }
}
