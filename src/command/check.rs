//! `vicmae check`: is the experiment right?

use super::asked::Asked;
use super::print;
use anyhow::Result;

/// Checks an experiment: its file, its templates, every run it expands to, its report, and that the data is there
///
/// Nothing is written and nothing is started.
///
/// Example:
///   vicmae check experiments/quickstart.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
}

/// Checks, and says what the experiment comes to.
///
/// # Errors
/// A [`crate::failure::Failure`] for the first mistake.
pub fn run(args: &Args) -> Result<()> {
    let (_, _, wanted) = args.asked.read()?;
    let (file, asked, distinct) = (args.asked.file.display(), wanted.asked, wanted.runs.len());
    print::line(&format!("{file} is right: {asked} runs asked, {distinct} distinct"))
}
