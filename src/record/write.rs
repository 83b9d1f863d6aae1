//! What goes into the database: cards of experiments and runs, and events.

use super::card::ExperimentFile;
use super::{ExperimentCard, FILE, Keys, Record, RunCard, explained};
use crate::event::{Better, Event, Kind, Metric};
use crate::failure::Failure;
use crate::run_folder::write_atomically;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use rusqlite::types::Value as Sql;
use rusqlite::{CachedStatement, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

impl Record {
    /// Writes down what an experiment asks for, in the place of what it asked for before, and the runs that answer.
    /// `results/experiments/<name>.json` is written first, so that the database can be made again.
    ///
    /// # Errors
    /// When the disk refuses; a [`Failure`] when the name of the experiment cannot name a file.
    pub fn admit(&mut self, experiment: &ExperimentCard, runs: &[RunCard]) -> Result<()> {
        let path = experiment_file(&self.results, &experiment.name)?;
        let folder = path.parent().unwrap_or(&self.results);
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let file = ExperimentFile { experiment: Cow::Borrowed(experiment), runs: Cow::Borrowed(runs) };
        write_atomically(&path, &serde_json::to_vec_pretty(&file)?)?;
        self.admit_cards(Some(experiment), runs)
    }

    /// Writes cards to the database alone.
    pub(super) fn admit_cards(&mut self, experiment: Option<&ExperimentCard>, runs: &[RunCard]) -> Result<()> {
        let mut admit = || {
            let batch = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            runs.iter().try_for_each(|run| write_run(&batch, run))?;
            experiment.map_or(Ok(()), |experiment| write_experiment(&batch, experiment))?;
            Ok(batch.commit()?)
        };
        admit().map_err(|error| explained(error, &self.results.join(FILE)))
    }

    /// Forgets runs, with everything they measured.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget(&mut self, runs: &[RunId]) -> Result<()> {
        self.keys = Keys::default();
        let batch = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for run in runs {
            let id = run.to_string();
            batch
                .prepare_cached("DELETE FROM measurements WHERE run_key = (SELECT key FROM cards WHERE id = ?1)")?
                .execute([&id])?;
            batch.prepare_cached("DELETE FROM cards WHERE id = ?1")?.execute([&id])?;
            for table in ["parents", "attempts", "artifacts", "checkpoints", "notices"] {
                batch.prepare_cached(&format!("DELETE FROM {table} WHERE run = ?1"))?.execute([&id])?;
            }
        }
        Ok(batch.commit()?)
    }

    /// Forgets what an experiment asked for; its runs stay until somebody collects them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_experiment(&mut self, name: &str) -> Result<()> {
        let path = experiment_file(&self.results, name)?;
        for table in ["cells", "cell_axes"] {
            self.db.execute(&format!("DELETE FROM {table} WHERE experiment = ?1"), [name])?;
        }
        self.db.execute("DELETE FROM experiments WHERE name = ?1", [name])?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            outcome => outcome.with_context(|| format!("cannot remove {}", path.display())),
        }
    }

    /// Folds events into the database, all or none. An event that is there already changes nothing.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn ingest(&mut self, events: &[Event]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut ingest = || {
            let batch = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write_events(&batch, &mut self.keys, events)?;
            Ok(batch.commit()?)
        };
        let outcome = ingest();
        if outcome.is_err() {
            // Keys that were given out in the batch are taken back with it.
            self.keys = Keys::default();
        }
        outcome.map_err(|error| explained(error, &self.results.join(FILE)))
    }
}

/// Where the card of an experiment is kept.
pub(super) fn experiment_file(results: &Path, name: &str) -> Result<PathBuf> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(Failure::input(format!("`{name}` cannot be the name of an experiment"))
            .hint("use letters, digits, `-` and `_`: the name becomes the name of files")
            .into());
    }
    Ok(results.join("experiments").join(format!("{name}.json")))
}

fn write_run(batch: &Transaction, run: &RunCard) -> Result<()> {
    let id = run.id.to_string();
    batch
        .prepare_cached(
            "INSERT INTO cards (id, name, stage, config) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, stage = excluded.stage, config = excluded.config",
        )?
        .execute(params![id, run.name, run.stage, run.config.to_string()])?;
    batch.prepare_cached("DELETE FROM parents WHERE run = ?1")?.execute([&id])?;
    let mut insert = batch.prepare_cached("INSERT INTO parents (run, ordinal, parent) VALUES (?1, ?2, ?3)")?;
    for (ordinal, parent) in run.parents.iter().enumerate() {
        insert.execute(params![id, ordinal as i64, parent.to_string()])?;
    }
    Ok(())
}

fn write_experiment(batch: &Transaction, experiment: &ExperimentCard) -> Result<()> {
    let name = &experiment.name;
    batch.prepare_cached("INSERT OR REPLACE INTO experiments (name, question, file) VALUES (?1, ?2, ?3)")?.execute(params![
        name,
        experiment.question,
        experiment.file
    ])?;
    batch.prepare_cached("DELETE FROM cells WHERE experiment = ?1")?.execute([name])?;
    batch.prepare_cached("DELETE FROM cell_axes WHERE experiment = ?1")?.execute([name])?;
    let mut insert_run = batch.prepare_cached("INSERT OR IGNORE INTO cards (id) VALUES (?1)")?;
    let mut insert_cell =
        batch.prepare_cached("INSERT INTO cells (experiment, ordinal, run, stage, axes) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut insert_axis =
        batch.prepare_cached("INSERT INTO cell_axes (experiment, ordinal, axis, value) VALUES (?1, ?2, ?3, ?4)")?;
    for (ordinal, cell) in experiment.cells.iter().enumerate() {
        let run = cell.run.to_string();
        insert_run.execute([&run])?;
        insert_cell.execute(params![name, ordinal as i64, run, cell.stage, serde_json::to_string(&cell.axes)?])?;
        for (axis, value) in &cell.axes {
            insert_axis.execute(params![name, ordinal as i64, axis, typed(value)])?;
        }
    }
    Ok(())
}

fn typed(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(flag) => Sql::Integer(i64::from(*flag)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Sql::Integer(integer),
            (None, Some(real)) => Sql::Real(real),
            (None, None) => Sql::Text(number.to_string()),
        },
        Value::String(text) => Sql::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Sql::Text(value.to_string()),
    }
}

fn write_events(batch: &Transaction, keys: &mut Keys, events: &[Event]) -> Result<()> {
    let mut insert = batch.prepare_cached(
        "INSERT OR IGNORE INTO measurements (run_key, metric_key, step, attempt, seq, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for event in events {
        if keys.attempts.insert((event.run, event.attempt)) {
            run_key(batch, keys, event.run)?;
            batch
                .prepare_cached("INSERT OR IGNORE INTO attempts (run, attempt) VALUES (?1, ?2)")?
                .execute(params![event.run.to_string(), event.attempt])?;
        }
        match &event.kind {
            Kind::Measured { step, values } => write_values(batch, keys, &mut insert, event, *step, values)?,
            Kind::Progressed { .. } => {}
            Kind::Started { .. } => write_start(batch, event)?,
            Kind::Finished { .. } | Kind::Interrupted { .. } | Kind::Failed { .. } | Kind::Pruned { .. } => {
                write_end(batch, event)?;
            }
            Kind::Used { seconds, peak_memory_bytes } => write_usage(batch, event, *seconds, *peak_memory_bytes)?,
            Kind::Saved { .. } | Kind::Produced { .. } | Kind::Noticed { .. } => write_find(batch, event)?,
        }
    }
    Ok(())
}

fn write_values(
    batch: &Transaction,
    keys: &mut Keys,
    insert: &mut CachedStatement,
    event: &Event,
    step: u64,
    values: &BTreeMap<Metric, f64>,
) -> Result<()> {
    let run = run_key(batch, keys, event.run)?;
    for (metric, value) in values {
        let metric = metric_key(batch, keys, metric)?;
        insert.execute(params![run, metric, step as i64, event.attempt, event.seq as i64, value])?;
    }
    Ok(())
}

fn run_key(batch: &Transaction, keys: &mut Keys, run: RunId) -> Result<i64> {
    if let Some(key) = keys.runs.get(&run) {
        return Ok(*key);
    }
    let id = run.to_string();
    batch.prepare_cached("INSERT OR IGNORE INTO cards (id) VALUES (?1)")?.execute([&id])?;
    let key = batch.prepare_cached("SELECT key FROM cards WHERE id = ?1")?.query_row([&id], |row| row.get(0))?;
    keys.runs.insert(run, key);
    Ok(key)
}

fn metric_key(batch: &Transaction, keys: &mut Keys, metric: &Metric) -> Result<i64> {
    if let Some(key) = keys.metrics.get(metric) {
        return Ok(*key);
    }
    let mut select = batch.prepare_cached("SELECT key FROM metrics WHERE name = ?1")?;
    let key = match select.query_row([metric.as_str()], |row| row.get(0)).optional()? {
        Some(key) => key,
        None => {
            let known = metric.known();
            let better = match metric.better() {
                Better::Higher => Some("higher"),
                Better::Lower => Some("lower"),
                Better::Neither => None,
            };
            batch.execute(
                "INSERT INTO metrics (name, title, unit, better) VALUES (?1, ?2, ?3, ?4)",
                params![metric.as_str(), known.map(|known| known.title), known.map(|known| known.unit), better],
            )?;
            batch.last_insert_rowid()
        }
    };
    keys.metrics.insert(metric.clone(), key);
    Ok(key)
}

fn write_start(batch: &Transaction, event: &Event) -> Result<()> {
    let Kind::Started { host, device, from_step, steps } = &event.kind else { return Ok(()) };
    batch
        .prepare_cached(
            "UPDATE attempts SET host = ?3, device = ?4, from_step = ?5, steps = ?6, started_at = ?7
             WHERE run = ?1 AND attempt = ?2",
        )?
        .execute(params![
            event.run.to_string(),
            event.attempt,
            host,
            device,
            *from_step as i64,
            *steps as i64,
            event.at.to_string()
        ])?;
    Ok(())
}

/// Writes how an attempt ended. A result is one, whatever else is told; of several other endings (a crash told by the worker
/// and by its keeper) the later one counts.
fn write_end(batch: &Transaction, event: &Event) -> Result<()> {
    let (state, step, seconds, cause, error) = match &event.kind {
        Kind::Finished { seconds } => ("finished", None, Some(*seconds), None, None),
        Kind::Interrupted { step } => ("interrupted", Some(*step as i64), None, None, None),
        Kind::Failed { cause, error } => ("failed", None, None, Some(cause.name()), Some(error)),
        Kind::Pruned { step, reason } => ("pruned", Some(*step as i64), None, None, Some(reason)),
        _ => return Ok(()),
    };
    batch
        .prepare_cached(
            "UPDATE attempts SET state = ?3, step = ?4, seconds = ?5, cause = ?6, error = ?7, ended_at = ?8, ended_seq = ?9
             WHERE run = ?1 AND attempt = ?2 AND (?3 = 'finished', ?9) > (state = 'finished', coalesce(ended_seq, -1))",
        )?
        .execute(params![
            event.run.to_string(),
            event.attempt,
            state,
            step,
            seconds,
            cause,
            error,
            event.at.to_string(),
            event.seq as i64
        ])?;
    Ok(())
}

/// Writes what an attempt took; where its worker and its keeper both tell, the larger counts, in whatever order they come.
fn write_usage(batch: &Transaction, event: &Event, seconds: f64, peak_memory_bytes: Option<u64>) -> Result<()> {
    batch
        .prepare_cached(
            "UPDATE attempts SET wall_seconds = max(?3, coalesce(wall_seconds, 0)),
                 peak_memory_bytes = max(coalesce(?4, 0), coalesce(peak_memory_bytes, 0))
             WHERE run = ?1 AND attempt = ?2",
        )?
        .execute(params![event.run.to_string(), event.attempt, seconds, peak_memory_bytes.map(|bytes| bytes as i64)])?;
    Ok(())
}

fn write_find(batch: &Transaction, event: &Event) -> Result<()> {
    let (run, attempt, seq) = (event.run.to_string(), event.attempt, event.seq as i64);
    match &event.kind {
        // Run folders may come from elsewhere, and what they name is read and shown.
        Kind::Saved { path, .. } | Kind::Produced { path, .. } if !is_inside(path) => 0,
        Kind::Saved { step, path } => batch
            .prepare_cached("INSERT OR IGNORE INTO checkpoints (run, attempt, seq, step, path) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![run, attempt, seq, *step as i64, path])?,
        Kind::Produced { name, path } => batch
            .prepare_cached("INSERT OR IGNORE INTO artifacts (run, attempt, seq, name, path) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![run, attempt, seq, name, path])?,
        Kind::Noticed { message } => batch
            .prepare_cached("INSERT OR IGNORE INTO notices (run, attempt, seq, message) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run, attempt, seq, message])?,
        _ => 0,
    };
    Ok(())
}

/// Whether a path that is relative to a folder stays in it.
fn is_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Lab, started};
    use super::super::{CellCard, ExperimentCard, RunState};
    use super::*;
    use crate::event::Cause;
    use serde_json::json;

    #[test]
    fn events_taken_twice_or_in_another_order_change_nothing() {
        let mut lab = Lab::with_one_done_run();
        let (before, events) = (lab.dump(), lab.events.clone());
        lab.record.ingest(&events).unwrap();
        assert_eq!(lab.dump(), before);
        let backwards: Vec<_> = events.iter().rev().cloned().collect();
        let mut other = Lab::new();
        other.admit_one_run();
        other.record.ingest(&backwards).unwrap();
        assert_eq!(other.dump(), before);
    }

    #[test]
    fn a_result_is_one_whatever_else_is_told_of_the_attempt() {
        let run = RunId::of(b"one");
        let failed = || Kind::Failed { cause: Cause::Lost, error: "gone".into() };
        let finished = || Kind::Finished { seconds: 1.5 };
        for (kinds, is_read_backwards) in
            [([finished(), failed()], false), ([finished(), failed()], true), ([failed(), finished()], false)]
        {
            let mut lab = Lab::new();
            let mut events = lab.script(run, 1, kinds);
            if is_read_backwards {
                events.reverse();
            }
            lab.record.ingest(&events).unwrap();
            let attempt = &lab.record.attempts(&run).unwrap()[0];
            assert_eq!((attempt.state.as_str(), attempt.seconds, &attempt.error), ("finished", Some(1.5), &None));
            assert_eq!(lab.record.state(&run).unwrap(), RunState::Done);
        }
    }

    #[test]
    fn events_of_an_unknown_run_are_kept_until_it_is_admitted() {
        let mut lab = Lab::new();
        let run = RunId::of(b"one");
        lab.say(run, 1, [started(0), Kind::Saved { step: 5, path: "checkpoints/5".into() }]);
        assert_eq!(lab.record.state(&run).unwrap(), RunState::Running { attempt: 1 });
        assert_eq!(lab.record.runs_like("").unwrap()[0].name, "");
        lab.admit_one_run();
        assert_eq!(lab.record.runs_like(&run.short()).unwrap()[0].name, "one");
        assert_eq!(lab.record.query("SELECT path FROM checkpoints").unwrap().rows, [[json!("checkpoints/5")]]);
    }

    #[test]
    fn a_batch_is_written_whole_or_not_at_all_and_can_be_tried_again() {
        let mut lab = Lab::new();
        lab.record.db.execute_batch("CREATE TRIGGER no BEFORE INSERT ON notices BEGIN SELECT RAISE(FAIL, 'full'); END").unwrap();
        let values = BTreeMap::from([("loss".into(), 1.0)]);
        let events = lab.script(RunId::of(b"x"), 1, [Kind::Measured { step: 1, values }, Kind::Noticed { message: "hm".into() }]);
        assert!(lab.record.ingest(&events).is_err());
        assert_eq!(lab.record.query("SELECT * FROM final").unwrap().rows.len(), 0);
        lab.record.db.execute_batch("DROP TRIGGER no").unwrap();
        lab.record.ingest(&events).unwrap();
        assert_eq!(lab.record.query("SELECT * FROM final").unwrap().rows.len(), 1);
    }

    #[test]
    fn an_experiment_takes_the_place_of_what_it_was_and_axes_keep_their_types() {
        let mut lab = Lab::new();
        let cell = |axes: Value| CellCard {
            run: RunId::of(b"one"),
            stage: "pretrain".into(),
            axes: serde_json::from_value(axes).unwrap(),
        };
        let mut card = ExperimentCard { name: "x".into(), question: "?".into(), file: "x.yaml".into(), cells: vec![] };
        card.cells = vec![cell(json!({"a": 1})), cell(json!({"a": 2})), cell(json!({"a": 3}))];
        lab.record.admit(&card, &[]).unwrap();
        card.cells = vec![cell(json!({"b": 0.5, "c": "mae", "d": true, "e": null, "f": [1, 2], "g": 7}))];
        lab.record.admit(&card, &[]).unwrap();
        let rows = lab.record.query("SELECT axis, typeof(value) FROM cell_axes ORDER BY axis").unwrap();
        let types: Vec<_> = rows.rows.iter().map(|row| row[1].as_str().unwrap()).collect();
        assert_eq!(types, ["real", "text", "integer", "null", "text", "integer"]);
        assert_eq!(lab.record.cells("x").unwrap()[0].axes, card.cells[0].axes);
    }

    #[test]
    fn a_file_outside_of_its_run_is_not_taken_in() {
        let mut lab = Lab::new();
        let named = |path: &str| Kind::Produced { name: "picture".into(), path: path.into() };
        lab.say(RunId::of(b"one"), 1, ["../../x.png", "/etc/passwd", "artifacts/../../x", "artifacts/./x.png"].map(named));
        assert_eq!(lab.record.query("SELECT path FROM artifacts").unwrap().rows, [[json!("artifacts/./x.png")]]);
    }

    #[test]
    fn what_is_forgotten_leaves_no_row() {
        let mut lab = Lab::with_one_done_run();
        assert!(lab.record.needed(&[]).unwrap().contains(&RunId::of(b"parent")));
        assert!(lab.record.needed(&["x".to_owned()]).unwrap().is_empty());
        assert_eq!(lab.record.reached(&RunId::of(b"one")).unwrap(), (Some(20), Some(20)));
        assert_eq!(lab.record.card(&RunId::of(b"one")).unwrap().unwrap().parents, [RunId::of(b"parent")]);
        lab.record.forget_experiment("x").unwrap();
        lab.record.forget(&[RunId::of(b"one")]).unwrap();
        for table in
            ["runs", "parents", "attempts", "measurements", "artifacts", "checkpoints", "notices", "cells", "experiments"]
        {
            assert_eq!(lab.record.query(&format!("SELECT * FROM {table}")).unwrap().rows.len(), 0, "{table}");
        }
        assert!(!lab.results().join("experiments/x.json").exists());
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused() {
        for name in ["", "../x", ".x", "a/b"] {
            assert_eq!(crate::failure::exit_code(&experiment_file(Path::new("r"), name).unwrap_err()), 2);
        }
    }
}
