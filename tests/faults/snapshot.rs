//! What is in a folder at one time, to be put there again.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file of a folder with its bytes.
#[derive(Clone)]
pub struct Snapshot(Vec<(PathBuf, Vec<u8>)>);

impl Snapshot {
    pub fn of(folder: &Path) -> Self {
        let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap());
        let files = files.filter(|entry| entry.file_type().is_file()).map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        });
        Snapshot(files.collect())
    }

    /// Puts the files into a folder, in the place of everything that is there.
    pub fn put(&self, folder: &Path) {
        empty(folder);
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Removes what is in a folder. The folder stays: it may be a disk of its own.
pub fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
}
