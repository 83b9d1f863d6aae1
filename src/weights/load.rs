//! A file of weights as a model that can be used.

use super::fit::{Fit, fit};
use super::names;
use super::opening;
use super::read::{about, read, said};
use super::shape::model_of;
use crate::failure::Failure;
use anyhow::Result;
use std::path::Path;

/// Reads a checkpoint of any known origin. Its sizes are those that the file says (ours do), or else those of its shapes; `heads`
/// goes before both. Returns what is used of it, and notes on what was changed, guessed or left out.
///
/// # Errors
/// A [`crate::failure::Failure`] when the file is no checkpoint, or holds no encoder that can be used as it is.
pub fn load(path: &Path, heads: Option<usize>) -> Result<(Fit, Vec<String>)> {
    let mut notes = Vec::new();
    let state = read(path, &mut notes)?;
    let fitted = names::official(state, &mut notes).and_then(|state| {
        let model = match (said(path), heads) {
            (Some(model), None) => model,
            (_, heads) => model_of(&state, heads, &mut notes)?,
        };
        let fit = fit(state, &model, &mut notes)?;
        finite(&fit)?;
        Ok(fit)
    });
    Ok((fitted.map_err(|failure| about(path, failure))?, notes))
}

/// Weights that are no numbers would make features that are none.
fn finite(fit: &Fit) -> Result<(), Failure> {
    let broken = fit.state.iter().find(|(_, data)| data.iter::<f32>().any(|value| !value.is_finite()));
    let Some((name, _)) = broken else { return Ok(()) };
    Err(Failure::input(format!("`{name}` has values that are not finite"))
        .hint("the training that made the file has diverged, or the file is damaged: take an earlier checkpoint"))
}

/// A hash of the content of a file, 64 hexadecimal digits.
///
/// # Errors
/// A [`crate::failure::Failure`] when the file cannot be read.
pub fn fingerprint(path: &Path) -> Result<String> {
    let hash = || -> std::io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        std::io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
        Ok(hasher.finalize())
    };
    Ok(hash().map_err(|error| about(path, opening::cannot_open(&error)))?.to_hex().to_string())
}
