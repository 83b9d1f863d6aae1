//! `vicmae import`: weights from elsewhere, as a run that transfers can use.

use super::run::{TICK, bring_about, verdict};
use super::{print, results};
use crate::engine::Request;
use crate::execute::Local;
use crate::failure::Failure;
use crate::plan::{Plan, on_disk};
use crate::schedule::OnFailure;
use crate::spec;
use crate::spec::SourceText;
use crate::weights::fit::describe;
use crate::weights::load::{fingerprint, load};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// What stands for the experiment's file in the record.
const FILE: &str = "vicmae import";

/// Takes over a checkpoint of MAE, ViC-MAE, MAE-ST, timm or Hugging Face as a pretraining run
///
/// FILE is a .safetensors file or what torch.save wrote (.pth, .pt, .bin), of which nothing is
/// executed. What is missing, unused or changed is said; an encoder that does not fit is
/// refused. The run is the one that an experiment with `template: imported` asks for, so
/// transfers find it done.
///
/// Examples:
///   vicmae import weights/mae_pretrain_vit_base.pth
///   vicmae import weights/small.safetensors --heads 6 --name dino_small
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The checkpoint
    file: PathBuf,

    /// Attention heads a block, where the width is not a published one
    #[arg(long, value_name = "N")]
    heads: Option<usize>,

    /// What the run is called [default: the file's name and the beginning of its hash]
    #[arg(long)]
    name: Option<String>,
}

/// Imports the file, and says how to use it.
///
/// # Errors
/// A [`Failure`] when the file is no checkpoint of a ViT, or does not fit.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let (fit, notes) = load(&args.file, args.heads)?;
    print::line(&describe(&fit, &notes))?;
    let experiment = spec::read(SourceText::new(FILE, text(args, results)?), "imported", &[], Path::new("."))?;
    let plan = Plan::make(&experiment, &|content| on_disk(content, &experiment.project))?;
    let request = Request {
        plan: &plan,
        wanted: &plan,
        file: FILE,
        results,
        devices: &["cpu".to_owned()],
        jobs: 1,
        workers: 1,
        on_failure: OnFailure::KeepGoing,
        retries: None,
        hang_after: None,
        halving: None,
        tick: TICK,
    };
    let outcome = bring_about(&request, &mut Local::this_program()?, false)?;
    verdict(&outcome, 1)?;
    let Some(run) = plan.runs.values().next() else { return Ok(()) };
    let (id, checkpoint) = (run.id.short(), serde_json::json!(args.file));
    print::line(&format!(
        "\nrun {id} ({}) is done. To measure it, begin an experiment with\n\n  template: imported\n  with: {{ checkpoint: {checkpoint}{} }}",
        run.name,
        args.heads.map(|heads| format!(", heads: {heads}")).unwrap_or_default(),
    ))
}

/// The experiment that asks for this one run.
fn text(args: &Args, results: &Path) -> Result<String> {
    let Some(path) = args.file.to_str() else {
        return Err(Failure::input(format!("the path {} is not valid UTF-8", args.file.display())).into());
    };
    let name = match &args.name {
        Some(name) => name.clone(),
        None => usual_name(&args.file, args.heads)?,
    };
    let known = results::record(results)?.map(|record| record.experiments()).transpose()?.unwrap_or_default();
    if known.iter().any(|experiment| experiment.name == name && experiment.file != FILE) {
        let failure = Failure::input(format!("there is an experiment `{name}` in {}", results.display()));
        return Err(failure.hint("give the import another name: --name NAME").into());
    }
    let mut with = serde_json::json!({ "checkpoint": path });
    if let Some(heads) = args.heads {
        with["heads"] = heads.into();
    }
    let question = format!("What is in {path}?");
    Ok(serde_json::json!({ "experiment": name, "question": question, "template": "imported", "with": with }).to_string())
}

/// The name of the file with the beginning of its hash, as many files are called `model`, and with the heads that were given.
fn usual_name(file: &Path, heads: Option<usize>) -> Result<String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let allowed = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' { c } else { '_' };
    let hash = fingerprint(file)?;
    let heads = heads.map(|heads| format!("-{heads}heads")).unwrap_or_default();
    Ok(format!("{}-{}{heads}", stem.chars().map(allowed).collect::<String>(), &hash[..6]))
}
