//! Bars on a terminal: one for the grid, one for each run that is running.

use super::progress::Progress;
use super::{Cast, Display};
use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// Draws on standard error. Colours are left out where NO_COLOR is set.
pub struct Terminal {
    bars: MultiProgress,
    grid: ProgressBar,
    running: BTreeMap<RunId, (Progress, ProgressBar)>,
    cast: Cast,
    failed: usize,
}

impl Terminal {
    /// A display on standard error.
    pub fn new() -> Self {
        Self::on_target(ProgressDrawTarget::stderr())
    }

    fn on_target(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let grid = bars.add(ProgressBar::no_length().with_style(style("{bar:30.green} {pos}/{len} runs done{msg}, {eta} left")));
        Terminal { bars, grid, running: BTreeMap::new(), cast: Cast::default(), failed: 0 }
    }

    fn show_counts(&self) {
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        self.grid.set_message(format!("{failed}, {} running", self.running.len()));
    }

    fn close(&mut self, run: &RunId) {
        if let Some((_, bar)) = self.running.remove(run) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Display for Terminal {
    fn begin(&mut self, cast: Cast) {
        self.grid.set_length(cast.names.len() as u64);
        // The time that is left follows from the runs of this invocation, not from those done before.
        self.grid.set_position(cast.done as u64);
        self.grid.reset_eta();
        self.grid.enable_steady_tick(Duration::from_millis(500));
        self.cast = cast;
        self.show_counts();
    }

    fn on(&mut self, event: &Event) {
        match &event.kind {
            Kind::Started { from_step, steps, .. } => {
                let bar = ProgressBar::new(*steps).with_style(style("{bar:30.cyan} {prefix}: {msg}"));
                let bar = self.bars.insert_before(&self.grid, bar);
                bar.set_prefix(self.cast.name(&event.run));
                bar.set_position(*from_step);
                self.running.insert(event.run, (Progress::begin(event.at, *from_step, *steps), bar));
            }
            Kind::Noticed { message } => self.say(&format!("{}: {message}", self.cast.name(&event.run))),
            Kind::Finished { .. } => {
                self.close(&event.run);
                self.grid.inc(1);
            }
            Kind::Interrupted { step } => {
                self.close(&event.run);
                self.say(&format!("{}: interrupted at step {step}", self.cast.name(&event.run)));
            }
            Kind::Failed { error, .. } => {
                self.close(&event.run);
                self.failed += 1;
                self.say(&format!("{}: failed: {}", self.cast.name(&event.run), error.lines().next().unwrap_or_default()));
            }
            Kind::Progressed { .. } | Kind::Measured { .. } | Kind::Saved { .. } | Kind::Produced { .. } => {}
        }
        if let Some((progress, bar)) = self.running.get_mut(&event.run) {
            progress.on(event);
            bar.set_length(progress.steps);
            bar.set_position(progress.step);
            bar.set_message(progress.text());
        }
        self.show_counts();
    }

    fn skipped(&mut self, run: RunId, because: RunId) {
        self.say(&format!("{}: skipped, because of {}", self.cast.name(&run), self.cast.name(&because)));
    }

    fn say(&mut self, text: &str) {
        // A terminal that has gone away must not end the runs.
        let _ = self.bars.println(text);
    }

    fn end(&mut self) {
        self.grid.finish_and_clear();
        let _ = self.bars.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well formed").progress_chars("━━─")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_run_has_a_bar_while_it_runs_and_the_grid_counts_it_when_it_is_done() {
        let mut terminal = Terminal::on_target(ProgressDrawTarget::hidden());
        let run = RunId::of(b"run");
        let event = |kind| Event { run, attempt: 1, seq: 0, at: Timestamp::UNIX_EPOCH, kind };
        terminal.begin(Cast { names: [(run, "mae seed=0".to_owned())].into(), done: 0 });
        terminal.on(&event(Kind::Started { host: "here".into(), device: "cpu".into(), from_step: 0, steps: 10 }));
        terminal.on(&event(Kind::Progressed { step: 5, steps: 10 }));
        let bar = terminal.running[&run].1.clone();
        assert_eq!((bar.prefix(), bar.message(), bar.position()), ("mae seed=0".into(), "step 5/10".into(), 5));
        assert_eq!(terminal.grid.message(), ", 1 running");
        terminal.on(&event(Kind::Finished { seconds: 1.0 }));
        assert!(terminal.running.is_empty() && bar.is_finished());
        assert_eq!((terminal.grid.position(), terminal.grid.message()), (1, ", 0 running".into()));
        terminal.end();
    }
}
