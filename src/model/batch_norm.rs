//! Batch normalisation of features, as projectors use it.

use super::init::Init;
use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;

const MOMENTUM: f64 = 0.1;

/// Normalises each dimension over the batch. Statistics are those of this process (not synchronised), one view at a time,
/// as in the ViC-MAE release.
#[derive(Module, Debug)]
pub struct BatchNorm {
    weight: Option<Param<Tensor<1>>>,
    bias: Option<Param<Tensor<1>>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
    num_batches_tracked: RunningState<Tensor<1>>,
    epsilon: f64,
}

impl BatchNorm {
    /// With a learned scale (1) and shift (0).
    pub fn new(init: &Init<'_>, width: usize) -> Self {
        BatchNorm {
            weight: Some(init.full([width], 1.0)),
            bias: Some(init.full([width], 0.0)),
            ..Self::without_affine(init, width)
        }
    }

    /// Without scale and shift.
    pub fn without_affine(init: &Init<'_>, width: usize) -> Self {
        let device = init.device();
        BatchNorm {
            weight: None,
            bias: None,
            running_mean: RunningState::new(Tensor::zeros([width], device)),
            running_var: RunningState::new(Tensor::ones([width], device)),
            num_batches_tracked: RunningState::new(Tensor::zeros([1], device)),
            epsilon: 1e-5,
        }
    }

    /// Adds something else than 1e-5 to the variance.
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Normalises by the running statistics, as after training. `[batch, width]` to the same.
    pub fn infer(&self, x: Tensor<2>) -> Tensor<2> {
        let deviation = (self.running_var.value_sync() + self.epsilon).sqrt();
        self.affine((x - self.running_mean.value_sync().unsqueeze()) / deviation.unsqueeze())
    }

    /// Normalises by the statistics of this batch, and moves the running ones (variance unbiased, as in PyTorch).
    /// `[batch, width]` to `[batch, width]`; the batch must hold at least 2.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let batch = x.dims()[0] as f64;
        let mean = x.clone().mean_dim(0); // [1, width]
        let centred = x - mean.clone();
        let variance = centred.clone().square().mean_dim(0); // [1, width]
        let keep = |state: &RunningState<Tensor<1>>, new: Tensor<2>| {
            let new: Tensor<1> = new.detach().squeeze_dim(0);
            state.update(state.value_sync() * (1.0 - MOMENTUM) + new * MOMENTUM);
            state.value_sync();
        };
        keep(&self.running_mean, mean);
        keep(&self.running_var, variance.clone() * (batch / (batch - 1.0)));
        self.num_batches_tracked.update(self.num_batches_tracked.value_sync() + 1.0);
        self.num_batches_tracked.value_sync();
        self.affine(centred / (variance + self.epsilon).sqrt())
    }

    fn affine(&self, normal: Tensor<2>) -> Tensor<2> {
        match (&self.weight, &self.bias) {
            (Some(weight), Some(bias)) => normal * weight.val().unsqueeze() + bias.val().unsqueeze(),
            _ => normal,
        }
    }
}
