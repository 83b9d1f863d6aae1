//! How far a run is, folded from its events, and the words for it.

use crate::event::Event;
use crate::event::IMAGES_PER_SECOND;
use crate::event::Kind;
use crate::event::LOSS;
use crate::event::Metric;
use crate::event::TOP1;
use crate::event::WAITED_SHARE;
use indicatif::HumanDuration;
use jiff::Timestamp;
use std::time::Duration;

/// How far one attempt at a run is.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) step: u64,
    pub(super) steps: u64,
    from_step: u64,
    began: Timestamp,
    now: Timestamp,
    /// The number that says most: top-1 accuracy where there is one, the loss elsewhere.
    number: Option<(&'static str, f64)>,
    images_per_second: Option<f64>,
    waited: Option<f64>,
}

/// What is worth more where there is little room comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Step,
    Time,
    Number,
    Aside,
}

/// A share of the time without data that is worth a word.
const WORTH_A_WORD: f64 = 0.05;

impl Progress {
    /// The beginning of an attempt.
    pub(super) fn begin(at: Timestamp, from_step: u64, steps: u64) -> Self {
        Progress { step: from_step, steps, from_step, began: at, now: at, number: None, images_per_second: None, waited: None }
    }

    /// Takes in an event of the attempt.
    pub(super) fn on(&mut self, event: &Event) {
        self.now = event.at;
        match &event.kind {
            Kind::Progressed { step, steps } => (self.step, self.steps) = (*step, *steps),
            Kind::Measured { step, values } => {
                self.step = self.step.max(*step);
                let latest = |name: &'static str| values.get(&Metric::from(name)).map(|value| (name, *value));
                self.number = latest(TOP1).or(latest(LOSS)).or(self.number);
                self.images_per_second = latest(IMAGES_PER_SECOND).map(|(_, value)| value).or(self.images_per_second);
                self.waited = latest(WAITED_SHARE).map(|(_, value)| value).or(self.waited);
            }
            _ => {}
        }
    }

    /// When the last event came.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// `step 300/900, loss 0.8123, 412 images/s, 3m left`.
    pub(super) fn text(&self) -> String {
        self.text_up_to(Rank::Aside)
    }

    /// The same in ever fewer words, for narrow places; the last has the step alone.
    pub(super) fn texts(&self) -> [String; 4] {
        [Rank::Aside, Rank::Number, Rank::Time, Rank::Step].map(|rank| self.text_up_to(rank))
    }

    fn text_up_to(&self, least: Rank) -> String {
        let number = self.number.map(|(name, value)| match name {
            TOP1 => format!("{name} {value:.1} %"),
            _ => format!("{name} {value:.4}"),
        });
        let waited = self.waited.filter(|waited| *waited > WORTH_A_WORD);
        let parts = [
            (Rank::Step, Some(format!("step {}/{}", self.step, self.steps))),
            (Rank::Number, number),
            (Rank::Aside, self.images_per_second.map(|rate| format!("{rate:.0} images/s"))),
            (Rank::Aside, waited.map(|waited| format!("waits for data {:.0} %", 100.0 * waited))),
            (Rank::Time, self.left().map(|left| format!("{:#} left", HumanDuration(left)))),
        ];
        let parts = parts.into_iter().filter(|(rank, _)| *rank <= least).filter_map(|(_, text)| text);
        parts.collect::<Vec<_>>().join(", ")
    }

    /// The time that is left at the speed so far.
    pub(super) fn left(&self) -> Option<Duration> {
        let took = Duration::try_from(self.now.duration_since(self.began)).ok().filter(|took| !took.is_zero())?;
        let made = self.step.checked_sub(self.from_step).filter(|&made| made > 0)?;
        let left = self.steps.checked_sub(self.step).filter(|&left| left > 0)?;
        Some(took.mul_f64(left as f64 / made as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;
    use std::collections::BTreeMap;

    fn at(second: i64, kind: Kind) -> Event {
        Event { run: RunId::of(b"run"), attempt: 1, seq: 0, at: Timestamp::from_second(second).unwrap(), kind }
    }

    #[test]
    fn the_words_say_where_how_good_how_fast_and_how_long() {
        let mut progress = Progress::begin(Timestamp::from_second(0).unwrap(), 100, 900);
        assert_eq!(progress.text(), "step 100/900");
        progress.on(&at(60, Kind::Progressed { step: 300, steps: 900 }));
        let values = BTreeMap::from([(LOSS.into(), 0.81234), (IMAGES_PER_SECOND.into(), 412.4)]);
        progress.on(&at(60, Kind::Measured { step: 300, values }));
        assert_eq!(progress.text(), "step 300/900, loss 0.8123, 412 images/s, 3m left");
        assert_eq!(progress.texts()[1..], ["step 300/900, loss 0.8123, 3m left", "step 300/900, 3m left", "step 300/900"]);
        let waited = BTreeMap::from([(LOSS.into(), 0.8), (WAITED_SHARE.into(), 0.31)]);
        progress.on(&at(60, Kind::Measured { step: 300, values: waited }));
        assert_eq!(progress.text(), "step 300/900, loss 0.8000, 412 images/s, waits for data 31 %, 3m left");
        let busy = BTreeMap::from([(WAITED_SHARE.into(), 0.01)]);
        progress.on(&at(60, Kind::Measured { step: 300, values: busy }));
        progress.on(&at(90, Kind::Measured { step: 900, values: BTreeMap::from([(TOP1.into(), 71.26)]) }));
        assert_eq!(progress.text(), "step 900/900, top1 71.3 %, 412 images/s");
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_time_left() {
        let mut progress = Progress::begin(Timestamp::from_second(100).unwrap(), 0, 10);
        progress.on(&at(50, Kind::Progressed { step: 5, steps: 10 }));
        assert_eq!(progress.text(), "step 5/10");
    }
}
