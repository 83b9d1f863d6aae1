//! The objective as a composition: masked reconstruction plus at most one global term on pooled features.

pub mod config;
pub mod diagnostics;
pub mod global;
pub mod learner;

pub mod barlow_twins;
pub mod byol;
pub mod nt_xent;
pub mod sim_siam;
pub mod vicreg;

pub use config::{Config, Ramp, Reconstruction, Shape, Weight};
pub use global::Global;
pub use learner::{Learner, Losses};

use burn::tensor::Tensor;

/// Rows of length 1; rows of zeros stay zero. `[batch, width]` to the same.
pub(crate) fn normalise(x: Tensor<2>) -> Tensor<2> {
    let length = x.clone().square().sum_dim(1).clamp_min(1e-24).sqrt(); // [batch, 1]
    x / length
}
