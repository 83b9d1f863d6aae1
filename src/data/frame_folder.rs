//! `<root>/<class>/<clip>/<frame>`: clips that were cut into images, frames in the order of their names.

use super::pair::Pair;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A folder of clips, each a folder of two or more images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder. Relative paths start at the project's folder.
    pub root: PathBuf,
    /// Which two frames of a clip make a pair.
    #[serde(default = "distant")]
    pub pair: Pair,
}

fn distant() -> Pair {
    Pair::Distant { segments: 2 }
}
