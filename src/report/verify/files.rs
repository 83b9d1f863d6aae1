//! Whether a file of a report is the one that the logs give.

use crate::run_folder::Environment;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// How a file that was written stands to the one that the logs give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Differs {
    /// It is there, and no more was asked.
    Skipped,
    /// It is the same.
    Same,
    /// It is not there.
    Gone,
    /// Its first line that differs, from 1, as it was written and as the logs give it.
    Line(usize, [String; 2]),
    /// It is no text.
    Bytes,
}

/// Whether other programs and papers take numbers from this file: then it is the same whichever build of vicmae wrote it.
pub(super) fn has_numbers(file: &str) -> bool {
    file == "data.csv" || file.starts_with("tables/") || (file.starts_with("plots/") && file.ends_with(".csv"))
}

/// Whether this very build wrote the report. Another, of the same version too, may draw plots and lay out pages otherwise, and
/// still have the same numbers.
pub(super) fn is_of_this_build(out: &Path) -> bool {
    let provenance = fs::read(out.join("provenance.json")).unwrap_or_default();
    let provenance: Option<Value> = serde_json::from_slice(&provenance).ok();
    // One that cannot be read is no reason to look less closely.
    provenance.is_none_or(|provenance| provenance["program"] == Environment::build())
}

/// Compares a file with the one that the logs give: only whether it is there, unless it is to be `whole`.
pub(super) fn compare(from_logs: &Path, written: &Path, whole: bool) -> Result<Differs> {
    let Ok(theirs) = fs::read(written) else { return Ok(Differs::Gone) };
    if !whole {
        return Ok(Differs::Skipped);
    }
    let ours = fs::read(from_logs).with_context(|| format!("cannot read {}", from_logs.display()))?;
    if ours == theirs {
        return Ok(Differs::Same);
    }
    let (Ok(ours), Ok(theirs)) = (String::from_utf8(ours), String::from_utf8(theirs)) else { return Ok(Differs::Bytes) };
    Ok(first_line(&ours, &theirs))
}

fn first_line(ours: &str, theirs: &str) -> Differs {
    let (mut ours, mut theirs) = (ours.split('\n'), theirs.split('\n'));
    let mut number = 0;
    loop {
        number += 1;
        match (theirs.next(), ours.next()) {
            (Some(theirs), Some(ours)) if of_runs(theirs) == of_runs(ours) => {}
            (None, None) => return Differs::Same,
            (theirs, ours) => return Differs::Line(number, excerpts(theirs, ours)),
        }
    }
}

/// A line without the notes that end the summary of a page: these tell how the experiment's file stood to the record when the
/// report was made, and not what runs said.
fn of_runs(line: &str) -> &str {
    let made = line.find("Made by vicmae ");
    made.and_then(|made| Some(made + line[made..].find(" Note: ")?)).map_or(line, |end| &line[..end])
}

/// Two lines as far as they can be read at a glance; of long ones, what stands around the first difference.
fn excerpts(theirs: Option<&str>, ours: Option<&str>) -> [String; 2] {
    /// The most characters of a line.
    const MOST: usize = 200;
    /// Those of them before the difference.
    const BEFORE: usize = 60;
    let (a, b) = (theirs.unwrap_or_default(), ours.unwrap_or_default());
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let long = a.chars().count().max(b.chars().count()) > MOST;
    let from = if long { common.saturating_sub(BEFORE) } else { 0 };
    let shown = |line: Option<&str>| {
        let Some(line) = line.map(str::trim_end) else { return "nothing".to_owned() };
        let rest: String = line.chars().skip(from).take(MOST).collect();
        let (before, after) = (if from > 0 { "…" } else { "" }, if line.chars().count() > from + MOST { "…" } else { "" });
        format!("{before}{}{after}", rest.trim_start())
    };
    [shown(theirs), shown(ours)]
}

impl Differs {
    /// What a person is told of the file at `path`, if it differs.
    pub fn told(&self, path: &Path) -> Option<String> {
        let path = path.display();
        match self {
            Differs::Skipped | Differs::Same => None,
            Differs::Gone => Some(format!("{path} is not there")),
            Differs::Line(number, [theirs, ours]) => {
                Some(format!("{path}, line {number}:\n  written   {theirs}\n  from logs {ours}"))
            }
            Differs::Bytes => Some(format!("{path} is another file than the logs give")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_told() {
        let told = |ours: &str, theirs: &str| first_line(ours, theirs).told(Path::new("x.csv"));
        assert_eq!(told("a\nb\n", "a\nb\n"), None);
        insta::assert_snapshot!(told("a\nb,2\nc,3\n", "a\nb,1\nc,1\n").unwrap(), @"
        x.csv, line 2:
          written   b,1
          from logs b,2
        ");
        assert_eq!(told("a\n", "a\nb\n").unwrap(), "x.csv, line 2:\n  written   b\n  from logs ");
        insta::assert_snapshot!(told("a\nb", "a").unwrap(), @"
        x.csv, line 2:
          written   nothing
          from logs b
        ");
    }

    #[test]
    fn notes_of_the_time_are_no_numbers() {
        let page = |note: &str| format!("# x\n\n12 of 12 runs are done. Made by vicmae 0.1.0.{note}\n");
        assert_eq!(first_line(&page(""), &page(" Note: the file asks for 14 runs, the record knows 12 of them.")), Differs::Same);
        assert_ne!(first_line(&page(""), &page("").replace("12 of", "13 of")), Differs::Same);
    }

    #[test]
    fn of_a_long_line_the_place_is_told() {
        let line = |number: &str| format!("{}{number}{}", "é".repeat(10_000), "y".repeat(10_000));
        let Differs::Line(1, [theirs, ours]) = first_line(&line("1"), &line("2")) else { panic!("the lines differ") };
        assert!(theirs.starts_with("…é") && theirs.contains("é2y") && theirs.ends_with("y…"), "{theirs}");
        assert!(ours.contains("é1y") && ours.chars().count() < 210, "{ours}");
    }

    #[test]
    fn numbers_are_in_tables_and_in_what_plots_draw() {
        let numbers = ["data.csv", "tables/a.tex", "tables/a.md", "plots/a.csv"];
        assert!(numbers.iter().all(|file| has_numbers(file)));
        assert!(["index.html", "plots/a.svg", "plots/a.png", "pictures/b.png"].iter().all(|file| !has_numbers(file)));
    }
}
