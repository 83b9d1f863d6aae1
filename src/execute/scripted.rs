//! Workers that play a script: what the engine's tests run.

use super::{Executor, Exit, Gone, Order, Stop};
use crate::event::Cause;
use crate::event::Kind;
use crate::run_folder::EventWriter;
use crate::run_id::RunId;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::time::Duration;

/// What the next worker of a run does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Play {
    /// It works and finishes.
    Finish,
    /// It reports an error.
    Fail,
    /// It is gone without a word, by this signal.
    Crash(i32),
    /// It works until it is asked to leave.
    Work,
    /// It works until it is killed.
    Hang,
    /// It cannot be started.
    Refuse,
    /// It measures this loss half way, and finishes unless it is asked to leave.
    Measure(f64),
    /// It has finished already.
    Leave,
    /// It finds that the worker before it, which was thought gone, has just finished, and leaves.
    Late,
    /// It is never started.
    Withdraw,
    /// Nobody knows what became of it.
    Lose,
    /// It saves and leaves because the queue needs its place.
    Evict,
    /// It goes before it has said a word.
    Choke,
}

/// Plays scripts. A run that has none finishes.
#[derive(Default)]
pub(crate) struct Scripted {
    scripts: BTreeMap<RunId, VecDeque<Play>>,
    pub(crate) running: BTreeMap<RunId, (Order, Play)>,
    looked: BTreeSet<RunId>,
    /// Every order, in the order in which they came.
    pub(crate) orders: Vec<Order>,
    /// Every stop.
    pub(crate) stops: Vec<(RunId, Stop)>,
    /// The most workers there were at a time.
    pub(crate) most: usize,
    /// Whether it plays a queue, whose workers outlive the engine.
    pub(crate) queue: bool,
    /// Workers that an earlier engine left.
    pub(crate) left: BTreeSet<RunId>,
}

impl Scripted {
    /// Says what the next worker of `run` does; called again, what the one after it does.
    pub(crate) fn play(&mut self, run: RunId, play: Play) {
        self.scripts.entry(run).or_default().push_back(play);
    }

    fn emit(order: &Order, kinds: Vec<Kind>) -> Result<()> {
        let mut writer = EventWriter::open(&order.folder, order.run, order.attempt)?;
        kinds.into_iter().try_for_each(|kind| writer.emit(kind))
    }
}

impl Executor for Scripted {
    fn outlives(&self) -> bool {
        self.queue
    }

    fn adopt(&mut self, run: &RunId) -> Result<bool> {
        Ok(self.left.contains(run))
    }

    fn wait(&mut self, at_most: Duration) {
        std::thread::sleep(at_most);
    }

    fn start(&mut self, order: &Order) -> Result<()> {
        self.orders.push(order.clone());
        let play = self.scripts.get_mut(&order.run).and_then(VecDeque::pop_front).unwrap_or(Play::Finish);
        if play == Play::Refuse {
            bail!("no such program");
        }
        let mut order = order.clone();
        if !self.queue {
            fs::create_dir_all(order.folder.attempt(order.attempt))?;
        } else if play != Play::Withdraw {
            // A worker in a queue takes its number itself.
            order.attempt = order.folder.claim()?;
        }
        let started = Kind::Started { host: "here".into(), device: order.device.clone(), from_step: 0, steps: 4 };
        if play == Play::Late {
            let before = Order { attempt: order.attempt - 1, ..order.clone() };
            Self::emit(&before, vec![started, Kind::Finished { seconds: 1.0 }])?;
        } else if ![Play::Withdraw, Play::Choke].contains(&play) {
            Self::emit(&order, vec![started, Kind::Progressed { step: 2, steps: 4 }])?;
        }
        if let Play::Measure(loss) = play {
            Self::emit(&order, vec![Kind::Measured { step: 2, values: [("loss".into(), loss)].into() }])?;
        }
        self.running.insert(order.run, (order, play));
        self.most = self.most.max(self.running.len());
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Gone>> {
        let mut gone = Vec::new();
        for (run, (order, play)) in &self.running {
            if order.after.iter().any(|parent| self.running.contains_key(parent)) {
                continue;
            }
            let stopped = |how| self.stops.contains(&(*run, how));
            let (kinds, how) = match play {
                Play::Finish => (vec![Kind::Finished { seconds: 1.0 }], Exit::Code(0)),
                Play::Fail => (vec![Kind::Failed { cause: Cause::NonFinite, error: "loss is NaN".into() }], Exit::Code(1)),
                Play::Crash(signal) => (Vec::new(), Exit::Signal(*signal)),
                Play::Measure(_) if !self.looked.contains(run) => {
                    // The engine gets the time to read what was measured.
                    self.looked.insert(*run);
                    continue;
                }
                Play::Measure(_) if !stopped(Stop::Ask) => (vec![Kind::Finished { seconds: 1.0 }], Exit::Code(0)),
                Play::Leave | Play::Late => (Vec::new(), Exit::Code(0)),
                Play::Withdraw => (Vec::new(), Exit::Withdrawn),
                Play::Evict => (vec![Kind::Interrupted { step: 3 }], Exit::Lost("Slurm says PREEMPTED".into())),
                Play::Choke => (Vec::new(), Exit::Code(1)),
                Play::Lose => (Vec::new(), Exit::Lost("the node is gone".into())),
                Play::Work | Play::Measure(_) if stopped(Stop::Ask) => (vec![Kind::Interrupted { step: 3 }], Exit::Code(130)),
                Play::Hang if stopped(Stop::Kill) => (Vec::new(), Exit::Signal(9)),
                Play::Work | Play::Hang | Play::Refuse | Play::Measure(_) => continue,
            };
            Self::emit(order, kinds)?;
            gone.push(Gone {
                run: *run,
                begun: how != Exit::Withdrawn,
                how,
                peak_memory_bytes: Some(1 << 20),
                seconds: Some(1.0),
            });
        }
        gone.iter().for_each(|gone| drop(self.running.remove(&gone.run)));
        Ok(gone)
    }

    fn stop(&mut self, run: &RunId, how: Stop) -> Result<()> {
        self.stops.push((*run, how));
        Ok(())
    }
}
