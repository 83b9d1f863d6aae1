//! `vicmae completions`: what the shell needs to complete words.

use super::print;
use anyhow::Result;
use clap_complete::Shell;

/// Prints the completion script of a shell
///
/// Example:
///   vicmae completions bash > ~/.local/share/bash-completion/completions/vicmae
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script for `program`.
///
/// # Errors
/// When standard output refuses.
pub fn run(args: &Args, mut program: clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "vicmae", &mut script);
    print::line(&String::from_utf8_lossy(&script))
}
