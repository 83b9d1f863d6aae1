//! `<root>/<class>/<image>`: the layout of ImageNet.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A folder of images, one sub-folder a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder. Relative paths start at the project's folder.
    pub root: PathBuf,
}
