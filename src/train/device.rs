//! Where runs compute.

use crate::failure::Failure;
use anyhow::Result;

/// Returns the devices that runs may be put on, one run each at a time for a GPU: `["cpu"]`, `["cuda:0", "cuda:1"]`.
/// `wanted` is `auto`, `cpu`, `cuda` or `cuda:<number>`.
///
/// # Errors
/// A [`Failure`] when the wanted device is not there.
pub fn check_device(wanted: &str) -> Result<Vec<String>> {
    match wanted {
        "auto" | "cpu" => Ok(vec!["cpu".to_owned()]),
        _ => Err(Failure::input(format!("there is no device `{wanted}`")).hint("use `--device cpu`").into()),
    }
}
