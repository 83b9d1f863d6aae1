//! One run as the page knows it, folded from its events.

use super::super::estimate::Standing;
use super::super::progress::Progress;
use super::curve::Curve;
use crate::event::Event;
use crate::event::IMAGES_PER_SECOND;
use crate::event::Kind;
use crate::event::LOSS;
use crate::event::METRICS;
use crate::event::Metric;
use crate::event::TOP1;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// How far a run is, in the order in which the table shows runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Running,
    Failed,
    Interrupted,
    Waiting,
    Pruned,
    Done,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Failed => "failed",
            State::Interrupted => "interrupted",
            State::Waiting => "waiting",
            State::Pruned => "pruned",
            State::Done => "done",
        }
    }

    /// Whether the run will come about, as far as anyone knows.
    pub(super) fn is_left(self) -> bool {
        matches!(self, State::Waiting | State::Interrupted)
    }
}

/// What is known of a run without its events.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Its stage.
    pub stage: String,
    /// Whether it was done before.
    pub done: bool,
    /// How long its attempts took together, in seconds.
    pub seconds: f64,
    /// The last step at which it measured each metric, and the value.
    pub finals: BTreeMap<Metric, (u64, f64)>,
}

/// The most lines of messages that are kept.
const MOST_MESSAGES: usize = 50;

/// What is known of a run.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) stage: String,
    pub(super) state: State,
    /// The last attempt, 0 when there was none.
    pub(super) attempt: u32,
    pub(super) progress: Option<Progress>,
    pub(super) curves: BTreeMap<Metric, Curve>,
    pub(super) messages: Vec<String>,
    /// The time that its attempts took together, in seconds.
    pub(super) seconds: f64,
    /// The attempt whose time was counted last.
    counted: u32,
    /// Whether its curves are only their ends, because its events were not read.
    pub(super) is_unread: bool,
}

impl Run {
    pub(super) fn new(name: String) -> Self {
        Run {
            name,
            stage: String::new(),
            state: State::Waiting,
            attempt: 0,
            progress: None,
            curves: BTreeMap::new(),
            messages: Vec::new(),
            seconds: 0.0,
            counted: 0,
            is_unread: false,
        }
    }

    /// Takes over what is known without the events.
    pub(super) fn recall(&mut self, past: Past) {
        self.stage = past.stage;
        if past.done {
            (self.state, self.seconds, self.is_unread) = (State::Done, past.seconds, true);
            past.finals.into_iter().for_each(|(metric, (step, value))| self.curves.entry(metric).or_default().push(step, value));
        }
    }

    /// Takes in all events of a run that was done before.
    pub(super) fn read(&mut self, events: &[Event]) {
        let known = std::mem::replace(self, Run::new(self.name.clone()));
        events.iter().for_each(|event| self.on(event));
        (self.stage, self.state) = (known.stage, State::Done);
        // Where the log is gone, the ends of the curves are better than nothing.
        if events.is_empty() {
            (self.curves, self.seconds) = (known.curves, known.seconds);
        }
    }

    pub(super) fn on(&mut self, event: &Event) {
        if self.state == State::Done {
            // A result is one, whatever is said after it.
            return;
        }
        self.attempt = self.attempt.max(event.attempt);
        if let Some(progress) = &mut self.progress {
            progress.on(event);
        }
        match &event.kind {
            Kind::Started { from_step, steps, .. } => {
                self.state = State::Running;
                self.progress = Some(Progress::begin(event.at, *from_step, *steps));
            }
            Kind::Measured { step, values } => {
                values.iter().for_each(|(metric, value)| self.curves.entry(metric.clone()).or_default().push(*step, *value));
            }
            Kind::Noticed { message } => self.hear(message),
            Kind::Used { seconds, .. } => self.count(event.attempt, *seconds),
            Kind::Finished { seconds } => {
                self.state = State::Done;
                self.count(event.attempt, *seconds);
            }
            Kind::Interrupted { step } => {
                self.state = State::Interrupted;
                self.hear(&format!("interrupted at step {step}"));
            }
            Kind::Failed { cause, error } => {
                self.state = State::Failed;
                self.hear(&format!("attempt {} failed ({cause}): {error}", event.attempt));
            }
            Kind::Pruned { step, reason } => {
                self.state = State::Pruned;
                self.hear(&format!("pruned at step {step}: {reason}"));
            }
            Kind::Progressed { .. } | Kind::Saved { .. } | Kind::Produced { .. } => {}
        }
    }

    /// Its stage and how far it is, for the time that is left.
    pub(super) fn standing(&self) -> (&str, Standing) {
        let standing = match self.state {
            State::Done => Standing::Done(self.seconds),
            State::Running => Standing::Running(self.progress.as_ref().and_then(Progress::left)),
            State::Waiting | State::Interrupted => Standing::Waiting,
            State::Failed | State::Pruned => Standing::Out,
        };
        (&self.stage, standing)
    }

    /// Counts the time of an attempt once: `Used` comes before `Finished` and says the same or more.
    fn count(&mut self, attempt: u32, seconds: f64) {
        if attempt != self.counted {
            self.seconds += seconds;
            self.counted = attempt;
        }
    }

    fn hear(&mut self, message: &str) {
        self.messages.extend(message.lines().map(str::to_owned));
        self.messages.drain(..self.messages.len().saturating_sub(MOST_MESSAGES));
    }

    /// When the run's last event came, for one that is running.
    pub(super) fn heard_at(&self) -> Option<Timestamp> {
        self.progress.as_ref().filter(|_| self.state == State::Running).map(Progress::now)
    }

    /// The share of the steps that is made, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let made = |progress: &Progress| (progress.step as f64 / progress.steps.max(1) as f64).min(1.0);
        if self.state == State::Done { 1.0 } else { self.progress.as_ref().map_or(0.0, made) }
    }

    /// The number that says most: top-1 accuracy where there is one, the loss elsewhere.
    pub(super) fn number(&self) -> Option<(&'static str, f64)> {
        [TOP1, LOSS].into_iter().find_map(|name| self.latest(name).map(|value| (name, value)))
    }

    /// Images trained on per second, of one that is running.
    pub(super) fn images_per_second(&self) -> Option<f64> {
        self.latest(IMAGES_PER_SECOND).filter(|_| self.state == State::Running)
    }

    fn latest(&self, name: &str) -> Option<f64> {
        self.curves.get(&Metric::from(name)).and_then(Curve::latest)
    }

    /// What it measured, in the order in which help lists metrics.
    pub(super) fn metrics(&self) -> Vec<&Metric> {
        let place = |metric: &Metric| metric.known().and_then(|known| METRICS.iter().position(|other| other.name == known.name));
        let mut metrics: Vec<&Metric> = self.curves.keys().collect();
        metrics.sort_by_key(|metric| place(metric).unwrap_or(METRICS.len()));
        metrics
    }
}
