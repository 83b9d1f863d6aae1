//! How the tokens of an image become one feature.

use super::init::Init;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How visible patch tokens become one feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Mean over patch tokens (the paper's choice).
    #[default]
    Mean,
    /// Largest value over patch tokens.
    Max,
    /// Generalised mean over patch tokens with a learned power.
    Gem,
    /// The class token.
    Cls,
}

/// A pool with the parameters that it learns.
#[derive(Module, Debug)]
pub struct Pooling {
    /// The power of the generalised mean, `[1]`; only [`Pool::Gem`] has one.
    gem_power: Option<Param<Tensor<1>>>,
    #[module(skip)]
    kind: Pool,
}

impl Pooling {
    /// The pool of that kind. The power of the generalised mean starts at 3.
    pub fn new(init: &Init<'_>, kind: Pool) -> Self {
        Pooling { gem_power: (kind == Pool::Gem).then(|| init.full([1], 3.0)), kind }
    }

    /// Tokens `[batch, 1 + patches, width]`, class token first, to features `[batch, width]`.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [batch, count, _] = tokens.dims();
        let patches = |tokens: Tensor<3>| tokens.slice([0..batch, 1..count]);
        match &self.gem_power {
            Some(power) => gem(patches(tokens), power.val()),
            None if self.kind == Pool::Max => patches(tokens).max_dim(1).squeeze_dim(1),
            None if self.kind == Pool::Cls => tokens.slice([0..batch, 0..1]).squeeze_dim(1),
            None => patches(tokens).mean_dim(1).squeeze_dim(1),
        }
    }
}

/// `mean(max(x, 1e-6)^p)^(1/p)` over patches. Tokens are signed after the last norm, hence the clamp.
fn gem(patches: Tensor<3>, power: Tensor<1>) -> Tensor<2> {
    let power: Tensor<3> = power.unsqueeze(); // [1, 1, 1]
    let mean = ((patches.clamp_min(1e-6).log() * power.clone()).exp()).mean_dim(1); // [batch, 1, width]
    (mean.log() / power).exp().squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn every_pool_gives_the_value_of_its_formula() {
        let device = Device::flex();
        let values: Vec<f32> = vec![9.0, -9.0, 1.0, 2.0, 3.0, -4.0]; // class token, then two patches of width 2
        let pooled = |kind| -> Vec<f32> {
            let tokens = Tensor::<3>::from_data(TensorData::new(values.clone(), [1, 3, 2]), &device);
            Pooling::new(&Init::new(0, &device), kind).forward(tokens).into_data().iter::<f32>().collect()
        };
        assert_eq!(pooled(Pool::Mean), [2.0, -1.0]);
        assert_eq!(pooled(Pool::Max), [3.0, 2.0]);
        assert_eq!(pooled(Pool::Cls), [9.0, -9.0]);
        let gem = pooled(Pool::Gem);
        assert!((gem[0] - 14f32.cbrt()).abs() < 1e-4 && (gem[1] - 4f32.cbrt()).abs() < 1e-4, "{gem:?}");
    }
}
