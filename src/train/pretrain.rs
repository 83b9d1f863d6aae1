//! Pretraining: one plain loop.

use super::checkpoint::{self, Checkpoint, Progress};
use super::pace::Pace;
use super::{Ending, Halt, Job, device, picture};
use crate::data::{PairBatch, PairLoader};
use crate::event;
use crate::event::{Cause, Kind, Metric};
use crate::model::Init;
use crate::model::Mask;
use crate::model::pixels;
use crate::model::state;
use crate::objective::diagnostics::diagnose;
use crate::objective::{Learner, Losses};
use crate::optimize::{Gradients, Moments, Rates};
use crate::rng::Rng;
use crate::spec::work::Pretrain;
use crate::transfer::Online;
use anyhow::Result;
use burn::tensor::{Device, Tensor};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What changes from step to step.
struct State {
    learner: Learner,
    moments: Moments,
    /// Probes that learn from the encoder's features.
    online: Option<Online>,
    progress: Progress,
}

/// A batch of pairs with the classes of its clips, which none but the online probes look at.
struct Labelled {
    views: [Vec<u8>; 2],
    clips: Vec<usize>,
    labels: Vec<usize>,
}

impl Labelled {
    fn of(batch: PairBatch, loader: &PairLoader) -> Self {
        Labelled { labels: loader.labels(&batch.clips), clips: batch.clips, views: batch.views }
    }
}

/// What stays the same over a run.
struct Course<'a> {
    config: &'a Pretrain,
    device: Device,
    batches_per_epoch: usize,
    steps_per_epoch: u64,
    steps: u64,
    peak: f64,
}

/// Trains an encoder, from the newest checkpoint if there is one.
pub fn run(config: &Pretrain, mut job: Job<'_>) -> Result<Ending> {
    let (device, name) = job.open_device()?;
    let loader = PairLoader::new(&config.data, job.project, &config.augment, config.feed(job.workers))?;
    let course = Course::new(config, device.autodiff(), loader.batches_per_epoch())?;
    let mut notices = Vec::new();
    let saved = checkpoint::load_newest(job.folder, &mut |notice| {
        notices.push(notice);
        Ok(())
    })?;
    let mut state = course.begin(saved, loader.classes().len())?;
    let from_step = state.progress.step;
    (job.emit)(Kind::Started { host: device::host(), device: name, from_step, steps: course.steps })?;
    for message in notices {
        (job.emit)(Kind::Noticed { message })?;
    }
    while state.progress.step < course.steps {
        state = course.epoch(state, &loader, &mut job)?;
        if job.stopped() && state.progress.step < course.steps {
            save(&course, &state, &mut job)?;
            return Ok(Ending::Interrupted { step: state.progress.step });
        }
    }
    finish(&course, &state, &loader, &mut job)?;
    Ok(Ending::Finished)
}

impl<'a> Course<'a> {
    fn new(config: &'a Pretrain, device: Device, batches_per_epoch: usize) -> Result<Self> {
        let accumulate = config.batch.accumulate;
        let groups = if config.batch.drop_last { batches_per_epoch / accumulate } else { batches_per_epoch.div_ceil(accumulate) };
        let steps_per_epoch = groups as u64;
        if steps_per_epoch == 0 {
            let message = format!("an epoch has {batches_per_epoch} batches, fewer than batch.accumulate asks for");
            return Err(Halt { cause: Cause::Data, message }.into());
        }
        let peak = config.optimizer.learning_rate(config.batch.size * config.batch.accumulate);
        let steps = steps_per_epoch * u64::from(config.schedule.epochs);
        Ok(Course { config, device, batches_per_epoch, steps_per_epoch, steps, peak })
    }

    /// The state after a checkpoint, or before the first step.
    fn begin(&self, saved: Option<Checkpoint<Progress>>, classes: usize) -> Result<State> {
        let config = self.config;
        let init = Init::new(config.seed, &self.device);
        let learner = Learner::new(&init, &config.model, &config.objective, config.precision);
        let width = config.model.vit.0.width;
        let probes = |probes| Online::new(probes, width, classes, config.seed, &self.device);
        let online = config.online.as_ref().map(probes);
        let Some(saved) = saved else {
            return Ok(State { learner, moments: Moments::new(), online, progress: Progress::default() });
        };
        let (learner, leftover) = state::load(learner, config.model.patch, saved.model);
        if leftover != state::Leftover::default() {
            let message = format!("the checkpoint does not fit the run: {leftover:?}");
            return Err(Halt { cause: Cause::Error, message }.into());
        }
        let moments = Moments::load(saved.optimizer, &self.device.clone().inner());
        let online = online.map(|online| online.load(saved.beside)).transpose()?;
        Ok(State { learner, moments, online, progress: saved.progress })
    }

    /// Trains to the end of the epoch, or until the run is asked to stop.
    fn epoch(&self, mut state: State, loader: &PairLoader, job: &mut Job<'_>) -> Result<State> {
        let config = self.config;
        let epoch = (state.progress.step / self.steps_per_epoch) as u32;
        let done = (state.progress.step % self.steps_per_epoch) as usize;
        let mut batches = loader.epoch(epoch, done * config.batch.accumulate);
        let mut clock = Clock::start();
        for step_in_epoch in done..self.steps_per_epoch as usize {
            let mut group = Vec::with_capacity(config.batch.accumulate);
            for _ in 0..config.batch.accumulate {
                group.extend(clock.waiting(|| batches.next()).transpose()?);
            }
            let last_of_epoch = step_in_epoch + 1 == self.steps_per_epoch as usize;
            let group: Vec<Labelled> = group.into_iter().map(|batch| Labelled::of(batch, loader)).collect();
            state = self.step(state, &group, epoch, step_in_epoch, last_of_epoch, &mut clock, job)?;
            let step = state.progress.step;
            clock.note(step, self.steps, job)?;
            let due = last_of_epoch
                && config.cadence.checkpoint_epochs > 0
                && (epoch + 1).is_multiple_of(config.cadence.checkpoint_epochs);
            if due && step < self.steps {
                save(self, &state, job)?;
            }
            if job.stopped() {
                break;
            }
        }
        Ok(state)
    }

    /// One step of the optimizer over a group of batches.
    #[expect(clippy::too_many_arguments, reason = "a step depends on all of them, and on nothing else")]
    fn step(
        &self,
        mut state: State,
        group: &[Labelled],
        epoch: u32,
        step_in_epoch: usize,
        last_of_epoch: bool,
        clock: &mut Clock,
        job: &mut Job<'_>,
    ) -> Result<State> {
        let config = self.config;
        let first_batch = step_in_epoch * config.batch.accumulate;
        let at = f64::from(epoch) + first_batch as f64 / self.batches_per_epoch as f64;
        let rate = config.schedule.rate(self.peak, at);
        let weight = config.objective.weight.at(at);
        let step = state.progress.step + 1;
        let due = step.is_multiple_of(config.cadence.measure_steps.max(1)) || step == self.steps;

        let mut gradients = Gradients::default();
        let mut values = BTreeMap::new();
        let mut features = None;
        let pairs: usize = group.iter().map(|batch| batch.labels.len()).sum();
        for (n, batch) in group.iter().enumerate() {
            let size = batch.labels.len();
            // Every pair of the step counts the same, also where the last batch of an epoch is smaller.
            let parts = pairs as f64 / size as f64;
            let masks = [0, 1].map(|view| self.mask(size, epoch, first_batch + n, view));
            let views = batch.views.each_ref().map(|bytes| pixels::normalised(bytes, config.model.image, &self.device));
            let losses = state.learner.forward(views, &masks, &config.objective, config.model.patch, weight);
            add_losses(&mut values, &losses, parts, step)?;
            gradients.add(Gradients::take((losses.total.clone() / parts).backward(), &state.learner));
            let pooled = losses.features.map(Tensor::inner);
            if let Some(online) = &mut state.online {
                online.update(&pooled[0], &batch.labels, &batch.clips);
            }
            features = Some(pooled);
            clock.trained(2 * size);
        }
        let norm = (due || config.clip_gradient.is_some()).then(|| gradients.norm());
        if let (Some(norm), Some(limit)) = (norm, config.clip_gradient)
            && norm > limit
        {
            gradients.scale(limit / norm);
        }
        let constant = state.learner.global.as_ref().map_or(&[][..], |global| global.constant_lr());
        let rates = Rates { constant, constant_rate: self.peak, ..Rates::all(rate) };
        state.learner = state.moments.step(state.learner, &config.optimizer, &gradients, &rates);
        if let Some(global) = &mut state.learner.global {
            global.after_step(&state.learner.encoder, step as f64 / self.steps as f64);
        }
        state.progress.step = step;
        state.progress.window.add(values);
        if due {
            let now = [(event::LEARNING_RATE, rate), (event::WEIGHT_GLOBAL, weight), (event::GRADIENT_NORM, norm.unwrap_or(0.0))];
            self.measure(&mut state, now, clock, job, step)?;
        }
        if let (true, Some([first, second])) = (last_of_epoch, features) {
            (job.emit)(Kind::Measured { step, values: collapse(first, second) })?;
        }
        Ok(state)
    }

    /// Writes a row: means since the last one, and what holds now.
    fn measure(
        &self,
        state: &mut State,
        now: [(&'static str, f64); 3],
        clock: &mut Clock,
        job: &mut Job<'_>,
        step: u64,
    ) -> Result<()> {
        let mut values = state.progress.window.take();
        values.extend(state.online.as_mut().map(Online::take).unwrap_or_default());
        let global = self.config.objective.global.is_some();
        let now = now.into_iter().filter(|(name, _)| global || *name != event::WEIGHT_GLOBAL);
        values.extend(now.map(|(name, value)| (Metric::new(name), value)));
        values.extend(clock.take());
        (job.emit)(Kind::Measured { step, values })
    }

    /// The mask of a batch and view: a function of the seed and the place in the schedule alone.
    fn mask(&self, size: usize, epoch: u32, batch: usize, view: u64) -> Mask {
        /// Keeps the stream apart from those of the data.
        const MASKS: u64 = 0x6d61_736b;
        let config = self.config;
        let mut rng = Rng::stream(config.seed, &[MASKS, u64::from(epoch), batch as u64, view]);
        Mask::draw(size, config.model.tokens(), config.objective.mask_ratio, &mut rng)
    }
}

/// Adds the losses of one batch to the values of a step; a loss that is not finite ends the run.
fn add_losses(values: &mut BTreeMap<Metric, f64>, losses: &Losses, parts: f64, step: u64) -> Result<()> {
    let mut named = vec![(event::LOSS.to_owned(), &losses.total)];
    named.extend(losses.reconstruction.iter().map(|loss| (event::LOSS_RECONSTRUCTION.to_owned(), loss)));
    named.extend(losses.global.iter().map(|loss| (event::LOSS_GLOBAL.to_owned(), loss)));
    named.extend(losses.parts.iter().map(|(part, loss)| (format!("{}.{part}", event::LOSS_GLOBAL), loss)));
    // One read from the device for all of them.
    let read = Tensor::cat(named.iter().map(|(_, loss)| (*loss).clone().inner()).collect(), 0).into_data();
    let read: Vec<f64> = read.iter::<f64>().collect();
    // The parts are looked at before the total, so that the culprit is named.
    for ((name, _), value) in named.iter().zip(read).rev() {
        if !value.is_finite() {
            let message = format!("{name} became {value} at step {step}; a lower base_lr, clip_gradient or f32 may help");
            return Err(Halt { cause: Cause::NonFinite, message }.into());
        }
        *values.entry(Metric::new(name)).or_default() += value / parts;
    }
    Ok(())
}

/// The measures of collapse, by metric.
fn collapse(first: Tensor<2>, second: Tensor<2>) -> BTreeMap<Metric, f64> {
    let measured = diagnose(first, second);
    let named = [
        (event::FEATURES_STD, measured.std),
        (event::FEATURES_RANKME, measured.rankme),
        (event::FEATURES_ALIGNMENT, measured.alignment),
        (event::FEATURES_UNIFORMITY, measured.uniformity),
    ];
    named.map(|(name, value)| (Metric::new(name), value)).into()
}

fn save(course: &Course<'_>, state: &State, job: &mut Job<'_>) -> Result<()> {
    let checkpoint = Checkpoint {
        model: state::save(&state.learner, course.config.model.patch),
        optimizer: state.moments.save(),
        beside: state.online.as_ref().map(Online::save).unwrap_or_default(),
        progress: state.progress.clone(),
    };
    let path = checkpoint::save(job.folder, state.progress.step, &checkpoint)?;
    (job.emit)(Kind::Saved { step: state.progress.step, path })
}

/// Saves the final weights, draws the reconstructions, and says what was skipped.
fn finish(course: &Course<'_>, state: &State, loader: &PairLoader, job: &mut Job<'_>) -> Result<()> {
    let config = course.config;
    let skipped = loader.skipped();
    if !skipped.is_empty() {
        let listed: Vec<String> = skipped.iter().map(|file| format!("{} ({})", file.path.display(), file.reason)).collect();
        (job.emit)(Kind::Noticed { message: format!("skipped {} unreadable images: {}", skipped.len(), listed.join(", ")) })?;
    }
    let path = picture::similarity(config, &state.learner, job)?;
    (job.emit)(Kind::Produced { name: "similarity".into(), path })?;
    if let Some(settings) = &config.objective.reconstruction {
        let path = picture::reconstructions(config, settings, &state.learner, job)?;
        (job.emit)(Kind::Produced { name: "reconstructions".into(), path })?;
    }
    let path = checkpoint::finish(job.folder, &config.model, &state::save(&state.learner, config.model.patch))?;
    (job.emit)(Kind::Saved { step: state.progress.step, path })
}

/// Wall time since the last row, and the share of it spent waiting for data.
struct Clock {
    since: Instant,
    pace: Pace,
    waited: Duration,
    images: usize,
}

impl Clock {
    fn start() -> Self {
        Clock { since: Instant::now(), pace: Pace::start(), waited: Duration::ZERO, images: 0 }
    }

    fn waiting<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let value = wait();
        self.waited += began.elapsed();
        value
    }

    fn trained(&mut self, images: usize) {
        self.images += images;
    }

    fn note(&mut self, step: u64, steps: u64, job: &mut Job<'_>) -> Result<()> {
        if self.pace.is_due() { (job.emit)(Kind::Progressed { step, steps }) } else { Ok(()) }
    }

    fn take(&mut self) -> [(Metric, f64); 2] {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        let row = [
            (Metric::new(event::IMAGES_PER_SECOND), self.images as f64 / seconds),
            (Metric::new(event::WAITED_SHARE), self.waited.as_secs_f64() / seconds),
        ];
        (self.since, self.waited, self.images) = (Instant::now(), Duration::ZERO, 0);
        row
    }
}
