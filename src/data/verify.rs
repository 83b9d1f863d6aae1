//! Is every picture of a data set readable, and is it what was written?

use super::annotation;
use super::ffmpeg::Ffmpeg;
use super::pack;
use super::packed::{Encoding, MANIFEST, Manifest, Shard, ShardCard};
use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, and the clip in it where it has several.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

/// Reads every clip of a data set: of a packed one, every file and every row against its hash, and every JPEG; of a folder, every
/// file, by decoding it. `on` is told how many of how many are done.
///
/// # Errors
/// A [`crate::failure::Failure`] when it is no data set. What is wrong with single clips is in the list.
pub fn verify(data: &Path, on: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<Fault>> {
    if !data.join(MANIFEST).is_file() {
        return folder(data, on);
    }
    let manifest = Manifest::read(data)?;
    let cards: Vec<&ShardCard> = manifest.splits.values().flatten().collect();
    let all = cards.iter().map(|card| card.clips).sum();
    let done = AtomicUsize::new(0);
    let tick = || on(done.fetch_add(1, Ordering::Relaxed) + 1, all);
    let faults = cards.iter().map(|card| shard(data, card, manifest.settings.encoding, manifest.classes.len(), &tick));
    Ok(faults.flatten().collect())
}

fn shard(data: &Path, card: &ShardCard, encoding: Encoding, classes: usize, tick: &(dyn Fn() + Sync)) -> Vec<Fault> {
    let path = data.join(&card.file);
    let whole = |reason: String| vec![Fault { file: card.file.clone(), reason }];
    match file_hash(&path) {
        Err(error) => return whole(format!("{error:#}")),
        Ok(hash) if hash == card.blake3 => {}
        // The rows tell which clips are hit; a file with a broken index has none.
        Ok(_) => {
            let faults = Shard::open(&path, encoding, classes).map(|open| rows(&open, card, &|| ()));
            let reason = "its bytes are not those that were written".to_owned();
            return faults.unwrap_or_default().into_iter().chain(whole(reason)).collect();
        }
    }
    match Shard::open(&path, encoding, classes) {
        Ok(open) => rows(&open, card, tick),
        Err(error) => whole(error.to_string()),
    }
}

fn rows(shard: &Shard, card: &ShardCard, tick: &(dyn Fn() + Sync)) -> Vec<Fault> {
    let check = |row: usize| -> Option<Fault> {
        let wrong = match () {
            () if !shard.is_whole(row) => Some("its frames are not those that were written".to_owned()),
            () => (0..shard.seconds(row).len()).find_map(|frame| shard.picture(row, frame).err()),
        };
        tick();
        wrong.map(|reason| Fault { file: format!("{}: {}", card.file, shard.path(row)), reason })
    };
    (0..shard.len()).into_par_iter().filter_map(check).collect()
}

fn file_hash(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(blake3::Hasher::new().update_reader(file).context("cannot be read to its end")?.finalize().to_hex().to_string())
}

fn folder(data: &Path, on: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<Fault>> {
    let listing = annotation::read(data, &[], None)?;
    let videos = listing.entries.iter().any(|entry| entry.media.is_video());
    let ffmpeg = if videos { Some(Ffmpeg::find()?) } else { None };
    let (done, all) = (AtomicUsize::new(0), listing.entries.len());
    let check = |entry: &annotation::Entry| {
        let wrong = pack::what_is_wrong(data, entry, ffmpeg.as_ref());
        on(done.fetch_add(1, Ordering::Relaxed) + 1, all);
        wrong.map(|reason| Fault { file: entry.path.display().to_string(), reason })
    };
    let problems = listing.problems.iter().map(|problem| Fault { file: problem.file.clone(), reason: problem.reason.clone() });
    Ok(problems.chain(listing.entries.par_iter().filter_map(check).collect::<Vec<_>>()).collect())
}
