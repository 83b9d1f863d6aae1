//! Lists the image files of a folder, and says what is wrong when there are none.

use crate::failure::Failure;
use anyhow::Result;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// What a source expects to find in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `<class>/<image>`, or deeper: the class is the first folder.
    Images,
    /// `<class>/<clip>/<frame>`, no deeper.
    Frames,
}

impl Layout {
    fn pattern(self) -> &'static str {
        match self {
            Layout::Images => "<class>/<image>",
            Layout::Frames => "<class>/<clip>/<frame>",
        }
    }

    fn holds(self, depth: usize) -> bool {
        match self {
            Layout::Images => depth >= 2,
            Layout::Frames => depth == 3,
        }
    }
}

/// Returns the image files of `project/root` that the layout asks for, relative to that folder, in the byte order of their parts.
///
/// Hidden files and folders are left out; links are followed. Fails with [`Failure`] when the folder is missing or holds none.
pub(super) fn images(root: &Path, project: &Path, layout: Layout) -> Result<Vec<PathBuf>> {
    let folder = project.join(root);
    if !folder.is_dir() {
        return Err(missing(root, &folder).into());
    }
    let mut depths = [0; 4];
    let mut found = Vec::new();
    for entry in WalkDir::new(&folder).follow_links(true).min_depth(1).into_iter().filter_entry(|entry| !hidden(entry)) {
        let entry = entry.map_err(|error| Failure::input(format!("cannot list `{}`: {error}", root.display())))?;
        if !entry.file_type().is_file() || !is_image(entry.path()) {
            continue;
        }
        depths[entry.depth().min(3)] += 1;
        if layout.holds(entry.depth())
            && let Ok(relative) = entry.path().strip_prefix(&folder)
        {
            found.push(relative.to_owned());
        }
    }
    if found.is_empty() {
        return Err(empty(root, layout, depths).into());
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the first part of a relative path as text: the class.
pub(super) fn class_of(relative: &Path) -> String {
    relative.iter().next().unwrap_or_default().to_string_lossy().into_owned()
}

/// Compares file names so that numbers in them count as numbers: `frame9` before `frame10`.
pub(super) fn by_number(a: &OsStr, b: &OsStr) -> Ordering {
    let (mut left, mut right) = (a.as_encoded_bytes(), b.as_encoded_bytes());
    while let (Some(x), Some(y)) = (left.first(), right.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (m, n) = (cut_number(&mut left), cut_number(&mut right));
            m.len().cmp(&n.len()).then_with(|| m.cmp(n))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
    }
    // Names like 1 and 01 are told apart by their bytes.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the number off the front of a name and returns its digits without leading zeros.
fn cut_number<'a>(name: &mut &'a [u8]) -> &'a [u8] {
    let end = name.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(name.len());
    let (digits, rest) = name.split_at(end);
    *name = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

fn hidden(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn missing(root: &Path, folder: &Path) -> Failure {
    let failure = Failure::input(format!("there is no folder `{}`", root.display()));
    let looked = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let failure = failure.hint(format!("looked for {}", looked.display()));
    let failure = match root.is_relative() {
        true => failure.hint("paths are relative to the project, the folder that has experiments/ and templates/"),
        false => failure,
    };
    let siblings: Vec<String> = folder
        .parent()
        .and_then(|parent| parent.read_dir().ok())
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    failure.nearest(&name, siblings.iter().map(String::as_str))
}

fn empty(root: &Path, layout: Layout, depths: [usize; 4]) -> Failure {
    let pattern = layout.pattern();
    let failure = Failure::input(format!("`{}` holds no {pattern} with the ending jpg, jpeg or png", root.display()));
    match (layout, depths) {
        (_, [_, 0, 0, 0]) => failure.hint("put the images there, or point `root` at the folder that has the class folders in it"),
        (Layout::Frames, [_, _, images, _]) if images > 0 => {
            failure.hint(format!("it holds <class>/<image> ({images}): for single images use the source `image_folder`"))
        }
        (_, [_, loose, ..]) if loose > 0 => {
            failure.hint(format!("it holds {loose} images outside of any class folder: put them into one, for example `all`"))
        }
        _ => failure.hint("its images lie deeper than that: point `root` at the folder that has the class folders in it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
    }

    fn listed(files: &[&str], layout: Layout) -> Result<Vec<PathBuf>> {
        let project = tempfile::tempdir().unwrap();
        touch(&project.path().join("set"), files);
        images(Path::new("set"), project.path(), layout)
    }

    fn refused(files: &[&str], layout: Layout) -> String {
        listed(files, layout).unwrap_err().to_string()
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["10.jpg", "9.jpg", "09.jpg", "a2b10", "a2b9", "a10b1", "a"].map(OsStr::new);
        names.sort_by(|a, b| by_number(a, b));
        assert_eq!(names, ["09.jpg", "9.jpg", "10.jpg", "a", "a2b9", "a2b10", "a10b1"]);
    }

    #[test]
    fn images_are_listed_class_by_class_whatever_else_lies_there() {
        let files = ["b/2.JPG", "b/1.jpeg", "a-b/1.png", "a/sub/1.png", "a/notes.txt", "a/._1.jpg", ".hidden/1.jpg", "1.jpg"];
        let found = listed(&files, Layout::Images).unwrap();
        assert_eq!(found, ["a/sub/1.png", "a-b/1.png", "b/1.jpeg", "b/2.JPG"].map(PathBuf::from));
    }

    #[test]
    fn a_missing_folder_names_itself_and_the_nearest() {
        let project = tempfile::tempdir().unwrap();
        touch(project.path(), &["photos/a/1.jpg"]);
        let message = images(Path::new("photo"), project.path(), Layout::Images).unwrap_err().to_string();
        insta::assert_snapshot!(message.replace(&project.path().display().to_string(), "PROJECT"), @"
        there is no folder `photo`
        hint: looked for PROJECT/photo
        hint: paths are relative to the project, the folder that has experiments/ and templates/
        hint: did you mean `photos`?
        ");
    }

    #[test]
    fn an_empty_folder_says_what_was_looked_for_and_what_to_do() {
        insta::assert_snapshot!(refused(&["readme.txt"], Layout::Images), @"
        `set` holds no <class>/<image> with the ending jpg, jpeg or png
        hint: put the images there, or point `root` at the folder that has the class folders in it
        ");
        insta::assert_snapshot!(refused(&["1.jpg", "2.jpg"], Layout::Images), @"
        `set` holds no <class>/<image> with the ending jpg, jpeg or png
        hint: it holds 2 images outside of any class folder: put them into one, for example `all`
        ");
        insta::assert_snapshot!(refused(&["a/1.jpg"], Layout::Frames), @"
        `set` holds no <class>/<clip>/<frame> with the ending jpg, jpeg or png
        hint: it holds <class>/<image> (1): for single images use the source `image_folder`
        ");
        insta::assert_snapshot!(refused(&["a/b/c/1.jpg"], Layout::Frames), @"
        `set` holds no <class>/<clip>/<frame> with the ending jpg, jpeg or png
        hint: its images lie deeper than that: point `root` at the folder that has the class folders in it
        ");
    }
}
