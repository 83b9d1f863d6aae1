//! A transfer run: the parent's encoder, measured.

use super::{Ending, Halt, Job, checkpoint, device};
use crate::data;
use crate::event::{Cause, Kind, Metric};
use crate::failure::Failure;
use crate::model;
use crate::model::Encoder;
use crate::model::Init;
use crate::model::Precision;
use crate::model::state;
use crate::run_folder::{RunFile, RunFolder};
use crate::spec::work::{Transfer, Work};
use crate::transfer::{Subject, Watch};
use anyhow::{Context, Result};
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Measures the encoder of the parent run. Transfers are short and start over when they were stopped.
pub fn run(config: &Transfer, job: Job<'_>) -> Result<Ending> {
    let parent = job.parents.first().context("a transfer run needs the run whose encoder it measures")?;
    let (device, name) = device::open(job.device)?;
    (job.emit)(Kind::Started { host: device::host(), device: name, from_step: 0, steps: 1 })?;
    let (encoder, model) = frozen_encoder(parent, &device)?;
    let train = data::open(&config.data.train, job.project)?;
    let eval = data::open(&config.data.eval, job.project)?;
    if train.classes() != eval.classes() {
        let message = format!("training classes {:?} differ from evaluation classes {:?}", train.classes(), eval.classes());
        return Err(Failure::input(message).hint("both splits need the same class folders").into());
    }
    let subject = Subject {
        encoder: &encoder,
        model: &model,
        train: &train,
        eval: &eval,
        device: &device,
        workers: job.workers,
        seed: config.seed,
    };
    let mut reporter = Reporter { emit: job.emit, stop: job.stop, last: Instant::now(), step: 0 };
    match config.protocol.measure(&subject, &mut reporter) {
        Ok(values) => {
            let step = reporter.step;
            (reporter.emit)(Kind::Measured { step, values })?;
            Ok(Ending::Finished)
        }
        Err(error) if error.is::<Stopped>() => Ok(Ending::Interrupted { step: 0 }),
        Err(error) => Err(error),
    }
}

/// The encoder that a run left behind, with its sizes.
fn frozen_encoder(parent: &RunFolder, device: &Device) -> Result<(Encoder, model::Config)> {
    let file: RunFile<Work> = RunFile::read(parent)?;
    let model = match file.work {
        Work::Pretrain(pretrain) => pretrain.model,
        Work::RandomInit(init) => init.model,
        Work::Transfer(_) => return Err(Failure::input("a transfer run cannot be measured by a transfer run").into()),
    };
    let blank = Encoder::new(&Init::new(0, device), &model, Precision::F32);
    let (encoder, leftover) = state::load(blank, model.patch, checkpoint::load_final(parent)?);
    if leftover.missing.is_empty() && leftover.misshapen.is_empty() {
        return Ok((encoder, model));
    }
    let message = format!("the encoder of {} does not fit its own run.yaml: {leftover:?}", file.name);
    Err(Halt { cause: Cause::Data, message }.into())
}

/// The protocol was asked to stop.
#[derive(Debug)]
struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped on request")
    }
}

impl std::error::Error for Stopped {}

/// Turns what a protocol says into events, and a request to stop into an error.
struct Reporter<'a> {
    emit: &'a mut dyn FnMut(Kind) -> Result<()>,
    stop: &'a AtomicBool,
    last: Instant,
    step: u64,
}

impl Watch for Reporter<'_> {
    fn measured(&mut self, step: u64, values: BTreeMap<Metric, f64>) -> Result<()> {
        self.step = step;
        (self.emit)(Kind::Measured { step, values })
    }

    fn progressed(&mut self, step: u64, steps: u64) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stopped.into());
        }
        if self.last.elapsed() < Duration::from_millis(250) {
            return Ok(());
        }
        self.last = Instant::now();
        (self.emit)(Kind::Progressed { step, steps })
    }
}
