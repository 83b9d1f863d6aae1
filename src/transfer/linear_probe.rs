//! Linear probing as in MAE: BatchNorm without affine, one linear layer, LARS.

use crate::model::Pool;
use crate::optimize::{Batch, Optimizer, Schedule};
use serde::{Deserialize, Serialize};

/// A linear probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How patch tokens become one feature.
    #[serde(default)]
    pub pool: Pool,
    /// Whether training images are cropped and flipped anew in every epoch; otherwise features are computed once.
    #[serde(default)]
    pub augment: bool,
    /// The optimizer (LARS in MAE).
    pub optimizer: Optimizer,
    /// Epochs and learning rate.
    pub schedule: Schedule,
    /// Batch.
    pub batch: Batch,
}
