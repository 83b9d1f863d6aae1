//! Barlow Twins: the cross-correlation of the two views becomes the identity.

use serde::{Deserialize, Serialize};

/// Barlow Twins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Weight of the off-diagonal part.
    pub lambda: f64,
    /// Widths of the projector's layers.
    pub projector: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { lambda: 0.0051, projector: vec![8192, 8192, 8192] }
    }
}
