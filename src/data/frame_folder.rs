//! `<root>/<class>/<clip>/<frame>`: clips that were cut into images, frames in the order of their names.

use super::cache::Cache;
use super::fingerprint;
use super::listing::{Layout, by_number, class_of, images};
use super::pair::Pair;
use super::picture::{Picture, Skipped};
use super::{Clips, Configured};
use crate::rng::Rng;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of clips, each a folder of two or more images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder. Relative paths start at the project's folder.
    pub root: PathBuf,
    /// Which two frames of a clip make a pair.
    #[serde(default = "distant")]
    pub pair: Pair,
}

fn distant() -> Pair {
    Pair::Distant { segments: 2 }
}

/// The clips of a folder.
///
/// Frames are in the order of their names with numbers read as numbers, so that 10 comes after 9. A clip of one frame is taken
/// as an image: its frame stands twice in a pair.
pub(super) struct FrameFolder {
    folder: PathBuf,
    pair: Pair,
    classes: Vec<String>,
    clips: Vec<Clip>,
    cache: Cache,
}

struct Clip {
    class: usize,
    /// `<class>/<clip>`, relative to the folder.
    path: Box<Path>,
    /// File names in order.
    frames: Vec<Box<OsStr>>,
    /// Number of frames in all clips before this one.
    before: usize,
}

impl Configured for Config {
    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn check(&self) -> Result<(), String> {
        self.pair.check_untimed()
    }

    fn fingerprint(&self, project: &Path) -> Result<String> {
        fingerprint::folder(&self.root, project, Layout::Frames)
    }

    fn open(&self, project: &Path) -> Result<Arc<dyn Clips>> {
        Ok(Arc::new(FrameFolder::open(self, project)?))
    }
}

impl FrameFolder {
    /// Lists the clips, in byte order of class and name.
    pub(super) fn open(config: &Config, project: &Path) -> Result<Self> {
        let mut classes: Vec<String> = Vec::new();
        let mut clips: Vec<Clip> = Vec::new();
        for (before, frame) in images(&config.root, project, Layout::Frames)?.into_iter().enumerate() {
            let (Some(path), Some(name)) = (frame.parent(), frame.file_name()) else { continue };
            if clips.last().is_none_or(|clip| &*clip.path != path) {
                let class = class_of(path);
                if classes.last() != Some(&class) {
                    classes.push(class);
                }
                clips.push(Clip { class: classes.len() - 1, path: path.into(), frames: Vec::new(), before });
            }
            if let Some(clip) = clips.last_mut() {
                clip.frames.push(name.into());
            }
        }
        clips.iter_mut().for_each(|clip| clip.frames.sort_by(|a, b| by_number(a, b)));
        Ok(FrameFolder { folder: project.join(&config.root), pair: config.pair, classes, clips, cache: Cache::default() })
    }
}

impl Clips for FrameFolder {
    fn len(&self) -> usize {
        self.clips.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, clip: usize) -> usize {
        self.clips[clip].class
    }

    fn name(&self, clip: usize) -> String {
        self.clips[clip].path.display().to_string()
    }

    fn pair(&self, clip: usize, rng: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        let [first, second] = self.pair.draw(self.clips[clip].frames.len(), rng);
        Ok([self.frame(clip, first)?, self.frame(clip, second)?])
    }

    fn frames(&self, clip: usize) -> usize {
        self.clips[clip].frames.len()
    }

    fn seconds(&self, _: usize) -> Option<&[f64]> {
        None
    }

    fn frame(&self, clip: usize, frame: usize) -> Result<Arc<Picture>, Skipped> {
        let clip = &self.clips[clip];
        let path = || self.folder.join(&clip.path).join(&*clip.frames[frame]);
        self.cache.get(clip.before + frame, || Picture::read(&path()).map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pair::Gap;

    /// Writes one-pixel frames whose red value is the frame's number.
    fn clip(root: &Path, name: &str, frames: u8) {
        std::fs::create_dir_all(root.join(name)).unwrap();
        for frame in 0..frames {
            let path = root.join(name).join(format!("{frame}.png"));
            image::RgbImage::from_raw(1, 1, vec![frame, 0, 0]).unwrap().save(path).unwrap();
        }
    }

    #[test]
    fn frames_are_in_order_and_pairs_come_from_them() {
        let project = tempfile::tempdir().unwrap();
        clip(project.path(), "run/long", 12);
        clip(project.path(), "jump/still", 1);
        let open = |pair| FrameFolder::open(&Config { root: ".".into(), pair }, project.path()).unwrap();
        let folder = open(Pair::Gap(Gap::Frames(11)));
        assert_eq!(folder.classes(), ["jump", "run"]);
        assert_eq!((folder.len(), folder.name(1)), (2, "run/long".to_owned()));
        let mut rng = Rng::stream(0, &[]);
        assert_eq!(folder.pair(1, &mut rng).unwrap().map(|frame| frame.rgb[0]), [0, 11]);
        assert_eq!(folder.pair(0, &mut rng).unwrap().map(|frame| frame.rgb[0]), [0, 0]);
        assert_eq!(folder.picture(1).unwrap().rgb[0], 6);
        let [first, second] = open(Pair::Distant { segments: 2 }).pair(1, &mut rng).unwrap().map(|frame| frame.rgb[0]);
        assert!(first < 6 && second >= 6);
    }

    #[test]
    fn a_damaged_frame_is_skipped_by_name() {
        let project = tempfile::tempdir().unwrap();
        clip(project.path(), "run/a", 2);
        std::fs::write(project.path().join("run/a/1.png"), b"cut off").unwrap();
        let folder = FrameFolder::open(&Config { root: ".".into(), pair: Pair::Gap(Gap::Frames(1)) }, project.path()).unwrap();
        let skipped = folder.pair(0, &mut Rng::stream(0, &[])).unwrap_err();
        assert!(skipped.path.ends_with("run/a/1.png"), "{skipped:?}");
    }
}
