//! Giving batches to Slurm.

use super::batch::Batch;
use super::queue::{Answer, Question, tool};
use super::{Place, Slurm, Submitted, gone, is_done, room, script};
use crate::execute::Exit;
use crate::execute::Order;
use crate::run_folder::RunFolder;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Time before a batch that got no answer is given again.
const AGAIN: Duration = Duration::from_secs(10);

/// The largest array of a Slurm that does not say: its default.
const USUAL_ARRAY: usize = 1001;

impl Slurm {
    /// Submits what was ordered: one array for all runs that wait for the same others.
    pub(super) fn submit(&mut self) -> Result<()> {
        self.submit_again()?;
        if self.orders.is_empty() {
            return Ok(());
        }
        let Some(most) = self.max_array()? else { return Ok(()) };
        self.full = false;
        while !self.orders.is_empty() && !self.must_wait() {
            // Parents go first, so that their children can name them.
            let ordered: BTreeSet<RunId> = self.orders.iter().map(|order| order.run).collect();
            let orders = std::mem::take(&mut self.orders);
            let (now, later) = orders.into_iter().partition(|order: &Order| !order.after.iter().any(|run| ordered.contains(run)));
            self.orders = later;
            for (after, orders) in self.groups(now)? {
                for chunk in self.tasks(orders).chunks(most.min(self.room)) {
                    if self.must_wait() {
                        self.orders.extend(chunk.iter().flatten().cloned());
                    } else {
                        self.submit_batch(chunk, after.clone())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn must_wait(&self) -> bool {
        self.silent || self.full
    }

    /// Orders by the tasks that they wait for. A parent that is done by now needs no waiting; without one that is neither done
    /// nor in the queue there is nothing to start from.
    fn groups(&mut self, orders: Vec<Order>) -> Result<BTreeMap<Vec<String>, Vec<Order>>> {
        let mut groups: BTreeMap<Vec<String>, Vec<Order>> = BTreeMap::new();
        for order in orders {
            let (mut tasks, mut orphaned) = (Vec::new(), false);
            for parent in &order.after {
                match self.task_of(parent) {
                    Some(task) => tasks.push(task),
                    None => orphaned |= !is_done(&RunFolder::new(&self.results, *parent))?,
                }
            }
            if orphaned {
                self.gone.push(gone(order.run, Exit::Withdrawn));
            } else {
                groups.entry(tasks).or_default().push(order);
            }
        }
        Ok(groups)
    }

    /// The task of a run, as Slurm names it.
    fn task_of(&self, run: &RunId) -> Option<String> {
        let place = self.runs.get(run)?;
        Some(format!("{}_{}", self.batches[place.batch].job.as_deref()?, place.task))
    }

    /// Short runs share tasks; the others have one each.
    fn tasks(&self, orders: Vec<Order>) -> Vec<Vec<Order>> {
        let (short, long): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.short);
        let packs = short.chunks(self.profile.pack).map(<[Order]>::to_vec);
        long.into_iter().map(|order| vec![order]).chain(packs).collect()
    }

    fn submit_batch(&mut self, tasks: &[Vec<Order>], after: Vec<String>) -> Result<()> {
        let runs = tasks.iter().map(|task| task.iter().map(|order| order.run).collect()).collect();
        let workers = tasks[0][0].workers;
        let batch = Batch::new(runs, tasks[0][0].device.clone(), workers, self.profile.requeues)?;
        let folder = batch.folder(&self.results);
        batch.write(&folder)?;
        let program = script::freeze(&self.results)?;
        let text = script::render(&self.project, &self.profile, &batch, &folder, &program)?;
        write_atomically(&folder.join("job.sh"), text.as_bytes())?;
        for (task, orders) in tasks.iter().enumerate() {
            for order in orders {
                let mut place = Place::new(self.batches.len(), task, RunFolder::new(&self.results, order.run));
                place.attempts = place.folder.last_attempt()?;
                place.after = order.after.clone();
                self.runs.insert(order.run, place);
            }
        }
        self.batches.push(Submitted { folder, batch, job: None, after, orders: tasks.concat() });
        self.give(self.batches.len() - 1)
    }

    /// Gives a batch to Slurm. Without an answer it is not known whether it has it: it is looked for by name before it is given
    /// again.
    fn give(&mut self, at: usize) -> Result<()> {
        let submitted = &self.batches[at];
        let mut command = sbatch(submitted, self.profile.at_once);
        match Question::ask(&mut command, Some(lock(&submitted.folder)?))?.patiently().wait()? {
            Answer::Words(job) => {
                self.ask_at = Instant::now() + self.profile.pauses()[0];
                self.pause = self.profile.pauses()[0];
                self.found_room();
                note(&mut self.batches[at], job.split(';').next().unwrap_or_default())
            }
            Answer::Refusal(words) if room::is_full(&words) => self.wait_for_room(at, &words),
            Answer::Refusal(words) => {
                let runs: Vec<RunId> = self.runs.iter().filter(|(_, place)| place.batch == at).map(|(run, _)| *run).collect();
                for run in runs {
                    self.runs.remove(&run);
                    self.gone.push(gone(run, Exit::Refused(format!("sbatch: {words}"))));
                }
                self.close(at)
            }
            Answer::Silence(words) => {
                self.submit_at = Instant::now() + AGAIN;
                self.note_silence(Some(&words));
                Ok(())
            }
        }
    }

    /// Gives again what Slurm does not have, when it is known that it has not.
    fn submit_again(&mut self) -> Result<()> {
        let open: Vec<usize> = (0..self.batches.len()).filter(|at| self.batches[*at].job.is_none()).collect();
        let open: Vec<usize> = open.into_iter().filter(|at| self.runs.values().any(|place| place.batch == *at)).collect();
        if open.is_empty() {
            return Ok(());
        }
        self.submit_at = Instant::now() + AGAIN;
        let Answer::Words(text) = Question::ask(&mut super::queue::squeue(), None)?.wait()? else { return Ok(()) };
        self.note_silence(None);
        let rows = super::queue::rows_of_squeue(&text);
        for at in open {
            match rows.job(&self.batches[at].batch.name()) {
                Some(row) => note(&mut self.batches[at], &row.job)?,
                None => self.give(at)?,
            }
        }
        Ok(())
    }

    /// The most tasks that one array may have: their numbers begin at 0 and stay below `MaxArraySize`. Nothing as long as the
    /// controller is silent.
    fn max_array(&mut self) -> Result<Option<usize>> {
        if self.max_array.is_some() {
            return Ok(self.max_array);
        }
        self.max_array = match Question::ask(Command::new("scontrol").args(["show", "config"]), None)?.wait()? {
            Answer::Words(text) => Some(max_array_of(&text).unwrap_or(USUAL_ARRAY)),
            Answer::Refusal(_) => Some(USUAL_ARRAY),
            Answer::Silence(words) => {
                self.submit_at = Instant::now() + AGAIN;
                self.note_silence(Some(&words));
                None
            }
        };
        if self.max_array.is_some() {
            self.note_silence(None);
        }
        Ok(self.max_array)
    }
}

fn max_array_of(config: &str) -> Option<usize> {
    let value = config.lines().find_map(|line| line.trim().strip_prefix("MaxArraySize")?.split('=').nth(1))?;
    value.trim().parse().ok().filter(|size| *size > 0)
}

fn sbatch(submitted: &Submitted, at_once: Option<u32>) -> Command {
    let mut command = tool("sbatch");
    let throttle = at_once.map_or_else(String::new, |at_once| format!("%{at_once}"));
    // A percent sign in a path would begin a pattern.
    let logs = submitted.folder.join("logs").display().to_string().replace('%', "%%");
    // The name by which it is found again does not hang on what a project's own script says.
    command
        .arg("--parsable")
        .arg(format!("--job-name={}", submitted.batch.name()))
        .arg(format!("--array=0-{}{throttle}", submitted.batch.tasks.len() - 1));
    command.arg(format!("--output={logs}/%a.out"));
    if !submitted.after.is_empty() {
        command.arg(format!("--dependency=afterok:{}", submitted.after.join(":")));
    }
    command.arg(submitted.folder.join("job.sh"));
    command
}

/// Keeps the id of a batch's jobs.
pub(super) fn note(submitted: &mut Submitted, job: &str) -> Result<()> {
    write_atomically(&submitted.folder.join("job"), format!("{job}\n").as_bytes())?;
    submitted.job = Some(job.to_owned());
    submitted.orders = Vec::new();
    Ok(())
}

/// A lock that whoever submits a batch holds as long as it does, also when the one who started it is gone.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    let lock = || {
        let file = File::create(&path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    lock().with_context(|| format!("cannot lock {}", path.display()))
}

/// Waits until nobody is submitting a batch.
pub(super) fn wait_for_submission(folder: &Path) -> Result<()> {
    lock(folder).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_array_is_read_from_the_configuration() {
        assert_eq!(max_array_of("MaxArrayJobs = 9\nMaxArraySize            = 1001\nMaxDBDMsgs = 20024\n"), Some(1001));
        assert_eq!(max_array_of("MaxArraySize = 0"), None);
    }
}
