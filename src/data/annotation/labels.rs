//! Numbers the classes: by the classes file, else by the names or numbers that the lists use.

use super::UNLABELLED;
use super::classes::Classes;
use super::split;
use crate::failure::Failure;
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::Path;

/// What a list says about a clip's class. The order is that of the classes: clips without a label come last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Label {
    Number(usize),
    Name(String),
    None,
}

impl Label {
    /// A label that is a name, whatever it looks like; none when it is empty.
    pub(super) fn name(text: &str) -> Self {
        if text.is_empty() || text == UNLABELLED { Label::None } else { Label::Name(text.to_owned()) }
    }

    /// A label that should be a number; -1 says that there is none.
    pub(super) fn number(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Label::Number(number),
            Err(_) if text == "-1" => Label::None,
            Err(_) => Label::name(text),
        }
    }
}

/// The labels seen so far.
pub(super) struct Labels {
    pub(super) classes: Option<Classes>,
    /// Each label's class, or what is wrong with it. Without a classes file the classes have provisional numbers.
    seen: BTreeMap<Label, Result<usize, String>>,
    folders: Folders,
}

impl Labels {
    pub(super) fn new(classes: Option<Classes>) -> Self {
        Labels { classes, seen: BTreeMap::new(), folders: Folders::default() }
    }

    /// Returns the class of a clip, to be passed through what [`Labels::finish`] returns; the error says what is wrong.
    pub(super) fn class(&mut self, label: &Label, path: &Path) -> Result<usize, String> {
        if let (Label::Number(number), None) = (label, &self.classes) {
            self.folders.note(*number, path);
        }
        if let Some(class) = self.seen.get(label) {
            return class.clone();
        }
        let class = match &self.classes {
            Some(classes) => classes.position(label),
            None => Ok(self.seen.len()),
        };
        self.seen.insert(label.clone(), class.clone());
        class
    }

    /// Returns the names of the classes, the final number of each provisional one, and what was decided.
    pub(super) fn finish(self) -> Result<(Vec<String>, Vec<usize>, Option<String>)> {
        if let Some(classes) = self.classes {
            let mut names = classes.names;
            if matches!(self.seen.get(&Label::None), Some(Ok(class)) if *class == names.len()) {
                names.push(UNLABELLED.to_owned());
            }
            let same = (0..names.len()).collect();
            return Ok((names, same, None));
        }
        let has = |wanted: fn(&Label) -> bool| self.seen.keys().any(wanted);
        let by_number = has(|label| matches!(label, Label::Number(_)));
        if by_number && has(|label| matches!(label, Label::Name(_))) {
            let failure = Failure::input("the lists label clips by name and by number, and no classes file ties the two");
            return Err(failure.hint("name a classes file, or read the lists one by one").into());
        }
        let mut order = vec![0; self.seen.len()];
        for (place, class) in self.seen.values().flatten().enumerate() {
            order[*class] = place;
        }
        let names = self.seen.keys().map(|label| self.folders.name(label)).collect();
        Ok((names, order, by_number.then(|| self.folders.notice().to_owned())))
    }
}

/// Pairs numbers with the folders that clips lie in, as long as the two go one to one.
#[derive(Default)]
struct Folders {
    by_number: HashMap<usize, OsString>,
    by_folder: HashMap<OsString, usize>,
    torn: bool,
}

impl Folders {
    fn note(&mut self, number: usize, path: &Path) {
        let folder = path.parent().and_then(Path::file_name).filter(|name| name.to_str().and_then(split::known).is_none());
        let Some(folder) = folder.filter(|_| !self.torn) else {
            self.torn = true;
            return;
        };
        match (self.by_number.get(&number), self.by_folder.get(folder)) {
            (None, None) => {
                self.by_number.insert(number, folder.to_owned());
                self.by_folder.insert(folder.to_owned(), number);
            }
            (Some(known), Some(same)) if known == folder && *same == number => {}
            _ => self.torn = true,
        }
    }

    fn name(&self, label: &Label) -> String {
        match label {
            Label::Name(name) => name.clone(),
            Label::None => UNLABELLED.to_owned(),
            Label::Number(number) => match self.by_number.get(number) {
                Some(folder) if !self.torn => folder.to_string_lossy().into_owned(),
                _ => number.to_string(),
            },
        }
    }

    fn notice(&self) -> &'static str {
        if self.torn {
            "the classes are named by their numbers: a classes file would name them"
        } else {
            "the classes are named by the folders of their clips: each number stands for one folder"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(labels: &[(Label, &str)]) -> Vec<String> {
        let mut all = Labels::new(None);
        let classes: Vec<usize> = labels.iter().map(|(label, path)| all.class(label, Path::new(path)).unwrap()).collect();
        let (names, order, _) = all.finish().unwrap();
        classes.into_iter().map(|class| format!("{} {}", order[class], names[order[class]])).collect()
    }

    #[test]
    fn names_are_in_their_order_and_clips_without_one_come_last() {
        let labels = ["b", "", "zebra", "a"].map(|name| (Label::name(name), "x"));
        assert_eq!(named(&labels), ["1 b", "3 unlabelled", "2 zebra", "0 a"]);
    }

    #[test]
    fn numbers_are_named_by_folders_that_go_one_to_one_with_them() {
        let label = |number: &str, path: &'static str| (Label::number(number), path);
        assert_eq!(named(&[label("7", "b/1"), label("2", "train/a/1"), label("7", "val/b/2")]), ["1 b", "0 a", "1 b"]);
        assert_eq!(named(&[label("10", "b/1"), label("9", "a/1"), label("9", "b/2")]), ["1 10", "0 9", "0 9"]);
        assert_eq!(named(&[label("1", "a/1"), label("2", "a/2")]), ["0 1", "1 2"]);
        assert_eq!(named(&[label("0", "train/1"), label("-1", "train/2")]), ["0 0", "1 unlabelled"]);
        assert_eq!(named(&[label("0", "1")]), ["0 0"]);
    }
}
