//! `vicmae export-checkpoint`: a run's weights for other programs, with a model card.

use super::source::make_room;
use super::{print, results, show};
use crate::event::{Metric, TOP1, TOP5};
use crate::failure::Failure;
use crate::record::Record;
use crate::run_folder::{RunFile, RunFolder, write_atomically};
use crate::run_id::RunId;
use crate::train::encoder::Source;
use crate::weights::card::{Card, Figure, markdown};
use crate::weights::loading::config_json;
use crate::weights::write::{Format, export, metadata, save};
use anyhow::Result;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Writes a run's weights under the names of MAE, timm or Hugging Face, with a model card
///
/// `mae` has the encoder, and the decoder where there is one; `timm` has the encoder, for
/// timm's VisionTransformer; `huggingface` is for ViTMAEForPreTraining, or ViTMAEModel where
/// there is no decoder, and comes with its config.json. README.md beside the file is the
/// model card: how to load it, how it was trained, and all accuracies that were measured.
///
/// Examples:
///   vicmae export-checkpoint 3f2a91 --format timm --out exported/model.safetensors
///   vicmae export-checkpoint "vic_mae,seed=0" --format huggingface --out exported/model.safetensors
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A pretraining run: its name, or the beginning of its id
    run: String,

    /// Whose names the file has: mae, timm or huggingface
    #[arg(long)]
    format: Format,

    /// The file to make (.safetensors); its folder is made too
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Replaces files that are there
    #[arg(long)]
    force: bool,
}

/// Writes the file, its card, and what the format needs beside them.
///
/// # Errors
/// A [`Failure`] when there is no such run, or it is not done.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let record = results::the_record(results)?;
    let id = show::known(&record, &args.run)?;
    let folder = RunFolder::new(results, id);
    let source = Source::of_run(&folder)?;
    let (Some(place), Some(file)) = (args.out.parent(), args.out.file_name().and_then(|name| name.to_str())) else {
        return Err(Failure::input(format!("--out {} is no file name", args.out.display())).into());
    };
    let mut written = vec![args.out.clone(), place.join("README.md")];
    if args.format == Format::Huggingface {
        written.push(place.join("config.json"));
        if file != "model.safetensors" {
            let failure = Failure::input(format!("transformers looks for model.safetensors, not for {file}"));
            return Err(failure.hint(format!("give --out {}", place.join("model.safetensors").display())).into());
        }
    }
    if let Some(there) = written.iter().find(|path| path.exists()).filter(|_| !args.force) {
        let failure = Failure::input(format!("{} is there already", there.display()));
        return Err(failure.hint("an export comes with a README.md: give it a folder of its own, or --force to replace").into());
    }
    make_room(&args.out)?;
    let exported = export(source.weights, &source.model, args.format)?;
    let decoder = exported.keys().any(|name| name.contains("decoder"));
    save(&args.out, &exported, &metadata(&source.model))?;
    let card = markdown(&Card {
        name: &source.name,
        run: &id.to_string(),
        model: &source.model,
        format: args.format,
        file,
        decoder,
        recipe: &std::fs::read_to_string(folder.run_yaml())?,
        results: &figures(&record, results, id)?,
    });
    write_atomically(&written[1], card.as_bytes())?;
    if let Some(config) = written.get(2) {
        write_atomically(config, serde_json::to_string_pretty(&config_json(&source.model, decoder))?.as_bytes())?;
    }
    let list: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    print::line(&format!("{} tensors of {} in the format {}: {}", exported.len(), source.name, args.format, list.join(", ")))
}

/// The accuracies that transfers of the run measured.
fn figures(record: &Record, results: &Path, id: RunId) -> Result<Vec<Figure>> {
    let sql = format!(
        "SELECT r.run, r.stage, f.metric, f.value FROM parents p JOIN run_states r ON r.run = p.run JOIN final f ON f.run = r.run
         WHERE p.parent = '{id}' AND r.state = 'done' ORDER BY r.stage, r.run, f.metric"
    );
    let mut figures = Vec::new();
    for row in record.query(&sql)?.rows {
        let [run, stage, metric, value] = row.as_slice() else { continue };
        let (Some(run), Some(stage), Some(metric), Some(value)) = (run.as_str(), stage.as_str(), metric.as_str(), value.as_f64())
        else {
            continue;
        };
        if !Metric::new(metric).known().is_some_and(|known| [TOP1, TOP5].contains(&known.name)) {
            continue;
        }
        let dataset = run.parse().map(|run| dataset(&RunFolder::new(results, run))).unwrap_or_default();
        figures.push(Figure { stage: stage.into(), metric: metric.into(), value, dataset });
    }
    Ok(figures)
}

/// What a transfer was measured on: the root of its source.
fn dataset(folder: &RunFolder) -> String {
    let Ok(file) = RunFile::<Value>::read(folder) else { return "unknown".into() };
    let source = file.work["transfer"]["data"]["eval"].as_object().and_then(|source| source.values().next().cloned());
    let source = source.unwrap_or_default();
    let split = source["split"].as_str().map(|split| format!(" ({split})")).unwrap_or_default();
    let subset = &file.work["transfer"]["data"]["subset"];
    let subset = match (subset["shots"].as_u64(), subset["fraction"].as_f64()) {
        (Some(shots), _) => format!(", learnt from {shots} a class"),
        (None, Some(fraction)) => format!(", learnt from {} %", 100.0 * fraction),
        (None, None) => String::new(),
    };
    format!("{}{split}{subset}", source["root"].as_str().unwrap_or("unknown"))
}
