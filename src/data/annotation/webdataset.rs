//! WebDataset: tar files of samples. Files that share a name up to its first dot are one sample: `000.jpg`, `000.cls`, `000.json`.

use super::disk::{is_hidden, media};
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::split;
use super::{Media, Member};
use crate::data::listing::by_number;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(super) const NAME: &str = "WebDataset";

/// Bytes of a label or of notes on a sample that are read; a larger file is neither.
pub(in crate::data) const NOTES: u64 = 1 << 20;

/// The tar files of a root, or of the folders of its splits; none where there are none.
pub(super) fn tars(root: &Path) -> Vec<PathBuf> {
    let within = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let visible = entries.map(|entry| entry.file_name()).filter(|name| !is_hidden(name));
        let mut paths: Vec<PathBuf> = visible.map(|name| folder.join(name)).collect();
        paths.sort_unstable();
        paths
    };
    let top = within(Path::new(""));
    let is_split = |path: &&PathBuf| path.to_str().and_then(split::known).is_some();
    let below = top.iter().filter(is_split).flat_map(|folder| within(folder));
    let is_tar = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "tar") && root.join(path).is_file();
    top.iter().cloned().chain(below).filter(is_tar).collect()
}

/// Adds every sample of the tar files that holds an image or a video.
pub(super) fn read(gather: &mut Gather, tars: &[PathBuf]) {
    for tar in tars {
        let path = gather.disk.root.join(tar);
        let place = Place::folder(&path);
        let samples = match samples(&path) {
            Ok(samples) => samples,
            Err(error) => {
                gather.malformed(&place, &format!("it cannot be read as a tar file: {error:#}"));
                continue;
            }
        };
        let split = tar.parent().and_then(Path::to_str).and_then(split::known).unwrap_or_else(|| split::of_list(tar));
        for Sample { key, members, label } in samples {
            if members.iter().all(|member| member.media().is_none()) {
                gather.malformed(&place, &format!("the sample `{key}` holds neither an image nor a video"));
                continue;
            }
            // Folders inside of a tar file are no classes.
            let path = PathBuf::from(format!("{}#{}", tar.display(), key.replace('/', ".")));
            let media = Media::Sample { tar: tar.clone(), members };
            gather.found(&place, Said { path, split: split.to_owned(), label }, media);
        }
    }
}

impl Member {
    /// What it is, going by its ending.
    pub(in crate::data) fn media(&self) -> Option<Media> {
        // The name is all ending; before it stands what the samples are called.
        media(Path::new(&format!("_.{}", self.name)))
    }

    /// Its bytes.
    pub(in crate::data) fn read(&self, tar: &mut File) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy(tar, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies its bytes.
    pub(in crate::data) fn copy(&self, tar: &mut File, to: &mut impl Write) -> io::Result<()> {
        tar.seek(SeekFrom::Start(self.start))?;
        let copied = io::copy(&mut tar.take(self.bytes), to)?;
        if copied == self.bytes { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

struct Sample {
    key: String,
    members: Vec<Member>,
    label: Label,
}

/// The samples of a tar file, in order. Only what labels them is read.
fn samples(path: &Path) -> Result<Vec<Sample>> {
    let mut samples: Vec<Sample> = Vec::new();
    for entry in tar::Archive::new(File::open(path)?).entries_with_seek()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path()?.to_string_lossy().into_owned();
        let Some((key, ending)) = cut(&name) else { continue };
        if samples.last().is_none_or(|sample| sample.key != key) {
            samples.push(Sample { key: key.to_owned(), members: Vec::new(), label: Label::None });
        }
        let member = Member { name: ending.to_lowercase(), start: entry.raw_file_position(), bytes: entry.size() };
        samples.last_mut().context("a sample was just begun")?.members.push(member);
    }
    let mut file = File::open(path)?;
    for sample in &mut samples {
        // In a tar file they stand as some folder listed them.
        sample.members.sort_by(|a, b| by_number(a.name.as_ref(), b.name.as_ref()));
        // A class by name, which is in the notes, goes before one by number.
        for ending in ["cls", "json"] {
            let Some(member) = sample.members.iter().find(|member| member.name == ending && member.bytes <= NOTES) else {
                continue;
            };
            let Ok(bytes) = member.read(&mut file) else { continue };
            sample.label = label(ending, &String::from_utf8_lossy(&bytes)).unwrap_or(sample.label.clone());
        }
    }
    Ok(samples)
}

/// Cuts a name at the first dot of its last part.
fn cut(name: &str) -> Option<(&str, &str)> {
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = last + name[last..].find('.').filter(|dot| *dot > 0)?;
    Some((&name[..dot], &name[dot + 1..]))
}

/// The label that a file gives: the text of `cls`, or `class`, `label` or `cls` of a JSON object. A class by name goes first.
fn label(ending: &str, text: &str) -> Option<Label> {
    if ending == "cls" {
        return Some(Label::number(text.trim()));
    }
    let value: Value = serde_json::from_str(text).ok()?;
    ["class", "label", "cls"].iter().find_map(|key| match &value[*key] {
        Value::String(name) => Some(Label::name(name)),
        Value::Number(number) => number.as_u64().map(|number| Label::Number(number as usize)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::lines;
    use super::super::{Listing, read};
    use super::*;

    /// Writes a tar file of names and contents.
    fn tar(path: &Path, files: &[(&str, &str)]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut builder = tar::Builder::new(File::create(path).unwrap());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
    }

    fn listing(root: &Path) -> Listing {
        read(root, &[], None).unwrap()
    }

    #[test]
    fn files_of_one_name_are_a_sample() {
        let root = tempfile::tempdir().unwrap();
        tar(
            &root.path().join("val-000.tar"),
            &[("d/1.jpg", "xy"), ("d/1.cls", "1\n"), ("d/2.10.jpg", ""), ("d/2.1.JPG", "z"), ("d/2.cls", "0")],
        );
        tar(&root.path().join("train-000.tar"), &[("a.mp4", "film"), ("a.json", r#"{"label": 1}"#), ("note.txt", "x")]);
        let listing = listing(root.path());
        assert_eq!(listing.format, NAME);
        assert_eq!(lines(&listing), ["train 1 train-000.tar#a", "val 1 val-000.tar#d.1", "val 0 val-000.tar#d.2"]);
        assert_eq!(listing.problems.len(), 1);
        let Media::Sample { tar, members } = &listing.entries[2].media else { panic!() };
        let bytes = std::fs::read(root.path().join(tar)).unwrap();
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["1.jpg", "10.jpg", "cls"]);
        assert_eq!(&bytes[members[0].start as usize..][..members[0].bytes as usize], b"z");
    }

    #[test]
    fn a_class_by_name_goes_first_and_split_folders_are_splits() {
        let root = tempfile::tempdir().unwrap();
        tar(&root.path().join("train/0.tar"), &[("1.cls", "4"), ("1.json", r#"{"class": "cat"}"#), ("1.png", "")]);
        tar(&root.path().join("validation/0.tar"), &[("2.png", ""), ("2.json", r#"{"class": "dog"}"#)]);
        assert_eq!(lines(&listing(root.path())), ["train cat train/0.tar#1", "val dog validation/0.tar#2"]);
    }

    #[test]
    fn what_is_no_tar_file_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.tar"), vec![b'x'; 2000]).unwrap();
        let message = read(root.path(), &[], None).unwrap_err().to_string();
        assert!(message.contains("a.tar: it cannot be read as a tar file"), "{message}");
        tar(&root.path().join("b.tar"), &[("1.png", "")]);
        let listing = listing(root.path());
        assert_eq!((listing.entries.len(), listing.problems.len()), (1, 1));
    }
}
