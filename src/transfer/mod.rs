//! How good an encoder is: one file and one line in the registry for each protocol.

pub mod attentive_probe;
pub mod features;
pub mod fine_tune;
pub mod knn;
pub mod linear_probe;
pub mod logistic;
pub mod online;
pub mod score;

mod course;
mod evaluate;
mod views;

#[cfg(test)]
mod stand;

pub use features::{Features, Frozen};
pub use online::Online;
pub use score::Accuracy;

use crate::data::{Clips, Skipped};
use crate::event::Metric;
use crate::model;
use crate::model::Encoder;
use crate::model::state::StateDict;
use crate::rule::Checked;
use anyhow::Result;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a protocol is given: a frozen encoder and labelled images.
pub struct Subject<'a> {
    /// The encoder. Never changed.
    pub encoder: &'a Encoder,
    /// Its sizes.
    pub model: &'a model::Config,
    /// Learnt from.
    pub train: &'a Arc<dyn Clips>,
    /// Measured on; never learnt from.
    pub eval: &'a Arc<dyn Clips>,
    /// Where the arithmetic is done (without gradients; protocols that train ask for them).
    pub device: &'a Device,
    /// Threads that prepare images.
    pub workers: usize,
    /// Decides everything that is drawn.
    pub seed: u64,
}

impl Subject<'_> {
    /// The encoder by itself.
    pub fn frozen(&self) -> Frozen<'_> {
        Frozen { encoder: self.encoder, model: self.model, device: self.device, workers: self.workers }
    }
}

/// What a protocol tells while it works, and what it may leave for a later attempt.
pub trait Watch {
    /// Numbers as of a step, for the curves.
    fn measured(&mut self, step: u64, values: BTreeMap<Metric, f64>) -> Result<()>;

    /// Files that were left out because they cannot be read.
    fn skipped(&mut self, skipped: &[Skipped]);

    /// How far the work is; an error stops it.
    fn progressed(&mut self, step: u64, steps: u64) -> Result<()>;

    /// Whether the next [`Watch::progressed`] will stop the work: the time to save.
    fn stopping(&mut self) -> bool;

    /// The state that an earlier attempt left, if there is one. A protocol that asks is one that saves: it is not stopped before
    /// it has been told by [`Watch::stopping`].
    fn resume(&mut self) -> Result<Option<Saved>>;

    /// Whether the last saved state is older than that many seconds.
    fn save_due(&self, seconds: u64) -> bool;

    /// Leaves a state for a later attempt to go on from.
    fn save(&mut self, saved: Saved) -> Result<()>;

    /// Shows what the encoder made of the evaluation split, for a picture.
    fn features(&mut self, eval: &Features, classes: &[String]) -> Result<()>;

    /// Keeps weights under a name (`best`, `last`) after the run.
    fn keep(&mut self, name: &str, weights: &StateDict) -> Result<()>;
}

/// Everything that a protocol needs to go on where it was stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Weights by official name.
    pub model: StateDict,
    /// Moments of the optimizer.
    pub optimizer: StateDict,
    /// Steps of the optimizer that are done.
    pub step: u64,
    /// Further numbers by name.
    pub numbers: BTreeMap<String, f64>,
}

/// A number that must be finite is not; the text says which, and what may help.
#[derive(Debug)]
pub struct NotFinite(pub String);

impl NotFinite {
    /// Of a training that diverged. Steps count from 1.
    fn in_training(what: &str, value: f64, step: u64) -> Self {
        NotFinite(format!("{what} became {value} at step {step}; a lower base_lr or clip_gradient may help"))
    }
}

impl std::fmt::Display for NotFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFinite {}

macro_rules! protocols {
    ($($module:ident => $name:ident, $doc:literal;)*) => {
        /// A way to measure a frozen encoder on labelled images.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Protocol {
            $(#[doc = $doc] $name($module::Config),)*
        }

        /// The names of all protocols, with a line on each.
        pub const NAMES: &[(&str, &str)] = &[$((stringify!($module), $doc)),*];

        impl Protocol {
            /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
            pub fn check(&self, at: &str) -> Checked {
                match self {
                    $(Protocol::$name(config) => config.check(&format!("{at}.{}", stringify!($module))),)*
                }
            }

            /// Measures an encoder; the values are the run's result.
            pub fn measure(&self, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
                match self {
                    $(Protocol::$name(config) => $module::measure(config, subject, watch),)*
                }
            }
        }
    };
}

protocols! {
    knn => Knn, "Weighted nearest neighbours on frozen features (DINO).";
    linear_probe => LinearProbe, "A linear classifier on frozen features (MAE).";
    logistic => Logistic, "Logistic regression on frozen features, solved to the optimum (L-BFGS).";
    attentive_probe => AttentiveProbe, "One learned query over the tokens of the frozen encoder, of images or clips (V-JEPA).";
    fine_tune => FineTune, "The whole encoder trained with a new head, on images (MAE) or clips (MAE-ST).";
}
