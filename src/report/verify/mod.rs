//! Whether a report says what the runs wrote: every number made again from the event logs, without the database.

mod files;
mod logs;

use super::page;
use super::page::Wanted;
use super::page::state_name;
use super::question::Question;
use super::question::Row;
use crate::event::Metric;
use crate::record::Record;
use crate::record::RunState;
use anyhow::{Context, Result};
use files::Differs;
use logs::Log;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was compared, and what did not agree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// Runs whose logs were read.
    pub runs: usize,
    /// Last values that were compared.
    pub values: usize,
    /// Files of the report that were compared.
    pub files: usize,
    /// Pages and drawings that were not: another build of vicmae wrote them, or runs are going on.
    pub skipped: usize,
    /// What differs, an entry each: the runs first, then the files.
    pub differences: Vec<String>,
}

/// Compares the record with the event logs, and the report in the folder `out` with the one that the logs give.
///
/// The record is compared with the logs by a second way of reading them, which shares nothing with the database. The report is
/// then made again by the code that made it, of a new database into which nothing went but these logs; so each file that it has
/// is compared, and no number is left out that somebody adds to it later.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no such experiment; otherwise when a log or the temporary folder fails.
pub fn verify(record: &Record, wanted: &Wanted, results: &Path, out: &Path) -> Result<Verdict> {
    let question = Question::read(record, wanted.experiment)?;
    let folder = tempfile::tempdir().context("cannot make a folder for the report that the logs give")?;
    let (again, logs) = logs::read(record, wanted.experiment, results, folder.path())?;
    let mut verdict = Verdict::default();
    let mut seen = BTreeSet::new();
    for row in question.rows.iter().filter(|row| seen.insert(row.run.id)) {
        verdict.compare_run(row, logs.get(&row.run.id));
    }
    let remade = folder.path().join("report");
    let written = page::write(&again, &Wanted { strict: false, ..wanted.clone() }, results, &remade)?;
    // A run that goes on writes to its log while this reads it, and the page shows how far it is.
    let at_rest = question.rows.iter().all(|row| !matches!(row.run.state, RunState::Running { .. }));
    let whole = at_rest && files::is_of_this_build(out);
    for file in &written.files {
        let compared = files::compare(&remade.join(file), &out.join(file), whole || files::has_numbers(file))?;
        let skipped = compared == Differs::Skipped;
        verdict.skipped += usize::from(skipped);
        verdict.files += usize::from(!skipped);
        verdict.differences.extend(compared.told(&out.join(file)));
    }
    Ok(verdict)
}

impl Verdict {
    fn compare_run(&mut self, row: &Row, log: Option<&Log>) {
        let recorded = state_name(&row.run.state);
        let differs = |what: String| format!("run {}: {what}", row.run.id.short());
        let Some(log) = log else {
            if row.run.state != RunState::New {
                self.differences.push(differs("the record knows it, and its event log is gone".into()));
            }
            return;
        };
        self.runs += 1;
        if log.state != recorded {
            self.differences.push(differs(format!("{} by its log, {recorded} by the record", log.state)));
        }
        let nothing = BTreeMap::new();
        let from_log = if log.state == "done" { &log.last } else { &nothing };
        for metric in row.values.keys().chain(from_log.keys()).collect::<BTreeSet<_>>() {
            self.values += 1;
            self.differences.extend(value(metric, from_log.get(metric), row.values.get(metric)).map(differs));
        }
    }
}

/// How a last value differs, to the last bit.
fn value(metric: &Metric, by_log: Option<&f64>, by_record: Option<&f64>) -> Option<String> {
    let same = match (by_log, by_record) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        _ => false,
    };
    let shown = |value: Option<&f64>| value.map_or("nothing".to_owned(), f64::to_string);
    (!same).then(|| format!("{metric} is {} by its log, {} by the record", shown(by_log), shown(by_record)))
}

#[cfg(test)]
mod tests {
    use super::super::config::{Config, Names};
    use super::super::plot;
    use super::super::plot::curves;
    use super::super::sample::{EXPERIMENT, lab};
    use super::super::table;
    use super::*;
    use crate::event::Kind;
    use crate::record::scripted::Lab;
    use crate::run_folder::Environment;
    use crate::run_folder::EventWriter;
    use crate::run_folder::RunFolder;
    use crate::run_id::RunId;
    use std::fs;
    use tempfile::TempDir;

    fn config() -> Config {
        let names = |name: &str| Names(vec![name.to_owned()]);
        let (rows, columns, cell) = (names("method"), Some(names("mask_ratio")), names("linear.top1"));
        let (color, filter) = (Some("method".to_owned()), Some("mask_ratio == 0.5".to_owned()));
        let curves = curves::Config { metric: "loss".into(), color, filter, ..curves::Config::default() };
        let tables = vec![table::Config { rows, columns, cell, ..table::Config::default() }];
        Config { tables, plots: vec![plot::Config::Curves(curves)] }
    }

    /// A lab whose runs have logs, and its report.
    struct Told {
        lab: Lab,
        config: Config,
        out: TempDir,
    }

    impl Told {
        fn new() -> Told {
            let (lab, out) = (lab(), tempfile::tempdir().unwrap());
            for cell in lab.record.cells(EXPERIMENT).unwrap() {
                lab.write_log(cell.run.id);
            }
            let told = Told { lab, config: config(), out };
            page::write(&told.lab.record, &told.wanted(), told.lab.results(), told.out.path()).unwrap();
            told
        }

        fn wanted(&self) -> Wanted<'_> {
            Wanted { experiment: EXPERIMENT, config: Some(&self.config), ..Wanted::default() }
        }

        fn verify(&self) -> Verdict {
            verify(&self.lab.record, &self.wanted(), self.lab.results(), self.out.path()).unwrap()
        }

        /// What is said after a run has said more, of which the record knows nothing.
        fn after(&self, run: &str, kind: Kind) -> Vec<String> {
            let run = RunId::of(run.as_bytes());
            let folder = RunFolder::new(self.lab.results(), run);
            EventWriter::open(&folder, run, 1).unwrap().emit(kind).unwrap();
            self.verify().differences.into_iter().filter(|difference| difference.starts_with("run ")).collect()
        }

        /// What is said after a text in a file was replaced, without the place of the folder.
        fn with(&self, file: &str, from: &str, to: &str) -> String {
            let path = self.out.path().join(file);
            let before = fs::read_to_string(&path).unwrap();
            assert!(before.contains(from), "{file} has no {from}: {before}");
            fs::write(&path, before.replacen(from, to, 1)).unwrap();
            let said = self.verify().differences.join("\n").replace(&format!("{}/", self.out.path().display()), "");
            fs::write(&path, before).unwrap();
            said
        }
    }

    #[test]
    fn a_report_that_says_what_the_logs_say_is_verified() {
        let verdict = Told::new().verify();
        assert_eq!((verdict.runs, verdict.differences), (20, Vec::<String>::new()));
        assert!(verdict.values > 20 && verdict.files >= 13, "{} {}", verdict.values, verdict.files);
    }

    #[test]
    fn a_number_that_was_changed_is_found_in_every_file() {
        let told = Told::new();
        insta::assert_snapshot!(told.with("tables/linear.top1.tex", "64.50", "66.60"), @r"
        tables/linear.top1.tex, line 9:
          written   vic\_mae & {\bfseries\boldmath \num{66.60 \pm 1.80}} {\scriptsize (n=3)} & \num{71.00 \pm 1.06} {\scriptsize (n=2, 1 failed)} \\
          from logs vic\_mae & {\bfseries\boldmath \num{64.50 \pm 1.80}} {\scriptsize (n=3)} & \num{71.00 \pm 1.06} {\scriptsize (n=2, 1 failed)} \\
        ");
        let (tables, pages) = ("tables/linear.top1", [("index.md", "64.50"), ("index.html", "64.50"), ("data.csv", "top1,63")]);
        let formats = ["csv", "md", "html"].map(|format| (format!("{tables}.{format}"), "64.5"));
        let formats = formats.iter().map(|(file, from)| (file.as_str(), *from));
        for (file, from) in formats.chain(pages).chain([("plots/curves-loss.csv", "0."), ("provenance.json", "64.5")]) {
            let said = told.with(file, from, "9.");
            assert!(said.starts_with(&format!("{file}, line ")) && said.lines().count() == 3, "{file}: {said}");
        }
    }

    #[test]
    fn another_build_may_have_other_pages_but_no_other_numbers() {
        let told = Told::new();
        assert_eq!(told.verify().skipped, 0);
        let provenance = told.out.path().join("provenance.json");
        let other = fs::read_to_string(&provenance).unwrap().replace(Environment::build(), "another build");
        fs::write(provenance, other).unwrap();
        assert_eq!(told.verify().skipped, 7);
        assert_eq!(told.with("index.html", "64.50", "9."), "");
        assert!(told.with("tables/linear.top1.csv", "64.5", "9.").starts_with("tables/linear.top1.csv, line 2:"));
    }

    #[test]
    fn a_file_that_is_gone_is_missed() {
        let told = Told::new();
        fs::remove_dir_all(told.out.path().join("plots")).unwrap();
        let verdict = told.verify();
        assert_eq!(verdict.differences.len(), 4, "{verdict:#?}");
        assert!(verdict.differences.iter().all(|difference| difference.ends_with(" is not there")), "{verdict:#?}");
    }

    #[test]
    fn what_the_record_does_not_have_from_the_logs_is_told() {
        let told = Told::new();
        let measured = Kind::Measured { step: 11, values: BTreeMap::from([("top1".into(), 99.0)]) };
        let said = told.after("mae 0.5 s0 linear", measured);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].ends_with("top1 is 99 by its log, 60 by the record"), "{said:#?}");
        assert!(told.verify().differences.len() > 1);

        let said = told.after("vic_mae 0.75 s1 linear", Kind::Interrupted { step: 5 });
        assert!(said.iter().any(|said| said.ends_with("interrupted by its log, failed by the record")), "{said:#?}");
    }
}
