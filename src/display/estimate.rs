//! The time that is left, where it can be told.

use std::collections::BTreeMap;
use std::time::Duration;

/// How far a run is, as far as the time that is left depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    /// It took so many seconds, or 0 when that is not known.
    Done(f64),
    /// It needs so long, where that can be told.
    Running(Option<Duration>),
    /// It will come about.
    Waiting,
    /// It will not.
    Out,
}

/// The time until all that is left is done, at the speed so far and with as many runs at a time as now. Runs are given by
/// their stages.
///
/// A run that waits is taken to need what the runs of its stage that are done needed on average. Nothing is told while no run is
/// running, while one of them has not made a step yet, or when no run of a stage that is waited for is done.
pub(super) fn time_left<'a>(runs: impl Iterator<Item = (&'a str, Standing)>) -> Option<Duration> {
    let mut done: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let (mut running, mut waiting) = (Vec::new(), Vec::new());
    for (stage, standing) in runs {
        match standing {
            Standing::Done(seconds) if seconds > 0.0 => {
                let (sum, count) = done.entry(stage).or_default();
                (*sum, *count) = (*sum + seconds, *count + 1.0);
            }
            Standing::Running(left) => running.push(left?.as_secs_f64()),
            Standing::Waiting => waiting.push(stage),
            Standing::Done(_) | Standing::Out => {}
        }
    }
    let needed = |stage: &&str| done.get(stage).map(|(sum, count)| sum / count);
    let waiting: Vec<f64> = waiting.iter().map(needed).collect::<Option<_>>()?;
    let longest = running.iter().copied().reduce(f64::max)?;
    let evenly = running.iter().chain(&waiting).sum::<f64>() / running.len() as f64;
    Duration::try_from_secs_f64(longest.max(evenly)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_needs_what_its_like_needed_shared_by_those_that_run() {
        let left = |runs: &[(&'static str, Standing)]| time_left(runs.iter().copied()).map(|left| left.as_secs());
        let done = |seconds| ("pretrain", Standing::Done(seconds));
        let half = ("pretrain", Standing::Running(Some(Duration::from_secs(30))));
        let (waiting, probe) = (("pretrain", Standing::Waiting), ("linear", Standing::Waiting));
        assert_eq!(left(&[half]), Some(30));
        assert_eq!(left(&[half, waiting]), None);
        assert_eq!(left(&[half, waiting, done(0.0)]), None);
        assert_eq!(left(&[half, waiting, done(60.0)]), Some(90));
        assert_eq!(left(&[half, half, waiting, done(60.0), done(40.0)]), Some(55));
        assert_eq!(left(&[half, probe, done(60.0)]), None);
        assert_eq!(left(&[half, ("pretrain", Standing::Out)]), Some(30));
        assert_eq!(left(&[half, ("pretrain", Standing::Running(None))]), None);
        assert_eq!(left(&[waiting, done(60.0)]), None);
    }
}
