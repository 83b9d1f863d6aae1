//! Writing to standard output.

use anyhow::{Context, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write, stderr, stdout};

/// Prints a line. A reader that has left (`| head`) is no mistake.
pub(super) fn line(text: &str) -> Result<()> {
    match writeln!(stdout(), "{}", text.trim_end_matches('\n')) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write to standard output"),
    }
}

/// Tells something beside the answer. Where nobody reads it, nothing is lost.
pub(super) fn note(text: &str) {
    let _ = writeln!(stderr(), "note: {text}");
}

/// Prints a value as JSON, for programs.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    line(&serde_json::to_string_pretty(value).context("cannot write the answer as JSON")?)
}

/// The width of the terminal and whether it shows colours: no width and no colours where there is no terminal.
pub(super) fn terminal() -> (Option<u16>, bool) {
    let terminal = console::Term::stdout();
    if !terminal.is_term() {
        return (None, false);
    }
    (Some(terminal.size().1), console::colors_enabled())
}
