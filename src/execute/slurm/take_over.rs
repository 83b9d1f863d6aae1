//! What earlier processes left in the queue.

use super::batch::Batch;
use super::queue::{Answer, Question, Row, Rows};
use super::{Place, Slurm, Submitted, queue, submit};
use crate::failure::Failure;
use crate::failure::Fault;
use crate::run_folder::EventReader;
use crate::run_folder::RunFolder;
use anyhow::{Error, Result};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a new process waits for a controller that is down before it gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The way out where nobody will ever answer.
const FORGET: &str = "if the jobs are over, or these results are a copy: `vicmae stop --forget-jobs`";

impl Slurm {
    /// Finds the jobs of batches that earlier processes submitted, or were about to.
    pub(super) fn take_over(&mut self) -> Result<()> {
        let mut open = Batch::open(&self.results)?;
        if open.is_empty() {
            return Ok(());
        }
        // A process may have been killed while Slurm took its batch: the tool that submits it holds this lock until it ends.
        for (folder, ..) in &open {
            submit::wait_for_submission(folder)?;
        }
        let rows = self.rows_now()?;
        let is_live = |rows: &Rows, name: &str, task| rows.task(name, task).is_some_and(|row| !row.is_end());
        let live_now = |batch: &Batch| (0..batch.tasks.len()).all(|task| is_live(&rows, &batch.name(), task));
        // Once is no proof: a job that is put back into the queue is at its end for a moment.
        let later = if open.iter().all(|(_, batch, _)| live_now(batch)) {
            Rows::default()
        } else {
            sleep(self.profile.pauses()[0]);
            self.rows_now()?
        };
        for (folder, batch, job) in open.drain(..) {
            let name = batch.name();
            let live = |task| [&later, &rows].into_iter().find_map(|rows| rows.task(&name, task).filter(|row| !row.is_end()));
            let tasks: Vec<(usize, &Row)> = (0..batch.tasks.len()).filter_map(|task| Some((task, live(task)?))).collect();
            let Some((_, first)) = tasks.first() else {
                Batch::close(&folder)?;
                continue;
            };
            let job = job.unwrap_or_else(|| first.job.clone());
            for (task, row) in tasks {
                for run in &batch.tasks[task] {
                    let mut place = Place::new(self.batches.len(), task, RunFolder::new(&self.results, *run));
                    place.attempts = closed_attempts(&place.folder)?;
                    place.state = row.state.clone();
                    self.runs.insert(*run, place);
                }
            }
            let job = Some(job);
            self.batches.push(Submitted { folder, batch, job, after: Vec::new(), orders: Vec::new() });
        }
        Ok(())
    }

    /// All jobs, asked for until there is an answer.
    fn rows_now(&mut self) -> Result<Rows> {
        let began = Instant::now();
        loop {
            match Question::ask(&mut queue::squeue(), None).map_err(|error| nobody_to_ask(&error))?.wait()? {
                Answer::Words(text) => return Ok(queue::rows_of_squeue(&text)),
                Answer::Refusal(words) | Answer::Silence(words) if began.elapsed() > PATIENCE => {
                    let failure = Failure::new(Fault::Locked, format!("Slurm does not answer: {words}"));
                    let failure = failure.hint("jobs may be running; the same command takes them over when Slurm is back");
                    return Err(failure.hint(FORGET).into());
                }
                _ => sleep(Duration::from_secs(1)),
            }
        }
    }
}

/// Says what to do where Slurm's tools are not.
fn nobody_to_ask(error: &Error) -> Failure {
    let failure = Failure::new(Fault::Locked, format!("jobs of Slurm may be at these results: {error:#}"));
    failure.hint("give the command where Slurm is").hint(FORGET)
}

/// The number of the last attempt that has ended: one that is open is at work now.
fn closed_attempts(folder: &RunFolder) -> Result<u32> {
    let last = folder.last_attempt()?;
    let events = EventReader::open(folder).poll()?;
    let ended = events.iter().any(|event| event.attempt == last && event.kind.is_ending());
    Ok(if ended { last } else { last.saturating_sub(1) })
}
