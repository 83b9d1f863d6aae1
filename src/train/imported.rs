//! An encoder from a file.

use super::{Ending, Job, checkpoint, device};
use crate::event::Kind;
use crate::spec::work::Imported;
use crate::weights::fit::describe;
use crate::weights::load::load;
use anyhow::Result;

/// Takes the weights of a file over, under official names; says what is missing, unused or changed.
pub fn run(config: &Imported, job: Job<'_>) -> Result<Ending> {
    (job.emit)(Kind::Started { host: device::host(), device: "cpu".into(), from_step: 0, steps: 1 })?;
    let (fit, notes) = load(&job.project.join(&config.checkpoint), config.heads)?;
    (job.emit)(Kind::Noticed { message: describe(&fit, &notes).trim_end().to_owned() })?;
    let path = checkpoint::finish(job.folder, &fit.model, &fit.state)?;
    (job.emit)(Kind::Saved { step: 1, path })?;
    Ok(Ending::Finished)
}
