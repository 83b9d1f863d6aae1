//! What the numbers of a run depend on beside its axes: for provenance, and to tell unfair comparisons.

use crate::record::Record;
use crate::run_folder::Environment;
use crate::run_folder::RunFolder;
use crate::run_folder::fingerprints;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexMap;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a run was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The runs whose results it needs.
    pub parents: Vec<RunId>,
    /// What it does, complete.
    pub config: Value,
    /// The fingerprint of each folder that it reads; empty where its folder is gone.
    pub data: IndexMap<String, String>,
    /// The program, the code and the machine of its last attempt; nothing where its folder is gone.
    pub environment: Option<Environment>,
    /// What must be equal where numbers are compared.
    fairness: Vec<(String, String)>,
}

impl Facts {
    /// The facts of a run that needs no other and has no folder.
    #[cfg(test)]
    pub(super) fn of(config: Value) -> Facts {
        let mut facts = Facts { config, ..Facts::default() };
        facts.fairness = fairness(&facts, &BTreeMap::new());
        facts
    }

    /// Names and values of what must be equal where numbers are compared: the budget of pretraining, the protocol with its
    /// views, data and code.
    pub fn of_fairness(&self) -> impl Iterator<Item = (String, String)> {
        self.fairness.iter().cloned()
    }
}

/// Reads the facts of all runs of an experiment and of those that they need: configurations from the record, all else from the run
/// folders that are there.
///
/// # Errors
/// When the database cannot be read.
pub fn read(record: &Record, experiment: &str, results: &Path) -> Result<BTreeMap<RunId, Facts>> {
    let cards = record.cards_of(experiment)?;
    let read: Vec<(RunId, Facts)> = cards
        .par_iter()
        .map(|(id, card)| {
            let folder = RunFolder::new(results, *id);
            let data = fingerprints(&folder).unwrap_or_default();
            let last = folder.last_attempt().unwrap_or_default();
            let environment = Environment::read(&folder, last);
            let (parents, config) = (card.parents.clone(), card.config.clone());
            (*id, Facts { parents, config, data, environment, fairness: Vec::new() })
        })
        .collect();
    let mut facts: BTreeMap<RunId, Facts> = read.into_iter().collect();
    let fairness: Vec<_> = facts.iter().map(|(id, of_run)| (*id, fairness(of_run, &facts))).collect();
    for (id, fairness) in fairness {
        facts.entry(id).or_default().fairness = fairness;
    }
    Ok(facts)
}

fn fairness(run: &Facts, all: &BTreeMap<RunId, Facts>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let parents = run.parents.iter().filter_map(|parent| all.get(parent));
    for (place, facts) in parents.map(|parent| ("pretraining ", parent)).chain([("", run)]) {
        for (name, path) in [("epochs", "/pretrain/schedule/epochs"), ("batch size", "/pretrain/batch/size")] {
            found.extend(facts.config.pointer(path).map(|value| (name.to_owned(), value.to_string())));
        }
        if !facts.data.is_empty() {
            let prints: Vec<&str> = facts.data.values().map(|print| print.get(..8).unwrap_or(print)).collect();
            found.push((format!("{place}data"), prints.join(" ")));
        }
        if let Some(environment) = &facts.environment {
            // The program is the code, to the byte. A commit of the project around it says nothing that its runs do not say themselves.
            found.push((format!("{place}code"), format!("program {}", environment.program)));
        }
    }
    if let Some(protocol) = run.config.pointer("/transfer/protocol") {
        flat("", protocol, &mut |path, value| found.push((path.to_owned(), value.to_string())));
    }
    found
}

/// Calls `each` with the path and value of everything in a configuration that is no map.
pub fn flat(path: &str, value: &Value, each: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flat(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, each);
            }
        }
        other => each(path, other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EXPERIMENT, lab};
    use super::*;
    use serde_json::json;

    #[test]
    fn budgets_are_those_of_the_encoder_and_protocols_those_of_the_run() {
        let pretrain = json!({"pretrain": {"schedule": {"epochs": 30}, "batch": {"size": 64}}});
        let transfer = json!({"transfer": {"protocol": {"knn": {"k": [20], "temperature": 0.07}}}});
        let encoder = RunId::of(b"encoder");
        let data = IndexMap::from([("pairs".to_owned(), "0123456789".to_owned())]);
        let parent = Facts { config: pretrain, data, ..Facts::default() };
        let run = Facts { config: transfer, parents: vec![encoder], ..Facts::default() };
        let all = BTreeMap::from([(encoder, parent)]);
        let text = fairness(&run, &all).iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
        insta::assert_snapshot!(text, @"
        epochs: 30
        batch size: 64
        pretraining data: 01234567
        knn.k: [20]
        knn.temperature: 0.07
        ");
    }

    #[test]
    fn the_same_program_is_the_same_code_whatever_was_committed_meanwhile() {
        let code = |commit: &str, program: &str| {
            let (commit, program) = (Some(commit.to_owned()), program.to_owned());
            let environment = Environment { commit, program, ..Environment::here() };
            fairness(&Facts { environment: Some(environment), ..Facts::default() }, &BTreeMap::new())
        };
        assert_eq!(code("01234567", "p"), code("89abcdef (changed)", "p"));
        assert_ne!(code("01234567", "p"), code("01234567", "q"));
    }

    #[test]
    fn facts_are_read_for_runs_and_the_runs_that_they_need() {
        let lab = lab();
        let facts = read(&lab.record, EXPERIMENT, lab.results()).unwrap();
        assert_eq!(facts.len(), 30);
        assert!(facts.values().all(|facts| facts.environment.is_none() && facts.data.is_empty()));
    }
}
