//! What suits a terminal: bars where its cursor can be moved, lines elsewhere.

use super::bars::Bars;
use super::{Cast, Display, Plain};
use crate::event::Event;
use crate::run_id::RunId;
use std::io::stderr;

/// Shows what happens on standard error, a terminal.
pub struct Terminal(Box<dyn Display>);

impl Terminal {
    /// A display on standard error.
    pub fn new() -> Self {
        // Nothing at all would be seen of bars on a terminal that cannot move its cursor (`TERM=dumb`).
        Terminal(if console::is_dumb() { Box::new(Plain::new(stderr())) } else { Box::new(Bars::new()) })
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Display for Terminal {
    fn begin(&mut self, cast: Cast) {
        self.0.begin(cast);
    }

    fn on(&mut self, event: &Event) {
        self.0.on(event);
    }

    fn skipped(&mut self, run: RunId, because: RunId) {
        self.0.skipped(run, because);
    }

    fn say(&mut self, text: &str) {
        self.0.say(text);
    }

    fn end(&mut self) {
        self.0.end();
    }
}
