//! Reads what a data set says about its clips: which files, of which class, in which split.
//!
//! Every annotation format is a module with one line in [`FORMATS`]. A list is told by its header and its lines, never by its
//! name. What is wrong with single lines is collected as [`Problem`]s; only a list that cannot be read at all is a failure.

mod classes;
mod disk;
mod gather;
mod labels;
mod list_file;
mod split;

mod folders;
mod imagenet;
mod kinetics;
mod moments;
mod path_label;
mod something;
mod ucf;
mod videomae;
mod webdataset;

#[cfg(test)]
mod sample;

use crate::failure::Failure;
use anyhow::Result;
use classes::Classes;
use gather::Gather;
use list_file::ListFile;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a clip is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// A video file.
    Video,
    /// An image file.
    Image,
    /// A folder of images, in the order of their names with numbers read as numbers.
    Frames {
        /// Index of the first image that belongs to the clip, from 0.
        first: usize,
        /// How many images belong to it; all that follow when there is none.
        count: Option<usize>,
    },
    /// Files inside of a tar file: one video, or images in the order of their names.
    Sample {
        /// The tar file, relative to the root.
        tar: PathBuf,
        /// The files.
        members: Vec<Member>,
    },
}

/// A file inside of a tar file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// What follows the sample's name: `jpg`, `0007.jpg`, `mp4`, `json`.
    pub name: String,
    /// Where it begins in the tar file.
    pub start: u64,
    /// Its size.
    pub bytes: u64,
}

impl Media {
    /// Whether it takes a video decoder to read it.
    pub fn is_video(&self) -> bool {
        match self {
            Media::Video => true,
            Media::Sample { members, .. } => members.iter().any(|member| member.media() == Some(Media::Video)),
            Media::Image | Media::Frames { .. } => false,
        }
    }
}

/// A clip that was found on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file, or the folder of frames: relative to the root, or absolute where the list says so.
    pub path: PathBuf,
    /// What is there.
    pub media: Media,
    /// `train`, `val`, `test`, or what else the list calls it.
    pub split: String,
    /// Index into [`Listing::classes`].
    pub class: usize,
}

/// What can be wrong with one line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The file that it names is not on disk.
    Missing,
    /// Its label is none of the classes.
    UnknownLabel,
    /// It names a clip that was named before.
    Duplicate,
    /// It cannot be understood.
    Malformed,
}

/// A line of a list that gave no entry, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The clip as the list names it; the list itself where no clip can be made out.
    pub file: String,
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// One line: the list, the line's number, and what is wrong.
    pub reason: String,
}

/// Everything that the lists, or the folders, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What the format is called; that of the first list where they differ.
    pub format: &'static str,
    /// Names of the classes: those of the classes file, else those that the lists name, found on disk or not. Clips without a
    /// label have the class [`UNLABELLED`], which comes last, so that the others keep their index.
    pub classes: Vec<String>,
    /// The clips, in the order of the lists; by path where there are none.
    pub entries: Vec<Entry>,
    /// The lines that gave no entry, in the order of the lists.
    pub problems: Vec<Problem>,
    /// What was decided that the person may want to know, a sentence each.
    pub notices: Vec<String>,
}

impl Listing {
    /// Returns how many problems are of the given kind.
    pub fn count(&self, trouble: Trouble) -> usize {
        self.problems.iter().filter(|problem| problem.trouble == trouble).count()
    }
}

/// The largest file of notes on a sample that is read.
pub(super) use webdataset::NOTES;

/// Returns the split that a text names, as it is called here (`training` is `train`); none when it is no name: letters, digits, `-`
/// and `_`, at most 64 bytes.
pub fn split_name(text: &str) -> Option<String> {
    split::is_name(text).then(|| split::normal(text))
}

/// Returns the images of a folder that is one clip, in the order of their names with numbers read as numbers.
pub(super) fn frames_of(folder: &Path) -> Vec<PathBuf> {
    disk::frames(folder).into_iter().map(|name| folder.join(name)).collect()
}

/// The class of clips without a label.
pub const UNLABELLED: &str = "unlabelled";

/// A list file named on the command line, with the split it is for where the person said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The split of all its clips, whatever the list says.
    pub split: Option<String>,
    /// The file.
    pub path: PathBuf,
}

impl List {
    /// Reads `FILE` or `SPLIT=FILE`.
    pub fn parse(text: &str) -> Result<List, Failure> {
        let (split, path) = match text.split_once('=') {
            Some((name, path)) if split::is_name(name) => (Some(split::normal(name)), path),
            _ => (None, text),
        };
        if path.is_empty() {
            return Err(
                Failure::input(format!("`{text}` names no list file")).hint("write FILE or SPLIT=FILE, as in val=lists/val.csv")
            );
        }
        Ok(List { split, path: path.into() })
    }
}

/// An annotation format: how to tell it and how to read it.
struct Format {
    name: &'static str,
    /// What its lists look like, for the person whose list is not told.
    looks: &'static str,
    fits: fn(&ListFile, &mut Gather) -> bool,
    read: fn(&ListFile, &mut Gather) -> Result<()>,
}

/// The formats; the first that fits is taken, so the strict come before the lax.
const FORMATS: [Format; 9] = [
    something::FORMAT,
    kinetics::FORMAT,
    imagenet::SOLUTION,
    imagenet::GROUND_TRUTH,
    path_label::TABLE,
    moments::FORMAT,
    videomae::FORMAT,
    ucf::FORMAT,
    path_label::LINES,
];

/// Lists the clips under `root`: those that the lists name, or all by their folders when there is no list.
///
/// `classes` is a file of class names. Fails with [`Failure`] when the root or a file is missing, when a list is in no known
/// format, when lists cannot be read together, and when no clip is found.
pub fn read(root: &Path, lists: &[List], classes: Option<&Path>) -> Result<Listing> {
    if !root.is_dir() {
        return Err(Failure::input(format!("there is no folder `{}`", root.display()))
            .hint("name the folder that the clips lie in")
            .into());
    }
    let files = lists.iter().map(ListFile::open).collect::<Result<Vec<_>>>()?;
    let classes = match classes {
        Some(path) => Some(Classes::read(path)?),
        None => files.iter().find_map(ucf::classes_beside),
    };
    let mut gather = Gather::new(root, classes);
    let mut formats: Vec<&'static str> = Vec::new();
    if files.is_empty() {
        let tars = webdataset::tars(root);
        if tars.is_empty() {
            folders::read(&mut gather)?;
            formats.push(folders::NAME);
        } else {
            webdataset::read(&mut gather, &tars);
            formats.push(webdataset::NAME);
        }
    }
    for file in &files {
        let format = FORMATS.iter().find(|format| (format.fits)(file, &mut gather)).ok_or_else(|| unknown_format(file))?;
        (format.read)(file, &mut gather)?;
        formats.push(format.name);
    }
    if let Some(other) = formats.iter().find(|format| **format != formats[0]) {
        gather.notice(format!("the lists are in different formats: {} and {other}", formats[0]));
    }
    gather.finish(formats[0])
}

fn unknown_format(file: &ListFile) -> Failure {
    let Some((number, line)) = file.lines().next() else {
        return Failure::input(format!("the list `{}` is empty", file.name));
    };
    let failure = Failure::input(format!("cannot tell the format of the list `{}`", file.name));
    let failure = failure.at(format!("{number:>4} | {}", list_file::short(line)));
    let failure = failure.hint("looked for a known header, and for clips in most of the first lines; the known formats are");
    FORMATS.iter().fold(failure, |failure, format| failure.hint(format!("{}: {}", format.name, format.looks)))
}

#[cfg(test)]
mod tests {
    use super::sample::Tree;
    use super::*;

    #[test]
    fn a_list_may_come_with_its_split() {
        let list = |split: Option<&str>, path: &str| List { split: split.map(str::to_owned), path: path.into() };
        assert_eq!(List::parse("val=lists/val.csv").unwrap(), list(Some("val"), "lists/val.csv"));
        assert_eq!(List::parse("Validation=a=b.csv").unwrap(), list(Some("val"), "a=b.csv"));
        assert_eq!(List::parse("lists/a=b.csv").unwrap(), list(None, "lists/a=b.csv"));
        assert_eq!(List::parse("=a.csv").unwrap(), list(None, "=a.csv"));
        assert!(List::parse("val=").unwrap_err().to_string().starts_with("`val=` names no list file"));
        assert!(List::parse("").is_err());
    }

    #[test]
    fn a_missing_root_list_or_classes_file_is_named() {
        let tree = Tree::new(&["a/1.mp4"]);
        let message = |result: Result<Listing>| result.unwrap_err().to_string();
        assert!(message(read(Path::new("/no/such"), &[], None)).starts_with("there is no folder `/no/such`"));
        let list = List { split: None, path: "/no/list.csv".into() };
        assert!(message(read(tree.root(), &[list], None)).starts_with("cannot read the list `/no/list.csv`"));
        assert!(message(read(tree.root(), &[], Some(Path::new("/no/classes.txt")))).starts_with("cannot read the classes file"));
    }

    #[test]
    fn a_list_in_no_known_format_is_refused_with_its_first_line() {
        let message = Tree::new(&["a/1.mp4"]).refused(&[("notes.txt", "\nDear reader, this\nis a letter\n")]);
        assert!(message.starts_with("cannot tell the format of the list `"), "{message}");
        assert!(message.contains("\n   2 | Dear reader, this\n"), "{message}");
        assert!(message.contains("\nhint: Kinetics CSV: "), "{message}");
        assert!(Tree::new(&["a.mp4"]).refused(&[("none.csv", " \n")]).ends_with("is empty"));
    }

    #[test]
    fn nothing_found_is_a_failure_that_shows_the_first_problem() {
        let message = Tree::new(&["a/1.mp4"]).refused(&[("train.csv", "b/1.mp4 0\nb/2.mp4 0\n")]);
        assert!(message.contains("all 2 lines are in trouble"), "{message}");
        assert!(message.contains("train.csv:1: `b/1.mp4` is not there"), "{message}");
    }

    #[test]
    fn lists_in_two_formats_are_read_together_when_classes_tie_them() {
        let tree = Tree::new(&["run/1.mp4", "run/2.mp4"]);
        let lists = [("train.csv", "run/1.mp4 0\n"), ("val.csv", "path,label\nrun/2.mp4,run\n")];
        assert!(tree.refused(&lists).starts_with("the lists label clips by name and by number"));
        let listing = tree.with_classes("run\n").read(&lists);
        assert_eq!(
            listing.entries.iter().map(|entry| (entry.class, &*entry.split)).collect::<Vec<_>>(),
            [(0, "train"), (0, "val")]
        );
    }
}
