//! One line for each change of state, and now and then one on how far a run is: for logs and pipes.

use super::progress::Progress;
use super::{Cast, Display};
use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use indicatif::HumanDuration;
use jiff::SignedDuration;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// The shortest time between two lines on how far a run is.
const QUIET: SignedDuration = SignedDuration::from_secs(10);

/// Writes lines to `out`.
pub struct Plain<W> {
    out: W,
    cast: Cast,
    done: usize,
    running: BTreeMap<RunId, (Progress, Timestamp)>,
}

impl<W: Write> Plain<W> {
    /// A display that writes to `out`.
    pub fn new(out: W) -> Self {
        Plain { out, cast: Cast::default(), done: 0, running: BTreeMap::new() }
    }

    fn line(&mut self, run: &RunId, text: &str) {
        let line = format!("{} {}: {text}", run.short(), self.cast.name(run));
        self.say(&line);
    }
}

impl<W: Write> Display for Plain<W> {
    fn begin(&mut self, cast: Cast) {
        self.done = cast.done;
        self.cast = cast;
    }

    fn on(&mut self, event: &Event) {
        let run = &event.run;
        if let Some((progress, _)) = self.running.get_mut(run) {
            progress.on(event);
        }
        match &event.kind {
            Kind::Started { device, from_step, steps, .. } => {
                self.running.insert(*run, (Progress::begin(event.at, *from_step, *steps), event.at));
                let again = if event.attempt > 1 { format!(", attempt {}", event.attempt) } else { String::new() };
                let from = if *from_step > 0 { format!(" from step {from_step}") } else { String::new() };
                self.line(run, &format!("started{from} on {device}{again}"));
            }
            Kind::Progressed { .. } | Kind::Measured { .. } => {
                let Some((progress, said)) = self.running.get_mut(run) else { return };
                if progress.now().duration_since(*said) >= QUIET {
                    *said = progress.now();
                    let text = progress.text();
                    self.line(run, &text);
                }
            }
            Kind::Noticed { message } => self.line(run, message),
            Kind::Finished { seconds } => {
                self.running.remove(run);
                self.done += 1;
                let took = HumanDuration(Duration::try_from_secs_f64(*seconds).unwrap_or_default());
                self.line(run, &format!("done in {took:#} ({} of {})", self.done, self.cast.names.len()));
            }
            Kind::Interrupted { step } => {
                self.running.remove(run);
                self.line(run, &format!("interrupted at step {step}"));
            }
            Kind::Failed { error, .. } => {
                self.running.remove(run);
                self.line(run, &format!("failed: {}", error.lines().next().unwrap_or_default()));
            }
            Kind::Pruned { step, reason } => {
                self.running.remove(run);
                self.line(run, &format!("pruned at step {step}: {reason}"));
            }
            Kind::Saved { .. } | Kind::Produced { .. } | Kind::Used { .. } => {}
        }
    }

    fn skipped(&mut self, run: RunId, because: RunId) {
        let because = self.cast.name(&because);
        self.line(&run, &format!("skipped, because of {because}"));
    }

    fn say(&mut self, text: &str) {
        // A log that nobody reads any more must not end the runs.
        let _ = writeln!(self.out, "{text}");
    }

    fn end(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cause;

    fn id(name: &str) -> RunId {
        RunId::of(name.as_bytes())
    }

    fn text(script: &[(&str, i64, Kind)]) -> String {
        let names = [(id("a"), "mae seed=0".to_owned()), (id("b"), "mae seed=1".to_owned())].into();
        let mut plain = Plain::new(Vec::new());
        plain.begin(Cast { names, done: 0 });
        for (name, second, kind) in script {
            let at = Timestamp::from_second(*second).unwrap();
            plain.on(&Event { run: id(name), attempt: 2, seq: 0, at, kind: kind.clone() });
        }
        plain.skipped(id("b"), id("a"));
        String::from_utf8(plain.out).unwrap().replace(&id("a").short(), "<a>").replace(&id("b").short(), "<b>")
    }

    #[test]
    fn each_change_is_a_line_and_progress_is_rare() {
        let started = |from_step| Kind::Started { host: "here".into(), device: "cpu".into(), from_step, steps: 900 };
        let step = |step| Kind::Progressed { step, steps: 900 };
        let failed = Kind::Failed { cause: Cause::NonFinite, error: "loss is NaN\nat step 3".into() };
        let script = [
            ("a", 0, started(100)),
            ("a", 1, step(110)),
            ("a", 10, step(200)),
            ("a", 19, step(290)),
            ("a", 20, step(300)),
            ("b", 20, started(0)),
            ("a", 80, Kind::Finished { seconds: 80.0 }),
            ("b", 90, failed),
            ("b", 95, Kind::Interrupted { step: 7 }),
            ("b", 96, Kind::Pruned { step: 8, reason: "loss 3.1 at 10 % is place 5 of 6".into() }),
        ];
        insta::assert_snapshot!(text(&script), @r"
        <a> mae seed=0: started from step 100 on cpu, attempt 2
        <a> mae seed=0: step 200/900, 70s left
        <a> mae seed=0: step 300/900, 60s left
        <b> mae seed=1: started on cpu, attempt 2
        <a> mae seed=0: done in 80s (1 of 2)
        <b> mae seed=1: failed: loss is NaN
        <b> mae seed=1: interrupted at step 7
        <b> mae seed=1: pruned at step 8: loss 3.1 at 10 % is place 5 of 6
        <b> mae seed=1: skipped, because of mae seed=0
        ");
    }
}
