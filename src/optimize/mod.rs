//! From gradients to better parameters: optimizers, parameter groups and the learning rate over time.

pub mod config;

mod gradients;
mod learning_rate;
mod step;

pub use config::{AdamW, Batch, Lars, Optimizer, Schedule};
pub use gradients::Gradients;
pub use step::{Moments, Rates};
