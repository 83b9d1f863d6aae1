//! Which failures are worth another try, how often, and after how long.

use crate::event::Cause;
use std::time::Duration;

/// How failures of one cause are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries after the first, in one invocation.
    pub limit: u32,
    /// The time before the first of them.
    pub first: Duration,
    /// How much longer each later one waits than the one before it.
    pub growth: u32,
}

/// The longest time before a retry.
const LONGEST: Duration = Duration::from_secs(600);

impl Policy {
    /// What a cause deserves. The same seed gives the same numbers, so what the run itself brought about (a loss that is not
    /// finite, bad data, an error) comes again; what its surroundings did (a kill, a lost machine) need not.
    pub const fn of(cause: Cause) -> Self {
        let (limit, first, growth) = match cause {
            Cause::Crashed => (2, 1, 4),
            // Another process may have held the memory.
            Cause::OutOfMemory => (1, 30, 1),
            Cause::Hung => (1, 5, 1),
            Cause::Lost => (5, 5, 2),
            // What the scheduler ends without progress needs another time limit, and a full disk needs a person.
            Cause::TimedOut | Cause::NoSpace | Cause::NonFinite | Cause::Data | Cause::Error => (0, 0, 1),
        };
        Policy { limit, first: Duration::from_secs(first), growth }
    }

    /// Whether a person may raise the limit of this cause.
    pub const fn may_help(self) -> bool {
        self.limit > 0
    }

    /// The time before retry `n`, from 1.
    pub fn delay(self, n: u32) -> Duration {
        let factor = self.growth.saturating_pow(n.saturating_sub(1));
        self.first.saturating_mul(factor).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_by_itself_is_not_tried_again_and_the_rest_waits_longer_each_time() {
        for cause in [Cause::NonFinite, Cause::Data, Cause::Error, Cause::NoSpace, Cause::TimedOut] {
            assert!(!Policy::of(cause).may_help());
        }
        let seconds = |cause: Cause| [1, 2, 3, 40].map(|n| Policy::of(cause).delay(n).as_secs());
        assert_eq!(seconds(Cause::Crashed), [1, 4, 16, 600]);
        assert_eq!(seconds(Cause::Lost), [5, 10, 20, 600]);
        assert_eq!(seconds(Cause::Hung), [5, 5, 5, 5]);
    }
}
