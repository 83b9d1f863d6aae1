//! Accuracy over test-time views: the probabilities of all views of a clip are averaged.

use super::course::Network;
use super::views::shown;
use super::{Accuracy, NotFinite, Subject};
use crate::data::{LabelledBatch, Look, Views, average, view_batches};
use anyhow::{Result, bail};

/// Frames a forward pass. Fixed, so that results do not depend on a knob.
const FRAMES: usize = 64;

/// Measures a model on all clips of which every view could be read. `alive` is called after each batch; an error stops.
///
/// # Errors
/// When no clip can be read, or an answer is not finite.
pub(super) fn evaluate<N: Network>(
    network: &N,
    model: &N::Model,
    look: Look,
    views: Views,
    subject: &Subject<'_>,
    alive: &mut dyn FnMut(&LabelledBatch) -> Result<()>,
) -> Result<Accuracy> {
    let classes = subject.eval.classes().len();
    let mut accuracy = Accuracy::default();
    let mut clip = usize::MAX;
    // The logits of the clip at hand, [views so far, classes]; its views follow each other.
    let mut logits: Vec<f32> = Vec::new();
    for batch in view_batches(subject.eval, look, views, (FRAMES / look.frames()).max(1), subject.workers) {
        let batch = batch?;
        let answers = network.logits(model, shown(&batch, look, subject.device), None).into_data();
        let answers: Vec<f32> = answers.iter::<f32>().collect();
        if answers.iter().any(|answer| !answer.is_finite()) {
            bail!(NotFinite("the network answers with numbers that are not finite; a lower base_lr may help".into()));
        }
        for ((&of, &label), answer) in batch.clips.iter().zip(&batch.labels).zip(answers.chunks_exact(classes)) {
            if of != clip {
                (clip, logits) = (of, Vec::new());
            }
            logits.extend(answer);
            if logits.len() == views.count() * classes {
                accuracy.count(&average(&logits, classes), label);
            }
        }
        alive(&batch)?;
    }
    if accuracy.images == 0 {
        bail!("no clip of the evaluation split could be read");
    }
    Ok(accuracy)
}
