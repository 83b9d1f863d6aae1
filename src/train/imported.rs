//! An encoder from a file.

use super::{Ending, Halt, Job, checkpoint, device};
use crate::event::{Cause, Kind};
use crate::plan::id_now;
use crate::run_folder::RunFile;
use crate::spec::work::Imported;
use crate::weights::fit::describe;
use crate::weights::load::load;
use anyhow::Result;

/// Takes the weights of a file over, under official names; says what is missing, unused or changed.
pub fn run(config: &Imported, job: Job<'_>) -> Result<Ending> {
    (job.emit)(Kind::Started { host: device::host(), device: "cpu".into(), from_step: 0, steps: 1 })?;
    let (fit, notes) = load(&job.project.join(&config.checkpoint), config.heads)?;
    // The run is named by the content of the file, which may have been replaced since.
    if id_now(job.work, job.project)? != RunFile::<serde_json::Value>::read(job.folder)?.id {
        let message = format!("{} has changed since the run was planned: run the experiment again", config.checkpoint.display());
        return Err(Halt { cause: Cause::Data, message }.into());
    }
    (job.emit)(Kind::Noticed { message: describe(&fit, &notes).trim_end().to_owned() })?;
    let path = checkpoint::finish(job.folder, &fit.model, &fit.state)?;
    (job.emit)(Kind::Saved { step: 1, path })?;
    Ok(Ending::Finished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::RunFolder;
    use crate::run_id::RunId;
    use crate::spec::work::Work;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_file_that_was_replaced_since_the_plan_is_refused() {
        let results = tempfile::tempdir().unwrap();
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let imported = Imported { checkpoint: "tests/golden/vic_mae_a.pth".into(), heads: Some(3) };
        let work = Work::Imported(imported.clone());
        let outcome = |id: RunId| {
            let folder = RunFolder::new(results.path(), id);
            let (name, stage) = ("vic_mae".to_owned(), "pretrain".to_owned());
            RunFile { id, name, stage, parents: Vec::new(), data: Default::default(), work: work.clone() }
                .write(&folder)
                .unwrap();
            run(
                &imported,
                Job {
                    work: &work,
                    folder: &folder,
                    parents: Vec::new(),
                    project,
                    device: "cpu",
                    workers: 0,
                    stop: &AtomicBool::new(false),
                    emit: &mut |_| Ok(()),
                },
            )
        };
        assert_eq!(outcome(id_now(&work, project).unwrap()).unwrap(), Ending::Finished);
        let error = outcome(RunId::of(b"another content")).unwrap_err().to_string();
        assert!(error.contains("has changed since the run was planned"), "{error}");
    }
}
