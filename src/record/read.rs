//! What comes out of the database: typed rows.

use super::Record;
use crate::event::{Cause, Metric};
use crate::run_id::RunId;
use anyhow::{Context, Result, anyhow};
use indexmap::IndexMap;
use rusqlite::{OptionalExtension, Params, Row};
use serde::Serialize;
use serde_json::Value;

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

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: u64,
    /// The value; NaN where it was not a number.
    pub value: f64,
}

/// One try at a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// `running`, `finished`, `interrupted` or `failed`.
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

    /// How far each of some runs is, in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn states(&self, runs: &[RunId]) -> Result<Vec<RunState>> {
        runs.iter().map(|run| self.state(run)).collect()
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

    /// The curves of one metric in one stage of an experiment, by run and step.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn curves(&self, experiment: &str, stage: &str, metric: &Metric) -> Result<Vec<Point>> {
        let sql = "SELECT run, step, value FROM curves
                   WHERE metric = ?3 AND run IN (SELECT run FROM cells WHERE experiment = ?1 AND stage = ?2) ORDER BY run, step";
        self.rows(sql, [experiment, stage, metric.as_str()], |row| {
            Ok(Point { run: id(row, 0)?, step: unsigned(row, 1)?, value: value(row, 2)? })
        })
    }

    /// The attempts at a run, from the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn attempts(&self, run: &RunId) -> Result<Vec<Attempt>> {
        let sql = "SELECT attempt, state, host, device, started_at, ended_at, from_step, steps, seconds, cause, error
                   FROM attempts WHERE run = ?1 ORDER BY attempt";
        self.rows(sql, [run.to_string()], |row| {
            Ok(Attempt {
                attempt: row.get(0)?,
                state: row.get(1)?,
                host: row.get(2)?,
                device: row.get(3)?,
                started_at: row.get(4)?,
                ended_at: row.get(5)?,
                from_step: row.get::<_, Option<i64>>(6)?.map(|step| step as u64),
                steps: row.get::<_, Option<i64>>(7)?.map(|steps| steps as u64),
                seconds: row.get(8)?,
                cause: row.get(9)?,
                error: row.get(10)?,
            })
        })
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

/// Reads the columns of [`STATE_COLUMNS`], which begin at `first`.
fn run_row(row: &Row, first: usize) -> Result<RunRow> {
    let attempts: u32 = row.get(first + 4)?;
    let state: String = row.get(first + 3)?;
    let state = match state.as_str() {
        "new" => RunState::New,
        "running" => RunState::Running { attempt: attempts },
        "done" => RunState::Done,
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
        let points: Vec<_> = lab.record.curves("x", "pretrain", &loss).unwrap().iter().map(|p| (p.step, p.value)).collect();
        assert_eq!(points, [(10, 5.0), (20, 4.1), (30, 3.8), (40, 3.5)]);
        assert_eq!(lab.record.finals("x").unwrap(), [Final { run, metric: loss, step: 40, value: 3.5 }]);
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
        lab.say(run, 3, [started(7)]);
        assert_eq!(states(&lab), RunState::Running { attempt: 3 });
        lab.say(run, 3, [Kind::Finished { seconds: 1.5 }]);
        lab.say(run, 4, [started(7)]);
        assert_eq!(lab.record.states(&[run, RunId::of(b"two")]).unwrap(), [RunState::Done, RunState::New]);
        assert_eq!(lab.record.attempts(&run).unwrap()[2].seconds, Some(1.5));
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
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE") && !step.contains("SCAN m")), "{view}: {steps:?}");
        }
    }
}
