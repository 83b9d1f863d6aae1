//! `vicmae stop`: ends the process that is running experiments into a results folder.

use super::print;
use super::run::TICK;
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
use crate::run_id::RunId;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
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

/// Asks, and waits until it has stopped, and until the queue has let go of its jobs.
///
/// # Errors
/// A [`Failure`] when the process is on another machine, or it or some job does not stop in time.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let began = Instant::now();
    let Some(holder) = engine::holder(results) else {
        if end_jobs(args, results, began)? == 0 {
            print::line(&format!("no process is running experiments into {}", results.display()))?;
        }
        return Ok(());
    };
    ask(&holder)?;
    let mut asked_twice = false;
    while engine::holder(results).is_some_and(|now| now.is(&holder)) {
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
    end_jobs(args, results, began).map(drop)
}

/// Sees to it that no Slurm jobs are left that nobody looks after any more. Returns how many runs they had.
fn end_jobs(args: &Args, results: &Path, began: Instant) -> Result<usize> {
    if Batch::open(results)?.is_empty() {
        return Ok(0);
    }
    let _lock = Lock::take(results)?;
    if args.forget_jobs { forget_jobs(results) } else { cancel_jobs(args, results, began) }
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

/// Cancels the jobs, and waits until the queue has let go of them.
fn cancel_jobs(args: &Args, results: &Path, began: Instant) -> Result<usize> {
    // A person waits for the answers.
    let profile = Profile { poll_seconds: [1.0, 2.0], ..Profile::default() };
    let mut slurm = Slurm::open(results, Path::new("."), profile)?;
    let runs = slurm.runs()?;
    if runs.is_empty() {
        return Ok(0);
    }
    let how = if args.now { Stop::Kill } else { Stop::Ask };
    runs.iter().try_for_each(|run| slurm.stop(run, how))?;
    if slurm.unheard() > 0 {
        let message = format!("Slurm does not answer: {} of {} runs may go on", slurm.unheard(), runs.len());
        return Err(Failure::new(Fault::Locked, message).hint("give the command again when it does").into());
    }
    print::line(&format!("cancelled the jobs of {} runs", runs.len()))?;
    let left = left_after(&mut slurm, &runs, || began.elapsed().as_secs_f64() > args.wait)?;
    if left.is_empty() {
        return Ok(runs.len());
    }
    let message =
        format!("jobs of {} of {} runs are still in the queue after {} s: {}", left.len(), runs.len(), args.wait, few(&left));
    Err(Failure::new(Fault::Locked, message).hint("workers may still be saving; the same command looks for them again").into())
}

/// Waits until the queue has let go of `runs`, which closes their batches: who looks at the results then finds nothing open.
/// Returns the runs that it still has when the time `is_over`.
fn left_after(queue: &mut dyn Executor, runs: &[RunId], is_over: impl Fn() -> bool) -> Result<BTreeSet<RunId>> {
    let mut left: BTreeSet<RunId> = runs.iter().copied().collect();
    loop {
        for gone in queue.poll()? {
            left.remove(&gone.run);
        }
        if left.is_empty() || is_over() {
            return Ok(left);
        }
        queue.wait(TICK);
    }
}

/// The first of some runs, for a message of one line.
fn few(runs: &BTreeSet<RunId>) -> String {
    const FEW: usize = 5;
    let named: Vec<String> = runs.iter().take(FEW).map(RunId::short).collect();
    named.join(", ") + if runs.len() > FEW { ", .." } else { "" }
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
    use crate::execute::Order;
    use crate::execute::scripted::{Play, Scripted};
    use crate::run_folder::RunFolder;

    #[test]
    fn jobs_are_waited_for_until_the_queue_has_let_go_of_them_or_the_time_is_over() {
        let results = tempfile::tempdir().unwrap();
        let [saves, hangs] = ["saves", "hangs"].map(|name| RunId::of(name.as_bytes()));
        let mut queue = Scripted::default();
        queue.queue = true;
        for (run, play) in [(saves, Play::Work), (hangs, Play::Hang)] {
            let (folder, device) = (RunFolder::new(results.path(), run), "cpu".to_owned());
            queue.play(run, play);
            queue.start(&Order { run, folder, attempt: 1, device, workers: 1, after: Vec::new(), short: false }).unwrap();
            queue.stop(&run, Stop::Ask).unwrap();
        }
        let left = left_after(&mut queue, &[saves, hangs], || true).unwrap();
        assert_eq!((left.clone(), few(&left)), (BTreeSet::from([hangs]), hangs.short()));
        queue.stop(&hangs, Stop::Kill).unwrap();
        assert!(left_after(&mut queue, &[hangs], || false).unwrap().is_empty());
    }

    #[test]
    fn jobs_that_are_forgotten_keep_nobody_from_their_runs() {
        let results = tempfile::tempdir().unwrap();
        let batch = Batch::new(vec![vec![RunId::of(b"a"), RunId::of(b"b")]], "cpu".into(), 1, 0).unwrap();
        batch.write(&batch.folder(results.path())).unwrap();
        let args = Args { now: false, wait: 0.0, forget_jobs: true };
        let end = || end_jobs(&args, results.path(), Instant::now()).unwrap();
        assert_eq!(end(), 2);
        assert_eq!(Batch::open(results.path()).unwrap(), []);
        assert_eq!(end(), 0);
    }
}
