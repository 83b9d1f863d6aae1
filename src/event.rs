//! What happens to a run, in the one form that workers write, files keep, the record folds and displays show.
//!
//! Events are owned and serialisable. Additions are new variants, never new meanings of old ones.

use crate::run_id::RunId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// One thing that happened to one attempt at one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The number of the event within its attempt, from 0. `(run, attempt, seq)` names an event.
    pub seq: u64,
    /// When it happened, by the clock of the machine where it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the variants say what their fields are")]
pub enum Kind {
    /// The worker has begun. `from_step` is above 0 when it resumed from a checkpoint.
    Started { host: String, device: String, from_step: u64, steps: u64 },
    /// Where the worker is. Shown, not kept in the database.
    Progressed { step: u64, steps: u64 },
    /// Numbers, as of `step`.
    Measured { step: u64, values: BTreeMap<Metric, f64> },
    /// A checkpoint is safe on disk; the path is relative to the run's folder.
    Saved { step: u64, path: String },
    /// A file (a picture, say) was made; the path is relative to the run's folder.
    Produced { name: String, path: String },
    /// Something a person should know that stopped nothing (skipped images, say).
    Noticed { message: String },
    /// The run is complete.
    Finished { seconds: f64 },
    /// The worker was asked to stop, saved a checkpoint and left.
    Interrupted { step: u64 },
    /// The attempt ended without a result.
    Failed { cause: Cause, error: String },
    /// The run was stopped at `step` because others were better; a later attempt can go on from there.
    Pruned { step: u64, reason: String },
    /// What the attempt's process took of its machine. Comes before the ending.
    Used { seconds: f64, peak_memory_bytes: Option<u64> },
}

impl Kind {
    /// Whether nothing of the attempt comes after it.
    pub fn is_ending(&self) -> bool {
        matches!(self, Kind::Finished { .. } | Kind::Interrupted { .. } | Kind::Failed { .. } | Kind::Pruned { .. })
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A part of the loss became infinite or not a number.
    NonFinite,
    /// The data could not be read or does not fit the run.
    Data,
    /// The worker reported an error of another kind.
    Error,
    /// The worker process ended without a word.
    Crashed,
    /// There was not enough memory, of the machine or of the device.
    OutOfMemory,
    /// A disk was full.
    NoSpace,
    /// The worker said nothing for too long and was ended.
    Hung,
    /// The scheduler's time limit came, and nothing had been won since the last time.
    TimedOut,
    /// The worker's machine, or the scheduler's memory of it, is gone.
    Lost,
}

impl Cause {
    /// The name that event files and the database use: `out_of_memory`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::NonFinite => "non_finite",
            Cause::Data => "data",
            Cause::Error => "error",
            Cause::Crashed => "crashed",
            Cause::OutOfMemory => "out_of_memory",
            Cause::NoSpace => "no_space",
            Cause::Hung => "hung",
            Cause::TimedOut => "timed_out",
            Cause::Lost => "lost",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// The name of a measured quantity: `loss`, `loss.reconstruction`, `top1`, `features.rankme`.
///
/// The constants below are all there are, but for a suffix after a second dot or `_k` (`top1_k20`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metric(String);

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better (accuracy).
    Higher,
    /// Less is better (a loss).
    Lower,
    /// It is only to be looked at (learning rate).
    Neither,
}

/// Everything that is known of a metric before it is measured.
pub struct Known {
    /// The name.
    pub name: &'static str,
    /// The unit, empty where there is none.
    pub unit: &'static str,
    /// Which way is good.
    pub better: Better,
    /// What it is, for axes and help.
    pub title: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $unit:literal, $better:ident, $title:literal;)*) => {
        /// All metrics, in the order in which help lists them.
        pub const METRICS: &[Known] = &[$(Known { name: $name, unit: $unit, better: Better::$better, title: $title }),*];
        $(#[doc = $title] pub const $constant: &str = $name;)*
    };
}

metrics! {
    LOSS = "loss", "", Lower, "Total training loss";
    LOSS_RECONSTRUCTION = "loss.reconstruction", "", Lower, "Masked reconstruction loss";
    LOSS_GLOBAL = "loss.global", "", Lower, "Global (contrastive) loss";
    WEIGHT_GLOBAL = "weight.global", "", Neither, "Weight of the global loss";
    LEARNING_RATE = "learning_rate", "", Neither, "Learning rate";
    GRADIENT_NORM = "gradient_norm", "", Neither, "Norm of the gradient before clipping";
    IMAGES_PER_SECOND = "images_per_second", "1/s", Higher, "Images (views) trained on per second";
    WAITED_SHARE = "waited_share", "", Lower, "Share of the time spent waiting for data";
    FEATURES_STD = "features.std", "", Higher, "Standard deviation of the l2-normalised features";
    FEATURES_RANKME = "features.rankme", "", Higher, "RankMe: effective rank of the features";
    FEATURES_ALIGNMENT = "features.alignment", "", Lower, "Alignment: squared distance of positive pairs";
    FEATURES_UNIFORMITY = "features.uniformity", "", Lower, "Uniformity: log mean Gaussian potential of the features";
    TOP1 = "top1", "%", Higher, "Top-1 accuracy";
    TOP5 = "top5", "%", Higher, "Top-5 accuracy";
    BEST_TOP1 = "best.top1", "%", Higher, "Highest top-1 accuracy of all epochs that were measured (chosen on the evaluation split)";
    EMA_TOP1 = "ema.top1", "%", Higher, "Top-1 accuracy of the averaged weights";
    EMA_TOP5 = "ema.top5", "%", Higher, "Top-5 accuracy of the averaged weights";
    ONLINE_LINEAR = "online.linear.top1", "%", Higher, "Top-1 accuracy of the linear probe that learns beside pretraining";
    ONLINE_KNN = "online.knn.top1", "%", Higher, "Top-1 accuracy of nearest neighbours among recent batches of pretraining";
    TRAIN_TOP1 = "train_top1", "%", Higher, "Top-1 accuracy on the training split";
    IMAGES = "images", "", Neither, "Images that were used";
    SECONDS = "seconds", "s", Lower, "Wall time";
}

impl Metric {
    /// The metric of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Metric(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is known of it: the longest known name that begins it at a boundary.
    pub fn known(&self) -> Option<&'static Known> {
        METRICS
            .iter()
            .filter(|known| match self.0.strip_prefix(known.name) {
                Some(rest) => rest.is_empty() || rest.starts_with('.') || rest.starts_with("_k"),
                None => false,
            })
            .max_by_key(|known| known.name.len())
    }

    /// Which way is good.
    pub fn better(&self) -> Better {
        self.known().map_or(Better::Neither, |known| known.better)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Metric {
    fn from(name: &str) -> Self {
        Metric::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_json_and_back() {
        let event = Event {
            run: RunId::of(b"a run"),
            attempt: 1,
            seq: 7,
            at: Timestamp::UNIX_EPOCH,
            kind: Kind::Measured { step: 3, values: BTreeMap::from([(LOSS.into(), 0.1 + 0.2)]) },
        };
        let line = serde_json::to_string(&event).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn a_cause_has_one_name_in_files_and_database() {
        use Cause::{Crashed, Data, Error, Hung, Lost, NoSpace, NonFinite, OutOfMemory, TimedOut};
        for cause in [NonFinite, Data, Error, Crashed, OutOfMemory, NoSpace, Hung, TimedOut, Lost] {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.name());
        }
        assert_eq!(OutOfMemory.to_string(), "out of memory");
    }

    #[test]
    fn a_suffix_keeps_what_is_known_of_a_metric() {
        assert_eq!(Metric::new("top1_k20").better(), Better::Higher);
        assert_eq!(Metric::new("loss.reconstruction").known().unwrap().name, LOSS_RECONSTRUCTION);
        assert_eq!(Metric::new("loss.global.invariance").known().unwrap().name, LOSS_GLOBAL);
        assert!(Metric::new("top").known().is_none());
    }
}
