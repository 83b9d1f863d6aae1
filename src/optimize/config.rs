//! The knobs of an optimizer, of the learning rate over time, and of the batch.

use crate::rule::{Checked, at_least, ensure, not_negative, positive, share};
use serde::{Deserialize, Serialize};

/// An optimizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam with decoupled weight decay; biases and other one-dimensional tensors are not decayed unless asked for.
    Adamw(AdamW),
    /// Layer-wise adaptive rate scaling (linear probing in MAE); one-dimensional tensors are neither scaled nor decayed.
    Lars(Lars),
    /// Gradient descent with momentum; one-dimensional tensors are decayed too, as in PyTorch.
    Sgd(Sgd),
}

/// AdamW. The learning rate is `base_lr * batch / 256`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// Learning rate at a batch of 256.
    pub base_lr: f64,
    /// Decay of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Whether biases and other one-dimensional tensors are decayed too (plain PyTorch; MAE does not).
    pub decay_vectors: bool,
}

/// LARS. The learning rate is `base_lr * batch / 256`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lars {
    /// Learning rate at a batch of 256.
    pub base_lr: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Trust coefficient.
    pub trust: f64,
}

/// Gradient descent with momentum (PyTorch's). The learning rate is `base_lr * batch / 256`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate at a batch of 256.
    pub base_lr: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
}

/// How long training goes on and how the learning rate moves: linear warm-up, then half a cosine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Passes over the data.
    pub epochs: u32,
    /// Epochs from a learning rate of 0 to the full one.
    #[serde(default)]
    pub warmup_epochs: f64,
    /// Learning rate at the end.
    #[serde(default)]
    pub min_lr: f64,
}

/// How many pairs go into a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Pairs a forward pass (negatives come from within it).
    pub size: usize,
    /// Forward passes a step of the optimizer.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Whether the pairs at the end of an epoch that do not fill a batch are left out; else they are a smaller batch.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub drop_last: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { base_lr: 1.5e-4, betas: [0.9, 0.95], eps: 1e-8, weight_decay: 0.05, decay_vectors: false }
    }
}

impl Default for Lars {
    fn default() -> Self {
        Lars { base_lr: 0.1, momentum: 0.9, weight_decay: 0.0, trust: 0.001 }
    }
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { base_lr: 0.1, momentum: 0.9, weight_decay: 0.0 }
    }
}

impl Optimizer {
    /// The learning rate for a batch, by the linear rule: `base_lr * batch / 256`.
    pub fn learning_rate(&self, batch: usize) -> f64 {
        let base = match self {
            Optimizer::Adamw(adamw) => adamw.base_lr,
            Optimizer::Lars(lars) => lars.base_lr,
            Optimizer::Sgd(sgd) => sgd.base_lr,
        };
        base * batch as f64 / 256.0
    }

    /// Says what is wrong with the knobs, if anything is; `at` is the path of the optimizer.
    pub fn check(&self, at: &str) -> Checked {
        match self {
            Optimizer::Adamw(adamw) => {
                not_negative(&format!("{at}.adamw.base_lr"), adamw.base_lr)?;
                not_negative(&format!("{at}.adamw.weight_decay"), adamw.weight_decay)?;
                positive(&format!("{at}.adamw.eps"), adamw.eps)?;
                adamw.betas.iter().try_for_each(|beta| {
                    ensure((0.0..1.0).contains(beta), || format!("{at}.adamw.betas ({beta}) must be at least 0 and below 1"))
                })
            }
            Optimizer::Lars(lars) => {
                not_negative(&format!("{at}.lars.base_lr"), lars.base_lr)?;
                not_negative(&format!("{at}.lars.weight_decay"), lars.weight_decay)?;
                not_negative(&format!("{at}.lars.trust"), lars.trust)?;
                share(&format!("{at}.lars.momentum"), lars.momentum)
            }
            Optimizer::Sgd(sgd) => {
                not_negative(&format!("{at}.sgd.base_lr"), sgd.base_lr)?;
                not_negative(&format!("{at}.sgd.weight_decay"), sgd.weight_decay)?;
                share(&format!("{at}.sgd.momentum"), sgd.momentum)
            }
        }
    }
}

impl Schedule {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the schedule.
    pub fn check(&self, at: &str) -> Checked {
        at_least(&format!("{at}.epochs"), self.epochs.into(), 1)?;
        not_negative(&format!("{at}.warmup_epochs"), self.warmup_epochs)?;
        not_negative(&format!("{at}.min_lr"), self.min_lr)?;
        let (warmup, epochs) = (self.warmup_epochs, self.epochs);
        ensure(warmup <= f64::from(epochs), || {
            format!(
                "{at}.warmup_epochs ({warmup}) is longer than the whole training ({epochs} epochs): set `warmup_epochs` to less, \
                 beside `epochs`"
            )
        })
    }
}

impl Batch {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the batch.
    pub fn check(&self, at: &str) -> Checked {
        at_least(&format!("{at}.size"), self.size as u64, 2)?;
        at_least(&format!("{at}.accumulate"), self.accumulate as u64, 1)
    }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// The default is not written, so that runs keep the ids that they had before there was a choice.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_yes(value: &bool) -> bool {
    *value
}
