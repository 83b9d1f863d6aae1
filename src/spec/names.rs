//! Rules over an experiment that its types cannot say: names, clashes, empty and unequal lists.

use super::schema::{DATASET, Experiment, Scalar, Seeds};
use crate::failure::Failure;
use serde_json::Value;
use std::collections::BTreeMap;

/// Names that the grid gives by itself.
const RESERVED: [(&str, &str); 2] =
    [("seed", "replicates are asked for with `seeds:`"), ("stage", "`stage` says pretrain or the transfer's name in `--only`")];

/// Checks an experiment, and names it after its file when it has no name.
pub(crate) fn check(experiment: &Experiment) -> Result<(), Failure> {
    experiment_name(experiment)?;
    variable_names(experiment)?;
    values(experiment)?;
    zip(experiment)?;
    seeds(experiment)?;
    transfers(experiment)
}

fn experiment_name(experiment: &Experiment) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if experiment.name.is_empty() || !experiment.name.chars().all(allowed) {
        let message = format!("`{}` cannot be the name of an experiment", experiment.name);
        return Err(experiment
            .source
            .failure_at(&["experiment"], message, "a name of files and tables")
            .hint("allowed are a to z, 0 to 9, `-` and `_`; without `experiment:` the name is that of the file"));
    }
    Ok(())
}

/// Every name is a variable of templates and expressions, so it is a plain identifier and stands for one thing.
fn variable_names(experiment: &Experiment) -> Result<(), Failure> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let zipped = experiment.zip.iter().enumerate();
    let named = (experiment.with.keys().map(|name| (name, vec!["with".to_owned()])))
        .chain(experiment.axes.keys().map(|name| (name, vec!["axes".to_owned()])))
        .chain(zipped.flat_map(|(at, group)| group.keys().map(move |name| (name, vec!["zip".to_owned(), at.to_string()]))));
    for (name, mut path) in named {
        path.push(name.clone());
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        identifier(experiment, name, &path)?;
        let place = path[..path.len() - 1].join(".");
        if let Some(before) = places.get(name.as_str()) {
            let message = format!("`{name}` stands in `{}` and in `{place}`", before.join("."));
            return Err(experiment.source.failure_at_key(&path, message, "the second").hint("give one of them another name"));
        }
        places.insert(name, vec![place]);
    }
    Ok(())
}

fn identifier(experiment: &Experiment, name: &str, path: &[&str]) -> Result<(), Failure> {
    if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        let message = format!("`{name}` is a name of the program's own");
        return Err(experiment.source.failure_at_key(path, message, "choose another name").hint(*why));
    }
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let message = format!("`{name}` cannot be a variable");
        return Err(experiment
            .source
            .failure_at_key(path, message, "a variable of templates and expressions")
            .hint("use letters, digits and `_`, and start with a letter"));
    }
    Ok(())
}

fn values(experiment: &Experiment) -> Result<(), Failure> {
    for (name, axis) in &experiment.axes {
        list(experiment, &["axes", name], &axis.values)?;
    }
    for (at, group) in experiment.zip.iter().enumerate() {
        for (name, values) in group {
            if values.is_empty() {
                list(experiment, &["zip", &at.to_string(), name], values)?;
            }
        }
    }
    Ok(())
}

/// An axis has values, and no value twice: that would be one point of the grid counted twice.
fn list(experiment: &Experiment, path: &[&str], values: &[Scalar]) -> Result<(), Failure> {
    let name = path[path.len() - 1];
    if values.is_empty() {
        let message = format!("the axis `{name}` has no values");
        return Err(experiment.source.failure_at(path, message, "empty").hint("give it a value, or take the axis out"));
    }
    for (at, value) in values.iter().enumerate() {
        if values[..at].iter().any(|earlier| same(&earlier.0, &value.0)) {
            let message = format!("the axis `{name}` has the value {} twice", value.0);
            return Err(experiment.source.failure_at(path, message, "each value stands once"));
        }
    }
    Ok(())
}

/// Whether two values are one: `1` and `1.0` are, `1` and `"1"` are not.
fn same(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() && b.is_number() && a.as_f64() == b.as_f64())
}

fn zip(experiment: &Experiment) -> Result<(), Failure> {
    for (at, group) in experiment.zip.iter().enumerate() {
        let Some((first, values)) = group.first() else { continue };
        if let Some((name, other)) = group.iter().find(|(_, other)| other.len() != values.len()) {
            let message = format!("`{first}` has {} values and `{name}` has {}", values.len(), other.len());
            return Err(experiment
                .source
                .failure_at(&["zip", &at.to_string(), name], message, "not as long as the first")
                .hint("zipped axes go together value by value, so their lists are equally long"));
        }
    }
    Ok(())
}

fn seeds(experiment: &Experiment) -> Result<(), Failure> {
    let failure = |message: &str| {
        let failure = experiment.source.failure_at(&["seeds"], message, "seeds");
        failure.hint("`seeds: 3` asks for seeds 0, 1 and 2; `seeds: [7, 8]` for these two")
    };
    match &experiment.seeds {
        Seeds::Count(0) => Err(failure("there are no seeds, so there is nothing to run")),
        Seeds::List(list) if list.is_empty() => Err(failure("there are no seeds, so there is nothing to run")),
        Seeds::List(list) if (1..list.len()).any(|at| list[..at].contains(&list[at])) => Err(failure("a seed is given twice")),
        _ => Ok(()),
    }
}

fn transfers(experiment: &Experiment) -> Result<(), Failure> {
    for (name, transfer) in &experiment.transfer {
        let path = ["transfer", name.as_str()];
        identifier(experiment, name, &path)?;
        if name == "pretrain" {
            let message = "`pretrain` is the name of the first stage";
            return Err(experiment.source.failure_at_key(&path, message, "choose another name"));
        }
        for constant in transfer.with.keys() {
            hides_no_axis(experiment, name, constant, &["transfer", name, "with", constant])?;
        }
        for (dataset, with) in &transfer.datasets {
            for constant in with.keys() {
                hides_no_axis(experiment, name, constant, &["transfer", name, "datasets", dataset, constant])?;
                if transfer.with.contains_key(constant) {
                    let message = format!("`{constant}` is a constant of the transfer `{name}`, and of its data set `{dataset}`");
                    let path = ["transfer", name, "datasets", dataset, constant];
                    return Err(experiment.source.failure_at_key(&path, message, "given twice").hint("take one of them out"));
                }
            }
        }
        if !transfer.datasets.is_empty() && is_axis(experiment, DATASET) {
            let message = format!("`{DATASET}` is an axis, and the transfer `{name}` has data sets of its own");
            let failure =
                experiment.source.failure_at_key(&["transfer", name, "datasets"], message, "makes an axis of that name");
            return Err(failure.hint("give the axis another name"));
        }
    }
    Ok(())
}

fn is_axis(experiment: &Experiment, name: &str) -> bool {
    experiment.axes.contains_key(name) || experiment.zip.iter().any(|group| group.contains_key(name))
}

/// A constant of a transfer is a variable, and none that the grid has.
fn hides_no_axis(experiment: &Experiment, transfer: &str, constant: &str, path: &[&str]) -> Result<(), Failure> {
    identifier(experiment, constant, path)?;
    if !is_axis(experiment, constant) {
        return Ok(());
    }
    let message = format!("`{constant}` is an axis, and a constant of the transfer `{transfer}`");
    Err(experiment.source.failure_at_key(path, message, "hides the axis").hint("give one of them another name"))
}
