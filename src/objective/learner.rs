//! Everything that is trained, and the loss of a batch of pairs.

use super::config::Config;
use super::global::{Global, Inputs, View};
use crate::model;
use crate::model::Decoder;
use crate::model::Encoder;
use crate::model::Init;
use crate::model::Mask;
use crate::model::Pooling;
use crate::model::Precision;
use crate::model::patch;
use burn::module::Module;
use burn::tensor::Tensor;

/// The encoder with what the objective adds to it.
#[derive(Module, Debug)]
pub struct Learner {
    /// The encoder, which is what is kept.
    pub encoder: Encoder,
    /// The decoder, when the objective reconstructs.
    pub decoder: Option<Decoder>,
    /// How tokens become a feature.
    pub pool: Pooling,
    /// The global term with its heads.
    pub global: Option<Global>,
}

/// The losses of one batch, each `[1]` and unweighted but for the total.
pub struct Losses {
    /// What is minimised.
    pub total: Tensor<1>,
    /// Masked reconstruction, mean of the two views.
    pub reconstruction: Option<Tensor<1>>,
    /// The global term.
    pub global: Option<Tensor<1>>,
    /// Named parts of the global term.
    pub parts: Vec<(&'static str, Tensor<1>)>,
    /// Pooled features of the two views, each `[batch, width]`.
    pub features: [Tensor<2>; 2],
}

impl Learner {
    /// Untrained networks for an objective.
    pub fn new(init: &Init<'_>, model: &model::Config, objective: &Config, precision: Precision) -> Self {
        let width = model.vit.0.width;
        let encoder = Encoder::new(init, model, precision);
        let mut global = objective.global.as_ref().map(|config| Global::new(config, init, width, precision));
        if let Some(global) = &mut global {
            global.start(&encoder);
        }
        Learner {
            decoder: objective.reconstruction.is_some().then(|| Decoder::new(init, model, precision)),
            pool: Pooling::new(init, objective.pool),
            encoder,
            global,
        }
    }

    /// The losses of two views `[batch, side, side, 3]` of the same clips, normalised, under one mask each.
    ///
    /// `weight` is the weight of the global term at this step; the weight of the reconstruction is the objective's.
    pub fn forward(&self, views: [Tensor<4>; 2], masks: &[Mask; 2], objective: &Config, patch: usize, weight: f64) -> Losses {
        let patches = views.map(|view| patch::patchify(view, patch)); // each [batch, tokens, patch values]
        let views = [0, 1].map(|n| View { patches: &patches[n], mask: &masks[n] });
        let latents = views.map(|view| self.encoder.forward(view.patches.clone(), view.mask));
        let features = [0, 1].map(|n| self.pool.forward(latents[n].clone()));
        let reconstruction = self.decoder.as_ref().zip(objective.reconstruction.as_ref()).map(|(decoder, settings)| {
            let [first, second] = [0, 1].map(|n| reconstruct(decoder, latents[n].clone(), views[n], settings.norm_pixels));
            (first + second) / 2.0
        });
        let terms = self.global.as_ref().map(|global| {
            global.loss(Inputs { features: features.clone(), views, pooling: &self.pool }) //
        });
        let weighted = [
            reconstruction.clone().zip(objective.reconstruction.as_ref()).map(|(loss, settings)| loss * settings.weight),
            terms.as_ref().map(|terms| terms.loss.clone() * weight),
        ];
        let total = weighted.into_iter().flatten().reduce(|a, b| a + b);
        let (global, parts) = terms.map_or((None, Vec::new()), |terms| (Some(terms.loss), terms.parts));
        let total = total.unwrap_or_else(|| Tensor::zeros([1], &features[0].device()));
        Losses { total, reconstruction, global, parts, features }
    }
}

/// The mean squared error over the removed patches of a batch.
fn reconstruct(decoder: &Decoder, latent: Tensor<3>, view: View<'_>, norm_pixels: bool) -> Tensor<1> {
    let rows = view.mask.masked_rows(&latent.device());
    let [batch, tokens, values] = view.patches.dims();
    let target = view.patches.clone().reshape([batch * tokens, values]).select(0, rows.clone());
    let target = if norm_pixels { patch::normalise(target) } else { target };
    let predicted = decoder.predict_rows(decoder.forward(latent, view.mask), rows);
    (predicted - target).square().mean()
}
