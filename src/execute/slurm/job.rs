//! What a worker that is a job asks of Slurm for itself.

use super::queue::{Answer, Question, tool};
use crate::failure::Failure;
use crate::failure::Fault;
use anyhow::Result;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// Puts the job of this process back into the queue, and waits to be ended: who left first would end the job. A controller
/// that is silent is asked until the time limit ends the asking.
///
/// # Errors
/// When this is no job, or the queue does not take it back.
pub fn requeue() -> Result<()> {
    let variable = |name: &str| std::env::var(name).ok();
    let task = variable("SLURM_ARRAY_JOB_ID").zip(variable("SLURM_ARRAY_TASK_ID")).map(|(job, task)| format!("{job}_{task}"));
    let Some(job) = task.or_else(|| variable("SLURM_JOB_ID")) else {
        return Err(Failure::input("this process is no job of Slurm").into());
    };
    loop {
        match Question::ask(Command::new("scontrol").args(["requeue", &job]), None)?.wait()? {
            Answer::Words(_) => {
                sleep(Duration::from_secs(60));
                return Ok(());
            }
            Answer::Refusal(words) => {
                let message = format!("job {job} cannot be put back into the queue: {words}");
                return Err(Failure::new(Fault::Runs, message).into());
            }
            Answer::Silence(_) => sleep(Duration::from_secs(2)),
        }
    }
}

/// Waits to be ended if this job is to make room for another: Slurm puts it back into the queue then, and would not if it left
/// by itself. Returns at once when a person has cancelled it.
///
/// # Errors
/// When Slurm cannot be asked.
pub fn wait_to_be_preempted() -> Result<()> {
    let Ok(job) = std::env::var("SLURM_JOB_ID") else { return Ok(()) };
    let answer = Question::ask(tool("squeue").args(["-h", "-j", &job, "-o", "%T"]), None)?.wait()?;
    // Without an answer nobody knows; whoever waits is ended either way.
    if !matches!(answer, Answer::Words(state) if state != "RUNNING") {
        sleep(Duration::from_secs(120));
    }
    Ok(())
}

/// How often the queue has started the job of this process again.
pub fn restarts() -> u32 {
    std::env::var("SLURM_RESTART_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0)
}
