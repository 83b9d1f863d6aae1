//! The command line: which verb, with which options.

use crate::command::{check, completions, data, doctor, logs, pack, plan, query, reindex, report, run, show, status, worker};
use crate::command::{export_checkpoint, features, import, reconstruct};
use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Declarative experiments for masked and contrastive self-supervised vision research
///
/// A YAML file asks a question; templates expand it to pretraining and transfer runs; equal
/// work is done once; every number lands in a database; tables and plots are made from that
/// alone.
///
/// Begin with:
///   vicmae check experiments/quickstart.yaml
///   vicmae plan  experiments/quickstart.yaml
///   vicmae run   experiments/quickstart.yaml
#[derive(Debug, Parser)]
#[command(name = "vicmae", version, verbatim_doc_comment)]
pub struct Cli {
    /// The folder of run folders, database and reports
    #[arg(long, global = true, default_value = "results", value_name = "DIR")]
    results: PathBuf,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    Plan(plan::Args),
    Run(run::Args),
    Status(status::Args),
    Show(show::Args),
    Logs(logs::Args),
    Report(report::Args),
    Query(query::Args),
    Reindex(reindex::Args),
    Import(import::Args),
    ExportCheckpoint(export_checkpoint::Args),
    Features(features::Args),
    Reconstruct(reconstruct::Args),
    Pack(pack::Args),
    Data(data::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Worker(worker::Args),
}

/// Does what the command line asks for.
///
/// # Errors
/// What went wrong; [`crate::failure::exit_code`] tells the exit code.
pub fn run(cli: &Cli) -> Result<()> {
    let results = &cli.results;
    match &cli.verb {
        Verb::Check(args) => check::run(args),
        Verb::Plan(args) => plan::run(args, results),
        Verb::Run(args) => run::run(args, results),
        Verb::Status(args) => status::run(args, results),
        Verb::Show(args) => show::run(args, results),
        Verb::Logs(args) => logs::run(args, results),
        Verb::Report(args) => report::run(args, results),
        Verb::Query(args) => query::run(args, results),
        Verb::Reindex(args) => reindex::run(args, results),
        Verb::Import(args) => import::run(args, results),
        Verb::ExportCheckpoint(args) => export_checkpoint::run(args, results),
        Verb::Features(args) => features::run(args, results),
        Verb::Reconstruct(args) => reconstruct::run(args, results),
        Verb::Pack(args) => pack::run(args),
        Verb::Data(args) => data::run(args),
        Verb::Doctor(args) => doctor::run(args, results),
        Verb::Completions(args) => completions::run(args, Cli::command()),
        Verb::Worker(args) => worker::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_every_verb_has_an_example() {
        Cli::command().debug_assert();
        for verb in Cli::command().get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
            let name = verb.get_name().to_owned();
            let help = verb.render_long_help().to_string();
            assert!(help.contains(&format!("  vicmae {name}")), "{name} has no example:\n{help}");
        }
    }
}
