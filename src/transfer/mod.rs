//! How good an encoder is: one file per protocol.

pub mod knn;
pub mod linear_probe;

use serde::{Deserialize, Serialize};

/// A way to measure a frozen encoder on labelled images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Protocol {
    /// Weighted nearest neighbours (DINO).
    Knn(knn::Config),
    /// A linear classifier on frozen features (MAE).
    LinearProbe(linear_probe::Config),
}
