//! From gradients to better parameters: optimizers, parameter groups and the learning rate over time.

pub mod config;

mod gradients;
mod layer_decay;
mod learning_rate;
mod step;

pub use config::{AdamW, Batch, Lars, Optimizer, Schedule, Sgd};
pub use gradients::Gradients;
pub use layer_decay::LayerDecay;
pub use step::{Moments, Rates};
