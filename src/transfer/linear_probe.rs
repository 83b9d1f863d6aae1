//! Linear probing as in MAE: BatchNorm without affine, one linear layer, LARS.

use super::features::{Features, encode, extract};
use super::score::Accuracy;
use super::{NotFinite, Subject, Watch};
use crate::data::train_batches;
use crate::event::{IMAGES, LEARNING_RATE, LOSS, Metric, TOP1, TOP5, TRAIN_TOP1};
use crate::model::BatchNorm;
use crate::model::Init;
use crate::model::Linear;
use crate::model::Pool;
use crate::optimize::{Batch, Gradients, Moments, Optimizer, Rates, Schedule};
use crate::rng::Rng;
use crate::rule::{Checked, ensure};
use anyhow::{Result, bail};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A linear probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How patch tokens become one feature.
    #[serde(default)]
    pub pool: Pool,
    /// Whether training images are cropped and flipped anew in every epoch; otherwise features are computed once.
    #[serde(default)]
    pub augment: bool,
    /// The optimizer (LARS in MAE).
    pub optimizer: Optimizer,
    /// Epochs and learning rate.
    pub schedule: Schedule,
    /// Batch.
    pub batch: Batch,
}

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
    pub fn check(&self, at: &str) -> Checked {
        self.optimizer.check(&format!("{at}.optimizer"))?;
        self.schedule.check(&format!("{at}.schedule"))?;
        self.batch.check(&format!("{at}.batch"))?;
        ensure(self.batch.drop_last, || format!("{at}.batch.drop_last must be true: a probe trains on full batches"))?;
        ensure(self.batch.accumulate == 1, || format!("{at}.batch.accumulate must be 1: a probe fits into one forward pass"))
    }
}

/// `BatchNorm1d(affine=False, eps=1e-6)`, then one linear layer.
#[derive(Module, Debug)]
pub(super) struct Classifier {
    norm: BatchNorm,
    linear: Linear,
}

impl Classifier {
    pub(super) fn new(width: usize, classes: usize, seed: u64, device: &Device) -> Self {
        let init = Init::new(seed, device).part("head");
        // MAE draws from a normal of 0.01 cut at +-2, which is 200 deviations away: the cut never happens.
        let weight = init.normal("weight", [width, classes], 0.01);
        let norm = BatchNorm::without_affine(&init, width).with_epsilon(1e-6);
        Classifier { norm, linear: Linear::of(weight, Some(init.full([classes], 0.0))) }
    }

    /// Logits `[batch, classes]` in training, which move the running statistics.
    pub(super) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.linear.forward(self.norm.forward(features))
    }

    /// Scores `[images, classes]` after training.
    fn scores(&self, features: &Features, device: &Device) -> Vec<f32> {
        let scores = self.linear.forward(self.norm.infer(features.tensor(device)));
        scores.into_data().iter::<f32>().collect()
    }
}

/// Measures an encoder.
pub fn measure(config: &Config, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
    let epochs = u64::from(config.schedule.epochs);
    let mut features = |clips| {
        extract(&subject.frozen(), clips, config.pool, &mut |_, batch| {
            watch.skipped(&batch.skipped);
            watch.progressed(0, epochs)
        })
    };
    let eval = features(subject.eval)?;
    let fixed = if config.augment { None } else { Some(features(subject.train)?) };
    // Of features computed once it is known which images could be read.
    let images = fixed.as_ref().map_or(subject.train.len(), Features::len);
    let steps_per_epoch = (images / config.batch.size).max(1);
    let steps = epochs * steps_per_epoch as u64;
    let classes = subject.train.classes().len();
    let device = subject.device.clone().autodiff();
    let mut head = Classifier::new(eval.width, classes, subject.seed, &device);
    let mut moments = Moments::new();
    // A set smaller than a batch is one batch.
    let peak = config.optimizer.learning_rate(config.batch.size.min(images));
    let mut step = 0;
    for epoch in 0..config.schedule.epochs {
        let mut seen = Accuracy::default();
        let (mut losses, mut batches, mut rate) = (0.0, 0, 0.0);
        for batch in epoch_of(config, subject, fixed.as_ref(), epoch)? {
            let batch = batch?;
            rate = config.schedule.rate(peak, f64::from(epoch) + batches as f64 / steps_per_epoch as f64);
            let logits = head.forward(batch.tensor(&device));
            let loss = cross_entropy(logits.clone(), &batch.labels);
            losses += finite(loss.clone().into_scalar::<f32>(), step)?;
            let gradients = Gradients::take(loss.backward(), &head);
            head = moments.step(head, &config.optimizer, &gradients, &Rates::all(rate));
            let scores: Vec<f32> = logits.inner().into_data().iter::<f32>().collect();
            scores.chunks_exact(classes).zip(&batch.labels).for_each(|(scores, &label)| seen.count(scores, label));
            batches += 1;
            step += 1;
            watch.progressed(step, steps)?;
        }
        let row = [(LOSS, losses / f64::from(batches.max(1))), (TRAIN_TOP1, seen.top1()), (LEARNING_RATE, rate)];
        watch.measured(step, row.map(|(name, value)| (Metric::new(name), value)).into())?;
    }
    let accuracy = Accuracy::of(&head.scores(&eval, &device), &eval.labels, classes);
    let result = [(TOP1, accuracy.top1()), (TOP5, accuracy.top5()), (IMAGES, eval.len() as f64)];
    Ok(result.map(|(name, value)| (Metric::new(name), value)).into())
}

/// The shuffled batches of an epoch: of features computed once, or of freshly augmented images. The last, shorter batch is
/// dropped, unless it is the only one.
fn epoch_of<'a>(
    config: &'a Config,
    subject: &'a Subject<'a>,
    fixed: Option<&'a Features>,
    epoch: u32,
) -> Result<Box<dyn Iterator<Item = Result<Features>> + 'a>> {
    // A set smaller than a batch is one batch.
    let size = config.batch.size.min(subject.train.len());
    let Some(features) = fixed else {
        let batches = train_batches(subject.train, subject.model.image, size, subject.seed, epoch, subject.workers);
        let encoded = batches.map(move |batch| {
            let batch = batch?;
            let values = encode(&subject.frozen(), &batch, config.pool).into_data().iter::<f32>().collect();
            Ok(Features { width: subject.model.vit.0.width, values, labels: batch.labels })
        });
        // The head normalises over the batch, which a single image that could be read would not allow.
        let usable = encoded.filter(|batch| batch.as_ref().map_or(true, |batch| batch.len() >= 2));
        return Ok(Box::new(usable));
    };
    let size = size.min(features.len());
    if size < 2 {
        bail!("a linear probe needs at least 2 training images");
    }
    // The stream is named by the epoch, so that an epoch is the same whatever came before it.
    let order = Rng::stream(subject.seed, &[u64::from(epoch)]).permutation(features.len());
    let batches = (0..features.len() / size).map(move |n| {
        let rows = &order[n * size..(n + 1) * size];
        let width = features.width;
        Ok(Features {
            width,
            values: rows.iter().flat_map(|&row| &features.values[row * width..(row + 1) * width]).copied().collect(),
            labels: rows.iter().map(|&row| features.labels[row]).collect(),
        })
    });
    Ok(Box::new(batches))
}

/// Mean cross-entropy of logits `[batch, classes]`.
pub(super) fn cross_entropy(logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let device = logits.device();
    let labels: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
    let count = labels.len();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [count, 1]), &device);
    -log_softmax(logits, 1).gather(1, labels).mean()
}

fn finite(loss: f32, step: u64) -> Result<f64> {
    let loss = f64::from(loss);
    if !loss.is_finite() {
        bail!(NotFinite::in_training("the loss", loss, step + 1));
    }
    Ok(loss)
}
