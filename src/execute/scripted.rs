//! Workers that play a script: what the engine's tests run.

use super::{Executor, Exit, Gone, Order, Stop};
use crate::event::Cause;
use crate::event::Kind;
use crate::run_folder::EventWriter;
use crate::run_id::RunId;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, VecDeque};
use std::fs;

/// What the next worker of a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// Plays scripts. A run that has none finishes.
#[derive(Default)]
pub(crate) struct Scripted {
    scripts: BTreeMap<RunId, VecDeque<Play>>,
    running: BTreeMap<RunId, (Order, Play)>,
    /// Every order, in the order in which they came.
    pub(crate) orders: Vec<Order>,
    /// Every stop.
    pub(crate) stops: Vec<(RunId, Stop)>,
    /// The most workers there were at a time.
    pub(crate) most: usize,
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
    fn start(&mut self, order: &Order) -> Result<()> {
        self.orders.push(order.clone());
        let play = self.scripts.get_mut(&order.run).and_then(VecDeque::pop_front).unwrap_or(Play::Finish);
        if play == Play::Refuse {
            bail!("no such program");
        }
        fs::create_dir_all(order.folder.attempt(order.attempt))?;
        let started = Kind::Started { host: "here".into(), device: order.device.clone(), from_step: 0, steps: 4 };
        Self::emit(order, vec![started, Kind::Progressed { step: 2, steps: 4 }])?;
        self.running.insert(order.run, (order.clone(), play));
        self.most = self.most.max(self.running.len());
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<Gone>> {
        let mut gone = Vec::new();
        for (run, (order, play)) in &self.running {
            let stopped = |how| self.stops.contains(&(*run, how));
            let (kinds, how) = match play {
                Play::Finish => (vec![Kind::Finished { seconds: 1.0 }], Exit::Code(0)),
                Play::Fail => (vec![Kind::Failed { cause: Cause::NonFinite, error: "loss is NaN".into() }], Exit::Code(1)),
                Play::Crash(signal) => (Vec::new(), Exit::Signal(*signal)),
                Play::Work if stopped(Stop::Ask) => (vec![Kind::Interrupted { step: 3 }], Exit::Code(130)),
                Play::Hang if stopped(Stop::Kill) => (Vec::new(), Exit::Signal(9)),
                Play::Work | Play::Hang | Play::Refuse => continue,
            };
            Self::emit(order, kinds)?;
            gone.push(Gone { run: *run, how });
        }
        gone.iter().for_each(|gone| drop(self.running.remove(&gone.run)));
        Ok(gone)
    }

    fn stop(&mut self, run: &RunId, how: Stop) -> Result<()> {
        self.stops.push((*run, how));
        Ok(())
    }
}
