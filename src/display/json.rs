//! Events as they are, one a line, on standard output: for programs.

use super::{Cast, Display};
use crate::event::Event;
use crate::run_id::RunId;
use std::io::{Write, stderr};

/// Writes events as lines of JSON to `out`. What is no event goes to standard error.
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    /// A display that writes to `out`.
    pub fn new(out: W) -> Self {
        Json { out }
    }
}

impl<W: Write> Display for Json<W> {
    fn begin(&mut self, _cast: Cast) {}

    fn on(&mut self, event: &Event) {
        let line = serde_json::to_string(event).expect("an event is made of what JSON can say");
        // The reader may leave (`| head`); the runs go on all the same.
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }

    fn skipped(&mut self, run: RunId, because: RunId) {
        self.say(&format!("{} is skipped: it needs {}", run.short(), because.short()));
    }

    fn say(&mut self, text: &str) {
        // As above: `eprintln!` would panic where nobody reads any more.
        let _ = writeln!(stderr(), "{text}");
    }

    fn end(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use jiff::Timestamp;

    #[test]
    fn a_line_is_an_event() {
        let kind = Kind::Interrupted { step: 3 };
        let event = Event { run: RunId::of(b"run"), attempt: 1, seq: 0, at: Timestamp::UNIX_EPOCH, kind };
        let mut json = Json::new(Vec::new());
        json.on(&event);
        json.on(&event);
        let text = String::from_utf8(json.out).unwrap();
        assert_eq!(
            text.lines().map(|line| serde_json::from_str::<Event>(line).unwrap()).collect::<Vec<_>>(),
            [event.clone(), event]
        );
    }
}
