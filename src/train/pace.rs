//! How often a worker says how far it is.

use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
/// The part of the time since the beginning after which it is said again.
const PART: u32 = 200;

/// Often at first, when a person looks whether it moves, and seldom in a run of days, whose every word is kept.
pub(super) struct Pace {
    began: Instant,
    said: Instant,
}

impl Pace {
    pub(super) fn start() -> Self {
        Pace { began: Instant::now(), said: Instant::now() }
    }

    /// Whether it is time to say it again; whoever asks then does.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.said.elapsed() >= after(self.began.elapsed());
        if due {
            self.said = Instant::now();
        }
        due
    }
}

fn after(age: Duration) -> Duration {
    (age / PART).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_four_times_a_second_at_first_and_every_ten_seconds_in_the_end() {
        let after = |seconds| after(Duration::from_secs(seconds)).as_millis();
        assert_eq!([0, 50, 200, 3600, 86_400].map(after), [250, 250, 1000, 10_000, 10_000]);
    }
}
