//! What has become of a run, as far as one invocation is concerned.

use crate::event::Cause;
use crate::run_id::RunId;

/// The state of a run. A state holds the facts that exist in it and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Some parents are not done.
    Waiting {
        /// How many.
        parents_left: u32,
    },
    /// It can start as soon as there is a slot.
    Ready,
    /// A worker is at it.
    Running {
        /// The number of the attempt.
        attempt: u32,
    },
    /// There is a result.
    Done,
    /// The attempt ended without a result.
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
}

impl State {
    /// Whether it is final for this invocation.
    pub fn is_final(&self) -> bool {
        matches!(self, State::Done | State::Failed { .. } | State::Cancelled | State::Skipped { .. })
    }
}
