//! The points of the grid: axes in their order, zipped axes, then seeds; less the excluded ones.

use super::condition::{Condition, Scope};
use crate::failure::Failure;
use crate::spec::Experiment;
use crate::spec::schema::{Scalar, Seeds};
use indexmap::IndexMap;
use minijinja::value::Serde;
use serde_json::Value;

/// A point of the grid: its active axes in order, `seed` last.
pub(crate) type Point = IndexMap<String, Value>;

/// Something that varies on its own: one axis, or several that go together.
struct Dimension<'a> {
    /// The names that this gives values to.
    names: Vec<&'a str>,
    /// Every row gives each name a value.
    rows: Vec<Vec<Value>>,
    /// Absent where this does not hold.
    when: Option<Condition<'a>>,
}

/// All points of an experiment's grid, in order: the first axis varies slowest.
pub(crate) fn points(experiment: &Experiment) -> Result<Vec<Point>, Failure> {
    let dimensions = dimensions(experiment)?;
    let names = names(experiment);
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let exclude = experiment.exclude.iter().enumerate();
    let exclude = exclude.map(|(at, text)| Condition::new(&experiment.source, &["exclude", &at.to_string()], text, &known));
    let exclude = exclude.collect::<Result<Vec<_>, _>>()?;
    let mut walk = Walk { experiment, dimensions, removed: vec![0; exclude.len()], exclude, visited: 0, points: Vec::new() };
    walk.go(0, &mut Point::new(), &mut scope(experiment))?;
    if walk.points.is_empty() {
        return Err(walk.nothing_left());
    }
    Ok(walk.points)
}

/// All names that expressions may use: constants, axes, zipped axes, `seed`.
pub(crate) fn names(experiment: &Experiment) -> Vec<String> {
    let zipped = experiment.zip.iter().flat_map(IndexMap::keys);
    experiment.with.keys().chain(experiment.axes.keys()).chain(zipped).cloned().chain(["seed".to_owned()]).collect()
}

/// What an expression sees at a point of the grid.
pub(crate) fn scope_at(experiment: &Experiment, point: &Point) -> Scope {
    let mut scope = scope(experiment);
    scope.extend(point.iter().map(|(name, value)| (name.clone(), minijinja::Value::from(Serde(value)))));
    scope
}

/// What an expression sees before any axis has a value: the constants, and none for the rest.
fn scope(experiment: &Experiment) -> Scope {
    let absent = names(experiment).into_iter().map(|name| (name, minijinja::Value::from(())));
    let constants = experiment.with.iter().map(|(name, value)| (name.clone(), minijinja::Value::from(Serde(value))));
    absent.chain(constants).collect()
}

fn dimensions(experiment: &Experiment) -> Result<Vec<Dimension<'_>>, Failure> {
    let mut known: Vec<&str> = experiment.with.keys().map(String::as_str).collect();
    let mut dimensions = Vec::new();
    for (name, axis) in &experiment.axes {
        let when = axis.when.as_ref();
        let when = when.map(|text| Condition::new(&experiment.source, &["axes", name, "when"], text, &known)).transpose()?;
        dimensions.push(Dimension {
            names: vec![name],
            rows: axis.values.iter().map(|Scalar(value)| vec![value.clone()]).collect(),
            when,
        });
        known.push(name);
    }
    for group in &experiment.zip {
        let length = group.first().map_or(0, |(_, values)| values.len());
        let rows = (0..length).map(|at| group.values().map(|values| values[at].0.clone()).collect()).collect();
        dimensions.push(Dimension { names: group.keys().map(String::as_str).collect(), rows, when: None });
    }
    let seeds: Vec<u64> = match &experiment.seeds {
        // One more than the limit is enough to find that there are too many.
        Seeds::Count(count) => (0..(*count).min(experiment.limit as u64 + 1)).collect(),
        Seeds::List(list) => list.clone(),
    };
    dimensions.push(Dimension {
        names: vec!["seed"],
        rows: seeds.into_iter().map(|seed| vec![seed.into()]).collect(),
        when: None,
    });
    dimensions.retain(|dimension| !dimension.names.is_empty());
    Ok(dimensions)
}

/// A walk over all combinations, depth first.
struct Walk<'a> {
    experiment: &'a Experiment,
    dimensions: Vec<Dimension<'a>>,
    exclude: Vec<Condition<'a>>,
    /// Points that each rule of `exclude` removed.
    removed: Vec<usize>,
    visited: usize,
    points: Vec<Point>,
}

impl Walk<'_> {
    fn go(&mut self, depth: usize, point: &mut Point, scope: &mut Scope) -> Result<(), Failure> {
        let Some(dimension) = self.dimensions.get(depth) else { return self.arrive(point, scope) };
        if let Some(when) = &dimension.when
            && !when.holds(scope)?
        {
            return self.go(depth + 1, point, scope);
        }
        for row in 0..dimension.rows.len() {
            let dimension = &self.dimensions[depth];
            for (name, value) in dimension.names.iter().zip(&dimension.rows[row]) {
                point.insert((*name).to_owned(), value.clone());
                scope.insert((*name).to_owned(), minijinja::Value::from(Serde(value)));
            }
            self.go(depth + 1, point, scope)?;
        }
        for name in &self.dimensions[depth].names {
            point.pop();
            scope.insert((*name).to_owned(), minijinja::Value::from(()));
        }
        Ok(())
    }

    fn arrive(&mut self, point: &Point, scope: &Scope) -> Result<(), Failure> {
        self.visited += 1;
        if self.visited > self.experiment.limit {
            return Err(self.too_many());
        }
        for (rule, removed) in self.exclude.iter().zip(&mut self.removed) {
            if rule.holds(scope)? {
                *removed += 1;
                return Ok(());
            }
        }
        self.points.push(point.clone());
        Ok(())
    }

    fn nothing_left(&self) -> Failure {
        let rules = self.exclude.iter().zip(&self.removed).filter(|(_, removed)| **removed > 0);
        let Some((worst, _)) = rules.clone().max_by_key(|(_, removed)| **removed) else {
            return Failure::input("the grid has no points");
        };
        let message = format!("nothing is left of the grid: `exclude` removed all {} points", self.visited);
        let failure = worst.failure(0..worst.text().len(), &message, "removed the most");
        rules.fold(failure, |failure, (rule, removed)| failure.hint(format!("`{}` removed {removed}", rule.text())))
    }

    fn too_many(&self) -> Failure {
        let limit = self.experiment.limit;
        let size = |dimension: &Dimension| match &self.experiment.seeds {
            Seeds::Count(count) if dimension.names == ["seed"] => *count,
            _ => dimension.rows.len() as u64,
        };
        let factor = |dimension: &Dimension| format!("{} {}", dimension.names.join("+"), size(dimension));
        let product: Vec<String> = self.dimensions.iter().filter(|dimension| dimension.rows.len() > 1).map(factor).collect();
        Failure::input(format!("{}: the grid has more than {limit} points", self.experiment.source.name))
            .hint(format!("values of each axis: {}", product.join(", ")))
            .hint("take values out, or raise `limit:` at the top of the experiment")
    }
}
