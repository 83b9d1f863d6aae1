//! Names of runs for people: the axes that vary, as in `vic_mae,mask_ratio=0.75,seed=0/knn`.

use super::run::{Cell, PRETRAIN};
use crate::run_id::RunId;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Names every run that the cells ask for. Different runs have different names.
///
/// A run that several points of the grid share is named after what they have in common.
pub(crate) fn names(experiment: &str, cells: &[Cell]) -> HashMap<RunId, String> {
    let varying = varying(cells);
    let mut shared: HashMap<RunId, Vec<&Cell>> = HashMap::new();
    for cell in cells {
        shared.entry(cell.run).or_default().push(cell);
    }
    let mut names: HashMap<RunId, String> = shared.iter().map(|(run, cells)| (*run, name(experiment, &varying, cells))).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    names.values().for_each(|name| *times.entry(name).or_default() += 1);
    // What the points have in common may be too little to tell two runs apart; their first points do.
    let ambiguous: Vec<RunId> = names.iter().filter(|(_, name)| times[name.as_str()] > 1).map(|(run, _)| *run).collect();
    for run in ambiguous {
        names.insert(run, name(experiment, &varying, &shared[&run][..1]));
    }
    names
}

/// The axes with more than one value, absence being one, in the order of the grid.
fn varying(cells: &[Cell]) -> Vec<&str> {
    let mut axes: Vec<&str> = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for name in cells.iter().flat_map(|cell| cell.axes.keys()) {
        if known.insert(name) {
            axes.push(name);
        }
    }
    // An axis that only some points have was met late; `seed` is last whatever comes.
    axes.sort_by_key(|name| *name == "seed");
    let first = cells.first();
    axes.retain(|name| cells.iter().any(|cell| cell.axes.get(*name) != first.and_then(|first| first.axes.get(*name))));
    axes
}

fn name(experiment: &str, varying: &[&str], cells: &[&Cell]) -> String {
    let first = cells[0];
    let common = |name: &&&str| cells.iter().all(|cell| cell.axes.get(**name) == first.axes.get(**name));
    let mut parts: Vec<String> = Vec::new();
    for axis in varying.iter().filter(common) {
        match first.axes.get(*axis) {
            Some(Value::String(text)) if parts.is_empty() => parts.push(text.clone()),
            Some(Value::String(text)) => parts.push(format!("{axis}={text}")),
            Some(value) => parts.push(format!("{axis}={value}")),
            None => {}
        }
    }
    if parts.is_empty() {
        parts.push(experiment.to_owned());
    }
    let stage = if first.stage == PRETRAIN { String::new() } else { format!("/{}", first.stage) };
    format!("{}{stage}", parts.join(","))
}
