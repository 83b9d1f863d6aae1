//! `vicmae run`: brings an experiment about.

use super::asked::Asked;
use super::{plan, print, report};
use crate::display::Display;
use crate::display::Json;
use crate::display::Plain;
use crate::display::Terminal;
use crate::engine;
use crate::engine::Outcome;
use crate::engine::Request;
use crate::execute::Local;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::schedule::OnFailure;
use crate::train::device;
use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{IsTerminal, stderr, stdout};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

/// Time between two looks at the workers.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Does what an experiment asks for and is not done yet, then prints its tables
///
/// Runs that are done are not run again; a run that was interrupted goes on from its
/// checkpoint; one that failed is tried again. A run that fails does not stop the others,
/// unless --fail-fast is given. Ctrl-C once: workers save and leave, and the same command goes
/// on where it stopped. Ctrl-C twice: they are ended at once.
///
/// Exit codes: 0 all is done, 1 some run failed, 2 the input is wrong, 75 another process is at
/// the results, 130 stopped.
///
/// Examples:
///   vicmae run experiments/mask_ratio.yaml
///   vicmae run experiments/mask_ratio.yaml --device cuda --only "seed == 0"
///   vicmae run experiments/mask_ratio.yaml --set seeds=1 --dry-run
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,

    /// Runs at a time [default: one a core on the CPU, one a GPU otherwise]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where runs compute: auto, cpu, cuda (all GPUs) or cuda:INDEX
    #[arg(long, default_value = "auto")]
    device: String,

    /// Starts no more runs once one has failed
    #[arg(long)]
    fail_fast: bool,

    /// Shows what would be done, as `plan` does, and does nothing
    #[arg(long)]
    dry_run: bool,

    /// Prints events as they happen, one a line, as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the experiment.
///
/// # Errors
/// A [`Failure`] that says whose fault it is: see the exit codes above.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let devices = devices(&args.device)?;
    let (experiment, everything, wanted) = args.asked.read()?;
    if args.dry_run {
        return plan::tell(&wanted, results, args.json);
    }
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let on_gpu = devices.iter().any(|device| device != "cpu");
    let at_most = if on_gpu { devices.len() } else { cores };
    let jobs = args.jobs.map_or(at_most, NonZeroUsize::get).min(wanted.runs.len()).max(1);
    let request = Request {
        plan: &everything,
        wanted: &wanted,
        file: &args.asked.file.display().to_string(),
        results,
        devices: &devices,
        jobs,
        workers: (cores / jobs).max(1),
        on_failure: if args.fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing },
        tick: TICK,
    };
    let outcome = bring_about(&request, args.json)?;
    if !args.json {
        print::line(&summary(&outcome, wanted.runs.len()))?;
        if !outcome.interrupted {
            report::make(&experiment, results)?;
        }
    }
    verdict(&outcome, wanted.runs.len())
}

/// Does what is asked for on this machine, and shows it.
pub(super) fn bring_about(request: &Request, json: bool) -> Result<Outcome> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen for signals")?;
    let mut display = display(json);
    engine::run(request, &mut Local::this_program(), display.as_mut(), &mut || signals.pending().count())
}

/// The devices that runs may be put on: all GPUs where the person names none in particular.
fn devices(wanted: &str) -> Result<Vec<String>> {
    let first = device::check(wanted)?;
    if first == "cpu" || wanted.contains(':') {
        return Ok(vec![first]);
    }
    let others = (1..).map(|index| format!("cuda:{index}")).take_while(|name| device::check(name).is_ok());
    Ok(std::iter::once(first).chain(others).collect())
}

fn display(json: bool) -> Box<dyn Display> {
    if json {
        Box::new(Json::new(stdout()))
    } else if stderr().is_terminal() {
        Box::new(Terminal::new())
    } else {
        Box::new(Plain::new(stderr()))
    }
}

fn summary(outcome: &Outcome, all: usize) -> String {
    if outcome.done_before == all {
        return format!("nothing to do: all {all} runs are done");
    }
    let mut parts = vec![format!("{} of {all} runs are done, {} of them now", outcome.done_before + outcome.done, outcome.done)];
    let counts = [(outcome.failed.len(), "failed"), (outcome.skipped, "skipped"), (outcome.cancelled, "stopped")];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let mut text = parts.join(", ");
    for failed in &outcome.failed {
        let cause = serde_json::to_value(failed.cause).unwrap_or_default();
        let cause = cause.as_str().unwrap_or_default().replace('_', " ");
        let error = failed.error.lines().next().unwrap_or_default();
        text += &format!("\nfailed: {} {} ({cause}): {error}\n        {}", failed.run.short(), failed.name, failed.log.display());
    }
    text
}

pub(super) fn verdict(outcome: &Outcome, all: usize) -> Result<()> {
    let left = all - outcome.done_before - outcome.done;
    if left == 0 {
        Ok(())
    } else if outcome.interrupted || outcome.failed.is_empty() {
        let failure = Failure::new(Fault::Interrupted, format!("stopped: {left} of {all} runs are left"));
        Err(failure.hint("the same command goes on where it stopped").into())
    } else {
        let failure = Failure::new(Fault::Runs, format!("{} of {all} runs failed", outcome.failed.len()));
        Err(failure.hint("the same command tries them again; `vicmae logs ID` shows what they said").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FailedRun;
    use crate::event::Cause;
    use crate::failure::exit_code;
    use crate::run_id::RunId;

    fn outcome(done_before: usize, done: usize) -> Outcome {
        Outcome { done_before, done, failed: Vec::new(), skipped: 0, cancelled: 0, interrupted: false }
    }

    fn failed() -> FailedRun {
        let error = "loss is NaN at step 7\nmore".into();
        FailedRun { run: RunId::of(b"run"), name: "mae seed=0".into(), cause: Cause::NonFinite, error, log: "a/stderr".into() }
    }

    #[test]
    fn the_summary_says_what_came_about_and_where_to_look() {
        assert_eq!(summary(&outcome(45, 0), 45), "nothing to do: all 45 runs are done");
        let some = Outcome { failed: vec![failed()], skipped: 2, ..outcome(1, 3) };
        insta::assert_snapshot!(summary(&some, 7).replace(&RunId::of(b"run").short(), "<id>"), @r"
        4 of 7 runs are done, 3 of them now, 1 failed, 2 skipped
        failed: <id> mae seed=0 (non finite): loss is NaN at step 7
                a/stderr
        ");
    }

    #[test]
    fn the_exit_code_says_how_it_ended() {
        let code = |outcome: Outcome| verdict(&outcome, 7).map_or_else(|error| exit_code(&error), |()| 0);
        assert_eq!(code(outcome(3, 4)), 0);
        assert_eq!(code(Outcome { failed: vec![failed()], skipped: 2, ..outcome(1, 3) }), 1);
        assert_eq!(code(Outcome { cancelled: 3, interrupted: true, ..outcome(1, 3) }), 130);
        assert_eq!(code(Outcome { failed: vec![failed()], interrupted: true, ..outcome(3, 3) }), 130);
        assert_eq!(code(Outcome { interrupted: true, ..outcome(3, 4) }), 0);
    }
}
