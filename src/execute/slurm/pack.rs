//! A worker for a task of a job array: its runs, one after the other, each in a process of its own.

use super::batch::{Batch, run_folder};
use super::is_done;
use crate::execute::Stop;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Where the wish to end a run of a task, or not to begin it, is kept for the worker that has several.
fn unwanted(folder: &Path, run: RunId) -> PathBuf {
    folder.join(format!("unwanted-{run}"))
}

/// What is kept there when the run is to be ended at once.
const KILL: &[u8] = b"kill";

/// Tells the worker of a task that one of its runs is to be ended, or not begun.
pub(super) fn end(folder: &Path, run: RunId, how: Stop) -> Result<()> {
    let text: &[u8] = match how {
        Stop::Ask => b"",
        Stop::Kill => KILL,
    };
    write_atomically(&unwanted(folder, run), text)
}

/// How a run is to be ended, where somebody wishes that.
pub(super) fn wish(folder: &Path, run: RunId) -> Option<Stop> {
    let text = fs::read(unwanted(folder, run)).ok()?;
    Some(if text == KILL { Stop::Kill } else { Stop::Ask })
}

/// Where it is kept that a run of a task failed: what becomes of it is for the orchestrator to say, and not for a job that the
/// queue starts again.
fn failed(folder: &Path, run: RunId) -> PathBuf {
    folder.join(format!("failed-{run}"))
}

/// Does the runs of a task until `stop` is set; `warned` says that this is because of the time limit. A run that fails does
/// not keep the others from their turn.
///
/// # Errors
/// A [`Failure`] when it was stopped, or some run failed; when a process cannot be started.
pub fn work(folder: &Path, batch: &Batch, task: usize, stop: &AtomicBool, warned: &AtomicBool) -> Result<()> {
    let mut failures = 0;
    // Who begins after others may have had no time left: only the first of this start can be too long for the limit.
    let mut limit = Some(warned);
    for run in batch.tasks.get(task).into_iter().flatten() {
        if failed(folder, *run).exists() {
            failures += 1;
        } else if !stop.load(Ordering::Relaxed) && wish(folder, *run).is_none() && !was_done(folder, *run) {
            let mut worker = start(folder, batch, task, *run)?;
            let code = watch(&mut worker, folder, *run, stop, limit.take())?;
            if code == i32::from(Fault::Locked.exit_code()) {
                // Slurm has thought this node lost and started the job again elsewhere: the other one does the rest.
                return Err(Failure::new(Fault::Locked, "another process is at the runs of this task").into());
            }
            if ![0, i32::from(Fault::Interrupted.exit_code())].contains(&code) {
                write_atomically(&failed(folder, *run), b"")?;
                failures += 1;
            }
        }
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::new(Fault::Interrupted, "stopped before the last run of the task").into());
    }
    if failures > 0 { Err(Failure::new(Fault::Runs, format!("{failures} runs of the task failed")).into()) } else { Ok(()) }
}

/// Whether an earlier start has done a run. What cannot be read is for the run's own worker to tell.
fn was_done(folder: &Path, run: RunId) -> bool {
    run_folder(folder, run).and_then(|folder| is_done(&folder)).unwrap_or(false)
}

fn start(folder: &Path, batch: &Batch, task: usize, run: RunId) -> Result<Child> {
    let log = folder.join("logs").join(format!("{task}-{}.out", run.short()));
    let file = File::options().create(true).append(true).open(&log).with_context(|| format!("cannot write {}", log.display()))?;
    Command::new("/proc/self/exe")
        .arg0("vicmae")
        .arg("worker")
        .arg(run_folder(folder, run)?.path())
        .args(["--device", &batch.device, "--workers", &batch.workers.to_string()])
        .arg("--log")
        .arg(&log)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("cannot start a worker")
}

/// Waits until a worker has left, and passes on what it is told meanwhile: that the time limit is near only where `limit` tells
/// so. Returns its exit code.
fn watch(worker: &mut Child, folder: &Path, run: RunId, stop: &AtomicBool, limit: Option<&AtomicBool>) -> Result<i32> {
    let mut told = None;
    loop {
        if let Some(status) = worker.try_wait().context("cannot watch a worker")? {
            return Ok(status.code().unwrap_or(1));
        }
        let wished = wish(folder, run).or_else(|| stop.load(Ordering::Relaxed).then_some(Stop::Ask));
        if let Some(how) = wished
            && told != wished
        {
            told = wished;
            let signal = match how {
                Stop::Kill => Signal::SIGKILL,
                Stop::Ask if limit.is_some_and(|warned| warned.load(Ordering::Relaxed)) => Signal::SIGUSR2,
                Stop::Ask => Signal::SIGTERM,
            };
            // It may have gone in this very moment.
            let _ = kill(Pid::from_raw(worker.id() as i32), signal);
        }
        sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::run_folder::EventWriter;
    use crate::run_folder::RunFolder;
    use std::io::{BufRead, BufReader};

    /// A shell that plays a worker. It has said that it is ready, so that signals find what its script does about them.
    fn worker(script: &str) -> Child {
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        child
    }

    #[test]
    fn a_worker_that_does_not_leave_when_it_is_asked_is_killed_when_that_is_wished() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::of(b"run");
        end(folder.path(), run, Stop::Ask).unwrap();
        assert_eq!(wish(folder.path(), run), Some(Stop::Ask));
        // The wish becomes a firmer one when the first has been heard.
        let wish_more = format!("printf kill > {}", unwanted(folder.path(), run).display());
        let script = format!("trap '{wish_more}' TERM; echo ready; while :; do sleep 0.01; done");
        let never = AtomicBool::new(false);
        assert_eq!(watch(&mut worker(&script), folder.path(), run, &never, None).unwrap(), 1);
        assert_eq!(wish(folder.path(), run), Some(Stop::Kill));
    }

    #[test]
    fn only_the_run_that_a_job_begins_with_is_told_that_it_is_the_time_limit_that_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'exit 130' TERM; trap 'exit 1' USR2; echo ready; while :; do sleep 0.01; done";
        let yes = AtomicBool::new(true);
        let code = |limit| watch(&mut worker(script), folder.path(), RunId::of(b"run"), &yes, limit).unwrap();
        let mut limit = Some(&yes);
        assert_eq!([code(limit.take()), code(limit.take())], [1, 130]);
    }

    #[test]
    fn what_an_earlier_start_has_done_takes_no_time_of_this_one() {
        let results = tempfile::tempdir().unwrap();
        let (run, batch) = (RunId::of(b"run"), results.path().join("slurm/0123456789ab"));
        assert!(!was_done(&batch, run));
        let folder = RunFolder::new(results.path(), run);
        EventWriter::open(&folder, run, 1).unwrap().emit(Kind::Finished { seconds: 1.0 }).unwrap();
        assert!(was_done(&batch, run));
    }
}
