//! What comes out of the database: typed rows.

use super::{Record, RunCard};
use crate::event::{Cause, Metric};
use crate::run_id::RunId;
use anyhow::{Context, Result, anyhow};
use indexmap::IndexMap;
use rusqlite::{OptionalExtension, Params, Row};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How far a run is, told from its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Nothing has been tried.
    New,
    /// Its last attempt has begun and not ended, as far as the events say.
    Running {
        /// The number of that attempt.
        attempt: u32,
    },
    /// Some attempt finished.
    Done,
    /// Its last attempt failed.
    Failed {
        /// How many attempts there were.
        attempts: u32,
        /// Why the last one failed.
        cause: Cause,
        /// What it said.
        error: String,
    },
    /// It was stopped because others were better.
    Pruned {
        /// The step from which it could go on.
        step: u64,
        /// Why.
        reason: String,
    },
    /// Its last attempt was asked to stop and did.
    Interrupted {
        /// The step from which it can go on.
        step: u64,
    },
}

/// A run and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Its name; empty when only its events are known.
    pub name: String,
    /// Its stage; empty when only its events are known.
    pub stage: String,
    /// How far it is.
    pub state: RunState,
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// What it wants to know.
    pub question: String,
    /// The file it was read from.
    pub file: String,
}

/// One thing an experiment asks for, and the run that answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The stage that was asked for.
    pub stage: String,
    /// The value of each axis, in the experiment's order.
    pub axes: IndexMap<String, Value>,
    /// The run that answers.
    pub run: RunRow,
}

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

/// One try at a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// `running`, `finished`, `interrupted`, `failed` or `pruned`.
    pub state: String,
    /// The machine.
    pub host: Option<String>,
    /// The device.
    pub device: Option<String>,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The step it began at.
    pub from_step: Option<u64>,
    /// The steps the whole run has.
    pub steps: Option<u64>,
    /// How long it took, when it finished.
    pub seconds: Option<f64>,
    /// How long its process lived, however it ended.
    pub wall_seconds: Option<f64>,
    /// The most memory that its process held.
    pub peak_memory_bytes: Option<u64>,
    /// Why it failed.
    pub cause: Option<String>,
    /// What it said when it failed.
    pub error: Option<String>,
}

/// A file that a run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// What it is.
    pub name: String,
    /// Where it is, relative to the run's folder.
    pub path: String,
}

const STATE_COLUMNS: &str = "s.run, coalesce(s.name, ''), coalesce(s.stage, ''), s.state, s.attempts, s.step, s.cause, s.error";

const ATTEMPT_COLUMNS: &str = "attempt, state, host, device, started_at, ended_at, from_step, steps, seconds, cause, error, \
    wall_seconds, peak_memory_bytes";

impl Record {
    /// How far a run is; [`RunState::New`] for one that was never heard of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state(&self, run: &RunId) -> Result<RunState> {
        let mut select = self.db.prepare_cached(&format!("SELECT {STATE_COLUMNS} FROM run_states AS s WHERE s.run = ?1"))?;
        let row = select.query_row([run.to_string()], |row| Ok(run_row(row, 0))).optional()?;
        Ok(row.transpose()?.map_or(RunState::New, |row| row.state))
    }

    /// How far each run is that was ever heard of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn states(&self) -> Result<HashMap<RunId, RunState>> {
        let rows = self.rows(&format!("SELECT {STATE_COLUMNS} FROM run_states AS s"), [], |row| run_row(row, 0))?;
        Ok(rows.into_iter().map(|row| (row.id, row.state)).collect())
    }

    /// The runs that an experiment asked for when it was last run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn asked_for(&self, experiment: &str) -> Result<HashSet<RunId>> {
        let sql = "SELECT run FROM cells WHERE experiment = ?1";
        Ok(self.rows(sql, [experiment], |row| id(row, 0))?.into_iter().collect())
    }

    /// The runs whose id or name begins with `prefix`, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn runs_like(&self, prefix: &str) -> Result<Vec<RunRow>> {
        let sql = format!(
            "SELECT {STATE_COLUMNS} FROM run_states AS s
             WHERE substr(s.run, 1, length(?1)) = ?1 OR substr(s.name, 1, length(?1)) = ?1 ORDER BY s.name, s.run"
        );
        self.rows(&sql, [prefix], |row| run_row(row, 0))
    }

    /// What the record was told of a run; nothing when only its events are known, or nothing at all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn card(&self, run: &RunId) -> Result<Option<RunCard>> {
        let sql = "SELECT name, stage, config FROM cards WHERE id = ?1 AND config IS NOT NULL";
        let rows = self.rows(sql, [run.to_string()], |row| {
            let config: String = row.get(2)?;
            let config = serde_json::from_str(&config)?;
            Ok(RunCard { id: *run, name: row.get(0)?, stage: row.get(1)?, parents: Vec::new(), config })
        })?;
        let Some(card) = rows.into_iter().next() else { return Ok(None) };
        let parents =
            self.rows("SELECT parent FROM parents WHERE run = ?1 ORDER BY ordinal", [run.to_string()], |row| id(row, 0))?;
        Ok(Some(RunCard { parents, ..card }))
    }

    /// What the record was told of the runs of an experiment and of those that they need, by run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cards_of(&self, experiment: &str) -> Result<BTreeMap<RunId, RunCard>> {
        let needed = "WITH RECURSIVE needed (run) AS (
                          SELECT run FROM cells WHERE experiment = ?1
                          UNION SELECT parent FROM parents JOIN needed ON parents.run = needed.run
                      )";
        let sql = format!("{needed} SELECT id, name, stage, config FROM cards WHERE config IS NOT NULL AND id IN needed");
        let cards = self.rows(&sql, [experiment], |row| {
            let (id, config) = (id(row, 0)?, row.get::<_, String>(3)?);
            let config = serde_json::from_str(&config)?;
            Ok((id, RunCard { id, name: row.get(1)?, stage: row.get(2)?, parents: Vec::new(), config }))
        })?;
        let mut cards: BTreeMap<RunId, RunCard> = cards.into_iter().collect();
        let sql = format!("{needed} SELECT run, parent FROM parents WHERE run IN needed ORDER BY run, ordinal");
        for (run, parent) in self.rows(&sql, [experiment], |row| Ok((id(row, 0)?, id(row, 1)?)))? {
            if let Some(card) = cards.get_mut(&run) {
                card.parents.push(parent);
            }
        }
        Ok(cards)
    }

    /// The runs that some experiment asks for, and those that these need; the experiments `but` do not count.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn needed(&self, but: &[String]) -> Result<HashSet<RunId>> {
        let sql = "WITH RECURSIVE needed (run) AS (
                       SELECT run FROM cells WHERE experiment NOT IN (SELECT value FROM json_each(?1))
                       UNION SELECT parent FROM parents JOIN needed ON parents.run = needed.run
                   ) SELECT run FROM needed";
        Ok(self.rows(sql, [serde_json::to_string(but)?], |row| id(row, 0))?.into_iter().collect())
    }

    /// The runs that need one that was pruned.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn heirs_of_pruned(&self) -> Result<HashSet<RunId>> {
        let sql = "WITH RECURSIVE heirs (run) AS (
                       SELECT parents.run FROM parents JOIN run_states ON run_states.run = parents.parent
                       WHERE run_states.state = 'pruned'
                       UNION SELECT parents.run FROM parents JOIN heirs ON parents.parent = heirs.run
                   ) SELECT run FROM heirs";
        Ok(self.rows(sql, [], |row| id(row, 0))?.into_iter().collect())
    }

    /// The last step of a run that a checkpoint holds, and the last that was measured.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn reached(&self, run: &RunId) -> Result<(Option<u64>, Option<u64>)> {
        let sql = "SELECT (SELECT max(step) FROM checkpoints WHERE run = ?1),
                          (SELECT max(step) FROM measurements JOIN cards ON cards.key = run_key WHERE cards.id = ?1)";
        let step = |row: &Row, column| Ok::<_, anyhow::Error>(row.get::<_, Option<i64>>(column)?.map(|step| step as u64));
        let rows = self.rows(sql, [run.to_string()], |row| Ok((step(row, 0)?, step(row, 1)?)))?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// The experiments, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn experiments(&self) -> Result<Vec<Experiment>> {
        self.rows("SELECT name, question, file FROM experiments ORDER BY name", [], |row| {
            Ok(Experiment { name: row.get(0)?, question: row.get(1)?, file: row.get(2)? })
        })
    }

    /// What an experiment asks for, in its order, with how far each run is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cells(&self, experiment: &str) -> Result<Vec<Cell>> {
        let sql = format!(
            "SELECT cells.stage, cells.axes, {STATE_COLUMNS} FROM cells JOIN run_states AS s ON s.run = cells.run
             WHERE cells.experiment = ?1 ORDER BY cells.ordinal"
        );
        self.rows(&sql, [experiment], |row| {
            let axes: String = row.get(1)?;
            Ok(Cell { stage: row.get(0)?, axes: serde_json::from_str(&axes)?, run: run_row(row, 2)? })
        })
    }

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

    /// The curves of one metric in one stage of an experiment, by run: at most about `most` points of each, evenly spaced, its first
    /// and its last among them. Runs that measured equally often and equally far are read at the same steps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn curves(&self, experiment: &str, stage: &str, metric: &Metric, most: usize) -> Result<BTreeMap<RunId, Curve>> {
        let keys = self.rows("SELECT key FROM metrics WHERE name = ?1", [metric.as_str()], |row| Ok(row.get::<_, i64>(0)?))?;
        let Some(metric) = keys.first() else { return Ok(BTreeMap::new()) };
        let (mut grids, mut curves) = (HashMap::<Shape, Grid>::new(), BTreeMap::new());
        for (run, key, shape) in self.shapes(experiment, stage, *metric)? {
            let on_grid = match grids.get(&shape) {
                Some(grid) => Some(self.curve(key, *metric, Some(&grid.steps))?).filter(|curve| grid.suits(curve)),
                None => None,
            };
            let curve = match on_grid {
                Some(curve) => curve,
                None => {
                    let whole = self.curve(key, *metric, None)?;
                    let long = whole.len() > most;
                    let curve = thinned(whole, most);
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

    /// The runs of one stage of an experiment that measured a metric, with their keys and the shapes of their curves, by run.
    fn shapes(&self, experiment: &str, stage: &str, metric: i64) -> Result<Vec<(RunId, i64, Shape)>> {
        let sql = "SELECT id, key, first,
                       (SELECT min(step) FROM measurements WHERE run_key = key AND metric_key = ?3 AND step > first),
                       (SELECT max(step) FROM measurements WHERE run_key = key AND metric_key = ?3)
                   FROM (SELECT id, key,
                             (SELECT min(step) FROM measurements WHERE run_key = cards.key AND metric_key = ?3) AS first
                         FROM cards WHERE id IN (SELECT run FROM cells WHERE experiment = ?1 AND stage = ?2))
                   ORDER BY id";
        let runs = self.rows(sql, (experiment, stage, metric), |row| {
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

    /// The attempts at a run, from the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn attempts(&self, run: &RunId) -> Result<Vec<Attempt>> {
        let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE run = ?1 ORDER BY attempt");
        self.rows(&sql, [run.to_string()], |row| attempt(row, 0))
    }

    /// The time that all attempts at each run of an experiment took together, in seconds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn seconds(&self, experiment: &str) -> Result<BTreeMap<RunId, f64>> {
        let sql = "SELECT run, coalesce(wall_seconds, seconds) AS took FROM attempts
                   WHERE run IN (SELECT run FROM cells WHERE experiment = ?1) AND took IS NOT NULL ORDER BY run, attempt";
        let mut seconds = BTreeMap::new();
        for (run, took) in self.rows(sql, [experiment], |row| Ok((id(row, 0)?, row.get::<_, f64>(1)?)))? {
            *seconds.entry(run).or_insert(0.0) += took;
        }
        Ok(seconds)
    }

    /// The last attempt at each run of an experiment that was tried.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_attempts(&self, experiment: &str) -> Result<BTreeMap<RunId, Attempt>> {
        let sql = format!(
            "SELECT run, {ATTEMPT_COLUMNS} FROM attempts
             WHERE run IN (SELECT run FROM cells WHERE experiment = ?1) ORDER BY run, attempt"
        );
        Ok(self.rows(&sql, [experiment], |row| Ok((id(row, 0)?, attempt(row, 1)?)))?.into_iter().collect())
    }

    /// The files that a run made, in the order in which it made them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn artifacts(&self, run: &RunId) -> Result<Vec<Artifact>> {
        self.rows("SELECT name, path FROM artifacts WHERE run = ?1 ORDER BY attempt, seq", [run.to_string()], |row| {
            Ok(Artifact { name: row.get(0)?, path: row.get(1)? })
        })
    }

    /// What a run told people, in the order in which it told it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn notices(&self, run: &RunId) -> Result<Vec<String>> {
        let sql = "SELECT message FROM notices WHERE run = ?1 ORDER BY attempt, seq";
        self.rows(sql, [run.to_string()], |row| Ok(row.get(0)?))
    }

    fn rows<T>(&self, sql: &str, params: impl Params, read: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
        let mut select = self.db.prepare_cached(sql)?;
        let mut rows = select.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
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
fn thinned(curve: Curve, most: usize) -> Curve {
    let Some(last) = curve.len().checked_sub(1).filter(|_| curve.len() > most) else { return curve };
    (0..most).map(|n| curve[n * last / most.saturating_sub(1).max(1)]).collect()
}

/// Reads the columns of [`ATTEMPT_COLUMNS`], which begin at `first`.
fn attempt(row: &Row, first: usize) -> Result<Attempt> {
    Ok(Attempt {
        attempt: row.get(first)?,
        state: row.get(first + 1)?,
        host: row.get(first + 2)?,
        device: row.get(first + 3)?,
        started_at: row.get(first + 4)?,
        ended_at: row.get(first + 5)?,
        from_step: row.get::<_, Option<i64>>(first + 6)?.map(|step| step as u64),
        steps: row.get::<_, Option<i64>>(first + 7)?.map(|steps| steps as u64),
        seconds: row.get(first + 8)?,
        cause: row.get(first + 9)?,
        error: row.get(first + 10)?,
        wall_seconds: row.get(first + 11)?,
        peak_memory_bytes: row.get::<_, Option<i64>>(first + 12)?.filter(|bytes| *bytes > 0).map(|bytes| bytes as u64),
    })
}

/// Reads the columns of [`STATE_COLUMNS`], which begin at `first`.
fn run_row(row: &Row, first: usize) -> Result<RunRow> {
    let attempts: u32 = row.get(first + 4)?;
    let state: String = row.get(first + 3)?;
    let state = match state.as_str() {
        "new" => RunState::New,
        "running" => RunState::Running { attempt: attempts },
        "done" => RunState::Done,
        "pruned" => RunState::Pruned { step: unsigned(row, first + 5)?, reason: row.get(first + 7)? },
        "interrupted" => RunState::Interrupted { step: unsigned(row, first + 5)? },
        "failed" => RunState::Failed { attempts, cause: cause(&row.get::<_, String>(first + 6)?)?, error: row.get(first + 7)? },
        other => return Err(anyhow!("lab.sqlite holds an attempt in the unknown state `{other}`")),
    };
    Ok(RunRow { id: id(row, first)?, name: row.get(first + 1)?, stage: row.get(first + 2)?, state })
}

fn cause(name: &str) -> Result<Cause> {
    serde_json::from_value(Value::String(name.to_owned())).context("lab.sqlite holds an unknown cause of a failure")
}

fn id(row: &Row, column: usize) -> Result<RunId> {
    row.get::<_, String>(column)?.parse().map_err(anyhow::Error::msg)
}

fn unsigned(row: &Row, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)? as u64)
}

fn value(row: &Row, column: usize) -> Result<f64> {
    Ok(row.get::<_, Option<f64>>(column)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Lab, measured, started};
    use super::*;
    use crate::event::Kind;

    #[test]
    fn a_resumed_attempt_replaces_the_steps_it_measures_again() {
        let mut lab = Lab::with_cells("x", &[("one", "pretrain")]);
        let run = RunId::of(b"one");
        let loss = Metric::new("loss");
        lab.say(run, 1, [started(0), measured(10, 5.0), measured(20, 4.0), measured(30, 3.9)]);
        lab.say(run, 2, [started(10), measured(20, 4.1), measured(30, 3.8), measured(40, 3.5)]);
        let curves = lab.record.curves("x", "pretrain", &loss, 10).unwrap();
        assert_eq!(curves, BTreeMap::from([(run, vec![(10, 5.0), (20, 4.1), (30, 3.8), (40, 3.5)])]));
        assert_eq!(lab.record.finals("x").unwrap(), [Final { run, metric: loss, step: 40, value: 3.5 }]);
    }

    #[test]
    fn long_curves_are_thinned_at_the_same_steps() {
        let mut lab = Lab::with_cells("x", &[("one", "pretrain"), ("two", "pretrain")]);
        for name in ["one", "two"] {
            lab.say(RunId::of(name.as_bytes()), 1, std::iter::once(started(0)).chain((0..=1000).map(|n| measured(n, n as f64))));
        }
        let curves = lab.record.curves("x", "pretrain", &Metric::new("loss"), 5).unwrap();
        let wanted: Curve = [0, 250, 500, 750, 1000].map(|step| (step, step as f64)).into();
        assert_eq!(curves.values().collect::<Vec<_>>(), [&wanted, &wanted]);
        assert!(lab.record.curves("x", "pretrain", &Metric::new("mystery"), 5).unwrap().is_empty());
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
        let curves = lab.record.curves("x", "pretrain", &Metric::new("loss"), 5).unwrap();
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
    fn the_state_of_a_run_is_told_from_its_attempts() {
        let mut lab = Lab::new();
        let run = RunId::of(b"one");
        let states = |lab: &Lab| lab.record.state(&run).unwrap();
        assert_eq!(states(&lab), RunState::New);
        lab.say(run, 1, [started(0), Kind::Interrupted { step: 7 }]);
        assert_eq!(states(&lab), RunState::Interrupted { step: 7 });
        lab.say(run, 2, [started(7), Kind::Failed { cause: Cause::NonFinite, error: "loss is NaN".into() }]);
        assert_eq!(states(&lab), RunState::Failed { attempts: 2, cause: Cause::NonFinite, error: "loss is NaN".into() });
        lab.say(run, 3, [started(7), Kind::Pruned { step: 9, reason: "place 5 of 6".into() }]);
        assert_eq!(states(&lab), RunState::Pruned { step: 9, reason: "place 5 of 6".into() });
        lab.say(run, 4, [started(7)]);
        assert_eq!(states(&lab), RunState::Running { attempt: 4 });
        let used = |seconds, peak_memory_bytes| Kind::Used { seconds, peak_memory_bytes };
        lab.say(run, 4, [used(2.0, Some(5)), used(1.0, None), Kind::Finished { seconds: 1.5 }]);
        lab.say(run, 5, [started(7)]);
        assert_eq!(lab.record.states().unwrap(), HashMap::from([(run, RunState::Done)]));
        assert_eq!(lab.record.state(&RunId::of(b"two")).unwrap(), RunState::New);
        let fourth = &lab.record.attempts(&run).unwrap()[3];
        assert_eq!((fourth.seconds, fourth.wall_seconds, fourth.peak_memory_bytes), (Some(1.5), Some(2.0), Some(5)));
    }

    #[test]
    fn runs_are_found_by_the_beginning_of_their_id_or_name() {
        let lab = Lab::with_cells("x", &[("vic_mae seed=0", "pretrain"), ("vic%", "knn")]);
        let names = |prefix: &str| -> Vec<_> {
            lab.record.runs_like(prefix).unwrap().into_iter().map(|row| (row.name, row.stage)).collect()
        };
        assert_eq!(names("vic%"), [("vic%".to_owned(), "knn".to_owned())]);
        assert_eq!(names("vic").len(), 2);
        assert_eq!(names(&RunId::of(b"vic%").short()).len(), 1);
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
