//! `vicmae worker`: one attempt at one run, in a process of its own. The engine starts it; people need not.

use crate::event::Cause;
use crate::event::Kind;
use crate::execute::peak_bytes;
use crate::execute::slurm;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::failure::exit_code;
use crate::failure::is_no_space;
use crate::failure::is_passing;
use crate::failure::words_of;
use crate::run_folder::Environment;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::Fenced;
use crate::run_folder::Lease;
use crate::run_folder::RunFile;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::spec::work::Work;
use crate::train;
use anyhow::{Context, Error, Result, anyhow};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Does the work of one run
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The run's folder, which holds run.yaml
    #[arg(required_unless_present = "batch")]
    run_dir: Option<PathBuf>,

    /// The folder of a Slurm batch, in the place of a run's
    #[arg(long, value_name = "DIR", requires = "task")]
    batch: Option<PathBuf>,

    /// The number of the task in the batch
    #[arg(long, value_name = "N")]
    task: Option<usize>,

    /// The file that has what this process writes
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// The number of the attempt [default: the next free one]
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,

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
    let signals = Signals::listen()?;
    if let Some(parent) = args.parent {
        die_with(parent, &signals.stop)?;
    }
    match (&args.run_dir, &args.batch) {
        (Some(run_dir), _) => one(args, RunFolder::at(run_dir), args.log.as_deref(), &signals),
        (None, Some(batch)) => of_batch(args, batch, &signals),
        (None, None) => Err(Failure::input("a worker needs the folder of a run").into()),
    }
}

/// What the process was told by signals.
struct Signals {
    /// To save and leave.
    stop: Arc<AtomicBool>,
    /// That its time limit is near.
    warned: Arc<AtomicBool>,
}

impl Signals {
    fn listen() -> Result<Self> {
        let signals = Signals { stop: Arc::default(), warned: Arc::default() };
        // Slurm sends USR2 before the time limit; NCCL may use USR1 for itself.
        signal_hook::flag::register(SIGUSR2, Arc::clone(&signals.warned)).context("cannot listen for signals")?;
        for signal in [SIGTERM, SIGINT, SIGUSR2] {
            signal_hook::flag::register(signal, Arc::clone(&signals.stop)).context("cannot listen for signals")?;
        }
        Ok(signals)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn warned(&self) -> bool {
        self.warned.load(Ordering::Relaxed)
    }
}

/// Does the runs of a task of a Slurm batch, and puts the job back into the queue when it was stopped before its end.
fn of_batch(args: &Args, folder: &Path, signals: &Signals) -> Result<()> {
    let batch = slurm::Batch::read(folder)?;
    let task = args.task.unwrap_or_default();
    let outcome = match batch.tasks.get(task).map(Vec::as_slice) {
        // A run that has the job to itself is done by this very process, which the signals reach.
        Some([run]) => {
            let args = Args { device: batch.device.clone(), workers: batch.workers, ..args.clone() };
            let log = folder.join("logs").join(format!("{task}.out"));
            one(&args, slurm::run_folder(folder, *run)?, Some(&log), signals)
        }
        Some(_) => slurm::work(folder, &batch, task, &signals.stop, &signals.warned),
        None => return Err(Failure::input(format!("the batch {} has no task {task}", folder.display())).into()),
    };
    let interrupted = outcome.as_ref().is_err_and(|error| exit_code(error) == Fault::Interrupted.exit_code());
    if interrupted && signals.warned() && slurm::restarts() < batch.requeues {
        slurm::requeue()?;
    } else if interrupted && !signals.warned() {
        slurm::wait_to_be_preempted()?;
    }
    outcome
}

/// Does the work of one attempt at one run.
fn one(args: &Args, folder: RunFolder, log: Option<&Path>, signals: &Signals) -> Result<()> {
    let file = RunFile::<Work>::read(&folder)?;
    if args.attempt.is_none() && is_done(&folder)? {
        // A queue that has lost its memory starts again what is done.
        return Ok(());
    }
    let attempt = args.attempt.map_or_else(|| folder.claim(), Ok)?;
    let (folder, _alone) = take_over(folder, attempt).map_err(explained)?;
    if is_done(&folder)? {
        // The worker before this one was thought gone, and got to the end.
        return Ok(());
    }
    if let Some(log) = log {
        // Who looks for the words of the attempt finds them where those of every other attempt are.
        let _ = std::os::unix::fs::symlink(log.canonicalize()?, folder.attempt(attempt).join("stdout"));
    }
    close_earlier(&folder, file.id, attempt).map_err(explained)?;
    Environment::here().write(&folder, attempt).map_err(explained)?;
    let mut events = EventWriter::open(&folder, file.id, attempt)?;
    let (began, mut from) = (Instant::now(), 0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        train::run(train::Job {
            work: &file.work,
            folder: &folder,
            parents: file.parents.iter().map(|parent| folder.sibling(*parent)).collect(),
            project: &std::env::current_dir().context("cannot find the current folder")?,
            device: &args.device,
            workers: args.workers,
            stop: &signals.stop,
            emit: &mut |kind| {
                if let Kind::Started { from_step, .. } = kind {
                    from = from_step;
                }
                events.emit(kind)
            },
        })
    }));
    let outcome = outcome.unwrap_or_else(|panic| Err(anyhow!("panicked: {}", words_of(panic.as_ref()))));
    let outcome = if signals.stopped() && signals.warned() { in_time(outcome, from) } else { outcome };
    end(&mut events, outcome, began).map_err(explained)?;
    train::clear(&folder).context("the run is finished, but its old checkpoints cannot be dropped")
}

/// Writes the ending of earlier attempts that have none: their worker is gone, or was fenced a moment ago.
fn close_earlier(folder: &RunFolder, run: RunId, attempt: u32) -> Result<()> {
    let mut open = BTreeSet::new();
    for event in EventReader::open(folder).poll()?.iter().filter(|event| event.attempt < attempt) {
        match event.kind {
            Kind::Started { .. } => drop(open.insert(event.attempt)),
            ref kind if kind.is_ending() => drop(open.remove(&event.attempt)),
            _ => {}
        }
    }
    open.into_iter().try_for_each(|earlier| {
        let error = format!("gone without a word; attempt {attempt} has taken over");
        EventWriter::open(folder, run, earlier)?.emit(Kind::Failed { cause: Cause::Lost, error })
    })
}

/// A run that the time limit stops at the step at which it began would be stopped there for ever.
fn in_time(outcome: Result<train::Ending>, from: u64) -> Result<train::Ending> {
    match outcome {
        Ok(train::Ending::Interrupted { step }) if step <= from => {
            let message = format!("the time limit came at step {step}, where this attempt began; a longer `time:` may help");
            Err(train::Halt { cause: Cause::TimedOut, message }.into())
        }
        other => other,
    }
}

fn is_done(folder: &RunFolder) -> Result<bool> {
    let events = EventReader::open(folder).poll()?;
    Ok(events.iter().any(|event| matches!(event.kind, Kind::Finished { .. })))
}

/// How long a worker that was replaced may take to notice.
const GRACE: Duration = Duration::from_secs(30);

/// Takes the run over from whoever was at it, and waits until that one has left.
fn take_over(folder: RunFolder, attempt: u32) -> Result<(RunFolder, Option<File>)> {
    let (lease, before) = Lease::take(&folder, attempt)?;
    let folder = folder.held_by(lease);
    let mut alone = folder.lock(GRACE)?;
    if let (None, Some(before)) = (&alone, before) {
        before.end_if_here();
        // On another machine it may be out of reach; the lease keeps it from writing.
        alone = folder.lock(GRACE)?;
    }
    Ok((folder, alone))
}

/// Gives an error the exit code that tells the engine what it cannot read in the events.
fn explained(error: Error) -> Error {
    if error.is::<Fenced>() {
        Failure::new(Fault::Locked, format!("{error:#}")).into()
    } else if is_no_space(&error) {
        Failure::new(Fault::Full, format!("no space left on the disk: {error:#}")).into()
    } else {
        error
    }
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

/// Writes what the attempt took, and how it ended.
fn end(events: &mut EventWriter, outcome: Result<train::Ending>, began: Instant) -> Result<()> {
    if outcome.as_ref().is_err_and(|error| error.is::<Fenced>()) {
        return outcome.map(drop);
    }
    let seconds = began.elapsed().as_secs_f64();
    events.emit(Kind::Used { seconds, peak_memory_bytes: peak_bytes(std::process::id()) })?;
    match outcome {
        Ok(train::Ending::Finished) => events.emit(Kind::Finished { seconds }),
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
    if let Some(halt) = error.downcast_ref::<train::Halt>() {
        return halt.cause;
    }
    let words = format!("{error:#}").to_lowercase().replace(['_', ' '], "");
    match () {
        () if is_no_space(error) => Cause::NoSpace,
        () if is_passing(error) => Cause::Lost,
        // The device's libraries tell it in words alone: `out of memory`, `OutOfMemory`, `CUDA_ERROR_OUT_OF_MEMORY`.
        () if words.contains("outofmemory") => Cause::OutOfMemory,
        // The run itself was checked before it was started: what is wrong is what it reads.
        () if error.chain().filter_map(|cause| cause.downcast_ref::<Failure>()).any(|it| it.fault == Fault::Input) => Cause::Data,
        () => Cause::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(outcome: Result<train::Ending>) -> (Kind, u8) {
        let results = tempfile::tempdir().unwrap();
        let run = RunId::of(b"run");
        let folder = RunFolder::new(results.path(), run);
        let mut events = EventWriter::open(&folder, run, 1).unwrap();
        let code = end(&mut events, outcome, Instant::now()).map_or_else(|error| exit_code(&error), |()| 0);
        (EventReader::open(&folder).poll().unwrap().pop().unwrap().kind, code)
    }

    #[test]
    fn an_attempt_that_was_left_open_is_closed_by_the_next_and_one_that_ended_is_left_alone() {
        let results = tempfile::tempdir().unwrap();
        let run = RunId::of(b"run");
        let folder = RunFolder::new(results.path(), run);
        let started = || Kind::Started { host: String::new(), device: String::new(), from_step: 0, steps: 1 };
        for attempt in [1, 2] {
            EventWriter::open(&folder, run, attempt).unwrap().emit(started()).unwrap();
        }
        EventWriter::open(&folder, run, 2).unwrap().emit(Kind::Interrupted { step: 0 }).unwrap();
        close_earlier(&folder, run, 3).unwrap();
        close_earlier(&folder, run, 3).unwrap();
        let events = EventReader::open(&folder).poll().unwrap();
        assert_eq!(events.iter().map(|event| event.attempt).collect::<Vec<_>>(), [1, 2, 2, 1]);
        assert!(matches!(&events[3].kind, Kind::Failed { cause: Cause::Lost, error } if error.contains("attempt 3")));
    }

    #[test]
    fn how_it_ends_is_written_and_told_by_the_exit_code() {
        assert!(matches!(ended(Ok(train::Ending::Finished)), (Kind::Finished { .. }, 0)));
        assert_eq!(ended(Ok(train::Ending::Interrupted { step: 30 })), (Kind::Interrupted { step: 30 }, 130));
        let halt = train::Halt { cause: Cause::NonFinite, message: "loss is NaN".into() };
        let error = "in epoch 3: loss is NaN".into();
        assert_eq!(ended(Err(Error::new(halt).context("in epoch 3"))), (Kind::Failed { cause: Cause::NonFinite, error }, 1));
        let panic = || anyhow!("panicked: called `unwrap` on CUDA_ERROR_OUT_OF_MEMORY");
        let error = panic().to_string();
        assert_eq!(ended(Err(panic())), (Kind::Failed { cause: Cause::OutOfMemory, error }, 1));
        let error = "no such file".to_owned();
        assert_eq!(
            ended(Err(Failure::input("no such file").into())),
            (Kind::Failed { cause: Cause::Data, error: error.clone() }, 1)
        );
        assert_eq!(ended(Err(anyhow!("no such file"))), (Kind::Failed { cause: Cause::Error, error }, 1));
    }
}
