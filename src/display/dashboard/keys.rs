//! What the keys do.

use super::Dashboard;
use super::run::Run;
use super::run::State;
use crate::event::Metric;
use crate::run_id::RunId;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "keys are known by their names")]
pub enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    Esc,
    CtrlC,
    Char(char),
}

/// What a key means for the one who looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Goes on looking.
    Stay,
    /// Has seen enough.
    Leave,
}

/// The runs that the table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    All,
    Running,
    Failed,
}

impl Filter {
    pub(super) fn name(self) -> &'static str {
        match self {
            Filter::All => "all",
            Filter::Running => "running",
            Filter::Failed => "failed",
        }
    }

    pub(super) fn admits(self, run: &Run) -> bool {
        match self {
            Filter::All => true,
            Filter::Running => run.state == State::Running,
            Filter::Failed => run.state == State::Failed,
        }
    }

    /// What is shown where the filter lets no run through.
    pub(super) fn nothing(self) -> &'static str {
        match self {
            Filter::All => "no runs",
            Filter::Running => "no run is running; f shows those that failed, and then all",
            Filter::Failed => "no run failed; f shows all",
        }
    }

    fn next(self) -> Self {
        match self {
            Filter::All => Filter::Running,
            Filter::Running => Filter::Failed,
            Filter::Failed => Filter::All,
        }
    }
}

impl Dashboard {
    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Flow {
        let page = self.page_of_rows.get();
        match key {
            Key::CtrlC | Key::Char('q') => return Flow::Leave,
            _ if self.help => self.help = false,
            Key::Esc => return Flow::Leave,
            Key::Up | Key::Char('k') => self.select(|place| place.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.select(|place| place + 1),
            Key::PageUp => self.select(|place| place.saturating_sub(page)),
            Key::PageDown => self.select(|place| place + page),
            Key::Home | Key::Char('g') => self.select(|_| 0),
            Key::End | Key::Char('G') => self.select(|_| usize::MAX),
            Key::Tab | Key::Char('m') => self.metric = self.next_metric(),
            Key::Char('l') => self.log = !self.log,
            Key::Char('s') => self.smooth = !self.smooth,
            Key::Char('f') => self.filter = self.filter.next(),
            Key::Char('?') => self.help = true,
            Key::Char(_) => {}
        }
        Flow::Stay
    }

    /// The run whose row is marked: the one that was selected, else the first.
    pub(super) fn selected(&self) -> Option<(RunId, &Run)> {
        let admitted = || self.runs.iter().map(|(id, run)| (*id, run)).filter(|(_, run)| self.filter.admits(run));
        let selected = self.selected.and_then(|selected| admitted().find(|(id, _)| *id == selected));
        // The least state is that of the first row, and the first of its runs stands there.
        selected.or_else(|| admitted().min_by_key(|(_, run)| run.state))
    }

    fn select(&mut self, go: impl Fn(usize) -> usize) {
        let rows = self.rows();
        let place = rows.iter().position(|(id, _)| Some(*id) == self.selected).unwrap_or(0);
        self.selected = rows.get(go(place)).or(rows.last()).map(|(id, _)| *id);
    }

    /// The metric that the chart shows of a run: the one that was chosen, where the run has it, else the number that says most.
    pub(super) fn metric(&self, run: &Run) -> Option<Metric> {
        let chosen = self.metric.as_ref().filter(|metric| run.curves.contains_key(metric)).cloned();
        chosen.or_else(|| run.number().map(|(name, _)| name.into())).or_else(|| run.metrics().first().copied().cloned())
    }

    fn next_metric(&self) -> Option<Metric> {
        let (_, run) = self.selected()?;
        let (metrics, now) = (run.metrics(), self.metric(run)?);
        let place = metrics.iter().position(|metric| **metric == now)?;
        Some(metrics[(place + 1) % metrics.len()].clone())
    }
}
