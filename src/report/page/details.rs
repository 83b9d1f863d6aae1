//! What the script of `index.html` works on: every run with its numbers, and of not too many runs all that is known.

use super::{Pages, state_name};
use crate::event::{Better, METRICS, Metric};
use crate::record::Curve;
use crate::record::RunState;
use crate::report::facts::flat;
use crate::report::question::{Quantity, Row};
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::{IndexMap, IndexSet};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs;

/// Runs whose configurations, curves and logs are in the page. Of more, the page shows their numbers.
pub(super) const DETAILED: usize = 2_000;
/// Bytes of all pictures together, and of all ends of logs.
const PICTURES: usize = 1_500_000;
const LOGS: usize = 400_000;
/// Bytes of the end of one log.
const LOG: usize = 2_000;

/// The configurations of runs, without what those of a stage share.
struct Configs {
    /// What most runs of a stage have.
    base: IndexMap<String, BTreeMap<String, Value>>,
    of_run: HashMap<RunId, BTreeMap<String, Value>>,
}

/// The values in the configurations of a stage.
#[derive(Default)]
struct Counts {
    runs: usize,
    /// By key and text of the value, how often it comes, and itself.
    values: IndexMap<(String, String), (usize, Value)>,
}

impl Pages<'_> {
    /// What the page's script works on.
    pub(super) fn details(&self) -> Value {
        let configs = self.configs();
        let (mut pictures, mut logs) = (PICTURES, LOGS);
        let mut seen = IndexSet::new();
        let rows: Vec<&Row> = self.question.rows.iter().filter(|row| seen.insert(row.run.id)).collect();
        let mut runs: Vec<Value> = rows.par_iter().map(|row| self.run(row, &configs)).collect();
        for (run, row) in runs.iter_mut().zip(rows) {
            run["log"] = if self.is_detailed() { self.log(row, &mut logs) } else { String::new() }.into();
            run["pictures"] = self.pictures_of(row.run.id, &mut pictures);
        }
        let metrics = self.question.rows.iter().flat_map(|row| row.values.keys());
        let curve_metrics = self.curves.keys().map(|quantity| &quantity.metric);
        json!({
            "experiment": self.question.experiment,
            "axes": self.question.axes(),
            "metrics": about(metrics),
            "base": configs.base,
            "curve_metrics": about(curve_metrics),
            "runs": runs,
        })
    }

    fn is_detailed(&self) -> bool {
        self.runs.len() <= DETAILED
    }

    fn run(&self, row: &Row, configs: &Configs) -> Value {
        let (facts, attempt) = (self.question.facts.get(&row.run.id), self.attempts.get(&row.run.id));
        let environment = facts.and_then(|facts| facts.environment.as_ref());
        let error = match &row.run.state {
            RunState::Failed { error, .. } => Some(error.as_str()),
            RunState::Pruned { reason, .. } => Some(reason.as_str()),
            _ => None,
        };
        let empty = BTreeMap::new();
        let base = configs.base.get(&row.stage).unwrap_or(&empty);
        let own = configs.of_run.get(&row.run.id).unwrap_or(&empty);
        let config: BTreeMap<_, _> = own.iter().filter(|(key, value)| base.get(*key) != Some(value)).collect();
        let without: Vec<_> = base.keys().filter(|key| !own.contains_key(*key)).collect();
        let data =
            facts.map(|facts| facts.data.iter().map(|(path, print)| format!("{path} {}", print.get(..12).unwrap_or(print))));
        let values: BTreeMap<&str, Option<f64>> =
            row.values.iter().map(|(metric, value)| (metric.as_str(), value.is_finite().then_some(*value))).collect();
        json!({
            "id": row.run.id.to_string(),
            "name": row.run.name,
            "stage": row.stage,
            "state": state_name(&row.run.state),
            "axes": row.axes,
            "seed": row.seed,
            "values": values,
            "config": config,
            "without": if own.is_empty() { Vec::new() } else { without },
            "parents": facts.map(|facts| facts.parents.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap_or_default(),
            "facts": {
                "device": attempt.and_then(|attempt| attempt.device.as_ref()),
                "host": attempt.and_then(|attempt| attempt.host.as_ref()),
                "commit": environment.and_then(|environment| environment.commit.as_ref()),
                "program": environment.map(|environment| &environment.program),
                "version": environment.map(|environment| &environment.version),
                "data": data.map(|data| data.collect::<Vec<_>>().join(", ")),
                "seconds": attempt.and_then(|attempt| attempt.wall_seconds.or(attempt.seconds)),
                "attempts": attempt.map(|attempt| attempt.attempt),
                "error": error,
            },
            "curves": self.curves_of(row),
        })
    }

    fn configs(&self) -> Configs {
        let mut configs = Configs { base: IndexMap::new(), of_run: HashMap::new() };
        if !self.is_detailed() {
            return configs;
        }
        let mut counts: IndexMap<&str, Counts> = IndexMap::new();
        for run in &self.runs {
            let Some(facts) = self.question.facts.get(&run.id) else { continue };
            let mut own = BTreeMap::new();
            flat("", &facts.config, &mut |key, value| drop(own.insert(key.to_owned(), value.clone())));
            let of_stage = counts.entry(&run.stage).or_default();
            of_stage.runs += 1;
            for (key, value) in &own {
                of_stage.values.entry((key.clone(), value.to_string())).or_insert_with(|| (0, value.clone())).0 += 1;
            }
            configs.of_run.insert(run.id, own);
        }
        for (stage, Counts { runs, values }) in counts {
            let shared = values.into_iter().filter(|(_, (times, _))| times * 2 > runs);
            configs.base.insert(stage.to_owned(), shared.map(|((key, _), (_, value))| (key, value)).collect());
        }
        configs
    }

    /// The curves of a run that the page has, by metric.
    fn curves_of(&self, row: &Row) -> Map<String, Value> {
        let of_stage = self.curves.iter().filter(|(quantity, _)| quantity.stage == row.stage);
        let of_run = of_stage.filter_map(|(quantity, curves)| Some((quantity, curves.get(&row.run.id)?)));
        let points = |curve: &Curve| curve.iter().map(|(step, value)| json!([step, short(*value)])).collect();
        of_run.map(|(quantity, curve)| (quantity.metric.to_string(), points(curve))).collect()
    }

    /// The end of what the last attempt wrote.
    fn log(&self, row: &Row, left: &mut usize) -> String {
        let Some(attempt) = self.attempts.get(&row.run.id) else { return String::new() };
        let folder = RunFolder::new(self.results, row.run.id).attempt(attempt.attempt);
        let text = ["stdout", "stderr"].map(|name| fs::read(folder.join(name)).unwrap_or_default()).concat();
        let end = String::from_utf8_lossy(&text[text.len().saturating_sub(LOG.min(*left))..]).into_owned();
        *left -= end.len().min(*left);
        end
    }

    fn pictures_of(&self, run: RunId, left: &mut usize) -> Value {
        let mut shown = Vec::new();
        for picture in self.pictures.iter().filter(|picture| picture.run == run) {
            let text = STANDARD.encode(&picture.png);
            if text.len() <= *left {
                *left -= text.len();
                shown.push(json!({ "name": picture.kind, "src": format!("data:image/png;base64,{text}") }));
            }
        }
        shown.into()
    }
}

/// What a reader is told of metrics, each once: those that vicmae knows first, in its order.
fn about<'a>(metrics: impl Iterator<Item = &'a Metric>) -> Vec<Value> {
    let place = |metric: &Metric| METRICS.iter().position(|known| metric.known().is_some_and(|it| it.name == known.name));
    let mut metrics: Vec<&Metric> = metrics.collect::<IndexSet<_>>().into_iter().collect();
    metrics.sort_by_key(|metric| (place(metric), *metric));
    let about = |metric: &Metric| {
        let better = match metric.better() {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::Neither => "neither",
        };
        let title = Quantity { stage: String::new(), metric: metric.clone() }.title();
        json!({ "name": metric.as_str(), "title": title, "better": better })
    };
    metrics.into_iter().map(about).collect()
}

/// A number to five digits, which a curve on a screen does not need more of; nothing for what is no number.
fn short(value: f64) -> Option<f64> {
    value.is_finite().then(|| format!("{value:.4e}").parse().unwrap_or(value))
}
