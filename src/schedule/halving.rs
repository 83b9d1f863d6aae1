//! Asynchronous successive halving (ASHA, Li et al. 2020, arXiv 1810.05934), in the form that stops: a run that reaches a
//! rung goes on when it is among the best of those that have reached it so far.

use crate::event::Better;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Metric;
use crate::failure::Failure;
use crate::run_id::RunId;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The values of the runs at each rung, and who goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Halving {
    metric: Metric,
    better: Better,
    keep: f64,
    rungs: Vec<Rung>,
    climbers: BTreeMap<RunId, Climber>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rung {
    /// The share of a run's steps at which it stands.
    at: f64,
    values: Vec<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Climber {
    steps: u64,
    /// The next rung.
    rung: usize,
}

/// That a run came to a rung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    run: RunId,
    at: Timestamp,
    rung: usize,
    value: f64,
}

/// A run that is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loser {
    /// The run.
    pub run: RunId,
    /// Why: `online.knn.top1 31.5 at 33 % is place 5 of 6`.
    pub reason: String,
    rung: usize,
}

impl Halving {
    /// Compares runs by `metric` at `rungs` (shares of a run's steps, between 0 and 1) and keeps the share `keep` of them.
    ///
    /// # Errors
    /// A [`Failure`] when the metric has no good direction, or a share is none.
    pub fn new(metric: Metric, rungs: &[f64], keep: f64) -> Result<Self, Failure> {
        let better = metric.better();
        if better == Better::Neither {
            return Err(Failure::input(format!("runs cannot be compared by `{metric}`: more of it is neither good nor bad"))
                .hint("name a metric that pretraining measures, such as `loss` or `online.knn.top1`"));
        }
        let is_share = |share: &f64| *share > 0.0 && *share < 1.0;
        if rungs.is_empty() || !rungs.iter().chain([&keep]).all(is_share) || !rungs.is_sorted_by(|a, b| a < b) {
            return Err(Failure::input("rungs and the share to keep lie between 0 and 1, and rungs rise")
                .hint("as in `--rungs 0.1,0.3 --keep 0.33`"));
        }
        let rungs = rungs.iter().map(|at| Rung { at: *at, values: Vec::new() }).collect();
        Ok(Halving { metric, better, keep, rungs, climbers: BTreeMap::new() })
    }

    /// Compares these runs and no others: a transfer may measure the same metric, and it means something else there.
    #[must_use]
    pub fn among(mut self, runs: impl IntoIterator<Item = RunId>) -> Self {
        self.climbers = runs.into_iter().map(|run| (run, Climber::default())).collect();
        self
    }

    /// Takes in what happened to a run, and says when it is to be stopped.
    pub fn on(&mut self, event: &Event) -> Option<Loser> {
        let reached = self.climb(event);
        self.judge(reached).pop()
    }

    /// Takes in what happened to a run, and says which rungs it has come to by that. Nobody is compared yet.
    pub fn climb(&mut self, event: &Event) -> Vec<Reached> {
        let mut reached = Vec::new();
        let Some(climber) = self.climbers.get_mut(&event.run) else { return reached };
        match &event.kind {
            Kind::Started { steps, .. } => climber.steps = *steps,
            Kind::Measured { step, values } if climber.steps > 0 => {
                let Some(value) = values.get(&self.metric) else { return reached };
                let share = *step as f64 / climber.steps as f64;
                while self.rungs.get(climber.rung).is_some_and(|rung| share >= rung.at && share < 1.0) {
                    reached.push(Reached { run: event.run, at: event.at, rung: climber.rung, value: *value });
                    climber.rung += 1;
                }
            }
            _ => {}
        }
        reached
    }

    /// Compares each with those that came to its rung before it, and says who is to be stopped.
    pub fn judge(&mut self, mut reached: Vec<Reached>) -> Vec<Loser> {
        reached.sort_by_key(|reached| reached.at);
        reached.iter().filter_map(|reached| self.compare(reached)).collect()
    }

    /// The same for what was measured before this start. A run that came to a later rung was kept at the ones below it, in whatever
    /// order the runs were heard of then.
    pub fn recall(&mut self, reached: Vec<Reached>) -> Vec<Loser> {
        let losers = self.judge(reached);
        let next = |run: &RunId| self.climbers.get(run).map(|climber| climber.rung);
        losers.into_iter().filter(|loser| next(&loser.run) == Some(loser.rung + 1)).collect()
    }

    fn compare(&mut self, reached: &Reached) -> Option<Loser> {
        let (better, rung) = (self.better, &mut self.rungs[reached.rung]);
        let beaten_by = rung.values.iter().filter(|other| is_better(better, **other, reached.value)).count();
        rung.values.push(reached.value);
        let (place, all) = (beaten_by + 1, rung.values.len());
        if place <= (all as f64 * self.keep).ceil() as usize {
            return None;
        }
        let (metric, value, percent) = (&self.metric, reached.value, 100.0 * rung.at);
        let reason = format!("{metric} {value:.4} at {percent:.0} % is place {place} of {all}");
        Some(Loser { run: reached.run, reason, rung: reached.rung })
    }
}

/// Whether `a` is better than `b`; what is no number is the worst.
fn is_better(better: Better, a: f64, b: f64) -> bool {
    match (a.is_nan(), b.is_nan()) {
        (false, true) => true,
        (true, _) => false,
        _ if better == Better::Higher => a > b,
        _ => a < b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> RunId {
        RunId::of(name.as_bytes())
    }

    fn event(name: &str, kind: Kind) -> Event {
        Event { run: id(name), attempt: 1, seq: 0, at: Timestamp::UNIX_EPOCH, kind }
    }

    fn started(name: &str) -> Event {
        event(name, Kind::Started { host: String::new(), device: String::new(), from_step: 0, steps: 100 })
    }

    fn measured(name: &str, step: u64, value: f64) -> Event {
        event(name, Kind::Measured { step, values: BTreeMap::from([("online.knn.top1".into(), value)]) })
    }

    /// Tells of a run that measures `value` at `step` of 100, and returns why it is to be stopped.
    fn measure(halving: &mut Halving, name: &str, step: u64, value: f64) -> Option<String> {
        halving.on(&started(name));
        halving.on(&measured(name, step, value)).map(|loser| loser.reason)
    }

    fn halving() -> Halving {
        Halving::new("online.knn.top1".into(), &[0.1, 0.5], 0.34).unwrap().among(["a", "b", "c", "d"].map(id))
    }

    #[test]
    fn the_best_third_of_those_that_came_so_far_goes_on() {
        let mut halving = halving();
        assert_eq!(measure(&mut halving, "a", 10, 30.0), None);
        assert_eq!(measure(&mut halving, "b", 12, 20.0).unwrap(), "online.knn.top1 20.0000 at 10 % is place 2 of 2");
        assert_eq!(measure(&mut halving, "c", 10, 40.0), None);
        assert!(measure(&mut halving, "d", 10, f64::NAN).is_some());
        // A rung is reached once, also by a run that goes on from a checkpoint before it.
        assert_eq!(measure(&mut halving, "a", 11, 1.0), None);
        assert_eq!(measure(&mut halving, "a", 50, 30.0), None);
        assert!(measure(&mut halving, "c", 60, 29.0).is_some());
    }

    #[test]
    fn who_is_not_among_those_compared_is_not_stopped_and_counts_for_nobody() {
        let mut halving = halving();
        assert_eq!(measure(&mut halving, "a", 10, 30.0), None);
        assert_eq!(measure(&mut halving, "a/fine_tune", 10, 10.0), None);
        assert_eq!(measure(&mut halving, "b", 10, 20.0).unwrap(), "online.knn.top1 20.0000 at 10 % is place 2 of 2");
    }

    #[test]
    fn what_is_read_run_by_run_is_compared_in_the_order_in_which_it_happened() {
        let mut halving = halving();
        let mut reached = Vec::new();
        for (name, second, value) in [("a", 2, 30.0), ("b", 1, 20.0), ("c", 3, 10.0)] {
            let at = Timestamp::from_second(second).unwrap();
            reached.extend(halving.climb(&started(name)));
            reached.extend(halving.climb(&Event { at, ..measured(name, 10, value) }));
        }
        assert_eq!(halving.judge(reached).into_iter().map(|loser| loser.run).collect::<Vec<_>>(), [id("c")]);
    }

    #[test]
    fn a_run_at_its_end_is_not_stopped_any_more() {
        let mut halving = halving();
        measure(&mut halving, "a", 10, 30.0);
        assert_eq!(measure(&mut halving, "b", 100, 1.0), None);
    }

    #[test]
    fn who_came_to_a_later_rung_was_kept_below_it() {
        let mut halving = halving();
        let mut reached = Vec::new();
        for (name, steps) in [("a", &[(10, 30.0)][..]), ("b", &[(10, 20.0), (50, 60.0)]), ("c", &[(10, 15.0)])] {
            halving.climb(&started(name));
            reached.extend(steps.iter().flat_map(|(step, value)| halving.climb(&measured(name, *step, *value))));
        }
        let losers = halving.recall(reached);
        assert_eq!(losers.iter().map(|loser| loser.run).collect::<Vec<_>>(), [id("c")]);
    }

    #[test]
    fn less_is_better_for_a_loss_and_what_has_no_direction_is_refused() {
        assert!(is_better(Better::Lower, 1.0, 2.0) && !is_better(Better::Lower, f64::NAN, 2.0));
        assert!(Halving::new("learning_rate".into(), &[0.1], 0.5).is_err());
        for (rungs, keep) in [(&[0.5, 0.1][..], 0.5), (&[][..], 0.5), (&[0.1][..], 1.0), (&[1.5][..], 0.5)] {
            assert!(Halving::new("loss".into(), rungs, keep).is_err());
        }
    }
}
