//! Writing to standard output.

use anyhow::{Context, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write, stdout};

/// Prints a line. A reader that has left (`| head`) is no mistake.
pub(super) fn line(text: &str) -> Result<()> {
    match writeln!(stdout(), "{}", text.trim_end_matches('\n')) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write to standard output"),
    }
}

/// Prints a value as JSON, for programs.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    line(&serde_json::to_string_pretty(value).context("cannot write the answer as JSON")?)
}
