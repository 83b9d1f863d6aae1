//! The report of an experiment as a folder: pages, tables, plots and pictures.

mod curves;
mod data;
mod details;
mod drawing;
mod files;
mod html;
mod latex;
mod markdown;
mod pictures;
mod provenance;
mod unmade;

pub use provenance::notes;
pub use unmade::Unmade;

use super::config::Config;
use super::embedding::Features;
use super::filter;
use super::plot::Drawn;
use super::question::{Quantity, Question};
use super::table::Table;
use crate::failure::Failure;
use crate::record::{Attempt, Record, RunRow, RunState};
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use curves::Curves;
use indexmap::{IndexMap, IndexSet};
use pictures::Picture;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use unmade::unmade;

/// What runs call the features that they keep.
const FEATURES: &str = "features";

/// The report that is wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted<'a> {
    /// The experiment.
    pub experiment: &'a str,
    /// What it shows; something sensible when nothing is said.
    pub config: Option<&'a Config>,
    /// The axes that the experiment's file declares, also where no run has them.
    pub axes: Vec<String>,
    /// What a reader must know of the whole: that it is not what the file asks for, say.
    pub notes: Vec<String>,
    /// Whether it is refused where there are such notes, or rows of a table cannot be compared fairly.
    pub strict: bool,
}

/// A report that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The page to read.
    pub index: PathBuf,
    /// Its tables, to be shown elsewhere too.
    pub tables: Vec<Table>,
    /// All of its files, relative to the folder.
    pub files: Vec<String>,
    /// What a reader must know of the whole.
    pub notes: Vec<String>,
    /// Tables and plots that could not be made.
    pub unmade: Vec<Unmade>,
}

/// All that the pages show: none of them asks the database.
struct Pages<'a> {
    results: &'a Path,
    question: &'a Question,
    tables: &'a [Table],
    plots: &'a [Drawn],
    /// What a reader must know of the whole, by what was asked.
    asked: &'a [String],
    /// The same, with what was found in making it, and what could not be made.
    notes: &'a [String],
    pictures: &'a [Picture],
    /// Each run once, in the order of the experiment.
    runs: Vec<&'a RunRow>,
    /// The last attempt at each run.
    attempts: BTreeMap<RunId, Attempt>,
    /// The curves that `index.html` shows.
    curves: Curves,
}

/// Writes a report to the folder `out`: `index.html`, `index.md`, `report.tex`, `data.csv`, `provenance.json`, `tables/`, `plots/`,
/// `pictures/`. What an earlier report left in these three is removed. A table or plot that cannot be made costs no other.
///
/// # Errors
/// A [`Failure`] when the record has no such experiment, or the report is refused (`strict`); nothing is written then.
pub fn write(record: &Record, wanted: &Wanted, results: &Path, out: &Path) -> Result<Written> {
    let question = Question::read_with_facts(record, wanted.experiment, results)?.with_declared(&wanted.axes);
    let config = wanted.config.cloned().unwrap_or_else(|| Config::default_for(&question));
    let (tables, mut unmade) = tables(&config, &question);
    if wanted.strict {
        refuse_others(&wanted.notes)?;
        refuse_unfair(&tables)?;
    }
    let (question, plots, undrawn) = draw(&config, question, record, results)?;
    unmade.extend(undrawn);
    let mut notes = wanted.notes.clone();
    for filter in filters(&config) {
        // A filter that is wrong is told where it is used.
        notes.extend(filter::unmatched(&question, Some(filter)).ok().flatten());
    }
    let all: Vec<String> = notes.iter().cloned().chain(unmade.iter().map(Unmade::note)).collect();

    let runs: IndexMap<_, &RunRow> = question.rows.iter().map(|row| (row.run.id, &row.run)).collect();
    let runs: Vec<&RunRow> = runs.into_values().collect();
    let pictures = pictures::read(record, wanted.experiment, results, &runs)?;
    let attempts = record.last_attempts(wanted.experiment)?;
    let curves = curves::read(record, &question, runs.len())?;
    let (question, pictures) = (&question, &pictures);
    let pages = Pages {
        results,
        question,
        tables: &tables,
        plots: &plots,
        asked: &wanted.notes,
        notes: &all,
        pictures,
        runs,
        attempts,
        curves,
    };
    let files = pages.files()?;
    files::put(&files, out)?;
    Ok(Written { index: out.join("index.html"), tables, files: files.into_keys().collect(), notes, unmade })
}

/// The tables of a report, no two of the same name, and those that do not fit the experiment.
fn tables(config: &Config, question: &Question) -> (Vec<Table>, Vec<Unmade>) {
    let (mut tables, mut failed) = (Vec::new(), Vec::new());
    for (at, table) in config.tables.iter().enumerate() {
        match Table::make(table, question) {
            Ok(table) => tables.push(table),
            Err(error) => failed.push(unmade("tables", at, &error)),
        }
    }
    files::name_apart("table", tables.iter_mut().map(|table| &mut table.name));
    (tables, failed)
}

/// The plots of a report, no two of the same name, and those that do not fit the experiment; with the question, to which the
/// curves and features that they need were read.
fn draw(config: &Config, question: Question, record: &Record, results: &Path) -> Result<(Question, Vec<Drawn>, Vec<Unmade>)> {
    let mut failed: BTreeMap<usize, Unmade> = BTreeMap::new();
    let mut curves: BTreeMap<Quantity, BTreeSet<RunId>> = BTreeMap::new();
    for (at, plot) in config.plots.iter().enumerate() {
        match plot.curves(&question) {
            Ok(wanted) => wanted.into_iter().for_each(|(quantity, runs)| curves.entry(quantity).or_default().extend(runs)),
            Err(error) => drop(failed.insert(at, unmade("plots", at, &error))),
        }
    }
    let mut question = question.with_curves(record, curves)?;
    for (at, plot) in config.plots.iter().enumerate() {
        let kept = |run| -> Result<(RunId, Option<Features>)> { Ok((run, features(record, results, run)?)) };
        match plot.features(&question).and_then(|runs| runs.into_iter().map(kept).collect::<Result<Vec<_>>>()) {
            Ok(found) => question.features.extend(found.into_iter().filter_map(|(run, kept)| Some((run, kept?)))),
            Err(error) => drop(failed.insert(at, unmade("plots", at, &error))),
        }
    }
    let drawable: Vec<_> = config.plots.iter().enumerate().filter(|(at, _)| !failed.contains_key(at)).collect();
    let drawn: Vec<(usize, Result<Drawn>)> = drawable.par_iter().map(|(at, plot)| (*at, plot.draw(&question))).collect();
    let mut plots = Vec::new();
    for (at, drawn) in drawn {
        match drawn {
            Ok(plot) => plots.push(plot),
            Err(error) => drop(failed.insert(at, unmade("plots", at, &error))),
        }
    }
    files::name_apart("plot", plots.iter_mut().map(|plot| &mut plot.name));
    Ok((question, plots, failed.into_values().collect()))
}

/// The filters of all tables and plots, each once.
fn filters(config: &Config) -> IndexSet<&str> {
    let plots = config.plots.iter().filter_map(|plot| plot.part().filter);
    config.tables.iter().filter_map(|table| table.filter.as_deref()).chain(plots).collect()
}

/// The features that a run kept, if it did.
fn features(record: &Record, results: &Path, run: RunId) -> Result<Option<Features>> {
    let artifacts = record.artifacts(&run)?;
    let Some(last) = artifacts.iter().rfind(|artifact| artifact.name == FEATURES) else { return Ok(None) };
    // A run folder may be gone while the record still knows its numbers.
    let Ok(bytes) = fs::read(RunFolder::new(results, run).path().join(&last.path)) else { return Ok(None) };
    Features::parse(&bytes).with_context(|| format!("cannot read the features of run {}", run.short())).map(Some)
}

fn refuse_others(notes: &[String]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let listed: Vec<String> = notes.iter().map(|note| format!("  {note}")).collect();
    Err(Failure::input("the report would not be what the file asks for (--strict)")
        .at(listed.join("\n"))
        .hint("leave --strict away: the report then says it in a note")
        .into())
}

fn refuse_unfair(tables: &[Table]) -> Result<()> {
    let found: Vec<String> = tables
        .iter()
        .flat_map(|table| table.cautions.iter().map(move |caution| format!("  table `{}`: {caution}", table.name)))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::input("rows of a table cannot be compared fairly (--strict)")
        .at(found.join("\n"))
        .hint("make the runs alike, show what differs as an axis, or leave --strict away: the tables then say it in a note")
        .into())
}

impl Pages<'_> {
    fn files(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        // The large ones beside each other.
        let ((html, provenance), (data, (markdown, latex))) = rayon::join(
            || rayon::join(|| self.html(), || self.provenance()),
            || (data::rows(self.question), (self.markdown(), self.latex())),
        );
        let mut files = BTreeMap::from([
            ("data.csv".to_owned(), data.into_bytes()),
            ("provenance.json".to_owned(), provenance?.into_bytes()),
            ("index.md".to_owned(), markdown?.into_bytes()),
            ("report.tex".to_owned(), latex?.into_bytes()),
            ("index.html".to_owned(), html?.into_bytes()),
        ]);
        for table in self.tables {
            let mut put = |ending: &str, text: String| files.insert(format!("tables/{}.{ending}", table.name), text.into_bytes());
            put("md", table.to_markdown());
            put("csv", table.to_csv());
            put("tex", table.to_latex());
            put("html", table.to_html());
        }
        for Drawn { name, svg, svg_dark, png, csv, .. } in self.plots {
            files.insert(format!("plots/{name}.svg"), svg.clone().into_bytes());
            files.insert(format!("plots/{name}.dark.svg"), svg_dark.clone().into_bytes());
            files.insert(format!("plots/{name}.png"), png.clone());
            files.insert(format!("plots/{name}.csv"), csv.clone().into_bytes());
        }
        files.extend(self.pictures.iter().map(|picture| (format!("pictures/{}", picture.file), picture.png.clone())));
        Ok(files)
    }

    fn count(&self, wanted: fn(&RunState) -> bool) -> usize {
        self.runs.iter().filter(|run| wanted(&run.state)).count()
    }

    /// How far the experiment is, and on what it was computed, in a sentence or two.
    fn summary(&self) -> String {
        let done = self.count(|state| *state == RunState::Done);
        let failed = self.count(|state| matches!(state, RunState::Failed { .. }));
        let pruned = self.count(|state| matches!(state, RunState::Pruned { .. }));
        let stranded: HashSet<RunId> = self.question.rows.iter().filter(|row| row.failed).map(|row| row.run.id).collect();
        let stranded = self.runs.iter().filter(|run| stranded.contains(&run.id) && is_left(&run.state)).count();
        let missing = self.runs.len() - done - failed - pruned - stranded;
        let mut text = format!("{done} of {} runs are done", self.runs.len());
        let parts = [
            (failed, "failed"),
            (stranded, "need one that failed"),
            (pruned, "were stopped in favour of better ones (pruned)"),
            (missing, "missing"),
        ];
        parts.iter().filter(|(count, _)| *count > 0).for_each(|(count, what)| text += &format!(", {count} {what}"));
        let devices: std::collections::BTreeSet<&str> =
            self.attempts.values().filter_map(|attempt| attempt.device.as_deref()).filter(|device| !device.is_empty()).collect();
        let devices: Vec<&str> = devices.into_iter().collect();
        let on = if devices.is_empty() { String::new() } else { format!("; trained on {}", devices.join(", ")) };
        let notes: String = self.notes.iter().map(|note| format!(" Note: {note}.")).collect();
        format!("{text}. Made by vicmae {}{on}.{notes}", env!("CARGO_PKG_VERSION"))
    }
}

/// Whether a run is neither done nor given up.
fn is_left(state: &RunState) -> bool {
    !matches!(state, RunState::Done | RunState::Failed { .. } | RunState::Pruned { .. })
}

/// The name of a state, as the database has it.
pub fn state_name(state: &RunState) -> &'static str {
    match state {
        RunState::New => "new",
        RunState::Running { .. } => "running",
        RunState::Done => "done",
        RunState::Failed { .. } => "failed",
        RunState::Interrupted { .. } => "interrupted",
        RunState::Pruned { .. } => "pruned",
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EXPERIMENT, lab};
    use super::*;

    fn report(yaml: &str) -> (Written, tempfile::TempDir) {
        let lab = lab();
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read(yaml, "x.yaml").unwrap();
        let wanted = Wanted { experiment: EXPERIMENT, config: config.as_ref(), ..Wanted::default() };
        for row in lab.record.cells(EXPERIMENT).unwrap().iter().filter(|cell| cell.stage == "pretrain").take(4) {
            let artifacts = RunFolder::new(lab.results(), row.run.id).artifacts();
            fs::create_dir_all(&artifacts).unwrap();
            fs::write(artifacts.join("100.png"), b"a picture").unwrap();
        }
        fs::create_dir_all(folder.path().join("tables")).unwrap();
        fs::write(folder.path().join("tables/of-yesterday.csv"), b"old").unwrap();
        let written = write(&lab.record, &wanted, lab.results(), folder.path()).unwrap();
        let page = fs::read(&written.index).unwrap();
        assert_eq!(write(&lab.record, &wanted, lab.results(), folder.path()).unwrap(), written);
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
        index.html
        index.md
        pictures/835b3d66b161-reconstructions.png
        pictures/a52a6e970873-reconstructions.png
        pictures/eca80519c831-reconstructions.png
        pictures/f47fd44a1c9d-reconstructions.png
        plots/line-linear.top1-mask_ratio.csv
        plots/line-linear.top1-mask_ratio.dark.svg
        plots/line-linear.top1-mask_ratio.png
        plots/line-linear.top1-mask_ratio.svg
        provenance.json
        report.tex
        tables/linear.top1-2.csv
        tables/linear.top1-2.html
        tables/linear.top1-2.md
        tables/linear.top1-2.tex
        tables/linear.top1.csv
        tables/linear.top1.html
        tables/linear.top1.md
        tables/linear.top1.tex
        ");
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        insta::assert_snapshot!("index", text("index.md"));
        insta::assert_snapshot!("latex", text("report.tex"));
        let page = text("index.html");
        let data = page.split("<script type=\"application/json\"").nth(1).unwrap().split_once('>').unwrap().1;
        let data: serde_json::Value = serde_json::from_str(data.split("</script>").next().unwrap()).unwrap();
        assert_eq!(data["runs"].as_array().unwrap().len(), 30);
        let trained = &data["runs"][0];
        assert_eq!(
            (trained["curves"]["loss"].as_array().unwrap().len(), &trained["pictures"][0]["name"]),
            (5, &"Reconstructions".into())
        );
        let provenance: serde_json::Value = serde_json::from_str(&text("provenance.json")).unwrap();
        let cell = &provenance["tables"]["linear.top1"][0];
        assert_eq!((&cell["mean"], cell["runs"].as_array().unwrap().len()), (&64.5.into(), 3));
    }

    #[test]
    fn a_table_or_plot_that_cannot_be_made_costs_no_other() {
        let (written, folder) = report(
            "report:
  tables:
    - { name: wrong, rows: methd, cell: linear.top1 }
    - { name: right, rows: method, columns: mask_ratio, cell: linear.top1 }
  plots:
    - line: { x: wieght, y: linear.top1 }
    - heatmap: { x: weight, y: mask_ratio, value: linear.top1, filter: \"method == 'vicmae'\" }
",
        );
        let plots = written.files.iter().filter(|file| file.ends_with(".dark.svg")).count();
        assert_eq!((written.tables.len(), written.tables[0].name.as_str(), plots), (1, "right", 1));
        insta::assert_debug_snapshot!(written.notes, @r#"
        [
            "no run matches the filter `method == 'vicmae'` (method: vic_mae, mae_simsiam, mae)",
        ]
        "#);
        insta::assert_debug_snapshot!(written.unmade, @r#"
        [
            Unmade {
                path: [
                    "report",
                    "tables",
                    "0",
                ],
                message: "`methd` is no axis of `mask-ratio`",
                hints: [
                    "did you mean `method`?",
                    "axes: method, mask_ratio, weight",
                ],
            },
            Unmade {
                path: [
                    "report",
                    "plots",
                    "0",
                ],
                message: "`wieght` is no axis of `mask-ratio`",
                hints: [
                    "did you mean `weight`?",
                    "axes: method, mask_ratio, weight",
                ],
            },
        ]
        "#);
        let page = fs::read_to_string(folder.path().join("index.md")).unwrap();
        assert!(page.contains("Note: table 1 could not be made: `methd` is no axis of `mask-ratio`."), "{page}");
    }

    #[test]
    fn what_the_file_asks_for_besides_is_told_and_refused_when_strict() {
        let (lab, folder) = (lab(), tempfile::tempdir().unwrap());
        let told = vec!["the file asks for 36 runs, the record knows 24".to_owned()];
        let wanted = Wanted { experiment: EXPERIMENT, notes: told, ..Wanted::default() };
        let written = write(&lab.record, &wanted, lab.results(), folder.path()).unwrap();
        assert_eq!(written.notes, wanted.notes);
        assert!(fs::read_to_string(&written.index).unwrap().contains("Note: the file asks for 36 runs"));
        assert_eq!((notes(folder.path()), notes(lab.results())), (wanted.notes.clone(), Vec::new()));
        let strict = Wanted { strict: true, ..wanted };
        insta::assert_snapshot!(write(&lab.record, &strict, lab.results(), folder.path()).unwrap_err(), @"
        the report would not be what the file asks for (--strict)
          the file asks for 36 runs, the record knows 24
        hint: leave --strict away: the report then says it in a note
        ");
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
        *: the best of its column.
        Numbers are mean ± sample standard deviation over n seeds.
        Caution: seeds differ in mask_ratio=0.5: 0 1 2 (vic_mae 0.03); 0 (mae –).
        ");
        assert!(written.files.contains(&"plots/curves-loss.svg".to_owned()));
    }
}
