//! `index.html`: one file with everything in it, for a browser without a network.

use super::{Pages, state_name};
use crate::event::{Better, LOSS, METRICS, Metric};
use crate::record::RunState;
use crate::report::facts::flat;
use crate::report::plot::Drawn;
use crate::report::question::{Quantity, Row};
use crate::report::table::Table;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::{IndexMap, IndexSet};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs;

const TEMPLATE: &str = include_str!("../../../templates/report/index.html.j2");
const CSS: &str = include_str!("../../../templates/report/report.css");
/// The files of the page's one script, in their order: `start.js` runs as it is read, and needs what stands before it.
const SCRIPT: [&str; 10] = [
    include_str!("../../../templates/report/script/data.js"),
    include_str!("../../../templates/report/script/page.js"),
    include_str!("../../../templates/report/script/scale.js"),
    include_str!("../../../templates/report/script/chart.js"),
    include_str!("../../../templates/report/script/curves.js"),
    include_str!("../../../templates/report/script/run.js"),
    include_str!("../../../templates/report/script/compare.js"),
    include_str!("../../../templates/report/script/filter.js"),
    include_str!("../../../templates/report/script/list.js"),
    include_str!("../../../templates/report/script/start.js"),
];

/// Points of all curves together, of which each takes about 20 bytes of the page.
const POINTS: usize = 100_000;
/// The most points a curve.
const POINTS_OF_CURVE: usize = 200;
/// Fewer points than this tell little: metrics are left out instead.
const LEAST_POINTS: usize = 40;
/// Bytes of all pictures together, and of all ends of logs.
const PICTURES: usize = 1_500_000;
const LOGS: usize = 400_000;
/// Bytes of the end of one log.
const LOG: usize = 2_000;
/// Runs whose configurations, curves and logs are in the page. Of more, the page shows their numbers.
const DETAILED: usize = 2_000;

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

/// A drawing with what it tells a reader who points at it.
fn told(svg: &str, plot: &Drawn) -> String {
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    [&svg[..end], &plot.hints, &svg[end..]].concat()
}

impl Pages<'_> {
    pub(super) fn html(&self) -> Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("index.html", TEMPLATE)?;
        let table = |table: &Table| {
            context! { name => table.name.as_str(), title => table.title.as_str(), html => table.to_html() }
        };
        let plot = |plot: &Drawn| {
            let (name, title, csv) = (plot.name.as_str(), plot.title.as_str(), format!("{}.csv", plot.name));
            context! { name, title, csv, light => told(&plot.svg, plot), dark => told(&plot.svg_dark, plot) }
        };
        let cautions =
            self.tables.iter().flat_map(|table| table.cautions.iter().map(move |caution| format!("{}: {caution}.", table.title)));
        let context = context! {
            experiment => self.question.experiment.as_str(),
            question => self.question.question.as_str(),
            file => self.question.file.as_str(),
            version => env!("CARGO_PKG_VERSION"),
            summary => self.summary(),
            tables => self.tables.iter().map(table).collect::<Vec<_>>(),
            plots => self.plots.iter().map(plot).collect::<Vec<_>>(),
            cautions => cautions.collect::<Vec<_>>(),
            // A script element ends at the first `</script`, whatever it stands in.
            data => serde_json::to_string(&self.data()?)?.replace('<', "\\u003c"),
            css => CSS,
            js => SCRIPT.join("\n"),
        };
        Ok(environment.get_template("index.html")?.render(context)?)
    }

    /// What the page's script works on.
    fn data(&self) -> Result<Value> {
        let detailed = self.runs.len() <= DETAILED;
        let curves = if detailed { self.curves()? } else { BTreeMap::new() };
        let configs = self.configs(detailed);
        let (mut pictures, mut logs) = (PICTURES, LOGS);
        let mut runs = Vec::new();
        let mut seen = IndexSet::new();
        for row in self.question.rows.iter().filter(|row| seen.insert(row.run.id)) {
            let mut run = self.run(row, &configs);
            let mut of_run = Map::new();
            for (quantity, curves) in curves.iter().filter(|(quantity, _)| quantity.stage == row.stage) {
                of_run.extend(curves.get(&row.run.id).map(|curve| (quantity.metric.to_string(), curve.clone())));
            }
            run["curves"] = of_run.into();
            run["log"] = if detailed { self.log(row, &mut logs) } else { String::new() }.into();
            run["pictures"] = self.pictures_of(row.run.id, &mut pictures);
            runs.push(run);
        }
        let about = |metric: &Metric| {
            let better = match metric.better() {
                Better::Higher => "higher",
                Better::Lower => "lower",
                Better::Neither => "neither",
            };
            let title = Quantity { stage: String::new(), metric: metric.clone() }.title();
            json!({ "name": metric.as_str(), "title": title, "better": better })
        };
        let metrics: IndexSet<&Metric> = self.question.rows.iter().flat_map(|row| row.values.keys()).collect();
        let mut metrics: Vec<&Metric> = metrics.into_iter().collect();
        let place = |metric: &Metric| METRICS.iter().position(|known| metric.known().is_some_and(|it| it.name == known.name));
        metrics.sort_by_key(|metric| (place(metric), *metric));
        let curve_metrics: IndexSet<&Metric> = curves.keys().map(|quantity| &quantity.metric).collect();
        let mut curve_metrics: Vec<&Metric> = curve_metrics.into_iter().collect();
        curve_metrics.sort_by_key(|metric| (place(metric), *metric));
        Ok(json!({
            "experiment": self.question.experiment,
            "axes": self.question.axes(),
            "metrics": metrics.into_iter().map(about).collect::<Vec<_>>(),
            "base": configs.base,
            "curve_metrics": curve_metrics.into_iter().map(about).collect::<Vec<_>>(),
            "runs": runs,
        }))
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
        })
    }

    fn configs(&self, detailed: bool) -> Configs {
        let mut configs = Configs { base: IndexMap::new(), of_run: HashMap::new() };
        if !detailed {
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

    /// Curves that fit into the page, thinned: those of the loss before others.
    fn curves(&self) -> Result<BTreeMap<Quantity, BTreeMap<RunId, Value>>> {
        let mut wanted = Vec::new();
        for stage in self.question.stages() {
            let metrics = self.question.metrics(&stage).into_iter().cloned();
            wanted.extend(metrics.map(|metric| Quantity { stage: stage.clone(), metric }));
        }
        wanted.sort_by_key(|quantity| (quantity.metric.as_str() != LOSS, quantity.stage != "pretrain"));
        let mut curves = BTreeMap::new();
        let mut left = POINTS;
        let most = (POINTS / self.runs.len().max(1)).clamp(LEAST_POINTS, POINTS_OF_CURVE);
        for quantity in wanted {
            let of_metric = self.record.curves(&self.question.runs_of(&quantity.stage), &quantity.metric, most)?;
            let points: usize = of_metric.values().map(Vec::len).sum();
            // A single point is no curve; it is among the last values.
            if of_metric.values().all(|curve| curve.len() < 2) || points > left {
                continue;
            }
            left -= points;
            let shown = |curve: Vec<(u64, f64)>| curve.into_iter().map(|(step, value)| json!([step, short(value)])).collect();
            curves.insert(quantity, of_metric.into_iter().map(|(run, curve)| (run, shown(curve))).collect());
        }
        Ok(curves)
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

/// A number to five digits, which a curve on a screen does not need more of; nothing for what is no number.
fn short(value: f64) -> Option<f64> {
    value.is_finite().then(|| format!("{value:.4e}").parse().unwrap_or(value))
}
