//! Asynchronous successive halving (ASHA, Li et al. 2020, arXiv 1810.05934), in the form that stops: a run that reaches a
//! rung goes on when it is among the best of those that have reached it so far.

use crate::event::Better;
use crate::event::Event;
use crate::event::Kind;
use crate::event::Metric;
use crate::failure::Failure;
use crate::run_id::RunId;
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

/// A run that is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loser {
    /// The run.
    pub run: RunId,
    /// Why: `online.knn.top1 31.5 at 33 % is place 5 of 6`.
    pub reason: String,
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

    /// Takes in what happened to a run, and says when it is to be stopped.
    pub fn on(&mut self, event: &Event) -> Option<Loser> {
        match &event.kind {
            Kind::Started { steps, .. } => {
                self.climbers.entry(event.run).or_default().steps = *steps;
                None
            }
            Kind::Measured { step, values } => self.climb(event.run, *step, *values.get(&self.metric)?),
            _ => None,
        }
    }

    fn climb(&mut self, run: RunId, step: u64, value: f64) -> Option<Loser> {
        let climber = self.climbers.get_mut(&run).filter(|climber| climber.steps > 0)?;
        let share = step as f64 / climber.steps as f64;
        let mut loser = None;
        while let Some(rung) = self.rungs.get_mut(climber.rung).filter(|rung| share >= rung.at && share < 1.0) {
            climber.rung += 1;
            let beaten_by = rung.values.iter().filter(|other| is_better(self.better, **other, value)).count();
            rung.values.push(value);
            let (place, all) = (beaten_by + 1, rung.values.len());
            if place > (all as f64 * self.keep).ceil() as usize {
                let metric = &self.metric;
                let percent = 100.0 * rung.at;
                loser = Some(Loser { run, reason: format!("{metric} {value:.4} at {percent:.0} % is place {place} of {all}") });
            }
        }
        loser
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
    use jiff::Timestamp;

    fn id(name: &str) -> RunId {
        RunId::of(name.as_bytes())
    }

    fn event(name: &str, kind: Kind) -> Event {
        Event { run: id(name), attempt: 1, seq: 0, at: Timestamp::UNIX_EPOCH, kind }
    }

    /// Tells of a run that measures `value` at `step` of 100, and returns why it is to be stopped.
    fn measure(halving: &mut Halving, name: &str, step: u64, value: f64) -> Option<String> {
        halving.on(&event(name, Kind::Started { host: String::new(), device: String::new(), from_step: 0, steps: 100 }));
        let values = BTreeMap::from([("online.knn.top1".into(), value)]);
        halving.on(&event(name, Kind::Measured { step, values })).map(|loser| loser.reason)
    }

    fn halving() -> Halving {
        Halving::new("online.knn.top1".into(), &[0.1, 0.5], 0.34).unwrap()
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
    fn a_run_at_its_end_is_not_stopped_any_more() {
        let mut halving = halving();
        measure(&mut halving, "a", 10, 30.0);
        assert_eq!(measure(&mut halving, "b", 100, 1.0), None);
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
