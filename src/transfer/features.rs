//! Images to features, with a frozen encoder.

use super::{NotFinite, Subject, Watch};
use crate::data::Clips;
use crate::data::ImageBatch;
use crate::data::eval_batches;
use crate::model;
use crate::model::Encoder;
use crate::model::Init;
use crate::model::Mask;
use crate::model::Pool;
use crate::model::Pooling;
use crate::model::patch;
use crate::model::pixels;
use anyhow::{Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use std::sync::Arc;

/// Images a forward pass. Fixed, so that results do not depend on a knob.
const BATCH: usize = 64;

/// A frozen encoder, and how it is used.
#[derive(Clone, Copy)]
pub struct Frozen<'a> {
    /// The encoder. Never changed.
    pub encoder: &'a Encoder,
    /// Its sizes.
    pub model: &'a model::Config,
    /// Where the arithmetic is done (without gradients).
    pub device: &'a Device,
    /// Threads that prepare images.
    pub workers: usize,
}

/// One feature and one label an image, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Width of a feature.
    pub width: usize,
    /// `[images, width]`
    pub values: Vec<f32>,
    /// `[images]`
    pub labels: Vec<usize>,
}

impl Features {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The features as a tensor `[images, width]`.
    pub fn tensor(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.values.clone(), [self.len(), self.width]), device)
    }
}

/// Encodes every image of `clips` under the evaluation transform. `tick` is called after each batch
/// with the images done and the batch; an image that cannot be read is in none.
///
/// # Errors
/// When no image can be read, or when the encoder gives features that are not finite.
pub fn extract(
    frozen: &Frozen<'_>,
    clips: &Arc<dyn Clips>,
    pool: Pool,
    tick: &mut dyn FnMut(usize, &ImageBatch) -> Result<()>,
) -> Result<Features> {
    let mut features = Features { width: frozen.model.vit.0.width, values: Vec::new(), labels: Vec::new() };
    for batch in eval_batches(clips, frozen.model.image, BATCH, frozen.workers) {
        let batch = batch?;
        features.values.extend(encode(frozen, &batch, pool).into_data().iter::<f32>());
        features.labels.extend(&batch.labels);
        tick(features.len(), &batch)?;
    }
    if features.values.iter().any(|value| !value.is_finite()) {
        bail!(NotFinite("the encoder gives features that are not finite: its weights are broken".into()));
    }
    if features.is_empty() {
        bail!("no image of the source could be read");
    }
    Ok(features)
}

/// The features of both splits, training first.
pub(super) fn both(subject: &Subject<'_>, pool: Pool, watch: &mut dyn Watch) -> Result<[Features; 2]> {
    let total = (subject.train.len() + subject.eval.len()) as u64;
    let mut before = 0;
    let mut features = |clips| {
        let features = extract(&subject.frozen(), clips, pool, &mut |done, batch| {
            watch.skipped(&batch.skipped);
            watch.progressed(before + done as u64, total)
        })?;
        before += features.len() as u64;
        anyhow::Ok(features)
    };
    Ok([features(subject.train)?, features(subject.eval)?])
}

/// Encodes one batch of whole images: `[batch, width]`.
pub fn encode(frozen: &Frozen<'_>, batch: &ImageBatch, pool: Pool) -> Tensor<2> {
    let images = pixels::normalised(&batch.pixels, frozen.model.image, frozen.device);
    let patches = patch::patchify(images, frozen.model.patch);
    let [count, tokens, _] = patches.dims();
    let tokens = frozen.encoder.forward(patches, &Mask::none(count, tokens));
    Pooling::new(&Init::new(0, frozen.device), pool).forward(tokens)
}
