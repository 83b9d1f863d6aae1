//! The untrained encoder: the floor of every table.

use super::{Ending, Job, checkpoint, device};
use crate::event::Kind;
use crate::model::Encoder;
use crate::model::Init;
use crate::model::Precision;
use crate::model::state;
use crate::spec::work::RandomInit;
use anyhow::Result;

/// Makes the encoder that a pretraining run of the same seed would start from.
pub fn run(config: &RandomInit, job: Job<'_>) -> Result<Ending> {
    let (device, name) = job.open_device()?;
    (job.emit)(Kind::Started { host: device::host(), device: name, from_step: 0, steps: 1 })?;
    let encoder = Encoder::new(&Init::new(config.seed, &device), &config.model, Precision::F32);
    let path = checkpoint::finish(job.folder, &config.model, &state::save(&encoder, config.model.patch))?;
    (job.emit)(Kind::Saved { step: 1, path })?;
    Ok(Ending::Finished)
}
