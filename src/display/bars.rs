//! Bars on a terminal: one for the grid, one for each run that is running.

use super::estimate::{Standing, time_left};
use super::labels::{Form, Labels, elided, stage};
use super::progress::Progress;
use super::resting::Resting;
use super::{Cast, Display};
use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use console::Term;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Draws a second.
const DRAWS: u8 = 20;
/// The least time between two estimates of the time that is left, which look at all runs.
const ESTIMATE: Duration = Duration::from_secs(1);

/// Draws on standard error. Colours are left out where NO_COLOR is set.
pub(super) struct Bars {
    bars: MultiProgress,
    grid: ProgressBar,
    running: BTreeMap<RunId, (Progress, ProgressBar)>,
    /// What became of those that ran and do not any more.
    ended: BTreeMap<RunId, Standing>,
    pruned: usize,
    cast: Cast,
    labels: Labels,
    counted: Instant,
    /// Whether bars stand on the screen, above which lines go.
    is_shown: bool,
    width: fn() -> usize,
}

impl Bars {
    pub(super) fn new() -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Resting::stderr()), DRAWS);
        Self::on_target(target, || usize::from(Term::stderr().size().1))
    }

    fn on_target(target: ProgressDrawTarget, width: fn() -> usize) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let grid = bars.add(ProgressBar::no_length().with_style(style(bar_width(width()), "green")));
        Bars {
            bars,
            grid,
            running: BTreeMap::new(),
            ended: BTreeMap::new(),
            pruned: 0,
            cast: Cast::default(),
            labels: Labels::default(),
            counted: Instant::now(),
            is_shown: false,
            width,
        }
    }

    /// The width that words have beside a bar.
    fn room(&self) -> usize {
        let width = (self.width)();
        width.saturating_sub(bar_width(width) + 1)
    }

    fn count(&mut self) {
        self.counted = Instant::now();
        let (done, all) = (self.grid.position(), self.cast.names.len());
        let out = self.ended.values().filter(|standing| **standing == Standing::Out).count();
        let out = [(out.saturating_sub(self.pruned), "failed"), (self.pruned, "pruned")];
        let out = out.into_iter().filter(|(count, _)| *count > 0);
        let out: String = out.map(|(count, what)| format!(", {count} {what}")).collect();
        let running = self.running.len();
        let left = self.time_left().map_or_else(String::new, |left| format!("{:#} left", HumanDuration(left)));
        let [about, left] = [", about ", ", "].map(|word| if left.is_empty() { String::new() } else { format!("{word}{left}") });
        let texts = [
            format!("{done}/{all} runs done{out}, {running} running{about}"),
            format!("{done}/{all} done, {running} running{left}"),
            format!("{done}/{all} done{left}"),
            format!("{done}/{all}"),
        ];
        self.grid.set_message(fitting(&texts, self.room()).clone());
    }

    /// The time until the grid is done, where it can be told.
    fn time_left(&self) -> Option<Duration> {
        let stage_of = |run: &RunId| self.cast.names.get(run).map_or("", |name| stage(name));
        let is_heard = |run: &RunId| self.running.contains_key(run) || self.ended.contains_key(run);
        let unheard: Vec<&str> = self.cast.names.keys().filter(|run| !is_heard(run)).map(stage_of).collect();
        let waiting = unheard.len().saturating_sub(self.cast.done);
        // Some of these were done before, and nobody said which: that matters when they are of several stages.
        if self.cast.done > 0 && waiting > 0 && unheard.iter().any(|stage| *stage != unheard[0]) {
            return None;
        }
        let running = self.running.iter().map(|(run, (progress, _))| (stage_of(run), Standing::Running(progress.left())));
        let ended = self.ended.iter().map(|(run, standing)| (stage_of(run), *standing));
        time_left(running.chain(ended).chain(unheard.iter().take(waiting).map(|stage| (*stage, Standing::Waiting))))
    }

    fn begin_run(&mut self, event: &Event, from_step: u64, steps: u64) {
        // Another attempt may begin before the end of the one before was seen.
        self.close(&event.run);
        let bar = ProgressBar::new(steps).with_style(style(bar_width((self.width)()), "cyan"));
        let bar = self.bars.insert_before(&self.grid, bar);
        bar.set_position(from_step);
        self.ended.remove(&event.run);
        self.running.insert(event.run, (Progress::begin(event.at, from_step, steps), bar));
    }

    fn close(&mut self, run: &RunId) {
        if let Some((_, bar)) = self.running.remove(run) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    /// A run ended so, and this is said about it.
    fn end_run(&mut self, run: &RunId, standing: Option<Standing>, text: &str) {
        self.close(run);
        self.ended.extend(standing.map(|standing| (*run, standing)));
        self.say(&format!("{}: {text}", self.cast.name(run)));
    }

    fn show_progress(&mut self, event: &Event) {
        let room = self.room();
        let Some((progress, bar)) = self.running.get_mut(&event.run) else { return };
        progress.on(event);
        let labels = [Form::Keyed, Form::Bare].map(|form| self.labels.get(&event.run, form).unwrap_or_default());
        bar.set_length(progress.steps);
        bar.set_position(progress.step);
        bar.set_message(line(labels, &progress.texts(), room));
    }
}

impl Display for Bars {
    fn begin(&mut self, cast: Cast) {
        self.labels = Labels::of(&cast.names);
        self.grid.set_length(cast.names.len() as u64);
        self.grid.set_position(cast.done as u64);
        self.grid.enable_steady_tick(Duration::from_millis(500));
        (self.cast, self.is_shown) = (cast, true);
        self.count();
    }

    fn on(&mut self, event: &Event) {
        let run = &event.run;
        match &event.kind {
            Kind::Started { from_step, steps, .. } => self.begin_run(event, *from_step, *steps),
            Kind::Noticed { message } => self.say(&format!("{}: {message}", self.cast.name(run))),
            Kind::Finished { seconds } => {
                self.close(run);
                self.ended.insert(*run, Standing::Done(*seconds));
                self.grid.inc(1);
            }
            // It waits again.
            Kind::Interrupted { step } => self.end_run(run, None, &format!("interrupted at step {step}")),
            Kind::Failed { error, .. } => {
                let text = format!("failed: {}", error.lines().next().unwrap_or_default());
                self.end_run(run, Some(Standing::Out), &text);
            }
            Kind::Pruned { step, reason } => {
                self.pruned += 1;
                self.end_run(run, Some(Standing::Out), &format!("pruned at step {step}: {reason}"));
            }
            Kind::Progressed { .. } | Kind::Measured { .. } | Kind::Saved { .. } | Kind::Produced { .. } | Kind::Used { .. } => {}
        }
        self.show_progress(event);
        if event.kind.is_ending() || matches!(event.kind, Kind::Started { .. }) || self.counted.elapsed() >= ESTIMATE {
            self.count();
        }
    }

    fn skipped(&mut self, run: RunId, because: RunId) {
        self.say(&format!("{}: skipped, because of {}", self.cast.name(&run), self.cast.name(&because)));
    }

    fn say(&mut self, text: &str) {
        if self.is_shown {
            // A terminal that has gone away must not end the runs.
            let _ = self.bars.println(text);
        } else {
            let _ = Term::stderr().write_line(text);
        }
    }

    fn end(&mut self) {
        // A bar that is left would be drawn once more when it is dropped.
        let left: Vec<RunId> = self.running.keys().copied().collect();
        left.iter().for_each(|run| self.close(run));
        self.grid.finish_and_clear();
        let _ = self.bars.clear();
        self.is_shown = false;
    }
}

/// The width of a bar on a terminal of this width.
fn bar_width(width: usize) -> usize {
    (width / 4).clamp(4, 30)
}

/// What stands beside the bar of a run: the fullest words that have room, and the label with its keys if they have room too.
fn line(labels: [&str; 2], texts: &[String], room: usize) -> String {
    let lines: Vec<String> = texts.iter().flat_map(|text| labels.map(|label| format!("{label}: {text}"))).collect();
    let last = fitting(&lines, room);
    let text = &texts[texts.len() - 1];
    if width(last) <= room {
        last.clone()
    } else {
        format!("{}: {text}", elided(labels[1], room.saturating_sub(width(text) + 2)))
    }
}

/// The first text that has room, or the last.
fn fitting(texts: &[String], room: usize) -> &String {
    texts.iter().find(|text| width(text) <= room).unwrap_or(&texts[texts.len() - 1])
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A bar and its words, which are cut where the terminal ends: a line that goes on below cannot be cleared well.
fn style(bar: usize, colour: &str) -> ProgressStyle {
    let template = format!("{{bar:{bar}.{colour}}} {{wide_msg}}");
    ProgressStyle::with_template(&template).expect("the template above is well formed").progress_chars("━━─")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    const NAMES: [&str; 3] = ["mae,ratio=0.75,seed=0", "mae,ratio=0.9,seed=0", "mae,ratio=0.9,seed=0/knn"];

    fn bars(done: usize, width: fn() -> usize) -> Bars {
        let mut bars = Bars::on_target(ProgressDrawTarget::hidden(), width);
        bars.begin(Cast { names: (0..3).map(|place| (id(place), NAMES[place].to_owned())).collect(), done });
        bars
    }

    fn id(place: usize) -> RunId {
        RunId::of(NAMES[place].as_bytes())
    }

    fn tell(bars: &mut Bars, place: usize, second: i64, kind: Kind) {
        let at = Timestamp::from_second(second).unwrap();
        bars.on(&Event { run: id(place), attempt: 1, seq: 0, at, kind });
        bars.count();
    }

    fn started() -> Kind {
        Kind::Started { host: "here".into(), device: "cpu".into(), from_step: 0, steps: 10 }
    }

    #[test]
    fn a_run_has_a_bar_while_it_runs_and_the_grid_counts_it_when_it_is_done() {
        let mut bars = bars(0, || 120);
        tell(&mut bars, 0, 0, started());
        tell(&mut bars, 0, 30, Kind::Progressed { step: 5, steps: 10 });
        let bar = bars.running[&id(0)].1.clone();
        assert_eq!((bar.message(), bar.position()), ("ratio=0.75: step 5/10, 30s left".into(), 5));
        assert_eq!(bars.grid.message(), "0/3 runs done, 1 running");
        tell(&mut bars, 0, 60, Kind::Finished { seconds: 60.0 });
        assert!(bars.running.is_empty() && bar.is_finished());
        assert_eq!((bars.grid.position(), bars.grid.message()), (1, "1/3 runs done, 0 running".into()));
        bars.end();
    }

    #[test]
    fn the_time_that_is_left_is_told_when_it_is_known_and_not_before() {
        let mut fresh = bars(0, || 120);
        tell(&mut fresh, 0, 0, started());
        tell(&mut fresh, 0, 60, Kind::Finished { seconds: 60.0 });
        tell(&mut fresh, 2, 60, started());
        tell(&mut fresh, 2, 80, Kind::Progressed { step: 5, steps: 10 });
        assert_eq!(fresh.grid.message(), "1/3 runs done, 1 running, about 80s left");
        // Which stage the run that was done before has is not known, until nothing else waits.
        let mut again = bars(1, || 120);
        tell(&mut again, 1, 0, started());
        tell(&mut again, 1, 20, Kind::Progressed { step: 5, steps: 10 });
        assert_eq!(again.grid.message(), "1/3 runs done, 1 running");
        tell(&mut again, 2, 20, started());
        tell(&mut again, 2, 40, Kind::Progressed { step: 5, steps: 10 });
        assert_eq!(again.grid.message(), "1/3 runs done, 2 running, about 20s left");
    }

    #[test]
    fn on_a_narrow_terminal_the_words_are_fewer() {
        let mut bars = bars(0, || 40);
        tell(&mut bars, 2, 0, started());
        tell(&mut bars, 2, 30, Kind::Progressed { step: 5, steps: 10 });
        assert_eq!(bars.running[&id(2)].1.message(), "0.9/knn: step 5/10, 30s left");
        assert_eq!(bars.grid.message(), "0/3 runs done, 1 running");
        let texts = ["step 5/10, loss 0.5, 3m left".to_owned(), "step 5/10".to_owned()];
        assert_eq!(line(["ratio=0.9,seed=1", "0.9,1"], &texts, 60), "ratio=0.9,seed=1: step 5/10, loss 0.5, 3m left");
        assert_eq!(line(["ratio=0.9,seed=1", "0.9,1"], &texts, 40), "0.9,1: step 5/10, loss 0.5, 3m left");
        assert_eq!(line(["ratio=0.9,seed=1", "0.9,1"], &texts, 30), "ratio=0.9,seed=1: step 5/10");
        assert_eq!(line(["vic_mae,ratio=0.9", "vic_mae,0.9"], &texts, 18), "vic…0.9: step 5/10");
    }

    #[test]
    fn nothing_is_left_when_it_ends_while_runs_are_running() {
        let mut bars = bars(0, || 80);
        tell(&mut bars, 0, 0, started());
        let bar = bars.running[&id(0)].1.clone();
        bars.end();
        assert!(bars.running.is_empty() && bar.is_finished() && bars.grid.is_finished());
    }
}
