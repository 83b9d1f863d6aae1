//! The plan that a person asks for: an experiment file, overrides, and a choice among its runs.

use super::report;
use crate::plan::{Plan, on_disk};
use crate::spec;
use crate::spec::Experiment;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

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
}

impl Asked {
    /// Reads and expands the experiment, and checks all of it before anything is started. Returns the experiment,
    /// everything that it asks for, and the part that is wanted.
    pub(super) fn read(&self) -> Result<(Experiment, Plan, Plan)> {
        let experiment = spec::load(&self.file, &self.sets)?;
        report::config(&experiment)?;
        let plan = Plan::make(&experiment, &|content| on_disk(content, &experiment.project))?;
        let wanted = match &self.only {
            Some(expression) => plan.clone().only(expression)?,
            None => plan.clone(),
        };
        Ok((experiment, plan, wanted))
    }
}
