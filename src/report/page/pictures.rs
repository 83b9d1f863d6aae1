//! Pictures that runs made.

use crate::record::{Record, RunRow};
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use std::fs;
use std::path::{Component, Path};

/// Names of artifacts that are pictures, with what a page calls them.
const KINDS: &[(&str, &str)] = &[("reconstructions", "Reconstructions"), ("similarity", "Patch similarity")];

/// A picture that a run made.
pub(super) struct Picture {
    /// The run.
    pub run: RunId,
    /// The run's name.
    pub name: String,
    /// What it shows.
    pub kind: &'static str,
    /// The name of its file in the report.
    pub file: String,
    /// Its bytes.
    pub png: Vec<u8>,
}

/// The last picture of each kind of each run.
pub(super) fn read(record: &Record, experiment: &str, results: &Path, runs: &[&RunRow]) -> Result<Vec<Picture>> {
    let (mut pictures, made) = (Vec::new(), record.artifacts_of(experiment)?);
    for run in runs {
        let Some(artifacts) = made.get(&run.id) else { continue };
        for (artifact, kind) in KINDS {
            let Some(last) = artifacts.iter().rfind(|made| made.name == *artifact) else { continue };
            let path = Path::new(&last.path);
            if path.components().any(|component| !matches!(component, Component::Normal(_))) {
                continue;
            }
            // A run folder may be gone while the record still knows its numbers.
            let Ok(png) = fs::read(RunFolder::new(results, run.id).path().join(path)) else { continue };
            let file = format!("{}-{artifact}.png", run.id.short());
            pictures.push(Picture { run: run.id, name: run.name.clone(), kind, file, png });
        }
    }
    Ok(pictures)
}

/// The kinds of which there are pictures, in their order.
pub(super) fn kinds(pictures: &[Picture]) -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(_, kind)| *kind).filter(|kind| pictures.iter().any(|picture| picture.kind == *kind))
}
