//! Attentive probing as in V-JEPA: one learned query attends to the tokens of a frozen encoder, of an image or of all frames.

use super::course::{Network, Recipe, run};
use super::fine_tune::{full_batches, one_view, views_fit};
use super::{Subject, Watch};
use crate::data::{Look, Sampling, TrainView, Views};
use crate::event::Metric;
use crate::model::patch;
use crate::model::position::in_time;
use crate::model::{AttentivePooler, Init, Linear, Mask};
use crate::optimize::{Batch, Optimizer, Schedule};
use crate::rng::Rng;
use crate::rule::{Checked, ensure, positive, share};
use anyhow::{Result, bail};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An attentive probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which frames of a clip; the middle one alone, as an image, when absent.
    #[serde(default)]
    pub sampling: Option<Sampling>,
    /// Test-time views of a clip, `clips x crops`, one or more ways.
    #[serde(default = "one_view")]
    pub views: Vec<Views>,
    /// Attention heads of the pooler; those of the encoder when absent.
    #[serde(default)]
    pub heads: Option<usize>,
    /// How training views are made.
    #[serde(default)]
    pub augment: TrainView,
    /// Label smoothing.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Epochs and learning rate.
    pub schedule: Schedule,
    /// Batch, in clips.
    pub batch: Batch,
    /// Largest norm of the gradient.
    #[serde(default)]
    pub clip_gradient: Option<f64>,
    /// Epochs between two measurements on `eval`; 0 measures at the end alone.
    #[serde(default)]
    pub evaluate_epochs: u32,
}

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
    pub fn check(&self, at: &str) -> Checked {
        self.optimizer.check(&format!("{at}.optimizer"))?;
        self.schedule.check(&format!("{at}.schedule"))?;
        self.batch.check(&format!("{at}.batch"))?;
        full_batches(at, &self.batch)?;
        self.clip_gradient.map_or(Ok(()), |limit| positive(&format!("{at}.clip_gradient"), limit))?;
        self.augment.check().map_err(|message| format!("{at}.augment: {message}"))?;
        share(&format!("{at}.label_smoothing"), self.label_smoothing)?;
        ensure(self.heads != Some(0), || format!("{at}.heads must be above 0"))?;
        views_fit(at, &self.views, "sampling", self.sampling.is_some())?;
        let sampling = self.sampling.as_ref();
        sampling.map_or(Ok(()), |sampling| sampling.check().map_err(|message| format!("{at}.sampling: {message}")))
    }
}

/// Measures an encoder.
pub fn measure(config: &Config, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
    let size = subject.model.vit.0;
    let heads = config.heads.unwrap_or(size.heads);
    if !size.width.is_multiple_of(heads) {
        let message = format!("attentive_probe.heads ({heads}) does not divide the width of the encoder ({})", size.width);
        bail!(crate::failure::Failure::input(message));
    }
    let device = subject.device.clone().autodiff();
    let init = Init::new(subject.seed, &device).part("probe");
    let classes = subject.train.classes().len();
    let weight = init.part("linear").normal("weight", [size.width, classes], 0.02);
    let probe = Probe {
        pooler: AttentivePooler::new(&init, size.width, heads),
        linear: Linear::of(weight, Some(init.full([classes], 0.0))),
    };
    let recipe = Recipe {
        look: Look { size: subject.model.image, sampling: config.sampling },
        view: &config.augment,
        mix: None,
        smoothing: config.label_smoothing,
        optimizer: &config.optimizer,
        schedule: &config.schedule,
        batch: &config.batch,
        layer_decay: None,
        undecayed: &[],
        clip_gradient: config.clip_gradient,
        ema: None,
        views: &config.views,
        evaluate_epochs: config.evaluate_epochs,
    };
    run(&Frozen { subject, frames: recipe.look.frames() }, probe, &recipe, subject, watch)
}

/// What is trained.
#[derive(Module, Debug)]
struct Probe {
    pooler: AttentivePooler,
    linear: Linear,
}

/// The encoder, which looks at each frame by itself.
struct Frozen<'a> {
    subject: &'a Subject<'a>,
    frames: usize,
}

impl Network for Frozen<'_> {
    type Model = Probe;

    fn logits(&self, probe: &Probe, views: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        let tokens = self.tokens(views);
        let tokens = if noise.is_some() { Tensor::from_inner(tokens) } else { tokens };
        probe.linear.forward(probe.pooler.forward(tokens))
    }
}

impl Frozen<'_> {
    /// The tokens of all frames of each clip, `[batch, frames * (1 + tokens), width]`. Those of a clip carry the time of their
    /// frame, which an encoder of images knows nothing of.
    fn tokens(&self, views: Tensor<4>) -> Tensor<3> {
        /// Images a forward pass: all frames of a batch at once may be thousands.
        const IMAGES: usize = 64;
        let patches = patch::patchify(views, self.subject.model.patch);
        let [images, tokens, _] = patches.dims();
        let encode = |patches: Tensor<3>| {
            let count = patches.dims()[0];
            self.subject.encoder.forward(patches, &Mask::none(count, tokens))
        };
        let encoded = Tensor::cat(patches.split(IMAGES, 0).into_iter().map(encode).collect(), 0); // [batch * frames, 1 + tokens, width]
        let (batch, width) = (images / self.frames, encoded.dims()[2]);
        if self.frames == 1 {
            return encoded;
        }
        let times = TensorData::new(in_time(width, self.frames), [1, self.frames, 1, width]);
        let encoded = encoded.reshape([batch, self.frames, 1 + tokens, width]);
        (encoded + Tensor::from_data(times, self.subject.device)).reshape([batch, self.frames * (1 + tokens), width])
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand::{Colours, Witness, model};
    use super::*;
    use crate::model::{Encoder, Precision, state};
    use burn::tensor::Device;

    #[test]
    fn images_and_clips_are_learnt_and_the_encoder_stays_as_it_is() {
        let device = Device::flex();
        let model = model();
        let encoder = Encoder::new(&Init::new(3, &device), &model, Precision::F32);
        let before = state::save(&encoder, model.patch);
        let (train, eval) = (Colours::clips(24), Colours::clips(12));
        let subject =
            Subject { encoder: &encoder, model: &model, train: &train, eval: &eval, device: &device, workers: 0, seed: 0 };
        for (clip, metric) in [("", "top1"), ("sampling: { segments: { frames: 3 } }\nviews: [2x1]\n", "top1.2x1")] {
            let rest = "optimizer: { adamw: { base_lr: 0.1 } }\nschedule: { epochs: 40 }\nbatch: { size: 8 }\n";
            let config: Config = serde_saphyr::from_str(&format!("{clip}{rest}")).unwrap();
            config.check("attentive_probe").unwrap();
            let mut witness = Witness::default();
            let values = measure(&config, &subject, &mut witness).unwrap();
            assert!(values[&Metric::new(metric)] > 90.0, "{values:?}");
            assert!(witness.kept["last"].keys().all(|name| name.starts_with("pooler.") || name.starts_with("linear.")));
        }
        assert_eq!(state::save(&encoder, model.patch), before);
    }
}
