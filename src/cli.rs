//! The command line: which verb, with which options.

use crate::command::{check, completions, data, doctor, logs, pack, plan, query, reindex, report, run, show, status, worker};
use crate::command::{diff, export, export_checkpoint, features, gc, import, reconstruct, stop, watch};
use crate::failure::Failure;
use anyhow::Result;
use clap::ArgMatches;
use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use std::path::PathBuf;

/// A command line that was understood.
#[derive(Debug)]
pub struct Cli(Line);

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
struct Line {
    /// The folder of run folders, database and reports
    #[arg(long, global = true, default_value = "results", value_name = "DIR")]
    results: PathBuf,

    #[command(subcommand)]
    verb: Verb,
}

impl Parser for Cli {}

impl CommandFactory for Cli {
    fn command() -> clap::Command {
        with_flowing_help(Line::command())
    }

    fn command_for_update() -> clap::Command {
        with_flowing_help(Line::command_for_update())
    }
}

impl FromArgMatches for Cli {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Line::from_arg_matches(matches).map(Cli)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Lets the terminal break the lines of the help. The breaks of the source text would stand beside those of a narrow one.
fn with_flowing_help(mut command: clap::Command) -> clap::Command {
    if let Some(text) = command.get_long_about().map(|text| flowing(&text.to_string())) {
        command = command.long_about(text);
    }
    let names: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| command.mut_subcommand(name, with_flowing_help))
}

/// A text with each of its paragraphs in one line. Indented lines stay as they are: they are examples.
fn flowing(text: &str) -> String {
    let mut flowing = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if !flowing.is_empty() {
            flowing.push(if goes_on && is_prose { ' ' } else { '\n' });
        }
        flowing += line;
        goes_on = is_prose;
    }
    flowing
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    Plan(plan::Args),
    Run(run::Args),
    Watch(watch::Args),
    Stop(stop::Args),
    Status(status::Args),
    Show(show::Args),
    Logs(logs::Args),
    Diff(diff::Args),
    Report(report::Args),
    Query(query::Args),
    Export(export::Args),
    Reindex(reindex::Args),
    Gc(gc::Args),
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
    let Line { results, verb } = &cli.0;
    if results.is_file() {
        let failure = Failure::input(format!("`--results {}` is a file", results.display()));
        return Err(failure.hint("name the folder of run folders, database and reports; the default is `results`").into());
    }
    match verb {
        Verb::Check(args) => check::run(args),
        Verb::Plan(args) => plan::run(args, results),
        Verb::Run(args) => run::run(args, results),
        Verb::Watch(args) => watch::run(args, results),
        Verb::Stop(args) => stop::run(args, results),
        Verb::Diff(args) => diff::run(args, results),
        Verb::Gc(args) => gc::run(args, results),
        Verb::Status(args) => status::run(args, results),
        Verb::Show(args) => show::run(args, results),
        Verb::Logs(args) => logs::run(args, results),
        Verb::Report(args) => report::run(args, results),
        Verb::Query(args) => query::run(args, results),
        Verb::Export(args) => export::run(args, results),
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

    #[test]
    fn the_help_flows_and_its_examples_are_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for verb in Cli::command().get_subcommands_mut() {
            let help = verb.render_long_help().to_string();
            let files = help.split_whitespace().filter(|word| word.starts_with("experiments/") && word.ends_with(".yaml"));
            files.for_each(|file| assert!(root.join(file).is_file(), "{} names {file}", verb.get_name()));
        }
        assert_eq!(flowing("One\n\ntwo\nthree.\n\nExamples:\n  a\n  b"), "One\n\ntwo three.\n\nExamples:\n  a\n  b");
    }
}
