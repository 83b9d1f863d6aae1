//! A run that is with the executor.

use crate::event::Cause;
use crate::event::Event;
use crate::event::Kind;
use crate::execute::Exit;
use crate::failure::Fault;
use crate::run_folder::EventReader;
use crate::run_folder::RunFolder;
use std::time::Instant;

/// What the engine knows of a run that the executor has.
pub(super) struct Live {
    pub(super) attempt: u32,
    pub(super) slot: usize,
    pub(super) folder: RunFolder,
    pub(super) reader: EventReader,
    /// The attempt's last event. It counts when the process has gone, because the device is in use until then.
    pub(super) ending: Option<Event>,
    /// When the worker last said something, or still waited in a queue.
    pub(super) heard: Instant,
    /// Whether it was ended because it said nothing for too long.
    pub(super) hung: bool,
    /// The step at which the attempt began, and the one from which it can go on.
    pub(super) from: u64,
    pub(super) saved: u64,
    /// Whether its events cannot be read just now.
    pub(super) unreadable: bool,
    /// Why it is being stopped in favour of better runs.
    pub(super) pruned: Option<String>,
}

impl Live {
    pub(super) fn new(attempt: u32, slot: usize, folder: RunFolder, reader: EventReader) -> Self {
        let (ending, heard, pruned, hung, unreadable) = (None, Instant::now(), None, false, false);
        Live { attempt, slot, folder, reader, ending, heard, hung, from: 0, saved: 0, unreadable, pruned }
    }

    /// Takes in an event of the run; false when it belongs to an attempt that is over.
    pub(super) fn on(&mut self, event: &Event) -> bool {
        if self.ending.as_ref().is_some_and(|ending| matches!(ending.kind, Kind::Finished { .. })) {
            // A result is one, whatever is said after it.
            return false;
        }
        if event.attempt > self.attempt {
            // A queue may start a run again by itself, under a new number.
            (self.attempt, self.ending) = (event.attempt, None);
        }
        // A worker of an earlier attempt that was thought gone may have got to the end: then there is nothing left to do.
        let done = matches!(event.kind, Kind::Finished { .. }) && event.attempt < self.attempt;
        if event.attempt != self.attempt && !done {
            return false;
        }
        self.heard = Instant::now();
        match &event.kind {
            Kind::Started { from_step, .. } => (self.from, self.saved) = (*from_step, *from_step),
            Kind::Saved { step, .. } => self.saved = *step,
            kind if kind.is_ending() => self.ending = Some(event.clone()),
            _ => {}
        }
        true
    }

    /// The ending of an attempt whose worker went `how` and wrote none.
    pub(super) fn unsaid_ending(&self, how: &Exit, user_asked: bool) -> Kind {
        let cause = match how {
            _ if self.hung => return failed(Cause::Hung, "said nothing for too long, and was ended".into()),
            Exit::Cancelled => return Kind::Interrupted { step: self.saved },
            // It had no time left to say so, and has got further.
            Exit::TimedOut if self.saved > self.from => return Kind::Interrupted { step: self.saved },
            Exit::Signal(_) | Exit::Code(_) if user_asked => return Kind::Interrupted { step: self.saved },
            Exit::Code(code) if *code == i32::from(Fault::Full.exit_code()) => Cause::NoSpace,
            Exit::Code(_) | Exit::Signal(_) | Exit::Withdrawn => Cause::Crashed,
            Exit::OutOfMemory => Cause::OutOfMemory,
            Exit::TimedOut => Cause::TimedOut,
            Exit::Lost(_) => Cause::Lost,
            Exit::Refused(_) => Cause::Error,
        };
        failed(cause, how.to_string())
    }
}

fn failed(cause: Cause, error: String) -> Kind {
    Kind::Failed { cause, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;

    fn live() -> Live {
        let folder = RunFolder::new(std::path::Path::new("results"), RunId::of(b"a"));
        let reader = EventReader::open(&folder);
        Live::new(1, 0, folder, reader)
    }

    fn event(attempt: u32, kind: Kind) -> Event {
        Event { run: RunId::of(b"a"), attempt, seq: 1, at: jiff::Timestamp::UNIX_EPOCH, kind }
    }

    fn started(from_step: u64) -> Kind {
        Kind::Started { host: String::new(), device: String::new(), from_step, steps: 9 }
    }

    #[test]
    fn the_time_limit_is_a_failure_for_who_has_won_nothing_and_a_pause_for_the_others() {
        let mut live = live();
        live.on(&event(1, started(3)));
        let ending = |live: &Live| live.unsaid_ending(&Exit::TimedOut, false);
        assert!(matches!(ending(&live), Kind::Failed { cause: Cause::TimedOut, .. }));
        live.on(&event(1, Kind::Saved { step: 6, path: String::new() }));
        assert_eq!(ending(&live), Kind::Interrupted { step: 6 });
    }

    #[test]
    fn what_a_later_attempt_says_counts_even_when_it_never_started() {
        let mut live = live();
        live.on(&event(1, started(0)));
        live.on(&event(1, Kind::Interrupted { step: 6 }));
        let failed = Kind::Failed { cause: Cause::Error, error: "no such device".into() };
        assert!(live.on(&event(2, failed.clone())));
        assert_eq!((live.attempt, live.ending.clone().map(|event| event.kind)), (2, Some(failed)));
        assert!(!live.on(&event(1, Kind::Interrupted { step: 6 })), "it is over");
    }

    #[test]
    fn a_result_is_one_whatever_is_said_after_it() {
        let mut live = live();
        let finished = event(1, Kind::Finished { seconds: 1.0 });
        assert!(live.on(&event(1, started(0))) && live.on(&finished));
        assert!(!live.on(&event(1, failed(Cause::Lost, "gone".into()))) && !live.on(&event(2, started(0))));
        assert_eq!((live.attempt, live.ending), (1, Some(finished)));
    }
}
