//! NT-Xent: pull the two views of a clip together, push all other views of the batch away.

use serde::{Deserialize, Serialize};

/// NT-Xent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Temperature of the softmax over cosine similarities.
    pub temperature: f64,
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { temperature: 0.1, projector: vec![4096, 4096, 128] }
    }
}
