//! From points of the grid to runs: renders the templates at every point and merges equal runs.

use super::Fingerprint;
use super::condition::{Condition, Scope};
use super::grid::{self, Point};
use super::identity::{Canonical, Identifier};
use super::run::{Cell, PRETRAIN, Run};
use crate::failure::Failure;
use crate::run_id::RunId;
use crate::spec::DATASET;
use crate::spec::Experiment;
use crate::spec::source::noted;
use crate::spec::work::Work;
use crate::spec::{Library, Rendered, Template};
use anyhow::Result;
use indexmap::IndexMap;
use minijinja::value::Serde;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A stage of every point: the pretraining, or one transfer.
struct Stage<'a> {
    name: &'a str,
    template: Arc<Template>,
    constants: BTreeMap<&'a str, minijinja::Value>,
    when: Option<Arc<Condition<'a>>>,
    /// The data set of a transfer that has several: its name, which is an axis of the stage, and its constants.
    dataset: Option<(&'a str, &'a IndexMap<String, Value>)>,
}

impl Stage<'_> {
    /// The axes of the stage at a point: those of the grid, and the data set before the seed.
    fn axes(&self, point: &Point) -> Point {
        let mut axes = point.clone();
        if let Some((dataset, _)) = self.dataset {
            let seed = axes.shift_remove_entry("seed");
            axes.insert(DATASET.to_owned(), dataset.into());
            axes.extend(seed);
        }
        axes
    }
}

/// The distinct runs (not yet named) and all cells of an experiment.
pub(crate) fn expand(experiment: &Experiment, fingerprint: Fingerprint) -> Result<(IndexMap<RunId, Run>, Vec<Cell>)> {
    let points = grid::points(experiment)?;
    let stages = stages(experiment)?;
    let mut expansion = Expansion {
        identifier: Identifier::new(fingerprint),
        canonical: HashMap::new(),
        runs: IndexMap::new(),
        cells: Vec::new(),
    };
    // Parsing is most of the time, so it is spread over threads; a part of the points at once, to stop soon after a mistake.
    for points in points.chunks(256) {
        let rendered: Vec<_> = points.par_iter().map(|point| render(experiment, &stages, point)).collect();
        for (point, rendered) in points.iter().zip(rendered) {
            expansion.add_point(point, rendered?)?;
        }
    }
    every_name_is_used(experiment, &stages)?;
    Ok((expansion.runs, expansion.cells))
}

/// Where the cells of an experiment stand: stage and axes. No template is rendered, so this is quick and knows no runs.
pub(crate) fn places(experiment: &Experiment) -> Result<Vec<(String, Point)>> {
    let stages = stages(experiment)?;
    let mut places = Vec::new();
    for point in grid::points(experiment)? {
        let active = active(experiment, &stages, &point)?;
        places.extend(active.into_iter().map(|stage| (stage.name.to_owned(), stage.axes(&point))));
    }
    Ok(places)
}

/// The stages that there are at a point.
fn active<'a>(experiment: &Experiment, stages: &'a [Stage<'a>], point: &Point) -> Result<Vec<&'a Stage<'a>>, Failure> {
    let conditional = stages.iter().any(|stage| stage.when.is_some());
    let scope = if conditional { grid::scope_at(experiment, point) } else { Scope::default() };
    let mut active = Vec::with_capacity(stages.len());
    for stage in stages {
        if stage.when.as_ref().map_or(Ok(true), |when| when.holds(&scope))? {
            active.push(stage);
        }
    }
    Ok(active)
}

fn stages(experiment: &Experiment) -> Result<Vec<Stage<'_>>, Failure> {
    let library = Library::of(&experiment.project);
    let load = |kind: &str, name: &str, path: &[&str]| {
        Template::load(&library, kind, name).map_err(|failure| match failure.excerpt.is_empty() {
            // The template is not there: the experiment is to blame, and pointed at.
            true => Failure { hints: failure.hints, ..experiment.source.failure_at(path, failure.message, "not a template") },
            false => failure,
        })
    };
    let template = load("run", &experiment.template, &["template"])?;
    let with = constants(&experiment.with);
    let mut stages = vec![Stage { name: PRETRAIN, template: template.into(), constants: with, when: None, dataset: None }];
    let names = grid::names(experiment);
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    for (name, transfer) in &experiment.transfer {
        let template = load("transfer", &transfer.template, &["transfer", name, "template"])?;
        let when = transfer.when.as_ref();
        let when = when.map(|text| Condition::new(&experiment.source, &["transfer", name, "when"], text, &known)).transpose()?;
        let (template, when) = (Arc::new(template), when.map(Arc::new));
        let stage = |dataset| Stage {
            name,
            template: template.clone(),
            constants: constants(&transfer.with),
            when: when.clone(),
            dataset,
        };
        if transfer.datasets.is_empty() {
            stages.push(stage(None));
        }
        for (dataset, with) in &transfer.datasets {
            let mut stage = stage(Some((dataset.as_str(), with)));
            stage.constants.extend(constants(with));
            stages.push(stage);
        }
    }
    Ok(stages)
}

fn constants(with: &IndexMap<String, Value>) -> BTreeMap<&str, minijinja::Value> {
    with.iter().map(|(name, value)| (name.as_str(), minijinja::Value::from(Serde(value)))).collect()
}

/// The work of every stage that is active at a point.
fn render<'a>(
    experiment: &Experiment,
    stages: &'a [Stage<'a>],
    point: &Point,
) -> Result<Vec<(&'a Stage<'a>, Arc<Rendered>)>, Failure> {
    let mut works = Vec::with_capacity(stages.len());
    for stage in active(experiment, stages, point)? {
        let mut variables = stage.constants.clone();
        variables.extend(point.iter().map(|(name, value)| (name.as_str(), minijinja::Value::from(Serde(value)))));
        let rendered = stage.template.render(&variables).map_err(|failure| at(failure, stage, point))?;
        right_kind(stage, &rendered.work).map_err(|failure| at(failure, stage, point))?;
        works.push((stage, rendered));
    }
    Ok(works)
}

struct Expansion<'a> {
    identifier: Identifier<'a>,
    /// Canonical texts by the address of the rendered work, which lives as long as its template.
    canonical: HashMap<*const Rendered, Arc<Canonical>>,
    runs: IndexMap<RunId, Run>,
    cells: Vec<Cell>,
}

impl Expansion<'_> {
    /// Adds the cells of a point: the pretraining, and the transfers of its encoder.
    fn add_point(&mut self, point: &Point, works: Vec<(&Stage, Arc<Rendered>)>) -> Result<()> {
        let mut parents: Vec<RunId> = Vec::new();
        for (stage, rendered) in works {
            let id = self.add(stage, point, &rendered, &parents)?;
            if stage.name == PRETRAIN {
                parents = vec![id];
            }
        }
        Ok(())
    }

    /// Adds a cell, and its run unless an equal one is there.
    fn add(&mut self, stage: &Stage, point: &Point, rendered: &Arc<Rendered>, parents: &[RunId]) -> Result<RunId> {
        let canonical = match self.canonical.get(&Arc::as_ptr(rendered)) {
            Some(canonical) => canonical.clone(),
            None => {
                let canonical = Arc::new(self.identifier.canonical(&rendered.work)?);
                self.canonical.insert(Arc::as_ptr(rendered), canonical.clone());
                canonical
            }
        };
        let id = self.identifier.id(&canonical.text, parents);
        self.runs.entry(id).or_insert_with(|| Run {
            id,
            name: String::new(),
            stage: stage.name.to_owned(),
            parents: parents.to_vec(),
            work: rendered.work.clone(),
            data: canonical.data.clone(),
        });
        self.cells.push(Cell { run: id, stage: stage.name.to_owned(), axes: stage.axes(point) });
        Ok(id)
    }
}

/// Says under the drawing at which point of the grid something went wrong.
fn at(failure: Failure, stage: &Stage, point: &Point) -> Failure {
    let values: Vec<String> = point.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    noted(failure, &format!("stage `{}` at {}", stage.name, values.join(", ")))
}

fn right_kind(stage: &Stage, work: &Work) -> Result<(), Failure> {
    let (found, wanted) = match work {
        Work::Transfer(_) => ("transfer", "`pretrain`, `random_init` or `imported`"),
        Work::Pretrain(_) => ("pretrain", "`transfer`"),
        Work::RandomInit(_) => ("random_init", "`transfer`"),
        Work::Imported(_) => ("imported", "`transfer`"),
    };
    if matches!(work, Work::Transfer(_)) == (stage.name != PRETRAIN) {
        return Ok(());
    }
    Err(Failure::input(format!("{} renders to `{found}`, where {wanted} is needed", stage.template.title())))
}

/// A constant or an axis that nothing reads is a slip of the pen, and would make equal runs look different.
fn every_name_is_used(experiment: &Experiment, stages: &[Stage]) -> Result<(), Failure> {
    let read: Vec<BTreeSet<String>> = stages.iter().map(|stage| stage.template.variables()).collect();
    for (name, path) in experiment.with.keys().map(|name| (name, ["with", name])) {
        if !read[0].contains(name) && !in_expressions(experiment, stages, name) {
            return Err(unused(experiment, &path, name, &stages[0], &read[0]));
        }
    }
    for (stage, read) in stages.iter().zip(&read).skip(1) {
        let transfer = &experiment.transfer[stage.name];
        if let Some(name) = transfer.with.keys().find(|name| !read.contains(*name)) {
            return Err(unused(experiment, &["transfer", stage.name, "with", name], name, stage, read));
        }
        let Some((dataset, with)) = stage.dataset else { continue };
        if let Some(name) = with.keys().find(|name| !read.contains(*name)) {
            return Err(unused(experiment, &["transfer", stage.name, "datasets", dataset, name], name, stage, read));
        }
    }
    let zipped = experiment.zip.iter().enumerate();
    let zipped =
        zipped.flat_map(|(at, group)| group.keys().map(move |name| (name, vec!["zip".to_owned(), at.to_string(), name.clone()])));
    let axes = experiment.axes.keys().map(|name| (name, vec!["axes".to_owned(), name.clone()]));
    for (name, path) in axes.chain(zipped) {
        if !read.iter().any(|read| read.contains(name)) && !in_expressions(experiment, stages, name) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            return Err(unused(experiment, &path, name, &stages[0], &read[0]));
        }
    }
    Ok(())
}

/// Whether a `when` reads a name. `exclude` does not count: it makes no two runs differ.
fn in_expressions(experiment: &Experiment, stages: &[Stage], name: &str) -> bool {
    let known = grid::names(experiment);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let of_axes = experiment.axes.values().filter_map(|axis| axis.when.as_deref());
    let mut of_axes = of_axes.filter_map(|text| Condition::new(&experiment.source, &[], text, &known).ok());
    of_axes.any(|when| when.names().any(|read| read == name))
        || stages.iter().filter_map(|stage| stage.when.as_ref()).any(|when| when.names().any(|read| read == name))
}

fn unused(experiment: &Experiment, path: &[&str], name: &str, stage: &Stage, read: &BTreeSet<String>) -> Failure {
    let message = format!("nothing reads `{name}`: it is no variable of {}", stage.template.title());
    let names: Vec<&str> = read.iter().map(String::as_str).collect();
    let failure = experiment.source.failure_at_key(path, message, "changes nothing").nearest(name, names.iter().copied());
    failure.hint(format!("its variables: {}", names.join(", ")))
}
