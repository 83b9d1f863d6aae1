//! What is in a data set: read from its index, without decoding a picture.

use super::annotation::{self, Entry, Media};
use super::packed::{Encoding, MANIFEST, Manifest, Shard, ShardCard};
use super::pair::Pair;
use super::{Source, frame_folder, image_folder, packed};
use crate::failure::Failure;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What is in a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contents {
    /// `packed set`, or the format of a folder's annotations.
    pub kind: String,
    /// What a frame is stored as; none for a folder of files.
    pub encoding: Option<Encoding>,
    /// Its splits.
    pub splits: Vec<SplitContents>,
}

/// What is in a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitContents {
    /// Its name.
    pub split: String,
    /// Clips in it; an image is a clip of one frame.
    pub clips: usize,
    /// Frames in it, where they are known without decoding.
    pub frames: Option<usize>,
    /// Size of its files.
    pub bytes: u64,
    /// Clips of every class, in the order of the classes.
    pub classes: Vec<(String, usize)>,
    /// The short side of the frames, in pixels, where it is known.
    pub short_side: Option<Spread>,
    /// The ratio of width to height, where it is known.
    pub aspect: Option<Spread>,
    /// From the first to the last frame of a clip, in seconds, where it is known.
    pub seconds: Option<Spread>,
    /// Frames a clip, where they are known.
    pub frames_per_clip: Option<Spread>,
}

/// The smallest, the middle and the largest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// As many are smaller as are larger.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        Some(Spread { least, median: numbers[numbers.len() / 2], most })
    }
}

/// Looks into a packed set, or a folder of videos, images or frames.
///
/// # Errors
/// A [`Failure`] when there is no such folder, or nothing in it.
pub fn inspect(data: &Path) -> Result<Contents> {
    if !data.join(MANIFEST).is_file() {
        return folder(data);
    }
    let manifest = Manifest::read(data)?;
    let encoding = manifest.settings.encoding;
    let mut splits = Vec::new();
    for (split, cards) in &manifest.splits {
        let open = |card: &ShardCard| Shard::open(&data.join(&card.file), encoding, manifest.classes.len());
        let shards = cards.iter().map(open).collect::<Result<Vec<_>>>()?;
        let clips: Vec<(&Shard, usize)> = shards.iter().flat_map(|shard| (0..shard.len()).map(move |row| (shard, row))).collect();
        let mut classes: Vec<(String, usize)> = manifest.classes.iter().map(|class| (class.clone(), 0)).collect();
        clips.iter().for_each(|(shard, row)| classes[shard.class(*row)].1 += 1);
        let spread = |of: &dyn Fn(&Shard, usize) -> f64| Spread::of(clips.iter().map(|(shard, row)| of(shard, *row)).collect());
        splits.push(SplitContents {
            split: split.clone(),
            clips: clips.len(),
            frames: Some(cards.iter().map(|card| card.frames).sum()),
            bytes: cards.iter().map(|card| card.bytes).sum(),
            classes,
            short_side: spread(&|shard, row| shard.size(row).into_iter().min().unwrap_or(0) as f64),
            aspect: spread(&|shard, row| shard.size(row)[0] as f64 / shard.size(row)[1] as f64),
            seconds: spread(&|shard, row| {
                let seconds = shard.seconds(row);
                seconds.last().copied().unwrap_or(0.0) - seconds.first().copied().unwrap_or(0.0)
            }),
            frames_per_clip: spread(&|shard, row| shard.seconds(row).len() as f64),
        });
    }
    Ok(Contents { kind: "packed set".into(), encoding: Some(encoding), splits })
}

fn folder(data: &Path) -> Result<Contents> {
    let listing = annotation::read(data, &[], None)?;
    let mut splits: Vec<SplitContents> = Vec::new();
    for entry in &listing.entries {
        let at = splits.iter().position(|split| split.split == entry.split).unwrap_or_else(|| {
            splits.push(SplitContents {
                split: entry.split.clone(),
                clips: 0,
                frames: None,
                bytes: 0,
                classes: listing.classes.iter().map(|class| (class.clone(), 0)).collect(),
                short_side: None,
                aspect: None,
                seconds: None,
                frames_per_clip: None,
            });
            splits.len() - 1
        });
        let split = &mut splits[at];
        split.clips += 1;
        split.classes[entry.class].1 += 1;
        split.bytes += bytes(&data.join(&entry.path), &entry.media);
    }
    Ok(Contents { kind: listing.format.into(), encoding: None, splits })
}

fn bytes(path: &Path, media: &Media) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    match media {
        Media::Video | Media::Image => size(path),
        Media::Frames { .. } => fs::read_dir(path).map_or(0, |files| files.flatten().map(|file| size(&file.path())).sum()),
        Media::Sample { members, .. } => members.iter().map(|member| member.bytes).sum(),
    }
}

/// The source that a folder is: a split of a packed set, a folder of images, or of frames.
///
/// # Errors
/// A [`Failure`] when it is none, as a folder of videos that have to be packed first.
pub fn source(data: &Path, split: &str) -> Result<Source> {
    let pair = Pair::Distant { segments: 2 };
    if data.join(MANIFEST).is_file() {
        return Ok(Source::Packed(packed::Config { root: data.into(), split: split.into(), pair }));
    }
    let listing = annotation::read(data, &[], None)?;
    let entries: Vec<&Entry> = listing.entries.iter().filter(|entry| entry.split == split).collect();
    let Some(first) = entries.first() else {
        let splits: BTreeSet<&str> = listing.entries.iter().map(|entry| entry.split.as_str()).collect();
        let failure = Failure::input(format!("`{}` has no split `{split}`", data.display()));
        let known = splits.iter().copied().collect::<Vec<_>>().join(", ");
        return Err(failure.nearest(split, splits.iter().copied()).hint(format!("its splits: {known}")).into());
    };
    // Below a folder for the split, where there is one: all clips lie in it, and it is no class.
    let top = first.path.iter().next().unwrap_or_default();
    let is_split =
        entries.iter().all(|entry| entry.path.starts_with(top)) && !listing.classes.iter().any(|class| top == class.as_str());
    let root = if is_split { data.join(top) } else { data.to_owned() };
    let is_frames = |entry: &&&Entry| matches!(entry.media, Media::Frames { .. });
    match entries.iter().find(is_frames).unwrap_or(first).media {
        Media::Image => Ok(Source::ImageFolder(image_folder::Config { root })),
        Media::Frames { .. } => Ok(Source::FrameFolder(frame_folder::Config { root, pair })),
        Media::Video | Media::Sample { .. } => {
            let what = format!("`{}` holds videos or tar files, which are decoded once before they are used", data.display());
            let failure = Failure::input(what);
            Err(failure.hint(format!("pack them: `vicmae pack {} --out DIR`, and name DIR", data.display())).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_its_ends_and_its_middle() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
    }
}
