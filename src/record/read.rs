//! What comes out of the database: typed rows.

use super::{Record, RunCard};
use crate::event::Cause;
use crate::run_id::RunId;
use anyhow::{Context, Result, anyhow};
use indexmap::IndexMap;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
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
            Ok((id(row, 0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        })?;
        // Ten thousand configurations take longer to understand than to fetch.
        let cards = cards.into_par_iter().map(|(id, name, stage, config)| {
            let config = serde_json::from_str(&config)?;
            Ok((id, RunCard { id, name, stage, parents: Vec::new(), config }))
        });
        let mut cards = cards.collect::<Result<BTreeMap<RunId, RunCard>>>()?;
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

    pub(super) fn rows<T>(&self, sql: &str, params: impl Params, read: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
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

pub(super) fn id(row: &Row, column: usize) -> Result<RunId> {
    row.get::<_, String>(column)?.parse().map_err(anyhow::Error::msg)
}

pub(super) fn unsigned(row: &Row, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)? as u64)
}

pub(super) fn value(row: &Row, column: usize) -> Result<f64> {
    Ok(row.get::<_, Option<f64>>(column)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Lab, started};
    use super::*;
    use crate::event::Kind;

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
}
