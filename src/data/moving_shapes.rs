//! Procedural clips: coloured shapes that move over a textured ground. For tests and throughput, not for claims.

use super::pair::Pair;
use serde::{Deserialize, Serialize};

/// Clips of one moving shape each; the class is the shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Number of clips.
    pub clips: usize,
    /// Frames a clip.
    #[serde(default = "eight")]
    pub frames: usize,
    /// Side of a frame, in pixels.
    #[serde(default = "side")]
    pub size: usize,
    /// Which two frames of a clip make a pair.
    #[serde(default = "distant")]
    pub pair: Pair,
    /// Another seed gives other clips.
    #[serde(default)]
    pub seed: u64,
}

fn eight() -> usize {
    8
}

fn side() -> usize {
    64
}

fn distant() -> Pair {
    Pair::Distant { segments: 2 }
}
