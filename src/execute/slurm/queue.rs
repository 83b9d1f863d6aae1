//! Asking Slurm. Its tools are run as they are, without a shell, each with a limit of time: a controller that is down makes
//! them wait, and "no answer" must never be taken for "no jobs".

use anyhow::{Context, Result};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A tool that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tool of Slurm that is running. Its words go to memory: a pipe would stop it when they are many, and a disk may be full.
pub(super) struct Question {
    /// The tool; or why it could not be started, where that may change.
    child: Result<Child, String>,
    began: Instant,
    patience: Duration,
    out: File,
    err: File,
}

/// What a tool said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It went well.
    Words(String),
    /// It went wrong, and said this.
    Refusal(String),
    /// The controller, or the tool, did not answer.
    Silence(String),
}

impl Question {
    /// Starts a tool. What `held` locks stays locked until the tool has ended, even when this process has not lived so long.
    pub(super) fn ask(command: &mut Command, held: Option<File>) -> Result<Self> {
        let words = || memfd_create(c"words", MFdFlags::MFD_CLOEXEC).map(File::from).context("cannot keep words in memory");
        let (out, err) = (words()?, words()?);
        let stdin = held.map_or_else(Stdio::null, Stdio::from);
        let child = match command.stdin(stdin).stdout(out.try_clone()?).stderr(err.try_clone()?).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let what = format!("cannot start {:?}; is Slurm on this machine?", command.get_program());
                return Err(error).context(what);
            }
            child => child.map_err(|error| format!("cannot start {:?}: {error}", command.get_program())),
        };
        Ok(Question { child, began: Instant::now(), patience: PATIENCE, out, err })
    }

    /// The same, for a tool whose work is worth a longer wait: what it does cannot be taken back.
    pub(super) fn patiently(self) -> Self {
        Question { patience: 4 * PATIENCE, ..self }
    }

    /// The answer, once it is there.
    pub(super) fn answer(&mut self) -> Result<Option<Answer>> {
        let child = match &mut self.child {
            Ok(child) => child,
            Err(words) => return Ok(Some(Answer::Silence(words.clone()))),
        };
        if let Some(status) = child.try_wait().context("cannot watch a tool of Slurm")? {
            return self.read(status).map(Some);
        }
        if self.began.elapsed() < self.patience {
            return Ok(None);
        }
        child.kill().context("cannot end a tool of Slurm")?;
        child.wait().context("cannot end a tool of Slurm")?;
        Ok(Some(Answer::Silence(format!("no answer in {} s", self.patience.as_secs()))))
    }

    /// Waits for the answer.
    pub(super) fn wait(mut self) -> Result<Answer> {
        loop {
            if let Some(answer) = self.answer()? {
                return Ok(answer);
            }
            sleep(Duration::from_millis(5));
        }
    }

    fn read(&mut self, status: ExitStatus) -> Result<Answer> {
        let text = |file: &mut File| -> Result<String> {
            let mut bytes = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        let (out, err) = (text(&mut self.out)?, text(&mut self.err)?);
        if status.success() {
            return Ok(Answer::Words(out));
        }
        // The words of a controller that cannot be reached, in the versions from 20 to 24.
        let unreachable = ["Unable to contact", "Socket timed out", "Connection refused", "Zero Bytes were transmitted"];
        let silent = unreachable.iter().any(|words| err.contains(words)) || err.contains("Connection timed out");
        Ok(if silent { Answer::Silence(err) } else { Answer::Refusal(err) })
    }
}

/// Variables that would have `sbatch` do something else than was asked: other names of jobs, other places of their words.
const MISLEADING: [&str; 11] = [
    "SBATCH_ARRAY_INX",
    "SBATCH_CLUSTERS",
    "SBATCH_ERROR",
    "SBATCH_JOB_NAME",
    "SBATCH_NO_REQUEUE",
    "SBATCH_OPEN_MODE",
    "SBATCH_OUTPUT",
    "SBATCH_REQUEUE",
    "SBATCH_SIGNAL",
    "SBATCH_WAIT",
    // Of the job that this process itself may be.
    "SLURM_RESTART_COUNT",
];

/// A tool of Slurm, without what a person has set for it that would hide our jobs or change what they are.
pub(super) fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if text.starts_with("SQUEUE_")
            || text.starts_with("SACCT_")
            || text.starts_with("SCANCEL_")
            || MISLEADING.contains(&&*text)
        {
            command.env_remove(&variable);
        }
    }
    command
}

/// The question for all jobs of this person, those that have just ended among them.
pub(super) fn squeue() -> Command {
    let mut command = tool("squeue");
    command.args(["--me", "-h", "-a", "-r", "-t", "all", "-o", "%F|%K|%T|%r|%j"]);
    command
}

/// The question for jobs that the controller has forgotten, to the accounting.
pub(super) fn sacct<'a>(names: impl Iterator<Item = &'a str>) -> Command {
    let mut command = tool("sacct");
    let names = names.collect::<Vec<_>>().join(",");
    command.args(["-X", "-n", "-P", "-S", "now-30days", "--name", &names, "-o", "JobID,State,JobName"]);
    command
}

/// One task of a job array, as Slurm tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The id of the array.
    pub(super) job: String,
    /// `RUNNING`, `PENDING`, `COMPLETED`.
    pub(super) state: String,
    /// Why it waits, or ended.
    pub(super) reason: String,
}

impl Row {
    /// Whether it is in a state that it does not leave by itself.
    pub(super) fn is_end(&self) -> bool {
        const ENDS: [&str; 10] = [
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "TIMEOUT",
            "DEADLINE",
            "OUT_OF_MEMORY",
            "NODE_FAIL",
            "BOOT_FAIL",
            "PREEMPTED",
            "REVOKED",
        ];
        ENDS.contains(&self.state.as_str()) || self.is_held()
    }

    /// Whether Slurm could not start it and will not try again until a person releases it: a controller that has lost its
    /// memory gives a node an id that it knows already.
    ///
    /// Slurm writes this reason in several ways, with spaces or without.
    pub(super) fn is_held(&self) -> bool {
        let reason = self.reason.replace('_', " ").to_lowercase();
        self.state == "PENDING" && ["requeued held", "requeued in held"].iter().any(|held| reason.contains(held))
    }

    /// Why it waits, where that is not just its turn: a limit, a node that is not there, a person's hold.
    pub(super) fn obstacle(&self) -> Option<&str> {
        const TURN: [&str; 8] =
            ["None", "Priority", "Resources", "Dependency", "JobArrayTaskLimit", "BeginTime", "Cleaning", "(null)"];
        let waits = self.state == "PENDING" && !self.is_held() && !self.reason.is_empty();
        (waits && !TURN.contains(&self.reason.as_str())).then_some(&self.reason)
    }
}

/// What Slurm knows of jobs, by their names.
#[derive(Debug, Default)]
pub(super) struct Rows {
    tasks: HashMap<(String, usize), Row>,
    /// Some row of each job. The last task of an array has no number any more when it is cancelled before it begins.
    jobs: HashMap<String, Row>,
}

impl Rows {
    /// A task of the job of that name.
    pub(super) fn task(&self, name: &str, task: usize) -> Option<&Row> {
        self.tasks.get(&(name.to_owned(), task))
    }

    /// Whatever is known of the job of that name.
    pub(super) fn job(&self, name: &str) -> Option<&Row> {
        self.jobs.get(name)
    }

    fn insert(&mut self, name: &str, task: &str, row: Row) {
        if let Ok(task) = task.parse() {
            // A controller that has lost its memory may know two jobs of one name: the one that lives counts.
            let known = self.tasks.entry((name.to_owned(), task)).or_insert_with(|| row.clone());
            if known.is_end() {
                *known = row.clone();
            }
        }
        self.jobs.insert(name.to_owned(), row);
    }
}

/// Reads what `squeue` says.
pub(super) fn rows_of_squeue(text: &str) -> Rows {
    let mut rows = Rows::default();
    for line in text.lines() {
        if let [job, task, state, reason, name] = line.splitn(5, '|').collect::<Vec<_>>()[..] {
            rows.insert(name, task, Row { job: job.to_owned(), state: state.to_owned(), reason: reason.to_owned() });
        }
    }
    rows
}

/// Reads what `sacct` says. Tasks that wait together stand on one line, and have no row of their own: they have not ended.
pub(super) fn rows_of_sacct(text: &str) -> Rows {
    let mut rows = Rows::default();
    for line in text.lines() {
        let fields = line.splitn(3, '|').collect::<Vec<_>>();
        let [id, state, name] = fields[..] else { continue };
        let Some((job, task)) = id.split_once('_') else { continue };
        // `CANCELLED by 1000`.
        let state = state.split_whitespace().next().unwrap_or_default().to_owned();
        rows.insert(name, task, Row { job: job.to_owned(), state, reason: String::new() });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_known_by_the_name_of_their_job() {
        let rows =
            rows_of_squeue("17|0|RUNNING|None|vicmae-aa\n17|1|PENDING|JobArrayTaskLimit|vicmae-aa\n9|N/A|CANCELLED|None|x|y\n");
        assert_eq!(rows.task("vicmae-aa", 1).unwrap().reason, "JobArrayTaskLimit");
        assert_eq!((rows.task("vicmae-aa", 2), rows.task("x|y", 0)), (None, None));
        assert_eq!(rows.job("x|y").unwrap().state, "CANCELLED");
        for reason in ["launch failed requeued held", "launch_failed_requeued_held", "job requeued in held state"] {
            let held = rows_of_squeue(&format!("1|0|PENDING|{reason}|vicmae-aa"));
            assert!(held.task("vicmae-aa", 0).unwrap().is_end() && !rows.task("vicmae-aa", 1).unwrap().is_end(), "{reason}");
        }
        assert_eq!(rows.task("vicmae-aa", 1).unwrap().obstacle(), None);
        let limited = rows_of_squeue("1|0|PENDING|PartitionTimeLimit|vicmae-aa");
        assert_eq!(limited.task("vicmae-aa", 0).unwrap().obstacle(), Some("PartitionTimeLimit"));
        let rows = rows_of_sacct("17_0|COMPLETED|vicmae-aa\n17_[1-4%2]|PENDING|vicmae-aa\n17_2|CANCELLED by 0|vicmae-aa\n");
        assert_eq!(rows.tasks.len(), 2);
        assert_eq!(rows.task("vicmae-aa", 2).unwrap().state, "CANCELLED");
    }

    #[test]
    fn a_tool_that_says_no_is_told_from_a_controller_that_is_silent() {
        let ask = |script: &str| Question::ask(Command::new("sh").args(["-c", script]), None).unwrap().wait().unwrap();
        assert_eq!(ask("echo 17"), Answer::Words("17".into()));
        assert_eq!(ask("echo 'invalid partition' >&2; exit 1"), Answer::Refusal("invalid partition".into()));
        assert!(matches!(ask("echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1"), Answer::Silence(_)));
        let long = ask("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done");
        assert!(matches!(long, Answer::Words(text) if text.len() > 200_000));
    }
}
