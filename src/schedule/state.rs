//! What has become of a run, as far as one invocation is concerned.

use crate::event::Cause;
use crate::run_id::RunId;

/// The state of a run. A state holds the facts that exist in it and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It needs a run that is not done.
    Waiting,
    /// It can start as soon as there is a slot.
    Ready,
    /// It is with the executor, which starts it when the runs it needs, which are there too, are done.
    Held {
        /// The number of the attempt.
        attempt: u32,
    },
    /// A worker is at it.
    Running {
        /// The number of the attempt.
        attempt: u32,
    },
    /// An attempt failed, and it will be tried again after a while.
    Delayed {
        /// The number of the attempt that failed.
        attempt: u32,
        /// Why it failed.
        cause: Cause,
        /// The worker's words.
        error: String,
    },
    /// There is a result.
    Done,
    /// The last attempt ended without a result, and it will not be tried again.
    Failed {
        /// Its number.
        attempt: u32,
        /// Why.
        cause: Cause,
        /// The worker's words.
        error: String,
    },
    /// The person stopped it, or did not let it start.
    Cancelled,
    /// We did not start it, because of what became of another.
    Skipped {
        /// The other.
        because: RunId,
    },
    /// We stopped it, because others were better.
    Pruned,
}

impl State {
    /// Whether it is final for this invocation.
    pub fn is_final(&self) -> bool {
        matches!(self, State::Done | State::Failed { .. } | State::Cancelled | State::Skipped { .. } | State::Pruned)
    }

    /// The attempt that the executor has.
    pub fn with_executor(&self) -> Option<u32> {
        match self {
            State::Held { attempt } | State::Running { attempt } => Some(*attempt),
            _ => None,
        }
    }

    /// Whether those that need the run can never start: it came to an end without a result.
    pub(super) fn dooms(&self) -> bool {
        self.is_final() && *self != State::Done
    }
}
