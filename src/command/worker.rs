//! `vicmae worker`: one attempt at one run, in a process of its own. The engine starts it; people need not.

use crate::event::Cause;
use crate::event::Kind;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::failure::words_of;
use crate::run_folder::EventWriter;
use crate::run_folder::RunFile;
use crate::run_folder::RunFolder;
use crate::spec::work::Work;
use crate::train;
use anyhow::{Context, Error, Result, anyhow};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Does the work of one run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's folder, which holds run.yaml
    run_dir: PathBuf,

    /// The number of the attempt
    #[arg(long, value_name = "N", default_value_t = 1)]
    attempt: u32,

    /// Where to compute
    #[arg(long, default_value = "cpu")]
    device: String,

    /// Threads that load data
    #[arg(long, value_name = "W", default_value_t = 1)]
    workers: usize,

    /// The process that this one must not outlive
    #[arg(long, value_name = "PID")]
    parent: Option<i32>,
}

/// Does the work and writes how it ended.
///
/// # Errors
/// A [`Failure`] when the run was interrupted or failed; the events say so too.
pub fn run(args: &Args) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for signals")?;
    }
    if let Some(parent) = args.parent {
        die_with(parent, &stop)?;
    }
    let folder = RunFolder::at(&args.run_dir);
    // A worker of an earlier orchestrator may still be saving.
    let _alone = folder.lock()?;
    let file = RunFile::<Work>::read(&folder)?;
    let mut events = EventWriter::open(&folder, file.id, args.attempt)?;
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        train::run(train::Job {
            work: &file.work,
            folder: &folder,
            parents: file.parents.iter().map(|parent| folder.sibling(*parent)).collect(),
            project: &std::env::current_dir().context("cannot find the current folder")?,
            device: &args.device,
            workers: args.workers,
            stop: &stop,
            emit: &mut |kind| events.emit(kind),
        })
    }));
    let outcome = outcome.unwrap_or_else(|panic| Err(anyhow!("panicked: {}", words_of(panic.as_ref()))));
    end(&mut events, outcome, began)?;
    train::clear(&folder).context("the run is finished, but its old checkpoints cannot be dropped")
}

/// Has the kernel ask this process to stop when its parent goes.
fn die_with(parent: i32, stop: &AtomicBool) -> Result<()> {
    set_pdeathsig(Signal::SIGTERM).context("cannot tie this process to its parent")?;
    // The parent may have gone before the line above.
    if getppid().as_raw() != parent {
        stop.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Writes how the attempt ended.
fn end(events: &mut EventWriter, outcome: Result<train::Ending>, began: Instant) -> Result<()> {
    match outcome {
        Ok(train::Ending::Finished) => events.emit(Kind::Finished { seconds: began.elapsed().as_secs_f64() }),
        Ok(train::Ending::Interrupted { step }) => {
            events.emit(Kind::Interrupted { step })?;
            Err(Failure::new(Fault::Interrupted, format!("interrupted at step {step}")).into())
        }
        Err(error) => {
            let text = format!("{error:#}");
            events.emit(Kind::Failed { cause: cause(&error), error: text.clone() })?;
            Err(Failure::new(Fault::Runs, text).into())
        }
    }
}

fn cause(error: &Error) -> Cause {
    error.downcast_ref::<train::Halt>().map_or(Cause::Error, |halt| halt.cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_code;
    use crate::run_folder::EventReader;
    use crate::run_id::RunId;

    fn ended(outcome: Result<train::Ending>) -> (Kind, u8) {
        let results = tempfile::tempdir().unwrap();
        let run = RunId::of(b"run");
        let folder = RunFolder::new(results.path(), run);
        let mut events = EventWriter::open(&folder, run, 1).unwrap();
        let code = end(&mut events, outcome, Instant::now()).map_or_else(|error| exit_code(&error), |()| 0);
        (EventReader::open(&folder).poll().unwrap().pop().unwrap().kind, code)
    }

    #[test]
    fn how_it_ends_is_written_and_told_by_the_exit_code() {
        assert!(matches!(ended(Ok(train::Ending::Finished)), (Kind::Finished { .. }, 0)));
        assert_eq!(ended(Ok(train::Ending::Interrupted { step: 30 })), (Kind::Interrupted { step: 30 }, 130));
        let halt = train::Halt { cause: Cause::NonFinite, message: "loss is NaN".into() };
        let error = "in epoch 3: loss is NaN".into();
        assert_eq!(ended(Err(Error::new(halt).context("in epoch 3"))), (Kind::Failed { cause: Cause::NonFinite, error }, 1));
        let error = "no such file".into();
        assert_eq!(ended(Err(Failure::input("no such file").into())), (Kind::Failed { cause: Cause::Error, error }, 1));
    }
}
