//! A worker for a task of a job array: its runs, one after the other, each in a process of its own.

use super::batch::{Batch, run_folder};
use crate::failure::Failure;
use crate::failure::Fault;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Where a person's wish not to run a run of a task is kept, for the worker that has several.
pub(super) fn unwanted(folder: &Path, run: RunId) -> PathBuf {
    folder.join(format!("unwanted-{run}"))
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
    for run in batch.tasks.get(task).into_iter().flatten() {
        if failed(folder, *run).exists() {
            failures += 1;
        } else if !stop.load(Ordering::Relaxed) && !unwanted(folder, *run).exists() {
            let code = one(folder, batch, task, *run, stop, warned)?;
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

fn one(folder: &Path, batch: &Batch, task: usize, run: RunId, stop: &AtomicBool, warned: &AtomicBool) -> Result<i32> {
    let log = folder.join("logs").join(format!("{task}-{}.out", run.short()));
    let file = File::options().create(true).append(true).open(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut child = Command::new("/proc/self/exe")
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
        .context("cannot start a worker")?;
    let mut asked = false;
    loop {
        if let Some(status) = child.try_wait().context("cannot watch a worker")? {
            return Ok(status.code().unwrap_or(1));
        }
        if !asked && (stop.load(Ordering::Relaxed) || unwanted(folder, run).exists()) {
            asked = true;
            // It may have gone in this very moment.
            let signal = if warned.load(Ordering::Relaxed) { Signal::SIGUSR2 } else { Signal::SIGTERM };
            let _ = kill(Pid::from_raw(child.id() as i32), signal);
        }
        sleep(Duration::from_millis(20));
    }
}
