//! Puts a listing together: looks clips up on disk, numbers their classes, finds what is listed twice.

use super::classes::Classes;
use super::disk::Disk;
use super::labels::{Label, Labels};
use super::list_file::ListFile;
use super::split;
use super::{Entry, Listing, Media, Problem, Trouble};
use crate::failure::Failure;
use anyhow::Result;
use std::collections::{HashMap, hash_map};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A place in a list, as messages name it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    list: Rc<str>,
    unit: &'static str,
    number: usize,
}

impl Place {
    /// Returns a maker of places in a list; `unit` is what its numbers count, and empty for lines.
    pub(super) fn within(list: &ListFile, unit: &'static str) -> impl Fn(usize) -> Place {
        let list: Rc<str> = list.name.as_str().into();
        move |number| Place { list: Rc::clone(&list), unit, number }
    }

    /// A folder: the place of what no list names.
    pub(super) fn folder(path: &Path) -> Place {
        Place { list: path.display().to_string().into(), unit: "", number: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.unit, self.number) {
            ("", 0) => write!(f, "{}", self.list),
            ("", number) => write!(f, "{}:{number}", self.list),
            (unit, number) => write!(f, "{}: {unit} {number}", self.list),
        }
    }
}

/// What a list says about a clip.
pub(super) struct Said {
    pub(super) path: PathBuf,
    pub(super) split: String,
    pub(super) label: Label,
}

/// A listing in the making.
pub(super) struct Gather {
    pub(super) disk: Disk,
    labels: Labels,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
    notices: Vec<String>,
    /// The clips so far and where each was listed first.
    known: HashMap<(PathBuf, Media), (Place, usize)>,
}

impl Gather {
    pub(super) fn new(root: &Path, classes: Option<Classes>) -> Self {
        Gather {
            disk: Disk::new(root),
            labels: Labels::new(classes),
            entries: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// The classes file, where there is one.
    pub(super) fn classes(&self) -> Option<&Classes> {
        self.labels.classes.as_ref()
    }

    /// Adds a clip that a list names, when it is on disk.
    pub(super) fn listed(&mut self, place: &Place, said: Said) {
        let said = Said { path: tidy(&said.path), ..said };
        match self.disk.clip(&said.path) {
            Some(media) => self.found(place, said, media),
            None if self.disk.is_folder(&said.path) => self.missing(place, &said, "is a folder without images"),
            None => self.missing(place, &said, "is not there"),
        }
    }

    /// Adds a clip that is known to be on disk.
    pub(super) fn found(&mut self, place: &Place, said: Said, media: Media) {
        // Splits become names of files, and a line break in a name is one in every list of names.
        if !split::is_name(&said.split) {
            let reason = format!("the split `{}` is no name: letters, digits, `-` and `_`", said.split);
            return self.problem(place, Trouble::Malformed, &said.path.display().to_string(), &reason);
        }
        if said.path.as_os_str().as_encoded_bytes().iter().any(u8::is_ascii_control) {
            let file = said.path.display().to_string().replace(char::is_control, " ");
            return self.problem(place, Trouble::Malformed, &file, "the name of the file has control characters in it");
        }
        let class = match self.labels.class(&said.label, &said.path) {
            Ok(class) => class,
            Err(reason) => return self.problem(place, Trouble::UnknownLabel, &said.path.display().to_string(), &reason),
        };
        // A list may name a clip from the root on as well as by its whole path.
        let key = said.path.strip_prefix(&self.disk.root).unwrap_or(&said.path).to_owned();
        match self.known.entry((key, media.clone())) {
            hash_map::Entry::Vacant(unknown) => {
                unknown.insert((place.clone(), self.entries.len()));
                self.entries.push(Entry { path: said.path, media, split: said.split, class });
            }
            hash_map::Entry::Occupied(known) => {
                let ((first, index), file) = (known.get(), said.path.display().to_string());
                let reason = match &self.entries[*index].split {
                    split if *split == said.split => format!("`{file}` is listed before, at {first}"),
                    split => format!("`{file}` is listed for `{}`, and before, at {first}, for `{split}`", said.split),
                };
                self.problem(place, Trouble::Duplicate, &file, &reason);
            }
        }
    }

    /// Says that a listed clip is not on disk. Its label counts: the classes must not depend on what is there.
    pub(super) fn missing(&mut self, place: &Place, said: &Said, what: &str) {
        let file = said.path.display().to_string();
        let _ = self.labels.class(&said.label, &said.path);
        self.problem(place, Trouble::Missing, &file, &format!("`{file}` {what}"));
    }

    /// Says that a line cannot be understood.
    pub(super) fn malformed(&mut self, place: &Place, what: &str) {
        self.problem(place, Trouble::Malformed, &place.list, what);
    }

    pub(super) fn problem(&mut self, place: &Place, trouble: Trouble, file: &str, reason: &str) {
        let reason = format!("{place}: {reason}").replace(char::is_control, " ");
        self.problems.push(Problem { file: file.to_owned(), trouble, reason });
    }

    pub(super) fn notice(&mut self, notice: String) {
        self.notices.push(notice);
    }

    /// Returns the listing; fails when it has no clips.
    pub(super) fn finish(mut self, format: &'static str) -> Result<Listing> {
        if self.entries.is_empty() {
            return Err(self.nothing().into());
        }
        let (classes, order, notice) = self.labels.finish()?;
        self.entries.iter_mut().for_each(|entry| entry.class = order[entry.class]);
        self.notices.extend(notice);
        Ok(Listing { format, classes, entries: self.entries, problems: self.problems, notices: self.notices })
    }

    fn nothing(&self) -> Failure {
        let root = self.disk.root.display();
        let Some(problem) = self.problems.first() else {
            return Failure::input(format!("`{root}` and the lists name no clips"));
        };
        let failure =
            Failure::input(format!("the lists give no clip in `{root}`: all {} lines are in trouble", self.problems.len()));
        failure.hint(format!("the first of them: {}", problem.reason)).hint("paths in a list start at the folder of the clips")
    }
}

/// Returns a path without the parts that mean nothing, so that `./a//b` and `a/b` are the same clip.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != std::path::Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::Tree;
    use super::*;

    #[test]
    fn a_clip_listed_twice_is_kept_once_however_it_is_written() {
        let tree = Tree::new(&["a/1.mp4", "a/2.mp4"]);
        let whole = format!("a/1.mp4 0\n./a//1.mp4 0\n{} 1\n", tree.root().join("a/1.mp4").display());
        let listing = tree.read(&[("train.txt", whole.as_str()), ("val.txt", "a/2.mp4 0\na/1.mp4 0\n")]);
        assert_eq!(listing.entries.len(), 2);
        let root = tree.root().display();
        let expected = [
            "Duplicate a/1.mp4: train.txt:2: `a/1.mp4` is listed before, at train.txt:1".to_owned(),
            format!("Duplicate {root}/a/1.mp4: train.txt:3: `{root}/a/1.mp4` is listed before, at train.txt:1"),
            "Duplicate a/1.mp4: val.txt:2: `a/1.mp4` is listed for `val`, and before, at train.txt:1, for `train`".to_owned(),
        ];
        let folder = format!("{}/", tree.root().parent().unwrap().display());
        assert_eq!(tree.problems(&listing), expected.map(|line| line.replace(&folder, "")));
    }

    #[test]
    fn whole_paths_may_lead_anywhere() {
        let (tree, other) = (Tree::new(&["a/1.mp4"]), Tree::new(&["2.mp4"]));
        let path = other.root().join("2.mp4");
        let listing = tree.read(&[("list.txt", &format!("{} 0\n", path.display()))]);
        assert_eq!(listing.entries[0].path, path);
    }

    #[test]
    fn the_classes_do_not_depend_on_what_is_on_disk() {
        let tree = Tree::new(&["1.mp4"]);
        let listing = tree.read(&[("list.txt", "2.mp4 apple\n1.mp4 bear\n")]);
        assert_eq!(listing.classes, ["apple", "bear"]);
        assert_eq!((listing.entries[0].class, listing.count(Trouble::Missing)), (1, 1));
        assert_eq!(tree.problems(&listing), ["Missing 2.mp4: list.txt:1: `2.mp4` is not there"]);
    }

    #[test]
    fn an_unknown_label_names_itself_and_the_nearest() {
        let tree = Tree::new(&["1.mp4", "2.mp4"]).with_classes("apple\n");
        let listing = tree.read(&[("list.txt", "1.mp4 aple\n2.mp4 apple\n")]);
        let expected = "UnknownLabel 1.mp4: list.txt:1: label `aple` is not in `classes.txt`; did you mean `apple`?";
        assert_eq!(tree.problems(&listing), [expected]);
        assert_eq!(listing.classes, ["apple"]);
    }
}
