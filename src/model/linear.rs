//! The fully connected layer.

use super::init::Init;
use super::precision::Precision;
use burn::module::{Module, Param};
use burn::tensor::Tensor;

/// `y = x W + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[inputs, outputs]`; state dicts hold the transpose, as PyTorch does.
    weight: Param<Tensor<2>>,
    /// `[outputs]`
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    precision: Precision,
}

impl Linear {
    /// Xavier-uniform weights and a bias of 0 (MAE).
    pub fn new(init: &Init<'_>, inputs: usize, outputs: usize, precision: Precision) -> Self {
        Linear { weight: init.xavier("weight", inputs, outputs), bias: Some(init.full([outputs], 0.0)), precision }
    }

    /// The same without a bias.
    pub fn without_bias(init: &Init<'_>, inputs: usize, outputs: usize, precision: Precision) -> Self {
        Linear { weight: init.xavier("weight", inputs, outputs), bias: None, precision }
    }

    /// A layer of given parameters, in 32-bit arithmetic.
    pub fn of(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>) -> Self {
        Linear { weight, bias, precision: Precision::F32 }
    }

    /// Replaces the initial bias.
    #[must_use]
    pub fn with_bias(mut self, bias: Param<Tensor<1>>) -> Self {
        self.bias = Some(bias);
        self
    }

    /// `[.., inputs]` to `[.., outputs]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut shape = x.dims();
        let [inputs, outputs] = self.weight.dims();
        shape[D - 1] = outputs;
        let rows = x.dims().iter().product::<usize>() / inputs;
        let y = self.precision.matmul(x.reshape([rows, inputs]), self.weight.val()); // [rows, outputs]
        match &self.bias {
            Some(bias) => (y + bias.val().unsqueeze()).reshape(shape),
            None => y.reshape(shape),
        }
    }
}
