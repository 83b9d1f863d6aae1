//! `pack.json`: what a packed set holds, and how it was made.

use crate::failure::Failure;
use crate::run_folder::write_atomically;
use anyhow::Result;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the manifest; a folder that has it is a packed set, and a complete one.
pub const MANIFEST: &str = "pack.json";

const FORMAT: &str = "vicmae-pack";

/// Changes when an older program could not read what a newer one wrote.
const VERSION: u32 = 1;

/// What a packed set holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The programs that made it.
    pub made_by: String,
    /// The folder that was packed, as it was named.
    pub source: String,
    /// A hash of what was asked for: names, classes, splits and sizes of the source's files, and all options that matter.
    pub recipe: String,
    /// The format of the source's annotations.
    pub annotations: String,
    /// How clips were turned into frames.
    pub settings: Settings,
    /// The names of the classes, in the order of their indices.
    pub classes: Vec<String>,
    /// The files of every split.
    pub splits: IndexMap<String, Vec<ShardCard>>,
    /// Files of the source that are not in it (`rejects.csv`).
    pub rejected: usize,
    /// Files that are in it with the frames that could be decoded (`damaged.csv`).
    pub damaged: usize,
    /// Files with several video streams, of which the one with the most pixels was taken.
    pub with_other_streams: usize,
}

/// How clips were turned into frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The short side of a frame; a smaller picture stays as it is. None: every picture stays as it is.
    pub short_side: Option<usize>,
    /// Which frames of a clip.
    pub frames: Frames,
    /// At most this many frames of a second are looked at.
    pub fps: Option<f64>,
    /// What a frame is stored as.
    pub encoding: Encoding,
    /// The rate of clips that are folders of images, which carry no times.
    pub source_fps: f64,
}

/// Which frames of a clip are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frames {
    /// All that are looked at.
    All,
    /// This many, evenly spaced in time.
    Even(usize),
}

/// What a frame is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// `[height, width, 3]` bytes of RGB.
    Raw,
    /// A JPEG of this quality, 1 to 100.
    Jpeg(u8),
}

/// One file of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardCard {
    /// Its name in the folder.
    pub file: String,
    /// Clips in it.
    pub clips: usize,
    /// Frames in it.
    pub frames: usize,
    /// Its size.
    pub bytes: u64,
    /// The blake3 hash of the whole file, in hexadecimal digits.
    pub blake3: String,
}

impl Encoding {
    /// The word for it in a row: `raw` or `jpeg`.
    pub fn word(self) -> &'static str {
        match self {
            Encoding::Raw => "raw",
            Encoding::Jpeg(_) => "jpeg",
        }
    }
}

impl Manifest {
    /// A manifest of this version with nothing in it.
    pub(in crate::data) fn new(recipe: String, settings: Settings, classes: Vec<String>) -> Self {
        Manifest {
            format: FORMAT.into(),
            version: VERSION,
            made_by: concat!("vicmae ", env!("CARGO_PKG_VERSION")).into(),
            source: String::new(),
            recipe,
            annotations: String::new(),
            settings,
            classes,
            splits: IndexMap::new(),
            rejected: 0,
            damaged: 0,
            with_other_streams: 0,
        }
    }

    /// Reads the manifest of a packed set.
    ///
    /// # Errors
    /// A [`Failure`] when the folder is no packed set, or one of a newer version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|error| no_manifest(folder, &error))?;
        let named = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok().filter(|value| value["format"] == FORMAT);
        let version = named(&text).and_then(|value| value["version"].as_u64());
        if let Some(version) = version.filter(|version| *version > u64::from(VERSION)) {
            let message = format!("{} is of version {version}, and this program knows version {VERSION}", path.display());
            return Err(Failure::input(message).hint("use the vicmae that packed it, or a newer one").into());
        }
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| {
            Failure::input(format!("{} is not the manifest of a packed set: {error}", path.display()))
                .hint("pack the source again with `vicmae pack`")
        })?;
        // A set may come from anywhere; its files are those in its folder and no others.
        let is_plain = |card: &ShardCard| Path::new(&card.file).file_name() == Some(card.file.as_ref());
        match manifest.splits.values().flatten().find(|card| !is_plain(card)) {
            Some(card) => {
                let message = format!("{} names the file `{}`, which is not in its folder", path.display(), card.file);
                Err(Failure::input(message).hint("do not use a set that was tampered with").into())
            }
            None => Ok(manifest),
        }
    }

    /// Writes the manifest of a packed set.
    pub(in crate::data) fn write(&self, folder: &Path) -> Result<()> {
        write_atomically(&folder.join(MANIFEST), (serde_json::to_string_pretty(self)? + "\n").as_bytes())
    }

    /// A hash of the pixels, labels and times in the set; where it lies and what it was made from do not matter.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in self.classes.iter().chain(
            self.splits.iter().flat_map(|(split, cards)| std::iter::once(split).chain(cards.iter().map(|card| &card.blake3))),
        ) {
            hasher.update(text.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn no_manifest(folder: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::input(format!("`{}` is no packed set: {MANIFEST} cannot be read ({error})", folder.display()));
    let partial = super::partial(folder);
    if partial.is_dir() {
        return failure.hint(format!("{} is an unfinished one: give its `vicmae pack` command again", partial.display()));
    }
    if folder.is_dir() {
        return failure.hint("pack the folder first: `vicmae pack SOURCE --out DIR`, and name DIR");
    }
    failure.hint("there is no such folder: paths are relative to the project, the folder that has experiments/ and templates/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let settings =
            Settings { short_side: Some(64), frames: Frames::Even(8), fps: None, encoding: Encoding::Jpeg(90), source_fps: 30.0 };
        let mut manifest = Manifest::new("ab".into(), settings, vec!["cat".into()]);
        let card = ShardCard { file: "train-00000.arrow".into(), clips: 3, frames: 24, bytes: 100, blake3: "ab".into() };
        manifest.splits.insert("train".into(), vec![card]);
        manifest
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_named_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        manifest().write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest());
        let moved = Manifest { source: "elsewhere".into(), ..manifest() };
        assert_eq!(moved.fingerprint(), manifest().fingerprint());
        let other = Manifest { classes: vec!["dog".into()], ..manifest() };
        assert_ne!(other.fingerprint(), manifest().fingerprint());
    }

    #[test]
    fn what_is_no_packed_set_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str| Manifest::read(&folder.path().join(name)).unwrap_err().to_string();
        let plain = |text: String| text.replace(&folder.path().display().to_string(), "DIR");
        std::fs::create_dir_all(folder.path().join("half.partial")).unwrap();
        std::fs::create_dir_all(folder.path().join("new")).unwrap();
        std::fs::write(folder.path().join("new/pack.json"), r#"{"format":"vicmae-pack","version":9}"#).unwrap();
        std::fs::create_dir_all(folder.path().join("odd")).unwrap();
        let mut odd = manifest();
        odd.splits["train"][0].file = "../up.arrow".into();
        odd.write(&folder.path().join("odd")).unwrap();
        assert!(said("odd").contains("names the file `../up.arrow`, which is not in its folder"));
        insta::assert_snapshot!(plain(said("none")), @"
        `DIR/none` is no packed set: pack.json cannot be read (No such file or directory (os error 2))
        hint: there is no such folder: paths are relative to the project, the folder that has experiments/ and templates/
        ");
        insta::assert_snapshot!(plain(said("half")), @"
        `DIR/half` is no packed set: pack.json cannot be read (No such file or directory (os error 2))
        hint: DIR/half.partial is an unfinished one: give its `vicmae pack` command again
        ");
        insta::assert_snapshot!(plain(said("new")), @"
        DIR/new/pack.json is of version 9, and this program knows version 1
        hint: use the vicmae that packed it, or a newer one
        ");
    }
}
