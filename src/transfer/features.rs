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
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::HashMap;
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

    /// At most `most` of them, evenly spaced, so that splits sorted by class keep all their classes.
    pub fn thinned(&self, most: usize) -> Features {
        let kept = most.min(self.len());
        let rows = || (0..kept).map(|row| row * self.len() / kept);
        let values = rows().flat_map(|row| &self.values[row * self.width..][..self.width]).copied().collect();
        Features { width: self.width, values, labels: rows().map(|row| self.labels[row]).collect() }
    }

    /// As a safetensors file: `features` [images, width] (32-bit floats) and `labels` [images] (64-bit integers), `paths` (UTF-8,
    /// one line an image) where there are any, and `classes`, a JSON list, in the metadata.
    ///
    /// # Errors
    /// When the parts are not equally long.
    pub fn to_safetensors(&self, paths: &[String], classes: &[String]) -> Result<Vec<u8>> {
        let values: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let labels: Vec<u8> = self.labels.iter().flat_map(|label| (*label as i64).to_le_bytes()).collect();
        let text = paths.join("\n");
        let mut tensors = vec![
            ("features", TensorView::new(Dtype::F32, vec![self.len(), self.width], &values)?),
            ("labels", TensorView::new(Dtype::I64, vec![self.len()], &labels)?),
        ];
        if !paths.is_empty() {
            tensors.push(("paths", TensorView::new(Dtype::U8, vec![text.len()], text.as_bytes())?));
        }
        let metadata = HashMap::from([("classes".to_owned(), serde_json::to_string(classes)?)]);
        Ok(serialize(tensors, Some(metadata))?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn features_are_thinned_evenly_and_written_with_their_classes() {
        let features = Features { width: 2, values: (0..20).map(|n| n as f32).collect(), labels: (0..10).collect() };
        let some = features.thinned(4);
        assert_eq!((&some.labels[..], &some.values[..]), (&[0, 2, 5, 7][..], &[0., 1., 4., 5., 10., 11., 14., 15.][..]));
        assert_eq!(features.thinned(100), features);
        let bytes = some.to_safetensors(&[], &["a".into(), "b".into()]).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("features").unwrap().shape(), [4, 2]);
        assert_eq!(tensors.tensor("labels").unwrap().data()[..8], 0i64.to_le_bytes());
        assert!(tensors.tensor("paths").is_err());
    }
}
