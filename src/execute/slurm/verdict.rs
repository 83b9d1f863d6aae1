//! How a run went, from what Slurm says of the task that had it.

use super::queue::Row;
use crate::execute::Exit;
use crate::failure::Fault;

/// The reason of a task that waits for one that did not succeed.
const UNMET: &str = "DependencyNeverSatisfied";

/// What is known of a run whose task has ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End<'a> {
    /// The task; nothing when Slurm does not tell of it.
    pub(super) row: Option<&'a Row>,
    /// Whether Slurm still knows other tasks of its array.
    pub(super) array_is_known: bool,
    /// Whether a worker has begun the run.
    pub(super) begun: bool,
    /// Whether a worker has begun some run of the task.
    pub(super) task_begun: bool,
    /// Whether the run is done.
    pub(super) done: bool,
    /// Whether it waited for other runs.
    pub(super) waited: bool,
    /// Whether we have stopped it.
    pub(super) stopped: bool,
}

impl End<'_> {
    /// How it went; `log` reads the words of a job that failed before its worker began.
    pub(super) fn exit(&self, log: impl FnOnce() -> String) -> Exit {
        let (state, reason) = self.row.map_or(("", ""), |row| (row.state.as_str(), row.reason.as_str()));
        match state {
            "COMPLETED" if self.begun || self.done => Exit::Code(0),
            // A pack whose worker passed it over.
            "COMPLETED" if self.waited || self.task_begun || self.stopped => Exit::Withdrawn,
            // Submitted again it would end as quickly, again and again.
            "COMPLETED" => Exit::Refused(format!("its job ended, and no worker had begun: {}", log())),
            _ if self.stopped && self.begun => Exit::Code(Fault::Interrupted.exit_code().into()),
            _ if self.stopped => Exit::Withdrawn,
            "CANCELLED" if !self.begun && (reason == UNMET || reason.is_empty() && self.waited) => Exit::Withdrawn,
            "CANCELLED" => Exit::Cancelled,
            // The allocation ended before it had its turn.
            _ if !self.begun && self.task_begun => Exit::Withdrawn,
            "TIMEOUT" | "DEADLINE" => Exit::TimedOut,
            "OUT_OF_MEMORY" => Exit::OutOfMemory,
            "FAILED" if self.begun => Exit::Code(1),
            "FAILED" => Exit::Refused(format!("its job failed before the worker began: {}", log())),
            // A task that is cancelled before it begins is taken out of its array without a trace.
            "" if self.array_is_known && !self.begun => Exit::Cancelled,
            "" => Exit::Lost("Slurm knows nothing of its job any more".to_owned()),
            other => Exit::Lost(format!("Slurm says {other}: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(state: &str, reason: &str, end: End) -> String {
        let row = Row { job: "7".into(), state: state.into(), reason: reason.into() };
        let row = (!state.is_empty()).then_some(&row);
        format!("{:?}", End { row, ..end }.exit(|| "no such module".into()))
    }

    #[test]
    fn who_never_began_is_given_back_or_taken_for_cancelled_but_never_tried_again_for_nothing() {
        let waits = End { waited: true, ..End::default() };
        assert_eq!(exit("CANCELLED", UNMET, waits), "Withdrawn");
        // The accounting gives no reason.
        assert_eq!(exit("CANCELLED", "", waits), "Withdrawn");
        assert_eq!(exit("CANCELLED", "Dependency", waits), "Cancelled");
        assert_eq!(exit("", "", End { array_is_known: true, ..End::default() }), "Cancelled");
        assert_eq!(exit("RUNNING", "", End { stopped: true, ..End::default() }), "Withdrawn");
        let words = r#"Refused("its job failed before the worker began: no such module")"#;
        assert_eq!(exit("FAILED", "NonZeroExitCode", End::default()), words);
        for state in ["FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"] {
            assert_eq!(exit(state, "", End { task_begun: true, ..End::default() }), "Withdrawn", "{state}");
        }
    }

    #[test]
    fn a_job_that_ends_without_a_worker_is_not_submitted_again() {
        let words = r#"Refused("its job ended, and no worker had begun: no such module")"#;
        assert_eq!(exit("COMPLETED", "None", End::default()), words);
        assert_eq!(exit("COMPLETED", "None", End { task_begun: true, ..End::default() }), "Withdrawn");
    }

    #[test]
    fn who_began_went_as_slurm_says() {
        let begun = End { begun: true, task_begun: true, ..End::default() };
        assert_eq!(exit("COMPLETED", "", begun), "Code(0)");
        assert_eq!(exit("FAILED", "", begun), "Code(1)");
        assert_eq!(exit("FAILED", "", End { stopped: true, ..begun }), "Code(130)");
        assert_eq!(exit("CANCELLED", "", End { waited: true, ..begun }), "Cancelled");
        assert_eq!(exit("TIMEOUT", "", begun), "TimedOut");
        assert_eq!(exit("NODE_FAIL", "x", begun), r#"Lost("Slurm says NODE_FAIL: x")"#);
        assert!(exit("", "", End { array_is_known: true, ..begun }).starts_with("Lost"));
    }
}
