//! Layer normalisation.

use super::init::Init;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

/// Added to the variance everywhere in MAE and ViC-MAE.
const EPSILON: f64 = 1e-6;

/// Normalises each token over its width, then scales and shifts.
#[derive(Module, Debug)]
pub struct LayerNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Weight 1, bias 0.
    pub fn new(init: &Init<'_>, width: usize) -> Self {
        LayerNorm { weight: init.full([width], 1.0), bias: init.full([width], 0.0) }
    }

    /// A layer of its own that starts with the same weights.
    #[must_use]
    pub fn copied(&self) -> Self {
        let copy = |param: &Param<Tensor<1>>| Param::from_data(param.val().to_data(), &param.val().device());
        LayerNorm { weight: copy(&self.weight), bias: copy(&self.bias) }
    }

    /// `[.., width]` to `[.., width]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::layer_norm(x, self.weight.val(), Some(self.bias.val()), EPSILON)
    }
}
