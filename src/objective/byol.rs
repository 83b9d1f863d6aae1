//! BYOL: predict what a moving average of the network says of the other view.

use serde::{Deserialize, Serialize};

/// BYOL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
    /// Hidden width of the predictor.
    pub predictor: usize,
    /// Momentum of the teacher at the start; it rises to 1 along half a cosine.
    pub momentum: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config { projector: vec![4096, 256], predictor: 4096, momentum: 0.996 }
    }
}
