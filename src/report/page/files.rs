//! The files of a report in its folder.

use crate::run_folder::write_atomically;
use anyhow::{Context, Result};
use indexmap::IndexSet;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

/// Who writes the same report, such as `report` at the end of `run`, takes turns by it.
const LOCK: &str = ".lock";

/// Makes names that can name files, no two the same; one of which nothing is left is called what it is.
pub(super) fn name_apart<'a>(kind: &str, names: impl Iterator<Item = &'a mut String>) {
    /// Bytes of a name; file systems have 255, and endings and numbers follow.
    const MOST: usize = 100;
    let mut taken = IndexSet::new();
    for name in names {
        let safe = |character: char| if character.is_alphanumeric() || "._-".contains(character) { character } else { '-' };
        let base = name.chars().map(safe).collect::<String>();
        // A file whose name begins with a dot is hidden.
        let base = base.trim_start_matches('.');
        let base = if base.is_empty() { kind } else { &base[..base.floor_char_boundary(MOST)] };
        let mut candidate = base.to_owned();
        let mut number = 1;
        while !taken.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{base}-{number}");
        }
        *name = candidate;
    }
}

/// Writes what has changed, and removes what is no longer part of the report.
pub(super) fn put(files: &BTreeMap<String, Vec<u8>>, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let path = out.join(LOCK);
    // Each would clear away what the other is about to put in its place.
    let turn = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    turn.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    for folder in ["tables", "plots", "pictures"] {
        let path = out.join(folder);
        let kept = |name: &str| files.contains_key(&format!("{folder}/{name}"));
        remove_others(&path, kept).with_context(|| format!("cannot clear {}", path.display()))?;
    }
    for (name, bytes) in files {
        let path = out.join(name);
        if fs::read(&path).is_ok_and(|present| present == *bytes) {
            continue;
        }
        let folder = path.parent().unwrap_or(out);
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        write_atomically(&path, bytes)?;
    }
    Ok(())
}

fn remove_others(folder: &Path, kept: impl Fn(&str) -> bool) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() && !entry.file_name().to_str().is_some_and(&kept) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_may_write_the_same_report_at_once() {
        let out = tempfile::tempdir().unwrap();
        let write = |mine: &str| {
            let names = [format!("tables/{mine}.csv"), "tables/both.csv".to_owned(), "index.html".to_owned()];
            let files = BTreeMap::from(names.map(|name| (name, mine.as_bytes().to_vec())));
            (0..100).try_for_each(|_| put(&files, out.path()))
        };
        std::thread::scope(|threads| {
            let other = threads.spawn(|| write("other"));
            write("one").unwrap();
            other.join().unwrap().unwrap();
        });
    }

    #[test]
    fn names_can_name_files() {
        let mut names = ["a/b", "a-b", "..", "", ".x", &"loss-".repeat(60), &"模型".repeat(60)].map(str::to_owned);
        name_apart("table", names.iter_mut());
        let long = ["loss-".repeat(20), "模型".repeat(16) + "模"];
        assert_eq!(names, ["a-b", "a-b-2", "table", "table-2", "x", &long[0], &long[1]]);
    }
}
