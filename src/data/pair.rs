//! Which two frames of a clip make a positive pair.

use serde::{Deserialize, Serialize};

/// How the two frames of a positive pair are chosen from a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pair {
    /// One frame, twice (a gap of 0).
    SameFrame,
    /// Two frames this many frames apart.
    Gap(usize),
    /// The clip is cut into `segments` equal parts and one frame is drawn from each of two of them (ViC-MAE).
    Distant {
        /// Number of parts, at least 2.
        segments: usize,
    },
}
