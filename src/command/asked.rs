//! The plan that a person asks for: an experiment file, overrides, and a choice among its runs.

use super::print;
use super::report;
use super::values;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::plan::on_disk;
use crate::spec;
use crate::spec::Experiment;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};

/// The experiment, as it is named on the command line.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The experiment's YAML file
    pub(super) file: PathBuf,

    /// Changes a value of the experiment: `--set with.epochs=2`
    #[arg(long = "set", value_name = "A.B=V")]
    pub(super) sets: Vec<String>,

    /// Takes only the runs for which an expression over the axes, `seed` and `stage` holds, and the parents they need
    #[arg(long, value_name = "EXPR")]
    only: Option<String>,

    /// What stands there without an option, to be told how it is meant.
    #[arg(hide = true)]
    stray: Vec<String>,
}

impl Asked {
    /// Reads and expands the experiment, and checks all of it before anything is started. Returns the experiment,
    /// everything that it asks for, and the part that is wanted.
    pub(super) fn read(&self) -> Result<(Experiment, Plan, Plan)> {
        if let Some(word) = self.stray.first() {
            return Err(stray(word).into());
        }
        let experiment = load(&self.file, &self.sets)?;
        report::config(&experiment)?;
        let plan = Plan::make(&experiment, &|content| on_disk(content, &experiment.project))?;
        report::check(&experiment, &plan)?;
        for note in values::of_nowhere(&experiment, &plan) {
            print::note(&note);
        }
        let wanted = match &self.only {
            Some(expression) => only(&plan, expression)?,
            None => plan.clone(),
        };
        Ok((experiment, plan, wanted))
    }
}

/// Reads the file of an experiment.
///
/// # Errors
/// A [`Failure`] for the first mistake; where there is no such file, it names the one that may be meant.
pub(super) fn load(file: &Path, sets: &[String]) -> Result<Experiment> {
    if !file.exists() {
        return Err(no_file(file, Path::new("experiments")).into());
    }
    spec::load(file, sets)
}

fn no_file(file: &Path, folder: &Path) -> Failure {
    let shown = file.display();
    let failure = Failure::input(format!("there is no file {shown}"));
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut known: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml"))
        .map(|path| path.display().to_string())
        .collect();
    known.sort();
    if let Some(meant) = known.iter().find(|path| Path::new(path).file_stem().is_some_and(|known| *known == *stem)) {
        return failure.hint(format!("an experiment is named by its file here: {meant}"));
    }
    match known.is_empty() {
        true => failure.hint("an experiment is a YAML file: docs/experiments.md says what is in it"),
        false => {
            failure.nearest(&shown.to_string(), known.iter().map(String::as_str)).hint(format!("there are: {}", known.join(", ")))
        }
    }
}

/// The part of a plan for which an expression holds.
fn only(plan: &Plan, expression: &str) -> Result<Plan> {
    let wanted = plan.clone().only(expression)?;
    if !wanted.cells.is_empty() {
        return Ok(wanted);
    }
    let failure = Failure::input(format!("`--only \"{expression}\"` takes none of the {} runs", plan.runs.len()));
    let values = values::of_names_in(expression, plan);
    Err(match values.is_empty() {
        true => failure.hint("`vicmae plan` without `--only` lists them"),
        false => values.into_iter().fold(failure, Failure::hint),
    }
    .into())
}

fn stray(word: &str) -> Failure {
    let failure = Failure::input(format!("`{word}` belongs to no option"));
    match word.trim_start_matches('+').split_once('=') {
        Some((key, value)) if !key.is_empty() => failure.hint(format!("to change a value, write `--set {key}={value}`")),
        _ => failure.hint("one experiment at a time; a value is changed with `--set with.epochs=2`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_place_of_a_file_is_told_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let said = |file: &str| {
            let said = no_file(Path::new(file), folder.path()).to_string();
            said.replace(&folder.path().display().to_string(), "experiments")
        };
        assert!(said("mine").contains("docs/experiments.md"));
        for name in ["mine.yaml", "yours.yaml", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        insta::assert_snapshot!(said("mine"), @r"
        there is no file mine
        hint: an experiment is named by its file here: experiments/mine.yaml
        ");
        assert!(said("other.yaml").ends_with("hint: there are: experiments/mine.yaml, experiments/yours.yaml"));
    }

    #[test]
    fn a_value_without_its_option_is_told_the_option() {
        assert_eq!(stray("with.epochs=3").hints, ["to change a value, write `--set with.epochs=3`"]);
        assert_eq!(stray("+with.epochs=3").hints, ["to change a value, write `--set with.epochs=3`"]);
        assert!(stray("other.yaml").hints[0].starts_with("one experiment at a time"));
    }
}
