//! The report of an experiment as a folder: a page, tables, plots and pictures.

use super::config::Config;
use super::plot::Drawn;
use super::question::Question;
use super::table::{Table, csv_line, escaped, plain};
use crate::record::{Record, RunRow, RunState};
use crate::run_folder::{RunFolder, write_atomically};
use anyhow::{Context, Result};
use indexmap::{IndexMap, IndexSet};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

const TEMPLATE: &str = include_str!("../../templates/report/index.md.j2");
const RECONSTRUCTIONS: &str = "reconstructions";

/// A report that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The page to read.
    pub index: PathBuf,
    /// Its tables, to be shown elsewhere too.
    pub tables: Vec<Table>,
    /// All of its files, relative to the folder.
    pub files: Vec<String>,
}

/// Writes the report of an experiment to the folder `out`: `index.md`, `data.csv`, `tables/`, `plots/`, `pictures/`. What
/// an earlier report left in these three is removed. Without a configuration a sensible one is made.
///
/// # Errors
/// A [`crate::failure::Failure`] when the configuration does not fit the experiment; nothing is written then.
pub fn write(record: &Record, experiment: &str, config: Option<&Config>, results: &Path, out: &Path) -> Result<Written> {
    let question = Question::read(record, experiment)?;
    let config = config.cloned().unwrap_or_else(|| Config::default_for(&question));
    let mut wanted = Vec::new();
    for plot in &config.plots {
        wanted.extend(plot.curves(&question)?);
    }
    let question = question.with_curves(record, wanted)?;
    let mut tables = config.tables.iter().map(|table| Table::make(table, &question)).collect::<Result<Vec<_>>>()?;
    let mut plots = config.plots.iter().map(|plot| plot.draw(&question)).collect::<Result<Vec<_>>>()?;
    name_apart(tables.iter_mut().map(|table| &mut table.name));
    name_apart(plots.iter_mut().map(|plot| &mut plot.name));

    let mut files = BTreeMap::from([("data.csv".to_owned(), data(&question).into_bytes())]);
    for table in &tables {
        files.insert(format!("tables/{}.md", table.name), table.to_markdown().into_bytes());
        files.insert(format!("tables/{}.csv", table.name), table.to_csv().into_bytes());
    }
    for Drawn { name, svg, png, csv, .. } in &plots {
        files.insert(format!("plots/{name}.svg"), svg.clone().into_bytes());
        files.insert(format!("plots/{name}.png"), png.clone());
        files.insert(format!("plots/{name}.csv"), csv.clone().into_bytes());
    }
    let runs: IndexMap<_, &RunRow> = question.rows.iter().map(|row| (row.run.id, &row.run)).collect();
    let runs: Vec<&RunRow> = runs.into_values().collect();
    let pictures = pictures(record, results, &runs, &mut files)?;
    let index = page(record, &question, &tables, &plots, &pictures, &runs)?;
    files.insert("index.md".to_owned(), index.into_bytes());
    put(&files, out)?;
    Ok(Written { index: out.join("index.md"), tables, files: files.into_keys().collect() })
}

/// Makes names that can name files, no two the same.
fn name_apart<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken = IndexSet::new();
    for name in names {
        let safe = |character: char| if character.is_alphanumeric() || "._-".contains(character) { character } else { '-' };
        let base = name.chars().map(safe).collect::<String>().trim_start_matches('.').to_owned();
        let mut candidate = base.clone();
        let mut number = 1;
        while !taken.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{base}-{number}");
        }
        *name = candidate;
    }
}

/// Every number in one table, one a line: for people who make their own plots.
fn data(question: &Question) -> String {
    let axes = question.axes();
    let mut heads = axes.clone();
    heads.extend(["seed", "stage", "run", "state", "metric", "value"].map(str::to_owned));
    let mut text = csv_line(&heads);
    for row in &question.rows {
        let mut fields: Vec<String> = axes.iter().map(|axis| row.axes.get(axis).map(plain).unwrap_or_default()).collect();
        let seed = row.seed.as_ref().map(plain).unwrap_or_default();
        fields.extend([seed, row.stage.clone(), row.run.id.to_string(), state_name(&row.run.state).to_owned()]);
        let mut add =
            |metric: &str, value: &str| text += &csv_line(&[fields.clone(), vec![metric.into(), value.into()]].concat());
        if row.values.is_empty() {
            add("", "");
        }
        row.values.iter().for_each(|(metric, value)| add(metric.as_str(), &value.to_string()));
    }
    text
}

#[derive(Serialize)]
struct Shown {
    name: String,
    id: String,
    file: String,
}

/// Takes the last picture of reconstructions of each run into the report.
fn pictures(record: &Record, results: &Path, runs: &[&RunRow], files: &mut BTreeMap<String, Vec<u8>>) -> Result<Vec<Shown>> {
    let mut pictures = Vec::new();
    for run in runs {
        let artifacts = record.artifacts(&run.id)?;
        let Some(last) = artifacts.iter().rfind(|artifact| artifact.name == RECONSTRUCTIONS) else { continue };
        let path = Path::new(&last.path);
        if path.components().any(|component| !matches!(component, Component::Normal(_))) {
            continue;
        }
        // A run folder may be gone while the record still knows its numbers.
        let Ok(bytes) = fs::read(RunFolder::new(results, run.id).path().join(path)) else { continue };
        let file = format!("{}.png", run.id.short());
        files.insert(format!("pictures/{file}"), bytes);
        pictures.push(Shown { name: escaped(&run.name), id: run.id.short(), file });
    }
    Ok(pictures)
}

fn page(
    record: &Record,
    question: &Question,
    tables: &[Table],
    plots: &[Drawn],
    pictures: &[Shown],
    runs: &[&RunRow],
) -> Result<String> {
    let mut devices = IndexSet::new();
    let mut lines = Vec::new();
    for run in runs {
        let device = record.attempts(&run.id)?.pop().and_then(|attempt| attempt.device).unwrap_or_default();
        let (id, state) = (run.id.short(), state_name(&run.state));
        lines.push(context! { id, stage => run.stage.as_str(), name => escaped(&run.name), state, device => escaped(&device) });
        if !device.is_empty() {
            devices.insert(device);
        }
    }
    devices.sort();
    let count = |wanted: fn(&RunState) -> bool| runs.iter().filter(|run| wanted(&run.state)).count();
    let done = count(|state| *state == RunState::Done);
    let failed = count(|state| matches!(state, RunState::Failed { .. }));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("index.md", TEMPLATE)?;
    let table =
        |table: &Table| context! { title => escaped(&table.title), markdown => table.to_markdown(), name => table.name.as_str() };
    let plot = |plot: &Drawn| context! { title => escaped(&plot.title), name => plot.name.as_str() };
    let context = context! {
        experiment => question.experiment.as_str(),
        question => question.question.as_str(),
        file => question.file.as_str(),
        version => env!("CARGO_PKG_VERSION"),
        done, failed, missing => runs.len() - done - failed,
        devices => Serde(&devices),
        tables => tables.iter().map(table).collect::<Vec<_>>(),
        plots => plots.iter().map(plot).collect::<Vec<_>>(),
        pictures => Serde(pictures),
        runs => lines,
    };
    Ok(environment.get_template("index.md")?.render(context)?.trim_end().to_owned() + "\n")
}

fn state_name(state: &RunState) -> &'static str {
    match state {
        RunState::New => "new",
        RunState::Running { .. } => "running",
        RunState::Done => "done",
        RunState::Failed { .. } => "failed",
        RunState::Interrupted { .. } => "interrupted",
    }
}

/// Writes what has changed, and removes what is no longer part of the report.
fn put(files: &BTreeMap<String, Vec<u8>>, out: &Path) -> Result<()> {
    for folder in ["tables", "plots", "pictures"] {
        let path = out.join(folder);
        let kept = |name: &str| files.contains_key(&format!("{folder}/{name}"));
        remove_others(&path, kept).with_context(|| format!("cannot clear {}", path.display()))?;
    }
    for (name, bytes) in files {
        let path = out.join(name);
        if fs::read(&path).is_ok_and(|present| present == *bytes) {
            continue;
        }
        let folder = path.parent().unwrap_or(out);
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        write_atomically(&path, bytes)?;
    }
    Ok(())
}

fn remove_others(folder: &Path, kept: impl Fn(&str) -> bool) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() && !entry.file_name().to_str().is_some_and(&kept) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EXPERIMENT, lab};
    use super::*;

    fn report(yaml: &str) -> (Written, tempfile::TempDir) {
        let lab = lab();
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read(yaml, "x.yaml").unwrap();
        for row in lab.record.cells(EXPERIMENT).unwrap().iter().filter(|cell| cell.stage == "pretrain").take(4) {
            let artifacts = RunFolder::new(lab.results(), row.run.id).artifacts();
            fs::create_dir_all(&artifacts).unwrap();
            fs::write(artifacts.join("100.png"), b"a picture").unwrap();
        }
        fs::create_dir_all(folder.path().join("tables")).unwrap();
        fs::write(folder.path().join("tables/of-yesterday.csv"), b"old").unwrap();
        let written = write(&lab.record, EXPERIMENT, config.as_ref(), lab.results(), folder.path()).unwrap();
        let page = fs::read(&written.index).unwrap();
        assert_eq!(write(&lab.record, EXPERIMENT, config.as_ref(), lab.results(), folder.path()).unwrap(), written);
        assert_eq!(fs::read(&written.index).unwrap(), page);
        (written, folder)
    }

    #[test]
    fn a_report_is_a_page_with_all_it_names_beside_it() {
        let (written, folder) = report(
            "report:\n  tables: [{rows: method, columns: mask_ratio, cell: linear.top1}, {rows: method, columns: mask_ratio, cell: linear.top1}]\n  plots: [line: {x: mask_ratio, y: linear.top1, color: method}]",
        );
        assert!(!folder.path().join("tables/of-yesterday.csv").exists());
        assert!(written.files.iter().all(|file| folder.path().join(file).exists()));
        insta::assert_snapshot!(written.files.join("\n"), @"
        data.csv
        index.md
        pictures/835b3d66b161.png
        pictures/a52a6e970873.png
        pictures/eca80519c831.png
        pictures/f47fd44a1c9d.png
        plots/line-linear.top1-mask_ratio.csv
        plots/line-linear.top1-mask_ratio.png
        plots/line-linear.top1-mask_ratio.svg
        tables/linear.top1-2.csv
        tables/linear.top1-2.md
        tables/linear.top1.csv
        tables/linear.top1.md
        ");
        insta::assert_snapshot!("index", fs::read_to_string(&written.index).unwrap());
    }

    #[test]
    fn an_experiment_that_says_nothing_gets_a_sensible_report() {
        let (written, _folder) = report("experiment: x");
        insta::assert_snapshot!(written.tables[0].to_text(None, false), @"
        Top-1 accuracy (%), linear
        ┌──────────────────────────────────────────────────────────────────────────────┐
        │ method        weight   mask_ratio=0.5           mask_ratio=0.75              │
        ╞══════════════════════════════════════════════════════════════════════════════╡
        │ vic_mae       0.03     64.50 ± 1.80 (n=3) *     71.00 ± 1.06 (n=2, 1 failed) │
        │ mae_simsiam   0.03     failed                   -                            │
        │ mae           –        60.00 (n=1, 2 missing)                                │
        └──────────────────────────────────────────────────────────────────────────────┘
        ");
        assert!(written.files.contains(&"plots/curves-loss.svg".to_owned()));
    }
}
