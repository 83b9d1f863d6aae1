//! How the tokens of an image become one feature.

use serde::{Deserialize, Serialize};

/// How visible patch tokens become one feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Mean over patch tokens (the paper's choice).
    #[default]
    Mean,
    /// Largest value over patch tokens.
    Max,
    /// Generalised mean over patch tokens with a learned power.
    Gem,
    /// The class token.
    Cls,
}
