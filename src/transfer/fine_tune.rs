//! Fine-tuning: the encoder and a new head, on images (MAE) or on clips (MAE-ST).

use super::course::{Network, Recipe, run};
use super::{Subject, Watch};
use crate::data::augment::Mix;
use crate::data::{Look, Sampling, TrainView, Views};
use crate::event::Metric;
use crate::model;
use crate::model::inflate;
use crate::model::patch;
use crate::model::state;
use crate::model::{Encoder, Init, LayerNorm, Linear, Mask, Paths, Pool, Pooling, Precision, Tubes};
use crate::optimize::{Batch, LayerDecay, Optimizer, Schedule};
use crate::rng::Rng;
use crate::rule::{Checked, at_least, ensure, not_negative, positive, share};
use anyhow::{Result, bail};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Side of the input in pixels; that of pretraining when absent. Positions are resized.
    #[serde(default)]
    pub image: Option<usize>,
    /// How clips are looked at; images (or the middle frame of each clip) when absent.
    #[serde(default)]
    pub clip: Option<Clip>,
    /// Test-time views of a clip, `clips x crops`, one or more ways. The first decides which epoch is the best.
    #[serde(default = "one_view")]
    pub views: Vec<Views>,
    /// How tokens become one feature. All but `cls` have a norm after pooling (`fc_norm`) in the place of the encoder's last one:
    /// a new one for images, for clips one that starts as the encoder's.
    #[serde(default)]
    pub pool: Pool,
    /// Probability of dropping a branch of the last block; it grows evenly from 0 in the first.
    #[serde(default)]
    pub drop_path: f64,
    /// Probability of dropping a number of the feature before the head.
    #[serde(default)]
    pub dropout: f64,
    /// How training views are made.
    #[serde(default)]
    pub augment: TrainView,
    /// Mixup and CutMix.
    #[serde(default)]
    pub mix: Option<Mix>,
    /// Label smoothing.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The learning rate of each layer as a share of that of the layer above.
    #[serde(default = "no_decay")]
    pub layer_decay: f64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Epochs and learning rate.
    pub schedule: Schedule,
    /// Batch, in clips.
    pub batch: Batch,
    /// Largest norm of the gradient.
    #[serde(default)]
    pub clip_gradient: Option<f64>,
    /// Decay of a moving average of the weights, which is measured too.
    #[serde(default)]
    pub ema: Option<f64>,
    /// Epochs between two measurements on `eval`; 0 measures at the end alone.
    #[serde(default)]
    pub evaluate_epochs: u32,
    /// Arithmetic of the matrix products.
    #[serde(default)]
    pub precision: Precision,
}

/// How clips are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Which frames.
    pub sampling: Sampling,
    /// Frames a token.
    #[serde(default = "two")]
    pub tubelet: usize,
}

pub(super) fn one_view() -> Vec<Views> {
    vec![Views { clips: 1, crops: 1 }]
}

fn no_decay() -> f64 {
    1.0
}

fn two() -> usize {
    2
}

/// Positions and class token are matrices in their shape, not in their nature (`no_weight_decay` of timm's ViT).
const UNDECAYED: &[&str] = &["pos_embed", "cls_token"];

/// MAE's deviation of the head's initial weights.
const HEAD_STD: f64 = 2e-5;

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
    pub fn check(&self, at: &str) -> Checked {
        self.optimizer.check(&format!("{at}.optimizer"))?;
        self.schedule.check(&format!("{at}.schedule"))?;
        self.batch.check(&format!("{at}.batch"))?;
        full_batches(at, &self.batch)?;
        self.augment.check().map_err(|message| format!("{at}.augment: {message}"))?;
        self.mix.as_ref().map_or(Ok(()), Mix::check).map_err(|message| format!("{at}.mix: {message}"))?;
        share(&format!("{at}.drop_path"), self.drop_path)?;
        share(&format!("{at}.dropout"), self.dropout)?;
        share(&format!("{at}.label_smoothing"), self.label_smoothing)?;
        ensure(self.layer_decay <= 1.0, || format!("{at}.layer_decay ({}) must be at most 1", self.layer_decay))?;
        positive(&format!("{at}.layer_decay"), self.layer_decay)?;
        self.clip_gradient.map_or(Ok(()), |limit| positive(&format!("{at}.clip_gradient"), limit))?;
        self.ema.map_or(Ok(()), |decay| not_negative(&format!("{at}.ema"), decay))?;
        self.ema.map_or(Ok(()), |decay| share(&format!("{at}.ema"), decay))?;
        views_fit(at, &self.views, "clip", self.clip.is_some())?;
        let Some(clip) = &self.clip else { return Ok(()) };
        clip.sampling.check().map_err(|message| format!("{at}.clip.sampling: {message}"))?;
        at_least(&format!("{at}.clip.tubelet"), clip.tubelet as u64, 1)?;
        let frames = clip.sampling.frames();
        ensure(frames.is_multiple_of(clip.tubelet), || {
            format!("{at}.clip has {frames} frames, which is not a multiple of the tubelet ({})", clip.tubelet)
        })
    }

    fn look(&self, size: usize) -> Look {
        Look { size, sampling: self.clip.map(|clip| clip.sampling) }
    }
}

/// The last batch of an epoch that is not full is left out.
pub(super) fn full_batches(at: &str, batch: &Batch) -> Checked {
    ensure(batch.drop_last, || format!("{at}.batch.drop_last must be true: full batches are trained on"))
}

/// An image has one view; a clip has as many as were asked for.
///
/// `key` is the one that says how clips are looked at.
pub(super) fn views_fit(at: &str, views: &[Views], key: &str, clips: bool) -> Checked {
    ensure(!views.is_empty(), || format!("{at}.views is empty: give at least one, such as 1x1"))?;
    let several = views.iter().find(|views| views.count() > 1);
    ensure(clips || several.is_none(), || {
        let views = several.map(ToString::to_string).unwrap_or_default();
        format!("{at}.views has {views}, but without `{key}` the input is an image, which has one view (1x1)")
    })
}

/// Measures an encoder.
pub fn measure(config: &Config, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
    let model = model::Config { image: config.image.unwrap_or(subject.model.image), ..subject.model.clone() };
    if let Err(message) = model.check() {
        bail!(
            crate::failure::Failure::input(message)
                .hint("`image` must be a multiple of the patch that the encoder was trained with")
        );
    }
    let classes = subject.train.classes().len();
    let classifier = Classifier::new(config, &model, classes, subject)?;
    let depth = model.vit.0.depth;
    let layer_decay = (config.layer_decay < 1.0).then_some(LayerDecay { factor: config.layer_decay, depth });
    let recipe = Recipe {
        look: config.look(model.image),
        view: &config.augment,
        mix: config.mix.as_ref(),
        smoothing: config.label_smoothing,
        optimizer: &config.optimizer,
        schedule: &config.schedule,
        batch: &config.batch,
        layer_decay,
        undecayed: UNDECAYED,
        clip_gradient: config.clip_gradient,
        ema: config.ema,
        views: &config.views,
        evaluate_epochs: config.evaluate_epochs,
    };
    run(&Tuned { config, model: &model }, classifier, &recipe, subject, watch)
}

/// The encoder with a head.
#[derive(Module, Debug)]
struct Classifier {
    encoder: Encoder,
    pool: Pooling,
    fc_norm: Option<LayerNorm>,
    head: Linear,
}

impl Classifier {
    /// The pretrained encoder, fitted to its new input, with a new head.
    fn new(config: &Config, model: &model::Config, classes: usize, subject: &Subject<'_>) -> Result<Self> {
        let device = subject.device.clone().autodiff();
        let init = Init::new(subject.seed, &device);
        let mut weights = state::save(subject.encoder, model.patch);
        inflate::resize_positions(&mut weights, model.grid());
        let blank = match &config.clip {
            None => Encoder::new(&init, model, config.precision),
            Some(clip) => {
                inflate::inflate(&mut weights, clip.tubelet);
                let steps = clip.sampling.frames() / clip.tubelet;
                Encoder::of_clips(&init, model, Tubes { tubelet: clip.tubelet, steps }, config.precision)
            }
        };
        let (encoder, leftover) = state::load(blank, model.patch, weights);
        let new = leftover.missing.iter().all(|name| name == "pos_embed_temporal");
        if !new || !leftover.unused.is_empty() || !leftover.misshapen.is_empty() {
            bail!("the encoder does not fit its new input: {leftover:?}");
        }
        let width = model.vit.0.width;
        // MAE cuts the normal at +-2, which is 100,000 deviations away.
        let weight = init.part("head").normal("weight", [width, classes], HEAD_STD);
        // After pooling MAE has a new norm, and MAE-ST the pretrained one.
        let norm = if config.clip.is_some() { encoder.last_norm().copied() } else { LayerNorm::new(&init, width) };
        Ok(Classifier {
            encoder: encoder.with_trained_positions(),
            pool: Pooling::new(&init, config.pool),
            fc_norm: (config.pool != Pool::Cls).then_some(norm),
            head: Linear::of(weight, Some(init.full([classes], 0.0))),
        })
    }
}

/// How the classifier answers.
struct Tuned<'a> {
    config: &'a Config,
    model: &'a model::Config,
}

impl Network for Tuned<'_> {
    type Model = Classifier;

    fn logits(&self, classifier: &Classifier, views: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2> {
        let frames = self.config.look(self.model.image).frames();
        let patches = match &self.config.clip {
            Some(clip) => patch::patchify_clips(views, frames, clip.tubelet, self.model.patch),
            None => patch::patchify(views, self.model.patch),
        };
        let [batch, tokens, _] = patches.dims();
        let device = classifier.encoder.device();
        let (patches, (paths, dropped)) = match noise {
            None => (patches, (Paths::all(), None)),
            Some(rng) => (Tensor::from_inner(patches), self.noise(batch, rng, &device)),
        };
        let x = classifier.encoder.blocks(patches, &Mask::none(batch, tokens), &paths);
        let feature = match &classifier.fc_norm {
            Some(norm) => norm.forward(classifier.pool.forward(x)),
            None => classifier.pool.forward(classifier.encoder.last_norm().forward(x)),
        };
        classifier.head.forward(match dropped {
            Some(factors) => feature * factors,
            None => feature,
        })
    }
}

impl Tuned<'_> {
    /// What a step of training drops: branches of blocks, and numbers of the feature.
    fn noise(&self, batch: usize, rng: &mut Rng, device: &burn::tensor::Device) -> (Paths, Option<Tensor<2>>) {
        let size = &self.model.vit.0;
        let paths = Paths::draw(batch, size.depth, self.config.drop_path, rng, device);
        let rate = self.config.dropout;
        let dropped = (rate > 0.0).then(|| {
            let kept = (1.0 / (1.0 - rate)) as f32;
            let factors = (0..batch * size.width).map(|_| if rng.chance(rate) { 0.0 } else { kept }).collect::<Vec<f32>>();
            Tensor::from_data(TensorData::new(factors, [batch, size.width]), device)
        });
        (paths, dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand::{Colours, Witness, model};
    use super::*;
    use burn::tensor::Device;

    fn config(text: &str) -> Config {
        let rest = "optimizer: { adamw: { base_lr: 0.3, weight_decay: 0.0 } }\nschedule: { epochs: 8 }\nbatch: { size: 8 }\n";
        serde_saphyr::from_str(&format!("{rest}{text}")).unwrap()
    }

    /// The result on colours, and the weights before and after.
    fn tuned(config: &Config) -> (BTreeMap<Metric, f64>, state::StateDict, Witness) {
        let device = Device::flex();
        let model = model();
        let encoder = Encoder::new(&Init::new(3, &device), &model, Precision::F32);
        let (train, eval) = (Colours::clips(24), Colours::clips(12));
        let subject =
            Subject { encoder: &encoder, model: &model, train: &train, eval: &eval, device: &device, workers: 0, seed: 0 };
        config.check("fine_tune").unwrap();
        let mut witness = Witness::default();
        let values = measure(config, &subject, &mut witness).unwrap();
        (values, state::save(&encoder, model.patch), witness)
    }

    fn moved(before: &state::StateDict, after: &state::StateDict, name: &str) -> bool {
        before[name].iter::<f32>().zip(after[name].iter::<f32>()).any(|(before, after)| before != after)
    }

    #[test]
    fn images_are_learnt_and_every_part_of_the_encoder_moves() {
        let (values, before, witness) = tuned(&config("layer_decay: 0.75\nema: 0.5"));
        assert!(values[&Metric::new("top1")] > 90.0 && values[&Metric::new("ema.top1")] > 90.0, "{values:?}");
        let after = &witness.kept["last"];
        for name in before.keys().filter(|name| !name.starts_with("norm.")) {
            assert!(moved(&before, after, name), "{name} did not move");
        }
        assert!(!after.keys().any(|name| name.starts_with("norm.")) && after.contains_key("fc_norm.weight"));
        assert!(after.keys().any(|name| moved(after, &witness.kept["ema"], name)), "the average lags behind");
    }

    #[test]
    fn lower_layers_move_less_where_the_rate_decays() {
        // Without its moments AdamW's first step is as long as the rate, whatever the gradient.
        let one_step = "{ layer_decay: LAYERS, optimizer: { adamw: { base_lr: 0.01, weight_decay: 0.0 } }, schedule: { epochs: 1 }, batch: { size: 24 } }";
        let step = |layers: &str, name: &str| {
            let (_, before, witness) = tuned(&serde_saphyr::from_str(&one_step.replace("LAYERS", layers)).unwrap());
            let pairs = before[name].iter::<f32>().zip(witness.kept["last"][name].iter::<f32>());
            f64::from(pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())))
        };
        let (even, decayed) = (step("1.0", "patch_embed.proj.weight"), step("0.5", "patch_embed.proj.weight"));
        // Two blocks: the patch embedding is three layers below the head.
        assert!((decayed / even - 0.125).abs() < 0.01, "{even} and {decayed}");
    }

    #[test]
    fn positions_and_class_token_bear_no_decay() {
        let text = "{ optimizer: { adamw: { base_lr: 0.3, weight_decay: 3.0 } }, schedule: { epochs: 1 }, batch: { size: 24 } }";
        let drift = |weight_decay: &str| {
            let (_, _, witness) = tuned(&serde_saphyr::from_str(&text.replace("3.0", weight_decay)).unwrap());
            witness.kept["last"].clone()
        };
        let (with, without) = (drift("3.0"), drift("0.0"));
        for name in ["pos_embed", "cls_token", "fc_norm.weight", "blocks.0.attn.qkv.bias"] {
            assert!(!moved(&with, &without, name), "{name} was decayed");
        }
        assert!(moved(&with, &without, "blocks.0.attn.qkv.weight"));
    }

    #[test]
    fn clips_are_learnt_and_their_steps_in_time_too() {
        let clip = "clip: { sampling: { segments: { frames: 4 } } }\nviews: [2x3]\ndrop_path: 0.1\ndropout: 0.1";
        let (values, before, witness) = tuned(&config(clip));
        assert!(values[&Metric::new("top1.2x3")] > 90.0, "{values:?}");
        let after = &witness.kept["last"];
        assert!(after["pos_embed_temporal"].iter::<f32>().any(|value| value != 0.0));
        assert!(moved(&before, after, "pos_embed") && after["patch_embed.proj.weight"].shape().to_vec() == [16, 3, 2, 8, 8]);
    }

    #[test]
    fn knobs_that_make_no_sense_are_named() {
        let refused = |text: &str| config(text).check("protocol.fine_tune").unwrap_err();
        insta::assert_snapshot!(refused("views: [2x3]"), @"protocol.fine_tune.views has 2x3, but without `clip` the input is an image, which has one view (1x1)");
        insta::assert_snapshot!(refused("clip: { sampling: { segments: { frames: 5 } } }"), @"protocol.fine_tune.clip has 5 frames, which is not a multiple of the tubelet (2)");
        insta::assert_snapshot!(refused("layer_decay: 1.5"), @"protocol.fine_tune.layer_decay (1.5) must be at most 1");
    }
}
