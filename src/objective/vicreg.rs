//! VICReg: equal views, lively dimensions, uncorrelated dimensions.

use serde::{Deserialize, Serialize};

/// VICReg.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Weight of the invariance part.
    pub invariance: f64,
    /// Weight of the variance part.
    pub variance: f64,
    /// Weight of the covariance part.
    pub covariance: f64,
    /// Widths of the expander's layers.
    pub projector: Vec<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { invariance: 25.0, variance: 25.0, covariance: 1.0, projector: vec![8192, 8192, 8192] }
    }
}
