//! `vicmae stop`: ends the process that is running experiments into a results folder.

use super::print;
use crate::engine;
use crate::engine::Holder;
use crate::engine::Lock;
use crate::execute::Executor;
use crate::execute::Slurm;
use crate::execute::Stop;
use crate::execute::slurm::{Batch, Profile};
use crate::failure::Failure;
use crate::failure::Fault;
use crate::run_folder::host;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks the process that runs experiments into the results folder to stop: workers save and leave
///
/// The same `run` goes on where it stopped.
///
/// Examples:
///   vicmae stop
///   vicmae stop --now
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Ends workers at once, without letting them save
    #[arg(long)]
    now: bool,

    /// Gives up waiting after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0)]
    wait: f64,

    /// Takes the jobs of Slurm to be over, without asking it: for a copy of results, or a cluster that is no more
    #[arg(long)]
    forget_jobs: bool,
}

/// Asks, and waits until it has stopped.
///
/// # Errors
/// A [`Failure`] when the process is on another machine, or does not stop in time.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let Some(holder) = engine::holder(results) else {
        if end_jobs(args, results)? == 0 {
            print::line(&format!("no process is running experiments into {}", results.display()))?;
        }
        return Ok(());
    };
    ask(&holder)?;
    let began = Instant::now();
    let mut asked_twice = false;
    while engine::holder(results).is_some_and(|now| now == holder) {
        if args.now && !asked_twice && began.elapsed() > Duration::from_millis(500) {
            asked_twice = true;
            ask(&holder)?;
        }
        if began.elapsed().as_secs_f64() > args.wait {
            let failure = Failure::new(Fault::Locked, format!("{holder} has not stopped in {} s", args.wait));
            return Err(failure.hint("its workers may still be saving; `vicmae stop --now` ends them at once").into());
        }
        sleep(Duration::from_millis(50));
    }
    print::line(&format!("{holder} has stopped"))?;
    end_jobs(args, results).map(drop)
}

/// Sees to it that no Slurm jobs are left that nobody looks after any more. Returns how many runs they had.
fn end_jobs(args: &Args, results: &Path) -> Result<usize> {
    if Batch::open(results)?.is_empty() {
        return Ok(0);
    }
    let _lock = Lock::take(results)?;
    if args.forget_jobs { forget_jobs(results) } else { cancel_jobs(results, args.now) }
}

/// Closes the batches as they are.
fn forget_jobs(results: &Path) -> Result<usize> {
    let mut runs = 0;
    for (folder, batch, _) in Batch::open(results)? {
        Batch::close(&folder)?;
        runs += batch.tasks.concat().len();
    }
    print::line(&format!("forgot the jobs of {runs} runs"))?;
    Ok(runs)
}

fn cancel_jobs(results: &Path, now: bool) -> Result<usize> {
    let mut slurm = Slurm::open(results, Path::new("."), Profile::default())?;
    let runs = slurm.runs()?;
    let how = if now { Stop::Kill } else { Stop::Ask };
    runs.iter().try_for_each(|run| slurm.stop(run, how))?;
    if slurm.unheard() > 0 {
        let message = format!("Slurm does not answer: {} of {} runs may go on", slurm.unheard(), runs.len());
        return Err(Failure::new(Fault::Locked, message).hint("give the command again when it does").into());
    }
    print::line(&format!("cancelled the jobs of {} runs", runs.len()))?;
    Ok(runs.len())
}

fn ask(holder: &Holder) -> Result<()> {
    if holder.host != host() {
        let failure = Failure::new(Fault::Locked, format!("{holder} is at the results, and this machine is {}", host()));
        return Err(failure.hint(format!("give the command on {}", holder.host)).into());
    }
    // It may have gone in this very moment, which is what was wanted.
    match kill(Pid::from_raw(holder.pid), Signal::SIGTERM) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot stop {holder}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;

    #[test]
    fn jobs_that_are_forgotten_keep_nobody_from_their_runs() {
        let results = tempfile::tempdir().unwrap();
        let batch = Batch::new(vec![vec![RunId::of(b"a"), RunId::of(b"b")]], "cpu".into(), 1, 0).unwrap();
        batch.write(&batch.folder(results.path())).unwrap();
        let args = Args { now: false, wait: 0.0, forget_jobs: true };
        assert_eq!(end_jobs(&args, results.path()).unwrap(), 2);
        assert_eq!(Batch::open(results.path()).unwrap(), []);
        assert_eq!(end_jobs(&args, results.path()).unwrap(), 0);
    }
}
