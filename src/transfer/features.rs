//! Images to features, with a frozen encoder.

use super::Subject;
use crate::data::Clips;
use crate::data::ImageBatch;
use crate::data::eval_batches;
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

/// Encodes every image of `clips` under the evaluation transform. `tick` is called after each batch with the images done.
pub fn extract(
    subject: &Subject<'_>,
    clips: &Arc<dyn Clips>,
    pool: Pool,
    tick: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Features> {
    let mut features = Features { width: subject.model.vit.0.width, values: Vec::new(), labels: Vec::new() };
    for batch in eval_batches(clips, subject.model.image, BATCH, subject.workers) {
        let batch = batch?;
        features.values.extend(encode(subject, &batch, pool).into_data().iter::<f32>());
        features.labels.extend(batch.labels);
        tick(features.len())?;
    }
    if features.is_empty() {
        bail!("no image of the source could be read");
    }
    Ok(features)
}

/// Encodes one batch of whole images: `[batch, width]`.
pub fn encode(subject: &Subject<'_>, batch: &ImageBatch, pool: Pool) -> Tensor<2> {
    let images = pixels::normalised(&batch.pixels, subject.model.image, subject.device);
    let patches = patch::patchify(images, subject.model.patch);
    let [count, tokens, _] = patches.dims();
    let tokens = subject.encoder.forward(patches, &Mask::none(count, tokens));
    Pooling::new(&Init::new(0, subject.device), pool).forward(tokens)
}
