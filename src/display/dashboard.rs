//! A page that lives on a terminal: what the runs do, one row each, and one of them closely. A model that events and keys
//! change, and a view of it; neither knows the terminal, which [`Screen`] does.

mod chart;
mod curve;
mod detail;
mod ending;
mod fit;
mod foot;
mod head;
mod help;
mod keys;
mod run;
mod screen;
mod table;
mod tty;
mod view;

#[cfg(test)]
mod tests;

pub use keys::{Flow, Key};
pub use run::Past;
pub use screen::{Input, Screen};

use super::labels::Labels;
use super::{Cast, Display};
use crate::event::Event;
use crate::event::Metric;
use crate::run_id::RunId;
use indexmap::IndexMap;
use jiff::Timestamp;
use keys::Filter;
use run::Run;
use run::State;
use std::cell::Cell;

/// What is known of the runs, and what of it is looked at.
pub struct Dashboard {
    title: String,
    colours: bool,
    since: Timestamp,
    now: Timestamp,
    runs: IndexMap<RunId, Run>,
    labels: Labels,
    /// The last thing that was said that belongs to no run.
    said: String,
    is_over: bool,
    selected: Option<RunId>,
    /// The metric that was chosen for the chart.
    metric: Option<Metric>,
    log: bool,
    smooth: bool,
    filter: Filter,
    help: bool,
    /// How many rows the table showed the last time, which is how far a page of them goes.
    page_of_rows: Cell<usize>,
    /// The last lines that the worker of a run wrote.
    tail: Option<(RunId, Vec<String>)>,
}

impl Dashboard {
    /// A page about the runs of `title`, an experiment or a results folder, which are being brought about since `since`.
    pub fn new(title: impl Into<String>, since: Timestamp, colours: bool) -> Self {
        Dashboard {
            title: title.into(),
            colours,
            since,
            now: since,
            runs: IndexMap::new(),
            labels: Labels::default(),
            said: String::new(),
            is_over: false,
            selected: None,
            metric: None,
            log: false,
            smooth: false,
            filter: Filter::All,
            help: false,
            page_of_rows: Cell::new(1),
            tail: None,
        }
    }

    /// Takes over what is known of a run without its events. Comes after `begin` and before them.
    pub fn recall(&mut self, run: RunId, past: Past) {
        self.run(run).recall(past);
    }

    /// Says what time it is.
    pub fn tick(&mut self, now: Timestamp) {
        if !self.is_over {
            self.now = now;
        }
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The run that is looked at closely, when it was done before and its events have not been read.
    pub fn unread(&self) -> Option<RunId> {
        self.selected().filter(|(_, run)| run.is_unread).map(|(id, _)| id)
    }

    /// Takes in all events of a run that was done before.
    pub fn read(&mut self, run: RunId, events: &[Event]) {
        self.run(run).read(events);
    }

    /// The run that is looked at closely and its last attempt, when it was tried.
    pub fn looked_at(&self) -> Option<(RunId, u32)> {
        self.selected().filter(|(_, run)| run.attempt > 0).map(|(id, run)| (id, run.attempt))
    }

    /// Takes in the last lines that the worker of a run wrote.
    pub fn hear(&mut self, run: RunId, lines: Vec<String>) {
        self.tail = Some((run, lines));
    }

    fn run(&mut self, run: RunId) -> &mut Run {
        self.runs.entry(run).or_insert_with(|| Run::new(run.short()))
    }

    /// The runs that the table shows, in its order.
    fn rows(&self) -> Vec<(RunId, &Run)> {
        let mut rows: Vec<_> = self.runs.iter().map(|(id, run)| (*id, run)).filter(|(_, run)| self.filter.admits(run)).collect();
        rows.sort_by_key(|(_, run)| run.state);
        rows
    }

    fn count(&self, is: impl Fn(State) -> bool) -> usize {
        self.runs.values().filter(|run| is(run.state)).count()
    }
}

impl Display for Dashboard {
    fn begin(&mut self, cast: Cast) {
        self.labels = Labels::of(&cast.names);
        self.runs = cast.names.into_iter().map(|(id, name)| (id, Run::new(name))).collect();
    }

    fn on(&mut self, event: &Event) {
        self.run(event.run).on(event);
    }

    fn skipped(&mut self, run: RunId, because: RunId) {
        let [run, because] = [run, because].map(|run| self.run(run).name.clone());
        self.say(&format!("{run} is skipped, because of {because}"));
    }

    fn say(&mut self, text: &str) {
        text.clone_into(&mut self.said);
    }

    fn end(&mut self) {
        self.is_over = true;
    }
}
