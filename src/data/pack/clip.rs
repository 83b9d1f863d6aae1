//! One entry of a listing, decoded: a row of the packed set, or the reason why there is none.

use super::choose::Chosen;
use crate::data::annotation::{Entry, Media};
use crate::data::ffmpeg::{Ffmpeg, Rejected, Wish};
use crate::data::listing::by_number;
use crate::data::packed::{Encoding, Row, Settings};
use crate::data::picture::Picture;
use crate::data::resize;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Reads one entry. What is rejected never stops the others.
    pub(super) fn read(&self, entry: &Entry) -> Result<Clip, Rejected> {
        let path = self.root.join(&entry.path);
        let pictures = match entry.media {
            Media::Video => self.video(&path)?,
            Media::Image => self.image(&path)?,
            Media::Frames { first, count } => self.frames(&path, first, count)?,
        };
        let Pictures { width, height, frames, decoded, stream, damage, has_other_streams } = pictures;
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

    fn video(&self, path: &Path) -> Result<Pictures, Rejected> {
        let ffmpeg = self.ffmpeg.as_ref().ok_or_else(|| rejected("there is no ffmpeg to read it"))?;
        let Settings { short_side, fps, frames, .. } = self.settings;
        let wish = Wish { short_side, fps, threads: 1, patience: self.patience };
        let mut chosen = Chosen::new(frames);
        let film = ffmpeg.decode(path, &wish, &mut |frame| chosen.add(frame.seconds, frame.rgb.len(), frame.rgb))?;
        Ok(Pictures {
            width: film.width,
            height: film.height,
            frames: chosen.finish(),
            decoded: film.frames,
            stream: film.stream,
            damage: film.damage,
            has_other_streams: film.streams > 1,
        })
    }

    fn image(&self, path: &Path) -> Result<Pictures, Rejected> {
        let picture = self.picture(path).map_err(rejected)?;
        let (width, height) = (picture.width, picture.height);
        let frames = vec![(0.0, picture.rgb.into())];
        Ok(Pictures { width, height, frames, decoded: 1, stream: "image".into(), damage: None, has_other_streams: false })
    }

    /// A folder of images: those that can be read, in the size of the first.
    fn frames(&self, folder: &Path, first: usize, count: Option<usize>) -> Result<Pictures, Rejected> {
        let mut read = Vec::new();
        let mut damage = None;
        for (seconds, path) in self.chosen_frames(folder, first, count).map_err(rejected)? {
            match self.picture(&path) {
                Ok(picture) => read.push((seconds, picture)),
                Err(reason) => {
                    let name = path.file_name().unwrap_or_default().display().to_string();
                    damage.get_or_insert_with(|| format!("{name}: {reason}"));
                }
            }
        }
        let Some((_, Picture { width, height, .. })) = read.first() else {
            return Err(rejected(damage.unwrap_or_else(|| "it holds no image".to_owned())));
        };
        let (width, height, decoded) = (*width, *height, read.len());
        if let Some((_, other)) = read.iter().find(|(_, other)| (other.width, other.height) != (width, height)) {
            let (w, h) = (other.width, other.height);
            damage.get_or_insert_with(|| format!("a frame of {w}x{h} among those of {width}x{height}: brought to their size"));
        }
        let same_size = |picture: Picture| match (picture.width, picture.height) == (width, height) {
            true => picture,
            false => resize::fitted(&picture, width, height),
        };
        let frames = read.into_iter().map(|(seconds, picture)| (seconds, same_size(picture).rgb.into())).collect();
        Ok(Pictures { width, height, frames, decoded, stream: "images".into(), damage, has_other_streams: false })
    }

    /// The files of a folder that are looked at, with their times.
    fn chosen_frames(&self, folder: &Path, first: usize, count: Option<usize>) -> Result<Vec<(f64, PathBuf)>, String> {
        let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.retain(|name| crate::data::listing::is_image(Path::new(name)) && !name.as_encoded_bytes().starts_with(b"."));
        names.sort_by(|a, b| by_number(a, b));
        let Settings { fps, frames, source_fps, .. } = self.settings;
        let mut chosen = Chosen::new(frames);
        let mut before = None;
        for (n, name) in names.into_iter().skip(first).take(count.unwrap_or(usize::MAX)).enumerate() {
            let seconds = n as f64 / source_fps;
            let tick = fps.map(|fps| (seconds * fps + 1e-6).floor());
            if tick.is_none() || tick != before {
                chosen.add(seconds, 1, folder.join(name));
            }
            before = tick;
        }
        Ok(chosen.finish())
    }

    /// An image, its short side brought down to what is asked for.
    fn picture(&self, path: &Path) -> Result<Picture, String> {
        let picture = Picture::read(path).map_err(|skipped| skipped.reason)?;
        let shortest = picture.width.min(picture.height);
        match self.settings.short_side {
            Some(side) if side < shortest => {
                let scaled = |length: usize| ((length * side) as f64 / shortest as f64).round() as usize;
                Ok(resize::fitted(&picture, scaled(picture.width), scaled(picture.height)))
            }
            _ => Ok(picture),
        }
    }
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

fn rejected(reason: impl Into<String>) -> Rejected {
    Rejected { reason: reason.into(), frames: 0 }
}

/// A JPEG with colours at half resolution, as cameras and Pillow write it.
fn jpeg(rgb: &[u8], width: usize, height: usize, quality: u8) -> Result<Vec<u8>, String> {
    let side = |length: usize| u16::try_from(length).map_err(|_| format!("a JPEG has at most 65535 pixels a side, not {length}"));
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(rgb, side(width)?, side(height)?, ColorType::Rgb).map_err(|error| error.to_string())?;
    Ok(file)
}
