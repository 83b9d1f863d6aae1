//! A file store of MLflow, in the form that `mlflow migrate-filestore` reads.

use super::points::Point;
use super::wide::plain;
use super::{Source, Written};
use crate::record::RunState;
use crate::report::facts::flat;
use crate::report::question::Row;
use anyhow::{Context, Result};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The longest texts that MLflow takes, in characters (mlflow/utils/validation.py).
const LONGEST_PARAM: usize = 6000;
const LONGEST_TAG: usize = 8000;
const LONGEST_KEY: usize = 250;

pub(super) fn write(source: &Source<'_>, out: &Path) -> Result<Written> {
    let number = number(&source.question.experiment).to_string();
    let store = out.join("mlruns").join(&number);
    fs::create_dir_all(&store).with_context(|| format!("cannot create {}", store.display()))?;
    let store = store.canonicalize()?;
    let times: Vec<i64> = source.rows().filter_map(|row| source.began(row)).map(Timestamp::as_millisecond).collect();
    let meta = json!({
        "artifact_location": store.display().to_string(),
        "creation_time": times.iter().min().unwrap_or(&0),
        "experiment_id": number,
        "last_update_time": times.iter().max().unwrap_or(&0),
        "lifecycle_stage": "active",
        "name": source.question.experiment,
    });
    put(&store, "meta.yaml", &serde_yaml::to_string(&meta)?)?;
    let mut written = Written::default();
    for row in source.rows() {
        let points = source.points(row)?;
        run(source, row, &points, &store.join(row.run.id.to_string()))?;
        written.runs += 1;
        written.points += points.len();
    }
    Ok(written)
}

fn run(source: &Source<'_>, row: &Row, points: &[Point], folder: &Path) -> Result<()> {
    ["metrics", "params", "tags", "artifacts"].iter().try_for_each(|name| fs::create_dir_all(folder.join(name)))?;
    let id = row.run.id.to_string();
    let meta = json!({
        "artifact_uri": folder.join("artifacts").display().to_string(),
        "end_time": source.ended(row).map(Timestamp::as_millisecond),
        "entry_point_name": "",
        "experiment_id": number(&source.question.experiment).to_string(),
        "lifecycle_stage": "active",
        "run_id": id,
        "run_name": row.run.name,
        "run_uuid": id,
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": source.began(row).map_or(0, Timestamp::as_millisecond),
        "status": status(&row.run.state),
        "tags": [],
        "user_id": "",
    });
    put(folder, "meta.yaml", &serde_yaml::to_string(&meta)?)?;
    let mut metrics: IndexMap<&str, String> = IndexMap::new();
    for point in points {
        let lines = metrics.entry(point.metric.as_str()).or_default();
        writeln!(lines, "{} {} {}", point.at.as_millisecond(), point.value, point.step)?;
    }
    metrics.iter().try_for_each(|(metric, lines)| put(folder, &format!("metrics/{}", key(metric)), lines))?;
    let facts = source.question.facts.get(&row.run.id);
    let mut params = source.axes(row);
    if let Some(facts) = facts {
        flat("config", &facts.config, &mut |key, value| drop(params.insert(key.to_owned(), value.clone())));
    }
    for (name, value) in params.iter().filter(|(_, value)| !value.is_null()) {
        put(folder, &format!("params/{}", key(name)), cut(&plain(value), LONGEST_PARAM))?;
    }
    let attempt = source.attempts.get(&row.run.id);
    let environment = facts.and_then(|facts| facts.environment.as_ref());
    let parents = facts.map(|facts| facts.parents.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let tags = [
        ("mlflow.runName", Some(row.run.name.clone())),
        ("mlflow.source.git.commit", environment.and_then(|environment| environment.commit.clone())),
        ("vicmae.experiment", Some(source.question.experiment.clone())),
        ("vicmae.stage", Some(row.stage.clone())),
        ("vicmae.parents", parents),
        ("vicmae.program", environment.map(|environment| environment.program.clone())),
        ("vicmae.device", attempt.and_then(|attempt| attempt.device.clone())),
        ("vicmae.host", attempt.and_then(|attempt| attempt.host.clone())),
    ];
    let tags = tags.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    tags.into_iter().try_for_each(|(name, value)| put(folder, &format!("tags/{name}"), cut(&value, LONGEST_TAG)))
}

/// MLflow's numbers for how far a run is.
fn status(state: &RunState) -> u8 {
    match state {
        RunState::New => 2,
        RunState::Running { .. } => 1,
        RunState::Done => 3,
        RunState::Failed { .. } => 4,
        RunState::Pruned { .. } | RunState::Interrupted { .. } => 5,
    }
}

/// The number of an experiment, the same in every export: several experiments can be exported to one folder, which MLflow takes
/// as a whole or not at all.
pub(super) fn number(experiment: &str) -> u32 {
    let hash = blake3::hash(experiment.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    // Databases keep it in 31 bits, and 0 is MLflow's own.
    (u32::from_le_bytes([a, b, c, d]) >> 1).max(1)
}

/// A name as MLflow takes it, which is the name of a file too.
fn key(name: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_-. ".contains(character);
    let key: String = name.chars().take(LONGEST_KEY).map(|character| if allowed(character) { character } else { '_' }).collect();
    if key.starts_with('.') { key.replacen('.', "_", 1) } else { key }
}

fn cut(text: &str, longest: usize) -> &str {
    text.char_indices().nth(longest).map_or(text, |(end, _)| &text[..end])
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_files() {
        assert_eq!(key("loss.reconstruction/α+b"), "loss.reconstruction___b");
        assert_eq!((key("../x"), key("..")), ("_._x".to_owned(), "_.".to_owned()));
        assert_eq!(key(&"k".repeat(400)).len(), LONGEST_KEY);
        assert_eq!((cut("aéb", 2), cut("aéb", 9)), ("aé", "aéb"));
        assert_ne!(number("mask_ratio"), number("quickstart"));
    }
}
