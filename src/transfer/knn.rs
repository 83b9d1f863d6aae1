//! Weighted k-nearest-neighbour classification of frozen features, as in DINO.

use crate::model::Pool;
use serde::{Deserialize, Serialize};

/// Weighted kNN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Numbers of neighbours to report; the first is the one called `top1`.
    pub k: Vec<usize>,
    /// Temperature of the vote.
    pub temperature: f64,
    /// How patch tokens become one feature.
    pub pool: Pool,
}

impl Default for Config {
    fn default() -> Self {
        Config { k: vec![20], temperature: 0.07, pool: Pool::Mean }
    }
}
