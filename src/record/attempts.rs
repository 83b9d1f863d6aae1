//! What is known of each try at a run: when, where, how long, and what it left.

use super::Record;
use super::read::id;
use crate::run_id::RunId;
use anyhow::Result;
use rusqlite::Row;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// The steps the whole run has, as far as it knew when it began; 1 where it did not.
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

const ATTEMPT_COLUMNS: &str = "attempt, state, host, device, started_at, ended_at, from_step, steps, seconds, cause, error, \
    wall_seconds, peak_memory_bytes";

impl Record {
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

    /// The files that the runs of an experiment made, by run, in the order in which they were made.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn artifacts_of(&self, experiment: &str) -> Result<BTreeMap<RunId, Vec<Artifact>>> {
        let sql = "SELECT run, name, path FROM artifacts
                   WHERE run IN (SELECT run FROM cells WHERE experiment = ?1) ORDER BY run, attempt, seq";
        let mut made: BTreeMap<RunId, Vec<Artifact>> = BTreeMap::new();
        for (run, artifact) in
            self.rows(sql, [experiment], |row| Ok((id(row, 0)?, Artifact { name: row.get(1)?, path: row.get(2)? })))?
        {
            made.entry(run).or_default().push(artifact);
        }
        Ok(made)
    }

    /// What a run told people, in the order in which it told it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn notices(&self, run: &RunId) -> Result<Vec<String>> {
        let sql = "SELECT message FROM notices WHERE run = ?1 ORDER BY attempt, seq";
        self.rows(sql, [run.to_string()], |row| Ok(row.get(0)?))
    }
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
