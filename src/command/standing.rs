//! How far a run is, in the words that `plan` and `status` use.

use crate::engine;
use crate::event;
use crate::event::Metric;
use crate::record::Record;
use crate::record::RunState;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use serde_json::Value;
use std::path::Path;

/// What is known of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// `new`, `running`, `done`, `failed`, `interrupted`, `pruned` or `unasked`.
    pub(super) state: &'static str,
    /// Why it will be run, or will not.
    pub(super) reason: String,
}

impl Standing {
    /// `+` will be run, `=` is done, `~` will be run again or is running, `-` is no longer asked for.
    pub(super) fn sign(&self) -> char {
        match self.state {
            "new" => '+',
            "done" => '=',
            "unasked" => '-',
            _ => '~',
        }
    }
}

/// Tells how far runs are.
pub(super) struct Standings<'a> {
    results: &'a Path,
    record: Option<&'a Record>,
    /// Whether some process is at the results folder now.
    busy: bool,
}

impl<'a> Standings<'a> {
    /// A teller for a results folder and its record, if it has one.
    pub(super) fn new(results: &'a Path, record: Option<&'a Record>) -> Self {
        Standings { results, record, busy: engine::is_held(results) }
    }

    /// How far `run` is.
    pub(super) fn of(&self, run: &RunId) -> Result<Standing> {
        let state = self.record.map_or(Ok(RunState::New), |record| record.state(run))?;
        self.of_state(run, &state)
    }

    /// How far a run is whose state has been read already.
    pub(super) fn of_state(&self, run: &RunId, state: &RunState) -> Result<Standing> {
        let Some(record) = self.record else { return Ok(told(&RunState::New, &At::default(), self.busy)) };
        let at = match state {
            RunState::New | RunState::Done => At::default(),
            RunState::Running { .. } if !self.busy => {
                At { job: RunFolder::new(self.results, *run).holder()?.and_then(|holder| holder.job), ..At::of(record, run)? }
            }
            _ => At::of(record, run)?,
        };
        Ok(told(state, &at, self.busy))
    }
}

/// How far a run is that is not at its end.
#[derive(Default)]
struct At {
    steps: Option<u64>,
    /// The last step that a checkpoint holds, and the last that was reached.
    saved: Option<u64>,
    reached: Option<u64>,
    /// The last step that was measured, and the share of the time since the row before that went by without data.
    measured: Option<(u64, f64)>,
    /// The Slurm job of the last attempt.
    job: Option<String>,
}

impl At {
    fn of(record: &Record, run: &RunId) -> Result<Self> {
        let steps = record.attempts(run)?.last().and_then(|attempt| attempt.steps);
        let (saved, reached) = record.reached(run)?;
        Ok(At { steps, saved, reached, measured: record.latest(run, &Metric::new(event::WAITED_SHARE))?, job: None })
    }
}

fn told(state: &RunState, at: &At, busy: bool) -> Standing {
    // What is no pretraining says 1 when it begins: a transfer learns its steps from its data.
    let of = at.steps.filter(|steps| *steps > 1).map_or_else(String::new, |steps| format!(" of {steps}"));
    let again = at.saved.map_or_else(|| "will start over".to_owned(), |step| format!("will resume from step {step}"));
    let (state, reason) = match state {
        RunState::New => ("new", "new".to_owned()),
        RunState::Done => ("done", "done".to_owned()),
        RunState::Running { attempt } if busy => {
            let far = at.measured.map_or_else(String::new, |(step, waited)| {
                format!(": step {step}{of}, waits for data {:.0} % of the time", 100.0 * waited)
            });
            ("running", format!("running, attempt {attempt}{far}"))
        }
        RunState::Running { attempt } if at.job.is_some() => {
            let job = at.job.as_deref().unwrap_or_default();
            ("running", format!("attempt {attempt} is with Slurm (job {job}): `run` takes it over"))
        }
        RunState::Running { attempt } => ("interrupted", format!("attempt {attempt} was left open: {again}")),
        RunState::Failed { attempts, cause, .. } => {
            let at = at.reached.map_or_else(String::new, |step| format!(" at step {step}{of}"));
            ("failed", format!("{cause}{at} in attempt {attempts}: {again}"))
        }
        RunState::Pruned { step, reason } => ("pruned", format!("pruned at step {step}{of}: {reason}")),
        RunState::Interrupted { step } => ("interrupted", format!("interrupted at step {step}{of}: will resume")),
    };
    Standing { state, reason }
}

/// The lines `+ 0123456789ab  name  reason`, with the names in one column.
pub(super) fn lines(rows: &[(RunId, String, Standing)]) -> String {
    let width = rows.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(id, name, standing): &(RunId, String, Standing)| {
        format!("{} {}  {name:width$}  {}\n", standing.sign(), id.short(), standing.reason)
    };
    rows.iter().map(line).collect()
}

/// One run as `plan --json` and `status --json` tell it.
pub(super) fn json(
    id: RunId,
    name: &str,
    stage: &str,
    parents: Option<&[RunId]>,
    axes: &impl serde::Serialize,
    standing: &Standing,
) -> Value {
    let mut run = serde_json::json!({"id": id, "name": name, "stage": stage});
    if let Some(parents) = parents {
        run["parents"] = serde_json::json!(parents);
    }
    run["axes"] = serde_json::json!(axes);
    run["state"] = standing.state.into();
    run["reason"] = standing.reason.clone().into();
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cause;

    #[test]
    fn every_state_has_its_sign_and_its_reason() {
        let failed = RunState::Failed { attempts: 2, cause: Cause::NonFinite, error: "loss is NaN".into() };
        let (steps, saved, reached) = (Some(900), Some(300), Some(310));
        let (none, far) = (At::default(), At { steps, saved, reached, measured: Some((310, 0.123)), job: None });
        let transfer = At { steps: Some(1), reached: Some(14_738), ..At::default() };
        let queued = At { job: Some("17 start 0".into()), ..At::default() };
        let crashed = RunState::Failed { attempts: 1, cause: Cause::Crashed, error: "killed".into() };
        let states = [
            told(&RunState::New, &none, true),
            told(&RunState::Done, &none, false),
            told(&failed, &none, false),
            told(&crashed, &far, false),
            told(&crashed, &transfer, false),
            told(&RunState::Pruned { step: 300, reason: "loss 3.1 at 33 % is place 5 of 6".into() }, &far, false),
            Standing { state: "unasked", reason: "no longer asked for".into() },
            told(&RunState::Interrupted { step: 300 }, &far, false),
            told(&RunState::Interrupted { step: 0 }, &none, false),
            told(&RunState::Running { attempt: 1 }, &none, true),
            told(&RunState::Running { attempt: 1 }, &far, true),
            told(&RunState::Running { attempt: 1 }, &none, false),
            told(&RunState::Running { attempt: 1 }, &queued, false),
        ];
        let id = RunId::of(b"run");
        let rows = states.map(|standing| (id, "mae".to_owned(), standing));
        insta::assert_snapshot!(lines(&rows).replace(&id.short(), "<id>"), @r"
        + <id>  mae  new
        = <id>  mae  done
        ~ <id>  mae  non finite in attempt 2: will start over
        ~ <id>  mae  crashed at step 310 of 900 in attempt 1: will resume from step 300
        ~ <id>  mae  crashed at step 14738 in attempt 1: will start over
        ~ <id>  mae  pruned at step 300 of 900: loss 3.1 at 33 % is place 5 of 6
        - <id>  mae  no longer asked for
        ~ <id>  mae  interrupted at step 300 of 900: will resume
        ~ <id>  mae  interrupted at step 0: will resume
        ~ <id>  mae  running, attempt 1
        ~ <id>  mae  running, attempt 1: step 310 of 900, waits for data 12 % of the time
        ~ <id>  mae  attempt 1 was left open: will start over
        ~ <id>  mae  attempt 1 is with Slurm (job 17 start 0): `run` takes it over
        ");
    }
}
