//! The registry of global terms: one line here and one file beside it for each.

use crate::model::Encoder;
use crate::model::Init;
use crate::model::Mask;
use crate::model::Pooling;
use crate::model::Precision;
use crate::rule::Checked;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What a global term may look at.
pub struct Inputs<'a> {
    /// Pooled features of the two views, each `[batch, width]`, with gradients.
    pub features: [Tensor<2>; 2],
    /// What the encoder was given for each view.
    pub views: [View<'a>; 2],
    /// How tokens became features.
    pub pooling: &'a Pooling,
}

/// One view as the encoder is given it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Flat patches, `[batch, tokens, patch * patch * 3]`.
    pub patches: &'a Tensor<3>,
    /// Which of them are visible.
    pub mask: &'a Mask,
}

/// A global loss with the parts that it is made of, which are recorded as `loss.global.<part>`.
pub struct Terms {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// Named parts, `[1]` each, unweighted.
    pub parts: Vec<(&'static str, Tensor<1>)>,
}

impl Terms {
    /// A loss without parts.
    pub fn of(loss: Tensor<1>) -> Self {
        Terms { loss, parts: Vec::new() }
    }

    /// Adds a named part, to be recorded.
    #[must_use]
    pub fn part(mut self, name: &'static str, value: Tensor<1>) -> Self {
        self.parts.push((name, value));
        self
    }
}

/// A loss on the pooled features of two views, with its own heads.
pub trait GlobalTerm {
    /// Its knobs.
    type Config;

    /// Heads for features of the given width.
    fn new(config: &Self::Config, init: &Init<'_>, width: usize, precision: Precision) -> Self;

    /// The loss of a batch of pairs.
    fn loss(&self, inputs: Inputs<'_>) -> Terms;

    /// Called once, with the encoder that training begins with.
    fn start(&mut self, _encoder: &Encoder) {}

    /// Called after every step of the optimizer; `progress` goes from 0 to 1 over the training.
    fn after_step(&mut self, _encoder: &Encoder, _progress: f64) {}

    /// Beginnings of the names of parameters whose learning rate stays at its peak.
    fn constant_lr(&self) -> &'static [&'static str] {
        &[]
    }
}

macro_rules! global_terms {
    ($($module:ident => $name:ident, $doc:literal;)*) => {
        /// A global term on the pooled features of two views.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Config {
            $(#[doc = $doc] $name(super::$module::Config),)*
        }

        impl Config {
            /// Says what is wrong with the knobs, if anything is; `at` is the path of the global term.
            pub fn check(&self, at: &str) -> Checked {
                match self {
                    $(Config::$name(config) => config.check(&format!("{at}.{}", stringify!($module))),)*
                }
            }
        }

        /// The names of all global terms, with a line on each.
        pub const NAMES: &[(&str, &str)] = &[$((stringify!($module), $doc)),*];

        /// A global term with its heads.
        #[derive(Module, Debug)]
        #[expect(clippy::large_enum_variant, reason = "there is one of them in a process")]
        pub enum Global {
            $(#[doc = $doc] $name(super::$module::$name),)*
        }

        impl Global {
            /// Heads for features of the given width.
            pub fn new(config: &Config, init: &Init<'_>, width: usize, precision: Precision) -> Self {
                match config {
                    $(Config::$name(config) => Global::$name(GlobalTerm::new(config, init, width, precision)),)*
                }
            }

            /// The loss of a batch of pairs.
            pub fn loss(&self, inputs: Inputs<'_>) -> Terms {
                match self {
                    $(Global::$name(term) => term.loss(inputs),)*
                }
            }

            /// To be called once, with the encoder that training begins with.
            pub fn start(&mut self, encoder: &Encoder) {
                match self {
                    $(Global::$name(term) => term.start(encoder),)*
                }
            }

            /// To be called after every step of the optimizer; `progress` goes from 0 to 1 over the training.
            pub fn after_step(&mut self, encoder: &Encoder, progress: f64) {
                match self {
                    $(Global::$name(term) => term.after_step(encoder, progress),)*
                }
            }

            /// Beginnings of the names of parameters whose learning rate stays at its peak.
            pub fn constant_lr(&self) -> &'static [&'static str] {
                match self {
                    $(Global::$name(term) => term.constant_lr(),)*
                }
            }
        }
    };
}

global_terms! {
    nt_xent => NtXent, "Contrastive with in-batch negatives (SimCLR, ViC-MAE).";
    vicreg => Vicreg, "Variance, invariance and covariance (VICReg).";
    sim_siam => SimSiam, "Predictor and stop-gradient (SimSiam).";
    barlow_twins => BarlowTwins, "Cross-correlation towards the identity (Barlow Twins).";
    byol => Byol, "Predictor against a moving-average teacher (BYOL).";
}
