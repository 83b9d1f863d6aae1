//! Workers as Slurm jobs. They outlive this process; the next one takes them over.

mod batch;
mod job;
mod pack;
mod profile;
mod queue;
mod room;
mod script;
mod submit;
mod take_over;
mod verdict;

pub use batch::{Batch, run_folder};
pub use job::{requeue, restarts, wait_to_be_preempted};
pub use pack::work;
pub use profile::Profile;

use super::{Executor, Exit, Gone, Order, Stop};
use crate::event::Kind;
use crate::run_folder::EventReader;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use queue::{Answer, Question, Row, Rows};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use verdict::End;

/// The longest time between two looks at what workers have written.
const LOOK: Duration = Duration::from_secs(2);

/// Runs each worker as a task of a job array.
pub struct Slurm {
    results: PathBuf,
    project: PathBuf,
    profile: Profile,
    batches: Vec<Submitted>,
    runs: BTreeMap<RunId, Place>,
    /// Orders that have not been submitted.
    orders: Vec<Order>,
    /// Runs that came to nothing before they were submitted.
    gone: Vec<Gone>,
    question: Option<Question>,
    ask_at: Instant,
    pause: Duration,
    submit_at: Instant,
    max_array: Option<usize>,
    /// The most tasks that an array should have now, as far as the queue has shown.
    room: usize,
    /// Whether not even a single task found room.
    full: bool,
    accounting: bool,
    /// Whether the jobs of earlier processes have been looked up.
    looked: bool,
    /// Batches that wait, with the reasons that a person was told.
    told: BTreeSet<(usize, String)>,
    words: Vec<String>,
    silent: bool,
}

/// A batch, and the id of its jobs once Slurm has given one.
struct Submitted {
    folder: PathBuf,
    batch: Batch,
    job: Option<String>,
    /// The runs of other batches that must succeed first, as Slurm names their tasks.
    after: Vec<String>,
    /// What it was made of, until Slurm has it.
    orders: Vec<Order>,
}

/// Where a run is.
struct Place {
    batch: usize,
    task: usize,
    folder: RunFolder,
    /// Runs that it waits for.
    after: Vec<RunId>,
    /// The last attempt before this order.
    attempts: u32,
    state: String,
    /// How often it was seen at its end, or not at all. Once is no proof: a job that is put back into the queue is at its end
    /// for a moment.
    ends: u32,
    /// Our wish to stop it, and whether Slurm has heard it.
    stop: Option<Stop>,
    heard: bool,
}

impl Place {
    fn new(batch: usize, task: usize, folder: RunFolder) -> Self {
        let (after, state) = (Vec::new(), "PENDING".to_owned());
        Place { batch, task, folder, after, attempts: 0, state, ends: 0, stop: None, heard: false }
    }

    fn has_begun(&self) -> Result<bool> {
        Ok(self.folder.last_attempt()? > self.attempts)
    }
}

impl Slurm {
    /// An executor for a results folder.
    ///
    /// # Errors
    /// When the results folder cannot be made.
    pub fn open(results: &Path, project: &Path, profile: Profile) -> Result<Self> {
        std::fs::create_dir_all(results)?;
        let now = Instant::now();
        let pause = profile.pauses()[0];
        Ok(Slurm {
            results: results.canonicalize()?,
            project: project.to_owned(),
            profile,
            batches: Vec::new(),
            runs: BTreeMap::new(),
            orders: Vec::new(),
            gone: Vec::new(),
            question: None,
            ask_at: now,
            pause,
            submit_at: now,
            max_array: None,
            room: usize::MAX,
            full: false,
            accounting: true,
            looked: false,
            told: BTreeSet::new(),
            words: Vec::new(),
            silent: false,
        })
    }

    /// Looks up what earlier processes submitted, once. Only who holds the results folder may: another process may be about to
    /// submit what it finds.
    fn look(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.looked, true) {
            self.take_over()?;
        }
        Ok(())
    }

    /// Takes in an answer of the queue and says who has gone.
    fn judge(&mut self, rows: &Rows) -> Result<Vec<Gone>> {
        for submitted in self.batches.iter_mut().filter(|submitted| submitted.job.is_none()) {
            if let Some(row) = rows.job(&submitted.batch.name()) {
                submit::note(submitted, &row.job)?;
            }
        }
        let mut ended = Vec::new();
        let mut changed = false;
        for (run, place) in &mut self.runs {
            let submitted = &self.batches[place.batch];
            let Some(job) = &submitted.job else { continue };
            let row = rows.task(&submitted.batch.name(), place.task);
            let state = row.map_or_else(String::new, |row| row.state.clone());
            if let Some(reason) = row.and_then(Row::obstacle)
                && self.told.insert((place.batch, reason.to_owned()))
            {
                self.words.push(format!("job {job} waits: {reason} (`scontrol show job {job}` says more)"));
            }
            place.ends = if row.is_none_or(Row::is_end) { place.ends + 1 } else { 0 };
            changed |= state != place.state;
            place.state = state;
            if place.state == "COMPLETED" || place.ends >= 2 {
                ended.push((*run, row.cloned()));
            }
        }
        let [first, longest] = self.profile.pauses();
        self.pause =
            if changed || self.runs.values().any(|place| place.ends > 0) { first } else { (self.pause * 2).min(longest) };
        self.forgotten(&mut ended, rows)?;
        let mut begun = BTreeSet::new();
        for place in ended.iter().filter_map(|(run, _)| self.runs.get(run)) {
            if place.has_begun()? {
                begun.insert((place.batch, place.task));
            }
        }
        ended.into_iter().map(|(run, row)| self.part_with(run, row, rows, &begun)).collect()
    }

    /// Asks the accounting, where there is one, about tasks of jobs that the controller has forgotten.
    fn forgotten(&mut self, ended: &mut [(RunId, Option<Row>)], rows: &Rows) -> Result<()> {
        let name = |run: &RunId| self.batches[self.runs[run].batch].batch.name();
        let forgotten = ended.iter().filter(|(_, row)| row.is_none()).map(|(run, _)| name(run));
        let names: BTreeSet<String> = forgotten.filter(|name| rows.job(name).is_none()).collect();
        if names.is_empty() || !self.accounting {
            return Ok(());
        }
        match Question::ask(&mut queue::sacct(names.iter().map(String::as_str)), None)?.wait()? {
            Answer::Words(text) => {
                let known = queue::rows_of_sacct(&text);
                for (run, row) in ended.iter_mut().filter(|(_, row)| row.is_none()) {
                    let place = &self.runs[run];
                    *row = known.task(&self.batches[place.batch].batch.name(), place.task).cloned();
                }
            }
            // Without accounting it says so, now and for ever.
            Answer::Refusal(_) => self.accounting = false,
            Answer::Silence(_) => {}
        }
        Ok(())
    }

    fn part_with(&mut self, run: RunId, row: Option<Row>, rows: &Rows, begun: &BTreeSet<(usize, usize)>) -> Result<Gone> {
        if row.as_ref().is_some_and(Row::is_held) {
            self.scancel(&run, Stop::Ask)?;
        }
        let Some(place) = self.runs.remove(&run) else { return Ok(gone(run, Exit::Withdrawn)) };
        let submitted = &self.batches[place.batch];
        let has_begun = place.has_begun()?;
        let end = End {
            row: row.as_ref(),
            array_is_known: rows.job(&submitted.batch.name()).is_some(),
            begun: has_begun,
            task_begun: begun.contains(&(place.batch, place.task)),
            done: is_done(&place.folder)?,
            waited: !place.after.is_empty(),
            stopped: place.stop.is_some(),
        };
        let how = end.exit(|| last_words(&submitted.folder.join("logs").join(format!("{}.out", place.task))));
        self.close(place.batch)?;
        if self.full {
            self.submit_at = Instant::now();
        }
        Ok(Gone { begun: has_begun, ..gone(run, how) })
    }

    /// Marks a batch without runs, so that nobody looks for its jobs again.
    fn close(&self, batch: usize) -> Result<()> {
        if self.runs.values().any(|place| place.batch == batch) {
            return Ok(());
        }
        Batch::close(&self.batches[batch].folder)
    }

    /// Says once that the controller is silent, and once that it is back.
    fn note_silence(&mut self, words: Option<&str>) {
        match words {
            Some(words) if !self.silent => {
                self.words.push(format!("Slurm does not answer; jobs go on, and this waits: {words}"));
            }
            None if self.silent => self.words.push("Slurm answers again".to_owned()),
            _ => {}
        }
        self.silent = words.is_some();
    }

    /// Passes our wish to stop a run on; one that Slurm does not hear is kept for later.
    fn pass_on(&mut self, run: &RunId) -> Result<()> {
        let Some(place) = self.runs.get(run) else { return Ok(()) };
        let (Some(how), false) = (place.stop, place.heard) else { return Ok(()) };
        let submitted = &self.batches[place.batch];
        let mut others = submitted.batch.tasks[place.task].iter().filter(|other| *other != run);
        let shared = others.any(|other| self.runs.get(other).is_some_and(|other| other.stop.is_none()));
        let heard = if shared { pack::end(&submitted.folder, *run, how).map(|()| true)? } else { self.scancel(run, how)? };
        if let Some(place) = self.runs.get_mut(run) {
            place.heard = heard;
        }
        Ok(())
    }

    /// Cancels the task of a run. Says whether Slurm has heard it.
    fn scancel(&mut self, run: &RunId, how: Stop) -> Result<bool> {
        let Some(place) = self.runs.get(run) else { return Ok(true) };
        let Some(job) = self.batches[place.batch].job.as_ref().filter(|_| !self.silent) else { return Ok(false) };
        let task = format!("{job}_{}", place.task);
        let kill: &[&str] = if how == Stop::Kill { &["--signal=KILL", "--full"] } else { &[] };
        for options in [kill, &[]].iter().skip(usize::from(kill.is_empty())) {
            if let Answer::Silence(words) = Question::ask(queue::tool("scancel").args(*options).arg(&task), None)?.wait()? {
                self.note_silence(Some(&words));
                return Ok(false);
            }
        }
        self.ask_at = Instant::now();
        Ok(true)
    }
}

impl Executor for Slurm {
    fn outlives(&self) -> bool {
        true
    }

    fn adopt(&mut self, run: &RunId) -> Result<bool> {
        self.look()?;
        Ok(self.runs.contains_key(run))
    }

    fn start(&mut self, order: &Order) -> Result<()> {
        self.orders.push(order.clone());
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Gone>> {
        self.look()?;
        let now = Instant::now();
        if now >= self.submit_at {
            self.submit()?;
        }
        let mut gone = std::mem::take(&mut self.gone);
        if let Some(question) = &mut self.question {
            if let Some(answer) = question.answer()? {
                self.question = None;
                match answer {
                    Answer::Words(text) => {
                        self.note_silence(None);
                        gone.extend(self.judge(&queue::rows_of_squeue(&text))?);
                        let runs: Vec<RunId> = self.runs.keys().copied().collect();
                        runs.iter().try_for_each(|run| self.pass_on(run))?;
                    }
                    Answer::Refusal(words) | Answer::Silence(words) => self.note_silence(Some(&words)),
                }
                self.ask_at = Instant::now() + self.pause;
            }
        } else if now >= self.ask_at && !self.runs.is_empty() {
            self.question = Some(Question::ask(&mut queue::squeue(), None)?);
        }
        Ok(gone)
    }

    fn stop(&mut self, run: &RunId, how: Stop) -> Result<()> {
        if let Some(at) = self.orders.iter().position(|order| order.run == *run) {
            self.orders.remove(at);
            self.gone.push(gone(*run, Exit::Withdrawn));
            return Ok(());
        }
        if let Some(place) = self.runs.get_mut(run) {
            (place.stop, place.heard) = (Some(how), false);
        }
        self.pass_on(run)
    }

    fn is_at_work(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|place| place.state == "RUNNING" && !self.waits_for_its_turn(run, place))
    }

    /// Looks into thousands of files of a network file system now and then, not ten times a second.
    fn wait(&mut self, at_most: Duration) {
        sleep(at_most.max(self.profile.pauses()[0].min(LOOK)));
    }

    fn says(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }
}

impl Slurm {
    /// Whether a run has not begun, and another of its task has. As long as none has, it is the job that is silent.
    fn waits_for_its_turn(&self, run: &RunId, place: &Place) -> bool {
        // A folder that cannot be read just now can be in a moment.
        let has_begun = |place: &Place| place.has_begun().unwrap_or(false);
        let task = &self.batches[place.batch].batch.tasks[place.task];
        let mut others = task.iter().filter(|other| *other != run).filter_map(|other| self.runs.get(other));
        others.any(has_begun) && !has_begun(place)
    }

    /// The runs that it has.
    ///
    /// # Errors
    /// A [`crate::failure::Failure`] when the controller does not answer.
    pub fn runs(&mut self) -> Result<Vec<RunId>> {
        self.look()?;
        Ok(self.runs.keys().copied().collect())
    }

    /// How many runs are to be stopped, and Slurm has not heard it.
    pub fn unheard(&self) -> usize {
        self.runs.values().filter(|place| place.stop.is_some() && !place.heard).count()
    }
}

/// Whether a run is done, as its files say.
///
/// # Errors
/// When they cannot be read.
pub fn is_done(folder: &RunFolder) -> Result<bool> {
    Ok(EventReader::open(folder).poll()?.iter().any(|event| matches!(event.kind, Kind::Finished { .. })))
}

/// The end of what a job wrote, and where the rest is.
fn last_words(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it wrote nothing");
    format!("{last} ({})", log.display())
}

fn gone(run: RunId, how: Exit) -> Gone {
    Gone { run, how, begun: false, peak_memory_bytes: None, seconds: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: [&str; 2] = ["first", "second"];

    fn id(name: &str) -> RunId {
        RunId::of(name.as_bytes())
    }

    /// An executor whose only task has two runs, and runs.
    fn packed(results: &Path) -> Slurm {
        let mut slurm = Slurm::open(results, Path::new("nowhere"), Profile::default()).unwrap();
        let batch = Batch::new(vec![RUNS.map(id).to_vec()], "cpu".into(), 1, 0).unwrap();
        let folder = batch.folder(results);
        batch.write(&folder).unwrap();
        for run in RUNS.map(id) {
            let place = Place::new(0, 0, RunFolder::new(results, run));
            slurm.runs.insert(run, Place { state: "RUNNING".to_owned(), ..place });
        }
        slurm.batches.push(Submitted { folder, batch, job: Some("7".to_owned()), after: Vec::new(), orders: Vec::new() });
        slurm
    }

    #[test]
    fn a_run_that_shares_its_task_is_ended_as_it_is_meant_and_the_other_goes_on() {
        for how in [Stop::Ask, Stop::Kill] {
            let results = tempfile::tempdir().unwrap();
            let mut slurm = packed(results.path());
            slurm.stop(&id("first"), how).unwrap();
            let wish = |name| pack::wish(&slurm.batches[0].folder, id(name));
            assert_eq!((wish("first"), wish("second"), slurm.unheard()), (Some(how), None, 0));
        }
    }

    #[test]
    fn who_waits_for_its_turn_in_a_shared_task_is_not_at_work() {
        let results = tempfile::tempdir().unwrap();
        let slurm = packed(results.path());
        let begin = |name| RunFolder::new(results.path(), id(name)).claim().unwrap();
        let at_work = || RUNS.map(|name| slurm.is_at_work(&id(name)));
        assert_eq!(at_work(), [true, true], "a job that never comes to its runs is noticed");
        begin("first");
        assert_eq!(at_work(), [true, false]);
        begin("second");
        assert_eq!(at_work(), [true, true]);
    }

    #[test]
    fn a_batch_is_closed_when_the_queue_has_let_go_of_its_runs() {
        let results = tempfile::tempdir().unwrap();
        let mut slurm = packed(results.path());
        slurm.runs.values_mut().for_each(|place| (place.stop, place.heard) = (Some(Stop::Ask), true));
        let name = slurm.batches[0].batch.name();
        let mut gone = |state: &str| slurm.judge(&queue::rows_of_squeue(&format!("7|0|{state}|None|{name}"))).unwrap().len();
        assert_eq!([gone("COMPLETING"), gone("CANCELLED"), gone("CANCELLED")], [0, 0, 2], "once is no proof");
        assert_eq!(Batch::open(results.path()).unwrap(), []);
    }
}
