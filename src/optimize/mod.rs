//! From gradients to better parameters: optimizers, parameter groups and the learning rate over time.

pub mod config;

pub use config::{AdamW, Batch, Lars, Optimizer, Schedule};
