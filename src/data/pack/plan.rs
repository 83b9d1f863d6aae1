//! What a pack will write, file by file: decided before the first clip is decoded, and the same again when it is resumed.

use crate::data::annotation::{Entry, Listing, Media};
use crate::data::packed::{Encoding, Settings, ShardCard};
use crate::run_folder::write_atomically;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Name of the plan of an unfinished set.
const PLAN: &str = "plan.json";

/// Bytes of source a file, about: what an interruption can cost.
const SOURCE_BYTES: u64 = 256 << 20;

/// Bytes that a frame in a folder of frames is taken to have.
const FRAME: u64 = 32 << 10;

/// What is written down when a pack begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Of every entry: path, class, split and size, and of the names of the classes.
    pub(super) listing: String,
    /// What was asked for.
    pub(super) asked: Asked,
    /// What a frame is stored as, where that was to be found out.
    pub(super) encoding: Encoding,
}

/// The options that decide what is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) settings: Settings,
    /// Whether the encoding is to be found out from the size.
    pub(super) budget: Option<u64>,
    /// Clips a file, at most.
    pub(super) shard_clips: usize,
}

/// A file that is to be written: some entries of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShardPlan {
    pub(super) name: String,
    pub(super) split: String,
    pub(super) entries: Vec<usize>,
}

/// What became of the entries of a file, kept beside it until all files are done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ShardDone {
    /// None when no clip could be read.
    pub(super) card: Option<ShardCard>,
    pub(super) rejected: Vec<Told>,
    pub(super) damaged: Vec<Told>,
    /// Files with several video streams.
    pub(super) with_other_streams: usize,
}

/// A file, what is the matter with it, and how many of its frames were decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) file: String,
    pub(super) reason: String,
    pub(super) frames_decoded: usize,
}

impl Plan {
    /// Where the plan of an unfinished set is.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(PLAN)
    }

    /// The plan of an unfinished set, when it has one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        read(&Self::path(folder))
    }

    /// Whether an unfinished set has a plan; one that is complete but for its name has none.
    pub(super) fn is_in(folder: &Path) -> bool {
        folder.join(PLAN).is_file()
    }

    /// Writes the plan of an unfinished set.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        write_atomically(&folder.join(PLAN), &serde_json::to_vec_pretty(self)?)
    }

    /// Takes the plan away, when everything is done.
    pub(super) fn remove(folder: &Path) -> Result<()> {
        fs::remove_file(folder.join(PLAN)).context("cannot remove the plan of the finished set")
    }
}

impl ShardPlan {
    /// What became of it, when it is done. A note that cannot be read is none, and the file is made again.
    pub(super) fn done(&self, folder: &Path) -> Option<ShardDone> {
        read(&folder.join(self.note())).ok().flatten()
    }

    /// Writes down that it is done.
    pub(super) fn finish(&self, folder: &Path, done: &ShardDone) -> Result<()> {
        write_atomically(&folder.join(self.note()), &serde_json::to_vec(done)?)
    }

    /// Takes the note away.
    pub(super) fn forget(&self, folder: &Path) -> Result<()> {
        fs::remove_file(folder.join(self.note())).with_context(|| format!("cannot remove the note on {}", self.name))
    }

    fn note(&self) -> String {
        format!(".{}.json", self.name)
    }
}

/// Cuts the entries of every split into files, by number of clips and size of source, which no decoding can change.
pub(super) fn shards(listing: &Listing, sizes: &[u64], most: usize) -> Vec<ShardPlan> {
    let mut splits: Vec<&str> = Vec::new();
    for entry in &listing.entries {
        if !splits.contains(&entry.split.as_str()) {
            splits.push(&entry.split);
        }
    }
    let mut shards = Vec::new();
    for split in splits {
        let entries: Vec<usize> = (0..listing.entries.len()).filter(|at| listing.entries[*at].split == split).collect();
        for (number, range) in cuts(&entries, sizes, most).into_iter().enumerate() {
            let name = format!("{split}-{number:05}.arrow");
            shards.push(ShardPlan { name, split: split.to_owned(), entries: entries[range].to_vec() });
        }
    }
    shards
}

fn cuts(entries: &[usize], sizes: &[u64], most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, entry) in entries.iter().enumerate() {
        bytes += sizes[*entry];
        if at + 1 - start == most || bytes >= SOURCE_BYTES || at + 1 == entries.len() {
            ranges.push(start..at + 1);
            (start, bytes) = (at + 1, 0);
        }
    }
    ranges
}

/// The sizes of the entries' files; of a folder of frames, as if every file in it had [`FRAME`] bytes, so that it is listed and no
/// more.
pub(super) fn sizes(root: &Path, entries: &[Entry]) -> Vec<u64> {
    let size = |entry: &Entry| match &entry.media {
        Media::Frames { .. } => FRAME * fs::read_dir(root.join(&entry.path)).map_or(0, Iterator::count) as u64,
        Media::Sample { members, .. } => members.iter().map(|member| member.bytes).sum(),
        Media::Video | Media::Image => fs::metadata(root.join(&entry.path)).map_or(0, |file| file.len()),
    };
    entries.iter().map(size).collect()
}

/// A hash of what is to be packed: names, classes, splits and sizes of files.
pub(super) fn hash(listing: &Listing, sizes: &[u64]) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for class in &listing.classes {
        hasher.update(class.as_bytes()).update(b"\0");
    }
    for (entry, size) in listing.entries.iter().zip(sizes) {
        hasher.update(entry.path.as_os_str().as_encoded_bytes()).update(b"\0").update(entry.split.as_bytes()).update(b"\0");
        hasher.update(&serde_json::to_vec(&entry.media)?).update(&(entry.class as u64).to_le_bytes()).update(&size.to_le_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// A hash of everything that decides what is in a set.
pub(super) fn recipe(listing: &str, asked: &Asked) -> Result<String> {
    Ok(blake3::hash(&serde_json::to_vec(&(listing, asked))?).to_hex().to_string())
}

/// A file of JSON; none when it is not there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display())).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_by_clips_and_by_bytes() {
        assert_eq!(cuts(&[0, 1, 2], &[1, 1, 1], 512), vec![0..3]);
        assert_eq!(cuts(&[0, 1, 2], &[SOURCE_BYTES, 1, 1], 512), [0..1, 1..3]);
        let many: Vec<usize> = (0..1030).collect();
        assert_eq!(cuts(&many, &vec![1; 1030], 512), [0..512, 512..1024, 1024..1030]);
        assert_eq!(cuts(&[], &[], 512), Vec::<Range<usize>>::new());
    }
}
