//! One entry of a listing, decoded: a row of the packed set, or the reason why there is none.

use super::choose::Chosen;
use crate::data::annotation::{self, Entry, Media, Member};
use crate::data::ffmpeg::{Ffmpeg, Film, Frame, Length, Rejected, Wish, length};
use crate::data::packed::{Encoding, Frames, Row, Settings};
use crate::data::picture::Picture;
use crate::data::resize;
use anyhow::{Context, Result, bail};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde::Deserialize;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest side of a frame, that of JPEG.
const LONGEST: usize = 65_535;

/// Bytes of raw frames of one clip, at most: a clip is held whole before it is written.
const MOST: usize = 2_000_000_000;

/// Turns entries into rows.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) root: PathBuf,
    pub(super) settings: Settings,
    /// None where there is no video among the entries.
    pub(super) ffmpeg: Option<Ffmpeg>,
    pub(super) patience: Duration,
}

/// A clip that was read.
pub(super) struct Clip {
    pub(super) row: Row,
    /// Frames that were decoded to choose those of the row.
    pub(super) decoded: usize,
    /// What is wrong with the file, where not all of it could be decoded.
    pub(super) damage: Option<String>,
    /// Whether the file has other video streams.
    pub(super) has_other_streams: bool,
}

impl Reader {
    /// Reads one entry. What is rejected never stops the others; neither does a decoder that panics.
    ///
    /// # Errors
    /// When it is the machine that fails, and every other entry would fare the same.
    pub(super) fn read(&self, entry: &Entry) -> Result<Result<Clip, Rejected>> {
        let read = catch_unwind(AssertUnwindSafe(|| match &entry.media {
            Media::Video => self.video(&self.root.join(&entry.path)),
            Media::Image => Ok(self.image(&self.root.join(&entry.path))),
            Media::Frames { first, count } => Ok(self.frames(&self.root.join(&entry.path), *first, *count)),
            Media::Sample { tar, members } => self.sample(&self.root.join(tar), members),
        }));
        let clip = match read.unwrap_or_else(|_| Ok(Err(rejected("the decoder panicked"))))? {
            Ok(pictures) => self.encoded(entry, pictures),
            Err(rejected) => Err(rejected),
        };
        if clip.is_err() && !self.root.is_dir() {
            bail!("the source {} is gone", self.root.display());
        }
        Ok(clip)
    }

    fn encoded(&self, entry: &Entry, pictures: Pictures) -> Result<Clip, Rejected> {
        let Pictures { width, height, frames, decoded, stream, damage, has_other_streams } = pictures;
        if width.max(height) > LONGEST {
            return Err(rejected(format!("a frame has at most {LONGEST} pixels a side, not {}", width.max(height))));
        }
        let (seconds, frames): (Vec<f64>, Vec<Vec<u8>>) = frames.into_iter().unzip();
        let encode = |rgb: Vec<u8>| match self.settings.encoding {
            Encoding::Raw => Ok(rgb),
            Encoding::Jpeg(quality) => jpeg(&rgb, width, height, quality),
        };
        let frames = frames.into_iter().map(encode).collect::<Result<Vec<_>, _>>();
        let frames = frames.map_err(|reason| Rejected { reason, frames: decoded })?;
        let path = entry.path.to_string_lossy().into_owned();
        let row = Row { path, class: entry.class, width, height, seconds, frames, stream };
        Ok(Clip { row, decoded, damage, has_other_streams })
    }

    fn video(&self, path: &Path) -> Result<Result<Pictures, Rejected>> {
        let ffmpeg = self.ffmpeg.as_ref().context("there is no ffmpeg to read videos")?;
        let Settings { short_side, fps, frames, .. } = self.settings;
        let wish = Wish { short_side, fps, even: None, threads: 1, patience: self.patience };
        if let Some(pictures) = self.video_by_its_index(ffmpeg, path, &wish)? {
            return Ok(Ok(pictures));
        }
        let mut chosen = Chosen::new(frames);
        let mut too_long = false;
        let mut on_frame = |frame: Frame| {
            let bytes = match frames {
                Frames::All => chosen.bytes() + frame.rgb.len(),
                Frames::Even(count) => frame.rgb.len().saturating_mul(count),
            };
            match bytes > MOST {
                true => too_long = true,
                false => chosen.add(frame.seconds, frame.rgb.len(), frame.rgb),
            }
        };
        let film = match ffmpeg.decode(path, &wish, &mut on_frame)? {
            Ok(film) => film,
            Err(rejected) => return Ok(Err(rejected)),
        };
        if too_long {
            return Ok(Err(Rejected { reason: too_large(), frames: film.frames }));
        }
        Ok(Ok(Pictures {
            width: film.width,
            height: film.height,
            frames: chosen.finish(),
            decoded: film.frames,
            stream: film.stream,
            damage: film.damage,
            has_other_streams: film.streams > 1,
        }))
    }

    /// A video whose file says how long it is: only the frames that are wanted are scaled and handed over, which is most of the work
    /// where few of many are. None where the file does not say, or where it turns out not to be so, or damaged.
    fn video_by_its_index(&self, ffmpeg: &Ffmpeg, path: &Path, wish: &Wish) -> Result<Option<Pictures>> {
        let (Frames::Even(count), None) = (self.settings.frames, self.settings.fps) else { return Ok(None) };
        let enough = |length: &Length| length.frames > count.saturating_mul(2);
        let Some(length) = length(path).filter(enough) else { return Ok(None) };
        let mut frames = Vec::new();
        let wish = Wish { even: Some((count, length.seconds)), ..wish.clone() };
        let film = ffmpeg.decode(path, &wish, &mut |frame| {
            // One too many shows that the file is longer than it says, and no more of them need to be held.
            if frames.len() <= count {
                frames.push((frame.seconds, frame.rgb));
            }
        })?;
        // Each lies in its part or not far behind it; where time begins late or stands still they come in a burst.
        let part = length.seconds / count as f64;
        let is_even = frames.len() == count && frames.iter().enumerate().all(|(k, (time, _))| *time < (k as f64 + 1.5) * part);
        Ok(match film {
            Ok(Film { width, height, stream, streams, damage: None, .. }) if is_even => {
                let decoded = length.frames;
                Some(Pictures { width, height, frames, decoded, stream, damage: None, has_other_streams: streams > 1 })
            }
            _ => None,
        })
    }

    fn image(&self, path: &Path) -> Result<Pictures, Rejected> {
        let picture = Picture::read(path).map_err(|skipped| rejected(skipped.reason))?;
        let Picture { width, height, rgb } = self.shrunk(picture);
        let frames = vec![(0.0, rgb.into())];
        Ok(Pictures { width, height, frames, decoded: 1, stream: "image".into(), damage: None, has_other_streams: false })
    }

    /// A folder of images.
    fn frames(&self, folder: &Path, first: usize, count: Option<usize>) -> Result<Pictures, Rejected> {
        let paths = annotation::frames_of(folder).into_iter().skip(first).take(count.unwrap_or(usize::MAX));
        let times = (0..).map(|n| f64::from(n) / self.settings.source_fps);
        self.pictures(times.zip(paths), |path| {
            let name = path.file_name().unwrap_or_default().display().to_string();
            Picture::read(path).map_err(|skipped| format!("{name}: {}", skipped.reason))
        })
    }

    /// Files inside of a tar file: a video, or images with their times in a JSON file beside them.
    fn sample(&self, tar: &Path, members: &[Member]) -> Result<Result<Pictures, Rejected>> {
        let read = |member: &Member| File::open(tar).and_then(|mut tar| member.read(&mut tar));
        let bytes = |member: &Member| read(member).map_err(|error| format!("{}: {error}", tar.display()));
        if let Some(member) = members.iter().find(|member| member.media() == Some(Media::Video)) {
            // A decoder goes back and forth in a film, which the pipe of a part of a file does not allow.
            let ending = Path::new(&member.name).extension().and_then(|ending| ending.to_str()).unwrap_or(&member.name);
            let mut file = tempfile::Builder::new().suffix(&format!(".{ending}")).tempfile().context("cannot copy a film")?;
            let copied = File::open(tar).and_then(|mut tar| member.copy(&mut tar, file.as_file_mut()));
            return match copied {
                Ok(()) => self.video(file.path()),
                Err(error) => Ok(Err(rejected(format!("{}: {error}", tar.display())))),
            };
        }
        let images: Vec<&Member> = members.iter().filter(|member| member.media() == Some(Media::Image)).collect();
        let notes = members
            .iter()
            .find(|member| member.name == "json" && member.bytes <= annotation::NOTES)
            .and_then(|member| bytes(member).ok());
        let notes = notes.and_then(|notes| serde_json::from_slice::<Notes>(&notes).ok()).unwrap_or_default();
        let known = notes.seconds.len() == images.len() && notes.seconds.is_sorted();
        let time = |n: usize| if known { notes.seconds[n] } else { n as f64 / self.settings.source_fps };
        let timed = images.into_iter().enumerate().map(|(n, member)| (time(n), member));
        Ok(self.pictures(timed, |member| {
            bytes(member).and_then(|file| Picture::decode(&file)).map_err(|reason| format!("{}: {reason}", member.name))
        }))
    }

    /// Images that are one clip: those of the chosen ones that can be read, in the size of the first.
    fn pictures<T>(
        &self,
        all: impl Iterator<Item = (f64, T)>,
        read: impl Fn(&T) -> Result<Picture, String>,
    ) -> Result<Pictures, Rejected> {
        let mut damage = None;
        let mut pictures = Vec::new();
        let mut bytes = 0;
        for (seconds, image) in self.chosen(all) {
            match read(&image).map(|picture| self.shrunk(picture)) {
                Ok(picture) => {
                    bytes += picture.rgb.len();
                    if bytes > MOST {
                        return Err(rejected(too_large()));
                    }
                    pictures.push((seconds, picture));
                }
                Err(reason) => drop(damage.get_or_insert(reason)),
            }
        }
        let Some((_, Picture { width, height, .. })) = pictures.first() else {
            return Err(rejected(damage.unwrap_or_else(|| "it holds no image".to_owned())));
        };
        let (width, height, decoded) = (*width, *height, pictures.len());
        let is_other = |picture: &Picture| (picture.width, picture.height) != (width, height);
        if let Some((_, other)) = pictures.iter().find(|(_, other)| is_other(other)) {
            let (w, h) = (other.width, other.height);
            damage.get_or_insert_with(|| format!("a frame of {w}x{h} among those of {width}x{height}: brought to their size"));
        }
        let same_size = |picture: Picture| match is_other(&picture) {
            true => resize::fitted(&picture, width, height),
            false => picture,
        };
        let frames = pictures.into_iter().map(|(seconds, picture)| (seconds, same_size(picture).rgb.into())).collect();
        Ok(Pictures { width, height, frames, decoded, stream: "images".into(), damage, has_other_streams: false })
    }

    /// Those of the images that are looked at, by their times.
    fn chosen<T>(&self, all: impl Iterator<Item = (f64, T)>) -> Vec<(f64, T)> {
        let mut chosen = Chosen::new(self.settings.frames);
        let mut before = None;
        for (seconds, image) in all {
            let tick = self.settings.fps.map(|fps| (seconds * fps + 1e-6).floor());
            if tick.is_none() || tick != before {
                chosen.add(seconds, 1, image);
            }
            before = tick;
        }
        chosen.finish()
    }

    /// A picture, its short side brought down to what is asked for.
    fn shrunk(&self, picture: Picture) -> Picture {
        let shortest = picture.width.min(picture.height);
        match self.settings.short_side {
            Some(side) if side < shortest => {
                let scaled = |length: usize| ((length * side) as f64 / shortest as f64).round() as usize;
                resize::fitted(&picture, scaled(picture.width), scaled(picture.height))
            }
            _ => picture,
        }
    }
}

/// What is known of the images of a sample.
#[derive(Default, Deserialize)]
struct Notes {
    #[serde(default)]
    seconds: Vec<f64>,
}

/// The frames that were chosen, before they are encoded.
struct Pictures {
    width: usize,
    height: usize,
    frames: Vec<(f64, Vec<u8>)>,
    /// Frames that were decoded to choose these.
    decoded: usize,
    stream: String,
    damage: Option<String>,
    has_other_streams: bool,
}

fn too_large() -> String {
    format!("its frames take more than {} MB: ask for fewer with `--frames` or `--fps`", MOST / 1_000_000)
}

fn rejected(reason: impl Into<String>) -> Rejected {
    Rejected { reason: reason.into(), frames: 0 }
}

/// A JPEG with colours at half resolution, as cameras and Pillow write it.
fn jpeg(rgb: &[u8], width: usize, height: usize, quality: u8) -> Result<Vec<u8>, String> {
    let side = |length: usize| u16::try_from(length).map_err(|error| error.to_string());
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(rgb, side(width)?, side(height)?, ColorType::Rgb).map_err(|error| error.to_string())?;
    Ok(file)
}
