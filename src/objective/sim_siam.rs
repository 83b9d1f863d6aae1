//! SimSiam: predict one view's projection from the other's, without gradient through the target.

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
