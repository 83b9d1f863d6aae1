//! The numbers of runs: last values, and curves thin enough to draw.

use super::Record;
use super::read::id;
use super::read::unsigned;
use super::read::value;
use crate::event::Metric;
use crate::run_id::RunId;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The value of the highest step at which a run measured a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Final {
    /// The run.
    pub run: RunId,
    /// The metric.
    pub metric: Metric,
    /// The step.
    pub step: u64,
    /// The value; NaN where it was not a number.
    pub value: f64,
}

/// Steps and values, from the first step; NaN where a value was not a number.
pub type Curve = Vec<(u64, f64)>;

/// The first, the second and the last step of a curve, each found by one look into the table: how often and how far a run measured.
/// What it planned does not tell that: a run that failed or still runs ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    first: i64,
    second: Option<i64>,
    last: i64,
}

impl Record {
    /// The last value of each metric of each run of an experiment, by run and metric.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn finals(&self, experiment: &str) -> Result<Vec<Final>> {
        let sql = "SELECT run, metric, step, value FROM final
                   WHERE run IN (SELECT run FROM cells WHERE experiment = ?1) ORDER BY run, metric";
        self.rows(sql, [experiment], |row| {
            let metric: String = row.get(1)?;
            Ok(Final { run: id(row, 0)?, metric: Metric::new(metric), step: unsigned(row, 2)?, value: value(row, 3)? })
        })
    }

    /// The value of the highest step at which a run measured a metric, and that step.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn latest(&self, run: &RunId, metric: &Metric) -> Result<Option<(u64, f64)>> {
        let sql = "SELECT step, value FROM final WHERE run = ?1 AND metric = ?2";
        let rows = self.rows(sql, [run.to_string().as_str(), metric.as_str()], |row| Ok((unsigned(row, 0)?, value(row, 1)?)))?;
        Ok(rows.into_iter().next())
    }

    /// The curves of one metric of some runs, by run: at most about `most` points of each, evenly spaced, its first and its last
    /// among them. Runs that measured equally often and equally far are read at the same steps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn curves(&self, runs: &BTreeSet<RunId>, metric: &Metric, most: usize) -> Result<BTreeMap<RunId, Curve>> {
        let keys = self.rows("SELECT key FROM metrics WHERE name = ?1", [metric.as_str()], |row| Ok(row.get::<_, i64>(0)?))?;
        let Some(metric) = keys.first() else { return Ok(BTreeMap::new()) };
        let (mut grids, mut curves) = (HashMap::<Shape, Grid>::new(), BTreeMap::new());
        for (run, key, shape) in self.shapes(runs, *metric)? {
            let on_grid = match grids.get(&shape) {
                Some(grid) => Some(self.curve(key, *metric, Some(&grid.steps))?).filter(|curve| grid.suits(curve)),
                None => None,
            };
            let curve = match on_grid {
                Some(curve) => curve,
                None => {
                    let whole = self.curve(key, *metric, None)?;
                    let long = whole.len() > most;
                    let curve = thinned(&whole, most);
                    if long {
                        grids.entry(shape).or_insert_with(|| Grid::of(&curve));
                    }
                    curve
                }
            };
            curves.insert(run, curve);
        }
        Ok(curves)
    }

    /// Those of some runs that measured a metric, with their keys and the shapes of their curves, by run.
    fn shapes(&self, runs: &BTreeSet<RunId>, metric: i64) -> Result<Vec<(RunId, i64, Shape)>> {
        let sql = "SELECT id, key, first,
                       (SELECT min(step) FROM measurements WHERE run_key = key AND metric_key = ?2 AND step > first),
                       (SELECT max(step) FROM measurements WHERE run_key = key AND metric_key = ?2)
                   FROM (SELECT id, key,
                             (SELECT min(step) FROM measurements WHERE run_key = cards.key AND metric_key = ?2) AS first
                         FROM cards WHERE id IN (SELECT value FROM json_each(?1)))
                   ORDER BY id";
        let runs = self.rows(sql, (serde_json::to_string(runs)?, metric), |row| {
            let (first, last) = (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(4)?);
            let second = row.get(3)?;
            Ok((id(row, 0)?, row.get(1)?, first.zip(last).map(|(first, last)| Shape { first, second, last })))
        })?;
        Ok(runs.into_iter().filter_map(|(run, key, shape)| Some((run, key, shape?))).collect())
    }

    /// Every number of a run that counts: each step of each metric once, by metric and step.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn curves_of(&self, run: &RunId) -> Result<Vec<(Metric, u64, f64)>> {
        let sql = "SELECT metric, step, value FROM curves WHERE run = ?1 ORDER BY metric, step";
        self.rows(sql, [run.to_string()], |row| Ok((Metric::new(row.get::<_, String>(0)?), unsigned(row, 1)?, value(row, 2)?)))
    }

    /// One curve, or the part of it at a list of steps. Of several numbers for a step the latest attempt's counts.
    fn curve(&self, run: i64, metric: i64, steps: Option<&str>) -> Result<Curve> {
        let only = steps.map(|steps| format!("AND step IN ({steps})")).unwrap_or_default();
        let sql = format!(
            "SELECT step, value FROM measurements WHERE run_key = ?1 AND metric_key = ?2 {only} ORDER BY step, attempt, seq"
        );
        let mut curve: Curve = Vec::new();
        for (step, value) in self.rows(&sql, [run, metric], |row| Ok((unsigned(row, 0)?, value(row, 1)?)))? {
            match curve.last_mut().filter(|(last, _)| *last == step) {
                Some(last) => last.1 = value,
                None => curve.push((step, value)),
            }
        }
        Ok(curve)
    }
}

/// The steps at which curves of one shape are read.
struct Grid {
    /// As a list of SQL.
    steps: String,
    len: usize,
}

impl Grid {
    /// The steps of a curve.
    fn of(curve: &[(u64, f64)]) -> Grid {
        let steps: Vec<String> = curve.iter().map(|(step, _)| step.to_string()).collect();
        Grid { steps: steps.join(","), len: curve.len() }
    }

    /// Whether what was read of a run at these steps stands for it. One that lost a few numbers stays at the steps of the others,
    /// as means are made of equal steps; one that measured at other steps does not.
    fn suits(&self, curve: &[(u64, f64)]) -> bool {
        curve.len() * 2 >= self.len
    }
}

/// At most `most` points of a curve, evenly spaced, its first and its last among them.
pub fn thinned<T: Clone>(curve: &[T], most: usize) -> Vec<T> {
    let Some(last) = curve.len().checked_sub(1).filter(|_| curve.len() > most) else { return curve.to_vec() };
    (0..most).map(|n| curve[n * last / most.saturating_sub(1).max(1)].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Lab, measured, started};
    use super::*;

    #[test]
    fn a_resumed_attempt_replaces_the_steps_it_measures_again() {
        let mut lab = Lab::with_cells("x", &[("one", "pretrain")]);
        let run = RunId::of(b"one");
        let loss = Metric::new("loss");
        lab.say(run, 1, [started(0), measured(10, 5.0), measured(20, 4.0), measured(30, 3.9)]);
        lab.say(run, 2, [started(10), measured(20, 4.1), measured(30, 3.8), measured(40, 3.5)]);
        let curves = lab.record.curves(&BTreeSet::from([run]), &loss, 10).unwrap();
        assert_eq!(curves, BTreeMap::from([(run, vec![(10, 5.0), (20, 4.1), (30, 3.8), (40, 3.5)])]));
        assert_eq!(lab.record.finals("x").unwrap(), [Final { run, metric: loss, step: 40, value: 3.5 }]);
    }

    #[test]
    fn long_curves_are_thinned_at_the_same_steps() {
        let mut lab = Lab::with_cells("x", &[("one", "pretrain"), ("two", "pretrain")]);
        for name in ["one", "two"] {
            lab.say(RunId::of(name.as_bytes()), 1, std::iter::once(started(0)).chain((0..=1000).map(|n| measured(n, n as f64))));
        }
        let runs = BTreeSet::from(["one", "two"].map(|name| RunId::of(name.as_bytes())));
        let curves = lab.record.curves(&runs, &Metric::new("loss"), 5).unwrap();
        let wanted: Curve = [0, 250, 500, 750, 1000].map(|step| (step, step as f64)).into();
        assert_eq!(curves.values().collect::<Vec<_>>(), [&wanted, &wanted]);
        assert!(lab.record.curves(&runs, &Metric::new("mystery"), 5).unwrap().is_empty());
        let two = RunId::of(b"two");
        let one_alone = lab.record.curves(&BTreeSet::from([two]), &Metric::new("loss"), 5).unwrap();
        assert_eq!(one_alone, BTreeMap::from([(two, wanted)]));
    }

    /// Runs of the given steps, of which the first has the lowest id, and their curves of at most five points.
    fn steps_of(measured_at: &[Vec<u64>]) -> Vec<Vec<u64>> {
        let mut names: Vec<String> = (0..measured_at.len()).map(|n| format!("run {n}")).collect();
        names.sort_by_key(|name| RunId::of(name.as_bytes()));
        let cells: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "pretrain")).collect();
        let mut lab = Lab::with_cells("x", &cells);
        for (name, steps) in names.iter().zip(measured_at) {
            let measured = steps.iter().map(|step| measured(*step, *step as f64));
            lab.say(RunId::of(name.as_bytes()), 1, std::iter::once(started(0)).chain(measured));
        }
        let runs = names.iter().map(|name| RunId::of(name.as_bytes())).collect();
        let curves = lab.record.curves(&runs, &Metric::new("loss"), 5).unwrap();
        names.iter().map(|name| curves[&RunId::of(name.as_bytes())].iter().map(|(step, _)| *step).collect()).collect()
    }

    #[test]
    fn a_run_that_ended_early_cuts_no_other_curve() {
        let (early, whole) = ((0..=400).collect::<Vec<u64>>(), (0..=1000).collect::<Vec<u64>>());
        let long = vec![0, 250, 500, 750, 1000];
        assert_eq!(steps_of(&[early, whole.clone(), whole.clone()]), [vec![0, 100, 200, 300, 400], long.clone(), long.clone()]);
        // One that has hardly begun leaves the others as short as they are asked for.
        assert_eq!(steps_of(&[vec![0, 1, 2], whole.clone(), whole]), [vec![0, 1, 2], long.clone(), long]);
    }

    #[test]
    fn runs_that_measure_more_seldom_keep_their_own_steps() {
        let every = |step: usize| (0..=1000).step_by(step).collect::<Vec<u64>>();
        let long = vec![0, 250, 500, 750, 1000];
        assert_eq!(steps_of(&[every(40), every(25), every(10)]), [vec![0, 240, 480, 720, 1000], long.clone(), long]);
        assert_eq!(steps_of(&[every(500), every(5)])[0], [0, 500, 1000]);
        assert_eq!(steps_of(&[every(1000), vec![7]]), [vec![0, 1000], vec![7]]);
    }

    #[test]
    fn a_curve_with_gaps_is_read_at_the_steps_of_the_others_as_far_as_it_has_them() {
        let whole: Vec<u64> = (0..=1000).collect();
        let gap: Vec<u64> = whole.iter().copied().filter(|step| !(400..=600).contains(step)).collect();
        assert_eq!(steps_of(&[whole.clone(), gap])[1], [0, 250, 750, 1000]);
        // The same ends, and nothing else in common.
        let other: Vec<u64> = [0, 1].into_iter().chain((2..=990).filter(|step| step % 250 != 0)).chain([1000]).collect();
        assert_eq!(steps_of(&[whole.clone(), other.clone()])[1].len(), 5);
        assert_eq!(steps_of(&[vec![0, 1, 1000], other])[1].len(), 5);
    }

    #[test]
    fn a_number_that_is_none_comes_back_as_none() {
        let mut lab = Lab::with_cells("x", &[("one", "pretrain")]);
        lab.say(RunId::of(b"one"), 1, [measured(10, f64::NAN)]);
        assert!(lab.record.finals("x").unwrap()[0].value.is_nan());
    }

    #[test]
    fn the_views_look_up_by_key_and_never_sort_the_measurements() {
        let lab = Lab::new();
        for view in ["curves", "final"] {
            let plan = lab.record.query(&format!("EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE run = 'a'")).unwrap();
            let steps: Vec<_> = plan.rows.iter().map(|row| row[3].as_str().unwrap_or_default().to_owned()).collect();
            let reads_all = |step: &String| step.contains("TEMP B-TREE") || step == "SCAN m" || step.starts_with("SCAN m ");
            assert!(!steps.iter().any(reads_all), "{view}: {steps:?}");
        }
    }
}
