//! The training loop of the protocols that learn on labelled views: fine-tuning and attentive probing.

use super::evaluate::evaluate;
use super::views::{blended, shown};
use super::{NotFinite, Saved, Subject, Watch};
use crate::data::augment::{Mix, targets, unmixed};
use crate::data::{Epoch, LabelledBatch, Look, TrainView, Views, batches_per_epoch, training_batches};
use crate::event::{BEST_TOP1, GRADIENT_NORM, IMAGES, IMAGES_PER_SECOND, LEARNING_RATE, LOSS, Metric};
use crate::failure::Failure;
use crate::model::state;
use crate::model::state::StateDict;
use crate::optimize::{Batch, Gradients, LayerDecay, Moments, Optimizer, Rates, Schedule};
use crate::rng::Rng;
use anyhow::{Result, bail};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;
use std::time::Instant;

/// How a network is trained, and how it is measured.
pub(super) struct Recipe<'a> {
    /// What the network is given of a clip.
    pub look: Look,
    /// How training views are made.
    pub view: &'a TrainView,
    /// Mixup and CutMix.
    pub mix: Option<&'a Mix>,
    /// Label smoothing.
    pub smoothing: f64,
    pub optimizer: &'a Optimizer,
    pub schedule: &'a Schedule,
    pub batch: &'a Batch,
    pub layer_decay: Option<LayerDecay>,
    /// Beginnings of the names of parameters that are not decayed, besides those of one dimension.
    pub undecayed: &'a [&'static str],
    pub clip_gradient: Option<f64>,
    /// Decay of the moving average of the weights.
    pub ema: Option<f64>,
    /// The views of each clip that are averaged, as many ways as are to be reported; the first decides which epoch is the best.
    pub views: &'a [Views],
    /// Epochs between two measurements; 0 measures at the end alone.
    pub evaluate_epochs: u32,
}

/// A network of a protocol: what is trained, and how it answers.
pub(super) trait Network {
    /// What is trained.
    type Model: Module;

    /// Logits `[batch, classes]` of views `[batch * frames, size, size, 3]`, which carry no gradient. `noise` is there in
    /// training: it decides what is dropped.
    fn logits(&self, model: &Self::Model, views: Tensor<4>, noise: Option<&mut Rng>) -> Tensor<2>;
}

/// Trains, measures, and says the numbers of the result.
pub(super) fn run<N: Network>(
    network: &N,
    model: N::Model,
    recipe: &Recipe<'_>,
    subject: &Subject<'_>,
    watch: &mut dyn Watch,
) -> Result<BTreeMap<Metric, f64>> {
    let course = Course::new(network, recipe, subject)?;
    let mut state = course.begin(model, watch)?;
    while state.step < course.steps {
        if state.due {
            let values = course.measure(&mut state, watch)?;
            watch.measured(state.step, values)?;
            state.due = false;
        }
        state = course.epoch(state, watch)?;
    }
    course.finish(state, watch)
}

/// What stays the same.
struct Course<'a, N> {
    network: &'a N,
    recipe: &'a Recipe<'a>,
    subject: &'a Subject<'a>,
    device: Device,
    classes: usize,
    steps_per_epoch: u64,
    steps: u64,
    peak: f64,
}

/// What changes from step to step.
struct State<M> {
    model: M,
    /// The moving average of the weights.
    slow: Option<M>,
    moments: Moments,
    step: u64,
    /// Sum of the losses of this epoch, and the last norm of the gradient.
    losses: f64,
    norm: f64,
    /// The best top-1 so far, by the first views.
    best: Option<f64>,
    /// Whether the measurement after the epoch that has just ended is still to be made.
    due: bool,
}

/// Seconds between two saved states, at the least. A state may be gigabytes.
const SAVE_EVERY: u64 = 300;

/// Put before the names of the averaged weights in a saved state.
const SLOW: &str = "ema.";

impl<'a, N: Network> Course<'a, N> {
    fn new(network: &'a N, recipe: &'a Recipe<'a>, subject: &'a Subject<'a>) -> Result<Self> {
        let Batch { size, accumulate, .. } = *recipe.batch;
        let clips = subject.train.len();
        let batches = batches_per_epoch(clips, size);
        if batches < accumulate {
            let message =
                format!("an epoch of {clips} clips has {batches} batches, fewer than batch.accumulate ({accumulate}) asks for");
            return Err(Failure::input(message).hint("make batch.size or batch.accumulate smaller").into());
        }
        let steps_per_epoch = (batches / accumulate) as u64;
        let steps = steps_per_epoch * u64::from(recipe.schedule.epochs);
        // Views count, not clips (MAE-ST). A set that is smaller than a batch is a batch.
        let peak = recipe.optimizer.learning_rate(size.min(clips) * accumulate * recipe.view.repeats);
        let classes = subject.train.classes().len();
        let device = subject.device.clone().autodiff();
        Ok(Course { network, recipe, subject, device, classes, steps_per_epoch, steps, peak })
    }

    /// The state that an earlier attempt left, or that before the first step.
    fn begin(&self, model: N::Model, watch: &mut dyn Watch) -> Result<State<N::Model>> {
        let average = self.recipe.ema.is_some();
        let Some(saved) = watch.resume()? else {
            let slow = average.then(|| model.clone());
            return Ok(State { model, slow, moments: Moments::new(), step: 0, losses: 0.0, norm: 0.0, best: None, due: false });
        };
        let mut fast = StateDict::new();
        let mut slow = StateDict::new();
        for (name, data) in saved.model {
            match name.strip_prefix(SLOW) {
                Some(name) => slow.insert(name.to_owned(), data),
                None => fast.insert(name, data),
            };
        }
        let load = |state: StateDict| {
            let (loaded, leftover) = state::load(model.clone(), self.subject.model.patch, state);
            match leftover == state::Leftover::default() {
                true => Ok(loaded),
                false => bail!("the saved state does not fit the run: {leftover:?}"),
            }
        };
        let number = |name: &str| saved.numbers.get(name).copied();
        Ok(State {
            slow: average.then(|| load(slow)).transpose()?,
            model: load(fast)?,
            moments: Moments::load(saved.optimizer, self.subject.device),
            step: saved.step,
            losses: number("losses").unwrap_or_default(),
            norm: number("norm").unwrap_or_default(),
            best: number("best"),
            due: number("due").is_some(),
        })
    }

    fn save(&self, state: &State<N::Model>, watch: &mut dyn Watch) -> Result<()> {
        let patch = self.subject.model.patch;
        let mut model = state::save(&state.model, patch);
        if let Some(slow) = &state.slow {
            model.extend(state::save(slow, patch).into_iter().map(|(name, data)| (format!("{SLOW}{name}"), data)));
        }
        let due = state.due.then_some(1.0);
        let numbers = [("losses", Some(state.losses)), ("norm", Some(state.norm)), ("best", state.best), ("due", due)];
        let numbers = numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        watch.save(Saved { model, optimizer: state.moments.save(), step: state.step, numbers })
    }

    /// Trains to the end of the epoch, and writes its row.
    fn epoch(&self, mut state: State<N::Model>, watch: &mut dyn Watch) -> Result<State<N::Model>> {
        let Batch { size, accumulate, .. } = *self.recipe.batch;
        let epoch = (state.step / self.steps_per_epoch) as u32;
        let done = state.step % self.steps_per_epoch;
        let Subject { seed, workers, .. } = *self.subject;
        let feed = Epoch { batch: size, seed, epoch, first_batch: done as usize * accumulate, workers };
        let mut batches = training_batches(self.subject.train, self.recipe.look, self.recipe.view, &feed);
        let (began, mut seen) = (Instant::now(), 0);
        for step_in_epoch in done..self.steps_per_epoch {
            self.pause(&state, watch)?;
            let group = batches.by_ref().take(accumulate);
            let first = step_in_epoch as usize * accumulate;
            state = self.step(state, group, epoch, first, watch)?;
            seen += accumulate * size.min(self.subject.train.len()) * self.recipe.view.repeats;
        }
        let row = [
            (LOSS, std::mem::take(&mut state.losses) / self.steps_per_epoch as f64),
            (LEARNING_RATE, self.rate(state.step - 1)),
            (GRADIENT_NORM, state.norm),
            (IMAGES_PER_SECOND, seen as f64 / began.elapsed().as_secs_f64().max(1e-9)),
        ];
        watch.measured(state.step, row.map(|(name, value)| (Metric::new(name), value)).into())?;
        let every = self.recipe.evaluate_epochs;
        state.due = every > 0 && (epoch + 1).is_multiple_of(every);
        Ok(state)
    }

    /// Says how far the work is, and saves it when that is due or when the work is to stop, which ends it.
    fn pause(&self, state: &State<N::Model>, watch: &mut dyn Watch) -> Result<()> {
        if watch.stopping() || watch.save_due(SAVE_EVERY) {
            self.save(state, watch)?;
        }
        watch.progressed(state.step, self.steps)
    }

    /// The learning rate of a step, counted from 0.
    fn rate(&self, step: u64) -> f64 {
        self.recipe.schedule.rate(self.peak, step as f64 / self.steps_per_epoch as f64)
    }

    /// One step of the optimizer over a group of batches.
    fn step(
        &self,
        mut state: State<N::Model>,
        group: impl Iterator<Item = Result<LabelledBatch>>,
        epoch: u32,
        first: usize,
        watch: &mut dyn Watch,
    ) -> Result<State<N::Model>> {
        /// Keeps these streams apart from those of the data.
        const NOISE: u64 = u64::from_be_bytes(*b"dropping");
        let recipe = self.recipe;
        // Every group is full, so all views of a step count the same.
        let parts = recipe.batch.accumulate as f64;
        let mut gradients = Gradients::default();
        for (n, batch) in group.enumerate() {
            let batch = batch?;
            watch.skipped(&batch.skipped);
            let mut rng = Rng::stream(self.subject.seed, &[NOISE, u64::from(epoch), (first + n) as u64]);
            let count = batch.labels.len();
            let blends = recipe.mix.map_or_else(|| unmixed(count), |mix| mix.draw(count, recipe.look.size, &mut rng));
            let views = blended(shown(&batch, recipe.look, self.subject.device), &blends, recipe.look);
            let targets = targets(&batch.labels, &blends, self.classes, recipe.smoothing);
            let targets = Tensor::<2>::from_data(TensorData::new(targets, [count, self.classes]), &self.device);
            let logits = self.network.logits(&state.model, views, Some(&mut rng));
            let loss = -(log_softmax(logits, 1) * targets).sum() / count as f64;
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                bail!(NotFinite::in_training("the loss", value, state.step + 1));
            }
            state.losses += value / parts;
            gradients.add(Gradients::take((loss / parts).backward(), &state.model));
        }
        state.norm = gradients.norm();
        if !state.norm.is_finite() {
            bail!(NotFinite::in_training("the norm of the gradient", state.norm, state.step + 1));
        }
        if let Some(limit) = recipe.clip_gradient
            && state.norm > limit
        {
            gradients.scale(limit / state.norm);
        }
        let rate = self.rate(state.step);
        let rates = Rates { layers: recipe.layer_decay, undecayed: recipe.undecayed, ..Rates::all(rate) };
        state.model = state.moments.step(state.model, recipe.optimizer, &gradients, &rates);
        state.slow = state.slow.zip(recipe.ema).map(|(slow, decay)| state::average(slow, &state.model, decay));
        state.step += 1;
        Ok(state)
    }

    /// Measures the weights as they are (and their average), and keeps them when they are the best so far.
    fn measure(&self, state: &mut State<N::Model>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
        let mut values = BTreeMap::new();
        for (n, views) in self.recipe.views.iter().enumerate() {
            let place = self.recipe.look.sampling.map(|_| *views);
            let accuracy = |model: &N::Model, watch: &mut dyn Watch| {
                let mut pause = |batch: &LabelledBatch| {
                    watch.skipped(&batch.skipped);
                    self.pause(state, watch)
                };
                evaluate(self.network, &model.valid(), self.recipe.look, *views, self.subject, &mut pause)
            };
            let fast = accuracy(&state.model, watch)?;
            values.extend(fast.metrics("", place));
            values.insert(Metric::new(IMAGES), fast.images as f64);
            if let Some(slow) = &state.slow {
                values.extend(accuracy(slow, watch)?.metrics("ema.", place));
            }
            if n == 0 && state.best.is_none_or(|best| fast.top1() > best) {
                state.best = Some(fast.top1());
                watch.keep("best", &self.kept(&state.model))?;
            }
        }
        Ok(values)
    }

    /// The weights that are used. A norm after pooling stands for the encoder's last one, which was then left as it was.
    fn kept(&self, model: &N::Model) -> StateDict {
        let mut weights = state::save(model, self.subject.model.patch);
        if weights.contains_key("fc_norm.weight") {
            weights.retain(|name, _| !name.starts_with("norm."));
        }
        weights
    }

    /// The last measurement, which is the result.
    fn finish(&self, mut state: State<N::Model>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
        let mut values = self.measure(&mut state, watch)?;
        watch.keep("last", &self.kept(&state.model))?;
        if let Some(slow) = &state.slow {
            watch.keep("ema", &self.kept(slow))?;
        }
        if self.recipe.evaluate_epochs > 0 {
            values.extend(state.best.map(|best| (Metric::new(BEST_TOP1), best)));
        }
        Ok(values)
    }
}
