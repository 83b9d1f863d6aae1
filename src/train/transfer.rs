//! A transfer run: the parent's encoder, measured.

use super::checkpoint::{self, Checkpoint};
use super::pace::Pace;
use super::{Ending, Halt, Job, device, encoder};
use crate::data;
use crate::data::Skipped;
use crate::event::{Cause, Kind, Metric};
use crate::failure::Failure;
use crate::model::state::StateDict;
use crate::run_folder::{RunFolder, write_atomically};
use crate::spec::work::Transfer;
use crate::transfer::{Features, NotFinite, Saved, Subject, Watch};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Measures the encoder of the parent run. Protocols that train long go on from their checkpoint; the others start over.
pub fn run(config: &Transfer, job: Job<'_>) -> Result<Ending> {
    let parent = job.parents.first().context("a transfer run needs the run whose encoder it measures")?;
    let (device, name) = job.open_device()?;
    let mut notices = Vec::new();
    let resumed: Option<Checkpoint<Progress>> = checkpoint::load_newest(job.folder, &mut |notice| {
        notices.push(notice);
        Ok(())
    })?;
    let from_step = resumed.as_ref().map_or(0, |resumed| resumed.progress.step);
    (job.emit)(Kind::Started { host: device::host(), device: name, from_step, steps: 1 })?;
    for message in notices {
        (job.emit)(Kind::Noticed { message })?;
    }
    let source = encoder::Source::of_run(parent)?;
    let encoder = source.encoder(&device)?;
    let train = data::open(&config.data.train, job.project)?;
    let eval = data::open(&config.data.eval, job.project)?;
    if train.classes() != eval.classes() {
        let message = format!("training classes {:?} differ from evaluation classes {:?}", train.classes(), eval.classes());
        return Err(Failure::input(message).hint("both splits need the same class folders").into());
    }
    let train = match &config.data.subset {
        Some(subset) => data::part_of(train, subset)?,
        None => train,
    };
    let subject = Subject {
        encoder: &encoder,
        model: &source.model,
        train: &train,
        eval: &eval,
        device: &device,
        workers: job.workers,
        seed: config.seed,
    };
    let mut desk = Desk {
        emit: job.emit,
        stop: job.stop,
        folder: job.folder,
        resumed,
        pace: Pace::start(),
        saved: Instant::now(),
        step: 0,
        saved_step: from_step,
        saves: false,
        told: false,
        skipped: BTreeMap::new(),
    };
    match config.protocol.measure(&subject, &mut desk) {
        Ok(values) => {
            let step = desk.step;
            (desk.emit)(Kind::Measured { step, values })?;
            if let Some(message) = left_out(&desk.skipped) {
                (desk.emit)(Kind::Noticed { message })?;
            }
            Ok(Ending::Finished)
        }
        Err(error) if error.is::<Stopped>() => Ok(Ending::Interrupted { step: desk.saved_step }),
        Err(error) => match error.downcast::<NotFinite>() {
            Ok(halt) => Err(Halt { cause: Cause::NonFinite, message: halt.to_string() }.into()),
            Err(error) => Err(error),
        },
    }
}

/// What a person should know of files that could not be read.
fn left_out(skipped: &BTreeMap<PathBuf, String>) -> Option<String> {
    /// Files that are named.
    const NAMED: usize = 20;
    let named: Vec<String> = skipped.iter().take(NAMED).map(|(path, reason)| format!("{} ({reason})", path.display())).collect();
    let others = skipped.len().saturating_sub(NAMED);
    let others = if others > 0 { format!(" and {others} others") } else { String::new() };
    (!skipped.is_empty()).then(|| format!("left out {} unreadable files: {}{others}", skipped.len(), named.join(", ")))
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

/// Where the work of a protocol was saved.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    step: u64,
    numbers: BTreeMap<String, f64>,
}

/// Turns what a protocol says into events, a request to stop into an error, and what it leaves into checkpoints.
struct Desk<'a> {
    emit: &'a mut dyn FnMut(Kind) -> Result<()>,
    stop: &'a AtomicBool,
    folder: &'a RunFolder,
    resumed: Option<Checkpoint<Progress>>,
    pace: Pace,
    saved: Instant,
    step: u64,
    saved_step: u64,
    /// Whether the protocol saves, and whether it knows that it is to stop.
    saves: bool,
    told: bool,
    /// Files that could not be read, with the reasons.
    skipped: BTreeMap<PathBuf, String>,
}

impl Watch for Desk<'_> {
    fn measured(&mut self, step: u64, values: BTreeMap<Metric, f64>) -> Result<()> {
        self.step = step;
        (self.emit)(Kind::Measured { step, values })
    }

    fn skipped(&mut self, skipped: &[Skipped]) {
        self.skipped.extend(skipped.iter().map(|file| (file.path.clone(), file.reason.clone())));
    }

    fn progressed(&mut self, step: u64, steps: u64) -> Result<()> {
        // A protocol that saves is stopped when it has been told, and thus had the chance to.
        if self.told || (!self.saves && self.stop.load(Ordering::Relaxed)) {
            return Err(Stopped.into());
        }
        if self.pace.is_due() { (self.emit)(Kind::Progressed { step, steps }) } else { Ok(()) }
    }

    fn stopping(&mut self) -> bool {
        self.told |= self.stop.load(Ordering::Relaxed);
        self.told
    }

    fn resume(&mut self) -> Result<Option<Saved>> {
        self.saves = true;
        let saved = self.resumed.take();
        Ok(saved.map(|Checkpoint { model, optimizer, progress, .. }| {
            self.step = progress.step;
            Saved { model, optimizer, step: progress.step, numbers: progress.numbers }
        }))
    }

    fn save_due(&self, seconds: u64) -> bool {
        self.saved.elapsed().as_secs() >= seconds
    }

    fn save(&mut self, saved: Saved) -> Result<()> {
        let Saved { model, optimizer, step, numbers } = saved;
        let progress = Progress { step, numbers };
        let checkpoint = Checkpoint { model, optimizer, beside: StateDict::new(), progress };
        let path = checkpoint::save(self.folder, step, &checkpoint)?;
        (self.saved, self.saved_step) = (Instant::now(), step);
        (self.emit)(Kind::Saved { step, path })
    }

    fn features(&mut self, eval: &Features, classes: &[String]) -> Result<()> {
        /// More points than that are a cloud.
        const MOST: usize = 1000;
        let path = "artifacts/features.safetensors";
        std::fs::create_dir_all(self.folder.artifacts())?;
        write_atomically(&self.folder.path().join(path), &eval.thinned(MOST).to_safetensors(&[], classes)?)?;
        (self.emit)(Kind::Produced { name: "features".into(), path: path.into() })
    }

    fn keep(&mut self, name: &str, weights: &StateDict) -> Result<()> {
        let path = checkpoint::keep(self.folder, name, weights)?;
        (self.emit)(Kind::Saved { step: self.step, path })
    }
}
