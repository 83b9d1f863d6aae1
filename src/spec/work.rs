//! The work of one run, complete: what a template renders to and what a worker is handed.

use crate::data::{Feed, Part, Source, Subset, augment};
use crate::model;
use crate::model::Precision;
use crate::objective;
use crate::optimize::{Batch, Optimizer, Schedule};
use crate::transfer::{Protocol, online};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What one run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// Train an encoder.
    Pretrain(Pretrain),
    /// Make an untrained encoder: the floor of every table.
    RandomInit(RandomInit),
    /// Take an encoder from a file.
    Imported(Imported),
    /// Measure the encoder of the parent run.
    Transfer(Transfer),
}

/// Pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretrain {
    /// Sources of clips, mixed in every batch: in proportion to their size, or by their weights.
    pub data: Vec<Part>,
    /// How a clip becomes two views.
    #[serde(default)]
    pub augment: augment::Config,
    /// The networks.
    pub model: model::Config,
    /// What is minimised.
    pub objective: objective::Config,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Epochs and learning rate.
    pub schedule: Schedule,
    /// Batch.
    pub batch: Batch,
    /// Largest norm of the gradient; longer ones are shortened to it.
    #[serde(default)]
    pub clip_gradient: Option<f64>,
    /// Arithmetic of the matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// Probes that learn beside the encoder, from the classes of the clips, and never touch it. Off when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<online::Config>,
    /// Decides initial weights, order, views and masks.
    pub seed: u64,
    /// How often things are written down. Never changes a result.
    #[serde(default)]
    pub cadence: Cadence,
}

impl Pretrain {
    /// The batches that the run asks for, made by `workers` threads.
    pub fn feed(&self, workers: usize) -> Feed {
        let Pretrain { model, batch, seed, .. } = self;
        Feed { size: model.image, batch: batch.size, drop_last: batch.drop_last, seed: *seed, workers }
    }
}

/// An untrained encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomInit {
    /// The networks.
    pub model: model::Config,
    /// Decides the weights.
    pub seed: u64,
}

/// An encoder from elsewhere: a checkpoint of MAE, ViC-MAE, MAE-ST, timm or Hugging Face, or of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The file. Relative paths start at the project's folder; the run's id depends on what is in it, not on where it lies.
    pub checkpoint: PathBuf,
    /// Attention heads a block, where the width is not a published one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<usize>,
}

/// A measurement of the parent run's encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Labelled images.
    pub data: Labelled,
    /// How the encoder is measured.
    pub protocol: Protocol,
    /// Decides everything that is drawn (order, crops, initial head).
    #[serde(default)]
    pub seed: u64,
}

/// Labelled images to learn from and to be measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// Learnt from.
    pub train: Source,
    /// Measured on; never learnt from.
    pub eval: Source,
    /// The part of `train` that is used; all of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<Subset>,
}

/// How often a run writes things down. Never changes a result, so it is no part of a run's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cadence {
    /// Steps between two rows of training numbers.
    pub measure_steps: u64,
    /// Epochs between two checkpoints (the last step always has one).
    pub checkpoint_epochs: u32,
}

impl Default for Cadence {
    fn default() -> Self {
        Cadence { measure_steps: 10, checkpoint_epochs: 5 }
    }
}
