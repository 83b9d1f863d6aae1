//! What the script of `index.html` works on: every run with its numbers, and of not too many runs all that is known.

use super::{Pages, state_name};
use crate::event::{Better, METRICS, Metric};
use crate::record::Curve;
use crate::record::RunState;
use crate::record::thinned;
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
/// The most bytes of all curves together, of all ends of logs, and of all pictures.
const CURVES: usize = 2_000_000;
const LOGS: usize = 400_000;
const PICTURES: usize = 1_500_000;
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
    /// What the page's script works on: what is known of all runs, and as much of their curves, logs and pictures as there is
    /// `room` for, in bytes.
    pub(super) fn details(&self, room: usize) -> Value {
        let configs = self.configs();
        let mut seen = IndexSet::new();
        let rows: Vec<&Row> = self.question.rows.iter().filter(|row| seen.insert(row.run.id)).collect();
        let mut runs: Vec<Value> = rows.par_iter().map(|row| self.run(row, &configs)).collect();
        let metrics = self.question.rows.iter().flat_map(|row| row.values.keys());
        let curve_metrics = self.curves.keys().map(|quantity| &quantity.metric);
        let mut all = json!({
            "experiment": self.question.experiment,
            "axes": self.question.axes(),
            "metrics": about(metrics),
            "base": configs.base,
            "curve_metrics": about(curve_metrics),
        });
        let room = room.saturating_sub(weight(&all) + total(&runs));
        self.add_more(&mut runs, &rows, room);
        all["runs"] = runs.into();
        all
    }

    /// Adds curves, logs and pictures to runs. Curves tell most, and pictures are largest; each leaves room for what follows.
    fn add_more(&self, runs: &mut [Value], rows: &[&Row], room: usize) {
        let curves = self.curves_within(rows, CURVES.min(room / 2));
        let room = room.saturating_sub(total(&curves));
        let mut logs = LOGS.min(room / 2);
        let mut pictures = PICTURES.min(room - logs);
        for ((run, row), curves) in runs.iter_mut().zip(rows).zip(curves) {
            run["curves"] = curves;
            run["log"] = if self.is_detailed() { self.log(row, &mut logs) } else { "".into() };
            run["pictures"] = self.pictures_of(row.run.id, &mut pictures);
        }
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

    /// The curves of each run, with as many of their points as there is room for.
    fn curves_within(&self, rows: &[&Row], room: usize) -> Vec<Value> {
        let with = |share: f64| -> Vec<Value> { rows.par_iter().map(|row| self.curves_of(row, share)).collect() };
        let whole = with(1.0);
        match total(&whole) {
            all if all > room => with(room as f64 / all as f64),
            _ => whole,
        }
    }

    /// A share of the points of each curve of a run that the page has, by metric.
    fn curves_of(&self, row: &Row, share: f64) -> Value {
        let of_stage = self.curves.iter().filter(|(quantity, _)| quantity.stage == row.stage);
        let of_run = of_stage.filter_map(|(quantity, curves)| Some((quantity, curves.get(&row.run.id)?)));
        let points = |curve: &Curve| -> Value {
            let shown = thinned(curve, (curve.len() as f64 * share) as usize);
            shown.iter().map(|(step, value)| json!([step, short(*value)])).collect()
        };
        of_run.map(|(quantity, curve)| (quantity.metric.to_string(), points(curve))).collect::<Map<_, _>>().into()
    }

    /// The end of what the last attempt wrote.
    fn log(&self, row: &Row, left: &mut usize) -> Value {
        let Some(attempt) = self.attempts.get(&row.run.id) else { return "".into() };
        let folder = RunFolder::new(self.results, row.run.id).attempt(attempt.attempt);
        let text = ["stdout", "stderr"].map(|name| fs::read(folder.join(name)).unwrap_or_default()).concat();
        let end = String::from_utf8_lossy(&text[text.len().saturating_sub(LOG.min(*left))..]).into();
        *left = left.saturating_sub(weight(&end));
        end
    }

    fn pictures_of(&self, run: RunId, left: &mut usize) -> Value {
        let mut shown = Vec::new();
        for picture in self.pictures.iter().filter(|picture| picture.run == run) {
            let size = picture.png.len().div_ceil(3) * 4;
            if size <= *left {
                *left -= size;
                let src = format!("data:image/png;base64,{}", STANDARD.encode(&picture.png));
                shown.push(json!({ "name": picture.kind, "src": src }));
            }
        }
        shown.into()
    }
}

/// Bytes that a value takes of the page, in whose script each `<` is written as its code.
fn weight(value: &Value) -> usize {
    let text = value.to_string();
    text.len() + text.matches('<').count() * "u003c".len()
}

fn total(values: &[Value]) -> usize {
    values.par_iter().map(weight).sum()
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

#[cfg(test)]
mod tests {
    use super::super::Wanted;
    use super::super::write;
    use super::*;
    use crate::event::Kind;
    use crate::record::scripted::{Lab, started};
    use crate::report::config::Config;

    const REPORT: &str = "
report:
  tables: [{ rows: weight, cell: linear.top1 }]
  plots:
    - curves: { metric: loss, color: weight }
    - curves: { metric: loss.reconstruction, color: weight }
    - curves: { metric: loss.global, color: weight }
    - seeds: { x: weight, y: linear.top1 }
    - frontier: { x: pretrain.seconds, y: linear.top1, color: weight }
";

    /// A thousand runs: 100 weights and 5 seeds, pretrained and probed, each with a log and a picture.
    fn lab() -> Lab {
        let (mut lab, mut events) = (Lab::new(), Vec::new());
        let places = (0..500).flat_map(|n| ["pretrain", "linear"].map(|stage| (n, stage)));
        let cells = places.map(|(n, stage)| (format!("{stage} {n}"), stage, json!({"weight": n / 5, "seed": n % 5})));
        let cells: Vec<(String, &str, Value)> = cells.collect();
        let cards: Vec<_> = cells.iter().map(|(name, stage, axes)| (name.as_str(), *stage, axes.clone())).collect();
        lab.admit("many", &cards);
        for (n, (name, stage, _)) in cells.iter().enumerate() {
            let (metrics, steps): (&[&str], u64) = match *stage {
                "pretrain" => (&["loss", "loss.reconstruction", "loss.global"], 60),
                _ => (&["top1"], 1),
            };
            let value = |step: u64| 1.0 / (1.0 + step as f64) + (n as f64 + step as f64 * 0.7).sin() / 50.0;
            let at = |step| Kind::Measured { step, values: metrics.iter().map(|name| ((*name).into(), value(step))).collect() };
            let produced = Kind::Produced { name: "reconstructions".into(), path: "artifacts/1.png".into() };
            let run = RunId::of(name.as_bytes());
            let said = std::iter::once(started(0)).chain((0..steps).map(at)).chain([produced, Kind::Finished { seconds: 1.0 }]);
            events.extend(lab.script(run, 1, said));
            let folder = RunFolder::new(lab.results(), run);
            fs::create_dir_all(folder.attempt(1)).unwrap();
            fs::create_dir_all(folder.artifacts()).unwrap();
            fs::write(folder.attempt(1).join("stdout"), "<loss> \"0.5\"\n".repeat(200)).unwrap();
            fs::write(folder.artifacts().join("1.png"), [7_u8; 4_000]).unwrap();
        }
        lab.record.ingest(&events).unwrap();
        lab
    }

    #[test]
    fn a_page_of_a_thousand_runs_stays_below_five_megabytes() {
        let (lab, folder) = (lab(), tempfile::tempdir().unwrap());
        let config = Config::read(REPORT, "x.yaml").unwrap();
        let wanted = Wanted { experiment: "many", config: config.as_ref(), ..Wanted::default() };
        let written = write(&lab.record, &wanted, lab.results(), folder.path()).unwrap();
        let page = fs::read_to_string(&written.index).unwrap();
        assert!(page.len() < 5_000_000, "{}", page.len());
        assert_eq!((written.unmade, page.matches("<svg").count()), (Vec::new(), 5));
        let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let has = |key: &str| {
            let lengths = data["runs"].as_array().unwrap().iter().map(|run| run[key].to_string().len());
            lengths.filter(|length| *length > 100).count()
        };
        assert!(has("curves") == 500 && has("log") > 100 && has("pictures") > 100);
    }
}
