//! The `vicmae` program.

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use vicmae::cli::Cli;
use vicmae::failure::Fault;
use vicmae::{cli, failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Err(error) = cli::run(&Cli::parse()) else { return ExitCode::SUCCESS };
    let code = failure::exit_code(&error);
    if code != Fault::Changes.exit_code() {
        // Where nobody reads the error any more, the exit code still tells.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
    }
    ExitCode::from(code)
}
