//! A set that `vicmae pack` made: read by memory map, one row a clip.

mod manifest;
mod row;
mod shard;
mod shard_writer;

pub use manifest::{Encoding, Frames, MANIFEST, Manifest, Settings, ShardCard};

pub(super) use row::Row;
pub(super) use shard::Shard;
pub(super) use shard_writer::ShardWriter;

use super::cache::Cache;
use super::pair::Pair;
use super::picture::{Picture, Skipped};
use super::{Clips, Configured};
use crate::failure::Failure;
use crate::rng::Rng;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A split of a packed set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder that `vicmae pack` made. Relative paths start at the project's folder.
    pub root: PathBuf,
    /// The split.
    #[serde(default = "train")]
    pub split: String,
    /// Which two frames of a clip make a pair; a clip of one frame (an image) gives that frame twice.
    #[serde(default = "distant")]
    pub pair: Pair,
}

fn train() -> String {
    "train".to_owned()
}

fn distant() -> Pair {
    Pair::Distant { segments: 2 }
}

/// Where an unfinished set lies: beside the place that it will have.
pub(super) fn partial(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    folder.with_file_name(name)
}

/// The clips of a split.
pub(super) struct Packed {
    folder: PathBuf,
    classes: Vec<String>,
    pair: Pair,
    shards: Vec<Shard>,
    /// The number of clips, and of frames, before each shard.
    starts: Vec<[usize; 2]>,
    clips: usize,
    cache: Cache,
    encoding: Encoding,
}

impl Configured for Config {
    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn check(&self) -> Result<(), String> {
        self.pair.check()
    }

    fn fingerprint(&self, project: &Path) -> Result<String> {
        let manifest = Manifest::read(&project.join(&self.root))?;
        // A typo is told before anything runs.
        if manifest.splits.contains_key(&self.split) { Ok(manifest.fingerprint()) } else { Err(no_split(self, &manifest).into()) }
    }

    fn open(&self, project: &Path) -> Result<Arc<dyn Clips>> {
        Ok(Arc::new(Packed::open(self, project)?))
    }
}

impl Packed {
    /// Opens the files of a split and reads their index.
    pub(super) fn open(config: &Config, project: &Path) -> Result<Self> {
        let folder = project.join(&config.root);
        let manifest = Manifest::read(&folder)?;
        let Some(cards) = manifest.splits.get(&config.split) else { return Err(no_split(config, &manifest).into()) };
        let encoding = manifest.settings.encoding;
        let shards = cards
            .iter()
            .map(|card| Shard::open(&folder.join(&card.file), encoding, manifest.classes.len()))
            .collect::<Result<Vec<_>>>()?;
        let mut starts = Vec::with_capacity(shards.len());
        let (mut clips, mut frames) = (0, 0);
        for (shard, card) in shards.iter().zip(cards) {
            let (found, said) = ([shard.len(), shard.frames()], [card.clips, card.frames]);
            if found != said {
                let message = format!("{} has {found:?} clips and frames, and {MANIFEST} says {said:?}", card.file);
                return Err(Failure::input(message).hint("the set was not copied completely").into());
            }
            starts.push([clips, frames]);
            (clips, frames) = (clips + card.clips, frames + card.frames);
        }
        if clips == 0 {
            return Err(Failure::input(format!("the split `{}` of `{}` has no clip", config.split, config.root.display())).into());
        }
        let (classes, pair) = (manifest.classes, config.pair);
        Ok(Packed { folder, classes, pair, shards, starts, clips, cache: Cache::default(), encoding })
    }

    /// The shard of a clip, and the clip's row there.
    fn place(&self, clip: usize) -> (usize, usize) {
        let shard = self.starts.partition_point(|[start, _]| *start <= clip) - 1;
        (shard, clip - self.starts[shard][0])
    }

    fn skipped(&self, clip: usize, frame: usize, reason: &str) -> Skipped {
        Skipped { path: self.folder.join(self.name(clip)), reason: format!("frame {frame}: {}", reason.replace('\n', " ")) }
    }
}

fn no_split(config: &Config, manifest: &Manifest) -> Failure {
    let names: Vec<&str> = manifest.splits.keys().map(String::as_str).collect();
    Failure::input(format!("`{}` has no split `{}`", config.root.display(), config.split))
        .nearest(&config.split, names.iter().copied())
        .hint(format!("its splits: {}; in a template `split` (a transfer: `train_split`, `eval_split`)", names.join(", ")))
}

impl Clips for Packed {
    fn len(&self) -> usize {
        self.clips
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, clip: usize) -> usize {
        let (shard, row) = self.place(clip);
        self.shards[shard].class(row)
    }

    fn name(&self, clip: usize) -> String {
        let (shard, row) = self.place(clip);
        self.shards[shard].path(row).to_owned()
    }

    fn pair(&self, clip: usize, rng: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        let (shard, row) = self.place(clip);
        let [first, second] = self.pair.draw_timed(self.shards[shard].seconds(row), rng);
        let picture = self.frame(clip, first)?;
        if first == second {
            return Ok([picture.clone(), picture]);
        }
        Ok([picture, self.frame(clip, second)?])
    }

    fn frames(&self, clip: usize) -> usize {
        let (shard, row) = self.place(clip);
        self.shards[shard].seconds(row).len()
    }

    fn seconds(&self, clip: usize) -> Option<&[f64]> {
        let (shard, row) = self.place(clip);
        Some(self.shards[shard].seconds(row))
    }

    fn frame(&self, clip: usize, frame: usize) -> Result<Arc<Picture>, Skipped> {
        let (at, row) = self.place(clip);
        let shard = &self.shards[at];
        let decode = || shard.picture(row, frame).map(Arc::new).map_err(|reason| self.skipped(clip, frame, &reason));
        // Raw frames lie in the map already; keeping them once more would only take memory.
        if self.encoding == Encoding::Raw {
            decode()
        } else {
            self.cache.get(self.starts[at][1] + shard.first_frame(row) + frame, decode)
        }
    }
}
