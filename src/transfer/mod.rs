//! How good an encoder is: one file and one line in the registry for each protocol.

pub mod features;
pub mod knn;
pub mod linear_probe;
pub mod score;

pub use features::Features;
pub use score::Accuracy;

use crate::data::Clips;
use crate::event::Metric;
use crate::model;
use crate::model::Encoder;
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

/// What a protocol tells while it works.
pub trait Watch {
    /// Numbers as of a step, for the curves.
    fn measured(&mut self, step: u64, values: BTreeMap<Metric, f64>) -> anyhow::Result<()>;

    /// How far the work is; an error stops it.
    fn progressed(&mut self, step: u64, steps: u64) -> anyhow::Result<()>;
}

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
            /// Says what is wrong with the knobs, if anything is.
            pub fn check(&self) -> Result<(), String> {
                match self {
                    $(Protocol::$name(config) => config.check(),)*
                }
            }

            /// Measures an encoder; the values are the run's result.
            pub fn measure(&self, subject: &Subject<'_>, watch: &mut dyn Watch) -> anyhow::Result<BTreeMap<Metric, f64>> {
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
}
