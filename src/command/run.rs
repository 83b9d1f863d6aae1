//! `vicmae run`: brings an experiment about.

use super::asked::Asked;
use super::asked_before::AskedBefore;
use super::collect::Orphan;
use super::interrupts::Interrupts;
use super::overridden::keep_former;
use super::{collect, detach, plan, print, report, results};
use crate::display::Display;
use crate::display::Json;
use crate::display::Plain;
use crate::display::Terminal;
use crate::engine;
use crate::engine::Lock;
use crate::engine::Outcome;
use crate::engine::Request;
use crate::event::Metric;
use crate::execute::Executor;
use crate::execute::Local;
use crate::execute::Slurm;
use crate::execute::slurm::Batch;
use crate::execute::slurm::Profile;
use crate::execute::slurm::is_done;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::plan::Plan;
use crate::record::Record;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Halving;
use crate::schedule::OnFailure;
use crate::spec::Experiment;
use crate::train::device;
use anyhow::{Context, Result};
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
///   vicmae run experiments/quickstart.yaml
///   vicmae run experiments/quickstart.yaml --device cuda --only "seed == 0"
///   vicmae run experiments/quickstart.yaml --set seeds=1 --dry-run
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,

    /// Runs at a time [default: one a core on the CPU, one a GPU otherwise]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    jobs: Option<NonZeroUsize>,

    /// Where runs compute: auto, cpu, cuda (all GPUs), or a list such as cuda:0,cuda:2
    #[arg(long, alias = "devices", default_value = "auto", value_delimiter = ',', value_name = "LIST")]
    device: Vec<String>,

    /// Runs at a time on one GPU
    #[arg(long, value_name = "M", default_value_t = NonZeroUsize::MIN, value_parser = at_least_one, allow_negative_numbers = true)]
    per_device: NonZeroUsize,

    /// Where workers run: as processes of this machine, or as jobs of Slurm
    #[arg(long, value_enum, default_value_t = Where::Local)]
    executor: Where,

    /// With --executor slurm: what jobs ask for, templates/slurm/NAME.yaml [default: default]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Removes the runs that the experiment asked for the last time and does not any more, after showing them
    #[arg(long)]
    prune: bool,

    /// With --prune: removes without asking
    #[arg(long, requires = "prune")]
    yes: bool,

    /// Stops runs that are worse than others by this metric of pretraining (successive halving, ASHA); they are
    /// marked as pruned and take no part in tables
    #[arg(long, value_name = "METRIC")]
    prune_losers: Option<String>,

    /// With --prune-losers: shares of a run's steps at which runs are compared
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_values_t = [0.11, 0.33], requires = "prune_losers")]
    rungs: Vec<f64>,

    /// With --prune-losers: the share of the runs that have come to a rung so far that goes on
    #[arg(long, value_name = "SHARE", default_value_t = 0.33, requires = "prune_losers")]
    keep: f64,

    /// Goes on in the background, also when you log out; `watch` looks on, `stop` ends it
    #[arg(long)]
    detach: bool,

    #[arg(long, hide = true)]
    detached: bool,

    /// Starts no more runs once one has failed
    #[arg(long)]
    fail_fast: bool,

    /// Tries again that often where another try may help (a crash, no memory, a lost machine)
    /// [default: 2 after a crash, 1 after a hang or want of memory, 5 after a loss]
    #[arg(long, value_name = "N")]
    retries: Option<u32>,

    /// Ends a worker that has said nothing for so many minutes, and tries again; 0 waits for ever
    #[arg(long, value_name = "MINUTES", default_value_t = 60.0, value_parser = minutes, allow_negative_numbers = true)]
    hang_after: f64,

    /// Shows what would be done, as `plan` does, and does nothing
    #[arg(long, alias = "plan-only")]
    dry_run: bool,

    /// With --dry-run: leaves with exit code 3 when there is something to do
    #[arg(long, requires = "dry_run")]
    detailed_exitcode: bool,

    /// Prints events as they happen, one a line, as JSON
    #[arg(long)]
    json: bool,
}

/// Where workers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Where {
    /// Processes of this machine.
    Local,
    /// Jobs of Slurm.
    Slurm,
}

/// A number of runs.
fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.trim().parse().map_err(|_| "it is a whole number of at least 1; without the option vicmae chooses".to_owned())
}

/// A time in minutes; what is longer than any clock goes is for ever.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.trim().parse().ok().filter(|minutes: &f64| *minutes >= 0.0);
    minutes.ok_or_else(|| "it is a number of minutes, such as 90 or 0.5; 0 and inf wait for ever".to_owned())
}

/// How long a worker may be silent; nothing where that is for ever.
fn patience(minutes: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(60.0 * minutes).ok().filter(|patience| !patience.is_zero())
}

/// How many runs there may be at a time, and what each gets.
struct Shares {
    devices: Vec<String>,
    jobs: usize,
    workers: usize,
}

impl Shares {
    /// The shares of this machine.
    fn local(args: &Args, devices: Vec<String>, runs: usize) -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        let on_gpu = devices.iter().any(|device| device != "cpu");
        let at_most = if on_gpu { devices.len() * args.per_device.get() } else { cores };
        let jobs = args.jobs.map_or(at_most, NonZeroUsize::get).min(runs).max(1);
        Shares { devices, jobs, workers: (cores / jobs).max(1) }
    }

    /// The shares of a cluster, which has a queue of its own.
    fn slurm(args: &Args, profile: &Profile, runs: usize) -> Self {
        let jobs = args.jobs.map_or(runs, NonZeroUsize::get).max(1);
        Shares { devices: vec![profile.device.clone()], jobs, workers: profile.cpus as usize }
    }
}

/// Runs the experiment.
///
/// # Errors
/// A [`Failure`] that says whose fault it is: see the exit codes above.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let local = args.executor == Where::Local;
    if local && args.profile.is_some() {
        return Err(Failure::input("`--profile` says what jobs of Slurm ask for").hint("add `--executor slurm`").into());
    }
    let devices = if local { devices(&args.device)? } else { Vec::new() };
    let (mut experiment, mut everything, mut wanted) = args.asked.read()?;
    keep_former(&args.asked.sets, results, &mut experiment, &mut everything, &mut wanted)?;
    if args.dry_run {
        let changes = plan::tell(&everything, &wanted, results, args.json)?;
        return plan::exit_code(changes && args.detailed_exitcode);
    }
    if local {
        with_nobody(&wanted, results)?;
    }
    // The process that goes on without a terminal was started by one that has asked.
    if args.prune && !args.detached {
        prune(&everything, results, args.yes)?;
    }
    let metric = args.prune_losers.as_deref().map(Metric::new);
    let halving = metric.map(|metric| Halving::new(metric, &args.rungs, args.keep)).transpose()?;
    if args.detach {
        return detach::detach(results);
    }
    if args.detached {
        // A hang-up of the terminal goes to its session, which is left here.
        nix::unistd::setsid().context("cannot begin a session")?;
    }
    let profile = match args.executor {
        Where::Local => None,
        Where::Slurm => Some(Profile::load(&experiment.project, args.profile.as_deref().unwrap_or("default"))?),
    };
    let runs = wanted.runs.len();
    let shares = profile.as_ref().map_or_else(|| Shares::local(args, devices, runs), |it| Shares::slurm(args, it, runs));
    let request = Request {
        plan: &everything,
        wanted: &wanted,
        file: &args.asked.file.display().to_string(),
        results,
        devices: &shares.devices,
        jobs: shares.jobs,
        workers: shares.workers,
        on_failure: if args.fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing },
        retries: args.retries,
        hang_after: patience(args.hang_after),
        halving: halving.as_ref(),
        tick: TICK,
    };
    let mut executor: Box<dyn Executor> = match profile {
        None => Box::new(Local::this_program()?),
        Some(profile) => Box::new(Slurm::open(results, &experiment.project, profile)?),
    };
    let outcome = bring_about(&request, executor.as_mut(), args.json)?;
    let told = if args.json { Ok(()) } else { tell(&outcome, runs, &experiment, results) };
    first_of(verdict(&outcome, runs), told)
}

/// Prints what has come about, and makes the report.
fn tell(outcome: &Outcome, all: usize, experiment: &Experiment, results: &Path) -> Result<()> {
    print::line(&summary(outcome, all))?;
    if outcome.interrupted { Ok(()) } else { report::make(experiment, results) }
}

/// What became of the runs weighs more than what became of the report; both are told.
fn first_of(verdict: Result<()>, told: Result<()>) -> Result<()> {
    match (verdict, told) {
        (Ok(()), told) => told,
        (verdict, Ok(())) => verdict,
        (Err(verdict), Err(told)) => {
            print::note(&format!("there is no report: {told:#}"));
            Err(verdict)
        }
    }
}

/// Refuses to start what jobs of Slurm may be doing. What is done is not started by anybody.
fn with_nobody(wanted: &Plan, results: &Path) -> Result<()> {
    let given = Batch::open(results)?.into_iter().flat_map(|(_, batch, _)| batch.tasks.into_iter().flatten());
    for run in given.filter(|run| wanted.runs.contains_key(run)) {
        if !is_done(&RunFolder::new(results, run))? {
            let failure = Failure::new(Fault::Locked, "jobs of Slurm may be at these runs")
                .hint("give the same command with `--executor slurm`, or `vicmae stop` cancels them")
                .hint("if they are over, or these results are a copy: `vicmae stop --forget-jobs`");
            return Err(failure.into());
        }
    }
    Ok(())
}

/// Does what is asked for, and shows it.
pub(super) fn bring_about(request: &Request, executor: &mut dyn Executor, json: bool) -> Result<Outcome> {
    let mut interrupts = Interrupts::listen()?;
    let mut display = show_on(json);
    engine::run(request, executor, display.as_mut(), &mut || interrupts.count())
}

/// Removes what the experiment does not ask for any more, unless another does.
fn prune(plan: &Plan, results: &Path, yes: bool) -> Result<()> {
    let Some(mut record) = results::record(results)? else { return Ok(()) };
    let orphans: Vec<_> =
        unasked(&record, plan, results)?.into_iter().map(|(run, name)| Orphan::of(results, run, name)).collect();
    if orphans.is_empty() || !collect::is_agreed(&collect::lines(&orphans), yes)? {
        return Ok(());
    }
    let lock = Lock::take(results)?;
    let unneeded = unasked(&record, plan, results)?.into_iter().map(|(run, _)| run).collect();
    collect::remove(&lock, results, &mut record, &orphans, &unneeded).map(drop)
}

/// The runs of the last time that neither the experiment nor another one asks for now, and that no job may be at.
fn unasked(record: &Record, plan: &Plan, results: &Path) -> Result<Vec<(RunId, String)>> {
    let (gone, mut kept) = (AskedBefore::read(Some(record), plan)?.gone(), collect::queued(results)?);
    kept.extend(Record::answering(results, std::slice::from_ref(&plan.experiment))?);
    let free = gone.into_iter().filter(|(run, _, needed)| !needed && !kept.contains(run));
    Ok(free.map(|(run, name, _)| (run, name)).collect())
}

/// The devices that runs may be put on: all GPUs where the person names none in particular.
fn devices(wanted: &[String]) -> Result<Vec<String>> {
    let mut devices = Vec::new();
    for wanted in wanted {
        let first = device::check(wanted)?;
        let all = first != "cpu" && !wanted.contains(':');
        devices.push(first);
        if all {
            devices.extend((1..).map(|index| format!("cuda:{index}")).take_while(|name| device::check(name).is_ok()));
        }
    }
    Ok(devices)
}

/// The display for where this process writes to.
pub(super) fn show_on(json: bool) -> Box<dyn Display> {
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
    let counts = [
        (outcome.failed.len(), "failed"),
        (outcome.skipped, "skipped"),
        (outcome.cancelled, "stopped"),
        (outcome.pruned, "pruned"),
        (outcome.left, "left in the queue"),
    ];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let mut text = parts.join(", ");
    for failed in &outcome.failed {
        let cause = failed.cause;
        let error = failed.error.lines().next().unwrap_or_default();
        text += &format!("\nfailed: {} {} ({cause}): {error}", failed.run.short(), failed.name);
        let hints = failed.error.lines().filter(|line| line.starts_with("hint: "));
        hints.for_each(|hint| text += &format!("\n        {hint}"));
        text += &format!("\n        {}", failed.log.display());
    }
    text
}

pub(super) fn verdict(outcome: &Outcome, all: usize) -> Result<()> {
    let left = all - outcome.done_before - outcome.done;
    // What was stopped in favour of better runs, and what needs it, is as it should be.
    let only_pruned = outcome.pruned > 0 && outcome.failed.is_empty() && outcome.cancelled + outcome.left == 0;
    if left == 0 || only_pruned {
        Ok(())
    } else if outcome.interrupted || outcome.failed.is_empty() {
        let failure = Failure::new(Fault::Interrupted, format!("stopped: {left} of {all} runs are left"));
        let hint = match outcome.left {
            0 => "the same command goes on where it stopped",
            _ => "jobs go on without this process; the same command takes them over, and `vicmae stop` cancels them",
        };
        Err(failure.hint(hint).into())
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
    use crate::event::Kind;
    use crate::failure::exit_code;
    use crate::run_folder::EventWriter;
    use crate::spec;
    use crate::spec::SourceText;

    fn outcome(done_before: usize, done: usize) -> Outcome {
        Outcome { done_before, done, ..Outcome::default() }
    }

    fn failed() -> FailedRun {
        let error = "loss is NaN at step 7\nmore\nhint: lower the rate".into();
        FailedRun { run: RunId::of(b"run"), name: "mae seed=0".into(), cause: Cause::NonFinite, error, log: "a/stderr".into() }
    }

    #[test]
    fn the_summary_says_what_came_about_and_where_to_look() {
        assert_eq!(summary(&outcome(45, 0), 45), "nothing to do: all 45 runs are done");
        let some = Outcome { failed: vec![failed()], skipped: 2, ..outcome(1, 3) };
        insta::assert_snapshot!(summary(&some, 7).replace(&RunId::of(b"run").short(), "<id>"), @r"
        4 of 7 runs are done, 3 of them now, 1 failed, 2 skipped
        failed: <id> mae seed=0 (non finite): loss is NaN at step 7
                hint: lower the rate
                a/stderr
        ");
    }

    #[test]
    fn failed_runs_win_over_a_report_that_cannot_be_made() {
        let failed = || Err(Failure::new(Fault::Runs, "2 of 8 runs failed").into());
        let wrong = || Err(Failure::input("no such metric").into());
        let code = |verdict, told| first_of(verdict, told).map_or_else(|error| exit_code(&error), |()| 0);
        assert_eq!([code(failed(), wrong()), code(Ok(()), wrong()), code(failed(), Ok(())), code(Ok(()), Ok(()))], [1, 2, 1, 0]);
    }

    #[test]
    fn patience_may_be_endless_and_never_negative() {
        let of = |text: &str| minutes(text).map(patience);
        assert_eq!(of("0.5"), Ok(Some(Duration::from_secs(30))));
        assert_eq!([of("0"), of("inf"), of("1e30")], [Ok(None), Ok(None), Ok(None)]);
        assert!(of("-1").is_err() && of("NaN").is_err() && of("soon").is_err());
    }

    #[test]
    fn a_run_that_jobs_may_be_at_is_not_started_here_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let experiment = spec::read(SourceText::new("x.yaml", "template: quick"), "x", &[], Path::new("nowhere")).unwrap();
        let plan = Plan::make(&experiment, &|_| Ok("made-up".to_owned())).unwrap();
        let give = |run: RunId| {
            let batch = Batch::new(vec![vec![run]], "cpu".into(), 1, 0).unwrap();
            batch.write(&batch.folder(folder.path())).unwrap();
        };
        give(RunId::of(b"of another experiment"));
        with_nobody(&plan, folder.path()).unwrap();
        give(plan.cells[0].run);
        let error = with_nobody(&plan, folder.path()).unwrap_err();
        assert_eq!(exit_code(&error), 75);
        assert!(error.to_string().contains("--executor slurm"), "{error}");
        let (run, finished) = (plan.cells[0].run, Kind::Finished { seconds: 1.0 });
        EventWriter::open(&RunFolder::new(folder.path(), run), run, 1).unwrap().emit(finished).unwrap();
        with_nobody(&plan, folder.path()).unwrap();
    }

    #[test]
    fn the_exit_code_says_how_it_ended() {
        let code = |outcome: Outcome| verdict(&outcome, 7).map_or_else(|error| exit_code(&error), |()| 0);
        assert_eq!(code(outcome(3, 4)), 0);
        assert_eq!(code(Outcome { failed: vec![failed()], skipped: 2, ..outcome(1, 3) }), 1);
        assert_eq!(code(Outcome { pruned: 2, skipped: 1, ..outcome(1, 3) }), 0);
        assert_eq!(code(Outcome { pruned: 2, cancelled: 1, ..outcome(1, 3) }), 130);
        assert_eq!(code(Outcome { cancelled: 3, interrupted: true, ..outcome(1, 3) }), 130);
        assert_eq!(code(Outcome { failed: vec![failed()], interrupted: true, ..outcome(3, 3) }), 130);
        assert_eq!(code(Outcome { interrupted: true, ..outcome(3, 4) }), 0);
    }
}
