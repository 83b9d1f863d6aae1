//! Packing: a tree of videos or images is decoded once, in order, on all cores, into files that training reads by memory map.
//!
//! The work lies in `DIR.partial` until all of it is done, and is then renamed to `DIR`: a set is complete or not there. Files that
//! are complete are kept when a pack is interrupted, so the same command goes on, and ends with the same bytes.

mod choose;
mod clip;
mod csv_file;
mod plan;
mod summary;
mod unfinished;

pub use summary::{SplitSummary, Summary};

use super::annotation::{self, Entry, List, Listing, Media};
use super::ffmpeg::Ffmpeg;
use super::packed::{Encoding, Frames, MANIFEST, Manifest, Settings, ShardWriter};
use super::prefetch::Ordered;
use crate::failure::Failure;
use crate::failure::Fault;
use anyhow::{Context, Result};
use clip::{Clip, Reader};
use plan::{Asked, Plan, ShardDone, ShardPlan, Told};
use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;
use unfinished::Unfinished;

/// The longest that a decoder may say nothing, where nobody chose.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Clips a file, where nobody chose.
pub const SHARD_CLIPS: usize = 512;

/// Entries that are decoded to estimate the size of all.
const SAMPLE: usize = 8;

/// What is to be packed, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The folder that the clips lie in.
    pub source: &'a Path,
    /// Lists of its clips; none: the folders say what they are.
    pub lists: &'a [List],
    /// A file of class names, for lists of numbers.
    pub classes: Option<&'a Path>,
    /// The folder to make.
    pub out: &'a Path,
    /// How clips become frames.
    pub settings: Settings,
    /// Raw frames are kept when the whole set is estimated to be no larger than this many bytes, and the encoding of `settings`
    /// is used otherwise. None: the encoding of `settings` is used.
    pub budget: Option<u64>,
    /// Entries of lists that may be missing, unknown, double or unreadable before it is refused.
    pub max_problems: Limit,
    /// Clips decoded at a time.
    pub jobs: usize,
    /// The longest that a decoder may say nothing.
    pub patience: Duration,
    /// Clips a file, at most. A file also ends after about 256 MiB of source: an interruption costs the files in work.
    pub shard_clips: usize,
    /// The split of all clips, whatever the folders or lists say.
    pub split: Option<&'a str>,
    /// Throws away what an earlier pack with other options left.
    pub restart: bool,
}

impl<'a> Request<'a> {
    /// All of a folder, by what its folders say, with nothing wrong in it allowed and everything else as if nobody chose.
    pub fn new(source: &'a Path, out: &'a Path, settings: Settings) -> Self {
        Request {
            source,
            lists: &[],
            classes: None,
            out,
            settings,
            budget: None,
            max_problems: Limit::Count(0),
            jobs: available_parallelism().map_or(1, NonZeroUsize::get),
            patience: PATIENCE,
            shard_clips: SHARD_CLIPS,
            split: None,
            restart: false,
        }
    }
}

/// How many of something are too many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// More than this many.
    Count(usize),
    /// More than this share, 0 to 1.
    Share(f64),
}

impl Limit {
    /// Whether `count` of `all` are too many.
    pub fn is_exceeded(self, count: usize, all: usize) -> bool {
        match self {
            Limit::Count(most) => count > most,
            Limit::Share(share) => count as f64 > share * all as f64,
        }
    }
}

/// How far a pack is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries that were looked at, now and before.
    pub done: usize,
    /// Entries in all.
    pub all: usize,
    /// Frames written by this process.
    pub frames: u64,
    /// Bytes of frames written by this process.
    pub bytes: u64,
    /// Entries left out so far.
    pub rejected: usize,
}

/// Packs a source. `on` is called after every clip.
///
/// # Errors
/// A [`Failure`] before any work when the source, its lists or the options are wrong, when ffmpeg is missing and needed, when the
/// set is there already with other content, and when another process packs it; and when it was stopped or nothing could be read.
pub fn pack(request: &Request<'_>, stop: &AtomicBool, on: &mut dyn FnMut(Progress)) -> Result<Summary> {
    let out = place(request.out)?;
    if request.source.join(MANIFEST).is_file() {
        let message = format!("`{}` is a packed set already", request.source.display());
        return Err(Failure::input(message).hint("name the folder of the videos or images that it was packed from").into());
    }
    let mut listing = annotation::read(request.source, request.lists, request.classes)?;
    if let Some(split) = request.split {
        listing.entries.iter_mut().for_each(|entry| split.clone_into(&mut entry.split));
    }
    summary::refuse_problems(&listing, request)?;
    let needs_ffmpeg = listing.entries.iter().any(|entry| entry.media.is_video());
    let ffmpeg = if needs_ffmpeg { Some(Ffmpeg::find()?) } else { None };
    let sizes = plan::sizes(request.source, &listing.entries);
    let asked = Asked { settings: request.settings.clone(), budget: request.budget, shard_clips: request.shard_clips };
    let hash = plan::hash(&listing, &sizes)?;
    let recipe = plan::recipe(&hash, &asked)?;
    let unfinished = Unfinished::hold(&out)?;
    if out.exists() {
        return match Manifest::read(&out) {
            Ok(manifest) if manifest.recipe == recipe => Ok(Summary { was_there: true, ..Summary::new(&manifest, &listing) }),
            other => Err(there_already(&out, other.is_ok()).into()),
        };
    }
    let made_by = ffmpeg.as_ref().map(|ffmpeg| format!(", ffmpeg {}", ffmpeg.version())).unwrap_or_default();
    let (root, settings, patience) = (request.source.to_owned(), request.settings.clone(), request.patience);
    let reader = Reader { root, settings, ffmpeg, patience };
    let plan = match unfinished.resume(&hash, &asked, request.restart)? {
        Some(plan) => plan,
        None => {
            let plan = Plan { encoding: encoding(&reader, &listing, request)?, listing: hash, asked };
            if stop.load(Ordering::Relaxed) {
                return Err(stopped(&Progress::default()).into());
            }
            plan.write(&unfinished.folder)?;
            plan
        }
    };
    let settings = Settings { encoding: plan.encoding, ..request.settings.clone() };
    let mut manifest = Manifest::new(recipe, settings.clone(), listing.classes.clone());
    manifest.made_by += &made_by;
    (manifest.source, manifest.annotations) = (request.source.display().to_string(), listing.format.into());
    let shards = plan::shards(&listing, &sizes, request.shard_clips);
    let (folder, reader) = (unfinished.folder.as_path(), Reader { settings, ..reader });
    let done = Work { folder, listing: &listing, shards: &shards, reader, jobs: request.jobs, stop }.run(on)?;
    complete(&mut manifest, folder, &listing, &shards, &done)?;
    unfinished.give_name()?;
    Ok(Summary::new(&manifest, &listing))
}

/// The place of the set, without dots in it: its name is changed at the end, so it must have one.
fn place(out: &Path) -> Result<PathBuf, Failure> {
    let place: PathBuf = out.components().collect();
    if place.file_name().is_none() {
        let failure = Failure::input(format!("`{}` names no folder that could be made", out.display()));
        return Err(failure.hint("`--out` names the folder that will be made"));
    }
    Ok(place)
}

/// What is wrong with a file: it cannot be decoded, or not all of it. Nothing is written.
pub(super) fn what_is_wrong(root: &Path, entry: &Entry, ffmpeg: Option<&Ffmpeg>) -> Option<String> {
    // One frame is kept, small: the file is read to its end all the same.
    let settings =
        Settings { short_side: Some(32), frames: Frames::Even(1), fps: None, encoding: Encoding::Raw, source_fps: 1.0 };
    let is_many = matches!(entry.media, Media::Frames { .. } | Media::Sample { .. });
    let settings = if is_many { Settings { frames: Frames::All, ..settings } } else { settings };
    let reader = Reader { root: root.to_owned(), settings, ffmpeg: ffmpeg.cloned(), patience: PATIENCE };
    match reader.read(entry) {
        Ok(Ok(clip)) => clip.damage,
        Ok(Err(rejected)) => Some(rejected.reason),
        Err(error) => Some(format!("{error:#}")),
    }
}

fn there_already(out: &Path, is_set: bool) -> Failure {
    let failure = Failure::input(format!("`{}` is there already", out.display()));
    failure.hint(match is_set {
        true => "it is a set that was packed from other files or with other options: `vicmae data inspect` shows it; name another `--out`, or remove it",
        false => "`--out` names the folder that will be made",
    })
}

/// Raw where the whole set fits the budget, going by clips from all over it; else, and where none of them can be read, what was
/// asked for.
fn encoding(reader: &Reader, listing: &Listing, request: &Request<'_>) -> Result<Encoding> {
    let Some(budget) = request.budget else { return Ok(request.settings.encoding) };
    let raw = Reader { settings: Settings { encoding: Encoding::Raw, ..reader.settings.clone() }, ..reader.clone() };
    let count = listing.entries.len();
    let entries: Vec<Entry> = listing.entries.iter().step_by(count.div_ceil(SAMPLE).max(1)).cloned().collect();
    let read = Ordered::new(entries.len(), request.jobs, move |at| raw.read(&entries[at]));
    let mut sizes = Vec::new();
    for clip in read {
        sizes.extend(clip??.ok().map(|clip| clip.row.bytes()));
    }
    let fits = |sizes: &[u64]| sizes.iter().sum::<u64>() / sizes.len() as u64 * count as u64 <= budget;
    Ok(if !sizes.is_empty() && fits(&sizes) { Encoding::Raw } else { request.settings.encoding })
}

/// The files that are still to be written.
struct Work<'a> {
    folder: &'a Path,
    listing: &'a Listing,
    shards: &'a [ShardPlan],
    reader: Reader,
    jobs: usize,
    stop: &'a AtomicBool,
}

impl Work<'_> {
    /// Writes what is missing, and returns what became of every file.
    fn run(&self, on: &mut dyn FnMut(Progress)) -> Result<Vec<ShardDone>> {
        let mut done = self.shards.iter().map(|shard| shard.done(self.folder)).collect::<Vec<_>>();
        let mut progress = Progress { all: self.listing.entries.len(), ..Progress::default() };
        let mut left: Vec<Entry> = Vec::new();
        for (shard, done) in self.shards.iter().zip(&done) {
            match done {
                Some(done) => {
                    progress.done += shard.entries.len();
                    progress.rejected += done.rejected.len();
                }
                None => left.extend(shard.entries.iter().map(|at| self.listing.entries[*at].clone())),
            }
        }
        on(progress);
        let reader = self.reader.clone();
        let mut clips = Ordered::new(left.len(), self.jobs, move |at| (left[at].clone(), reader.read(&left[at])));
        let classes: Arc<[String]> = self.listing.classes.clone().into();
        for (shard, done) in self.shards.iter().zip(&mut done).filter(|(_, done)| done.is_none()) {
            let mut writer = ShardWriter::begin(self.folder, &shard.name, &shard.split, &classes, self.reader.settings.encoding)?;
            let mut fresh = ShardDone::default();
            for _ in &shard.entries {
                let (entry, read) = clips.next().context("the decoders ended too early")??;
                if self.stop.load(Ordering::Relaxed) {
                    return Err(stopped(&progress).into());
                }
                take(&mut writer, &mut fresh, &mut progress, &entry, read?)?;
                on(progress);
            }
            let card = writer.finish()?;
            fresh.card = Some(card).filter(|card| card.clips > 0);
            shard.finish(self.folder, &fresh)?;
            *done = Some(fresh);
        }
        Ok(done.into_iter().flatten().collect())
    }
}

/// Writes a clip, or why there is none.
fn take(
    writer: &mut ShardWriter,
    done: &mut ShardDone,
    progress: &mut Progress,
    entry: &Entry,
    read: Result<Clip, super::ffmpeg::Rejected>,
) -> Result<()> {
    let file = entry.path.to_string_lossy().into_owned();
    progress.done += 1;
    match read {
        Ok(Clip { row, decoded, damage, has_other_streams }) => {
            progress.frames += row.frames.len() as u64;
            progress.bytes += row.bytes();
            done.damaged.extend(damage.map(|reason| Told { file, reason, frames_decoded: decoded }));
            done.with_other_streams += usize::from(has_other_streams);
            writer.add(row)
        }
        Err(super::ffmpeg::Rejected { reason, frames }) => {
            progress.rejected += 1;
            done.rejected.push(Told { file, reason, frames_decoded: frames });
            Ok(())
        }
    }
}

fn stopped(progress: &Progress) -> Failure {
    let message = format!("stopped after {} of {} files", progress.done, progress.all);
    Failure::new(Fault::Interrupted, message).hint("the same command goes on where it stopped")
}

/// Writes what holds for the whole set.
fn complete(manifest: &mut Manifest, folder: &Path, listing: &Listing, shards: &[ShardPlan], done: &[ShardDone]) -> Result<()> {
    let rejected: Vec<&Told> = done.iter().flat_map(|done| &done.rejected).collect();
    let damaged: Vec<&Told> = done.iter().flat_map(|done| &done.damaged).collect();
    csv_file::rejects(&folder.join("rejects.csv"), listing, &rejected)?;
    csv_file::damaged(&folder.join("damaged.csv"), &damaged)?;
    if done.iter().all(|done| done.card.is_none()) {
        // What kept all of them from being read may be mended, so the next attempt reads them again.
        shards.iter().try_for_each(|shard| shard.forget(folder))?;
        return Err(nothing(&rejected, folder).into());
    }
    for (shard, done) in shards.iter().zip(done) {
        match &done.card {
            Some(card) => manifest.splits.entry(shard.split.clone()).or_default().push(card.clone()),
            None => fs::remove_file(folder.join(&shard.name)).or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(error).with_context(|| format!("cannot remove the empty {}", shard.name)),
            })?,
        }
    }
    (manifest.rejected, manifest.damaged) = (rejected.len() + listing.problems.len(), damaged.len());
    manifest.with_other_streams = done.iter().map(|done| done.with_other_streams).sum();
    manifest.write(folder)?;
    // From here on the set is complete, and only its name is missing.
    Plan::remove(folder)
}

fn nothing(rejected: &[&Told], folder: &Path) -> Failure {
    let failure = Failure::input(format!("none of the {} files could be read", rejected.len()));
    let failure = match rejected.first() {
        Some(Told { file, reason, .. }) => failure.hint(format!("the first is {file}: {reason}")),
        None => failure,
    };
    failure.hint(format!("{} lists them all", folder.join("rejects.csv").display()))
}
