//! What lies on disk. Lists each folder once, so that a million listed clips cost no million look-ups.

use super::Media;
use crate::data::listing::by_number;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

const VIDEOS: [&str; 15] =
    ["mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv", "flv", "3gp", "ts", "mts", "m2ts", "ogv"];
const IMAGES: [&str; 3] = ["jpg", "jpeg", "png"];

/// How deep under the root a clip is looked for by its name: split, class, clip.
const DEPTH: usize = 3;

/// Returns what a file is, going by its ending.
pub(super) fn media(path: &Path) -> Option<Media> {
    let ending = path.extension()?;
    let is_one_of = |known: &[&str]| known.iter().any(|known| ending.eq_ignore_ascii_case(known));
    if is_one_of(&VIDEOS) {
        return Some(Media::Video);
    }
    is_one_of(&IMAGES).then_some(Media::Image)
}

/// Tells whether a file or folder is one that the system or a tool keeps for itself.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Returns the last number in the name of a file, its ending aside: that of a frame, or of an image in a row of them.
pub(super) fn last_number(name: &OsStr) -> Option<usize> {
    let stem = Path::new(name).file_stem()?.to_str()?;
    stem.rsplit(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// The root and the folders that were looked into.
pub(super) struct Disk {
    pub(super) root: PathBuf,
    folders: HashMap<PathBuf, Folder>,
    /// Clips by their names without the ending; made when first asked for.
    stems: Option<HashMap<OsString, Vec<PathBuf>>>,
}

/// The names in a folder.
#[derive(Default)]
struct Folder {
    files: HashSet<OsString>,
    folders: BTreeSet<OsString>,
}

impl Folder {
    /// Lists a folder; one that is not there, or cannot be read, holds nothing.
    fn list(path: &Path) -> Self {
        let mut folder = Folder::default();
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => fs::metadata(entry.path()).map(|metadata| metadata.file_type()),
                kind => kind,
            };
            match kind {
                Ok(kind) if kind.is_dir() => drop(folder.folders.insert(entry.file_name())),
                Ok(kind) if kind.is_file() => drop(folder.files.insert(entry.file_name())),
                _ => {}
            }
        }
        folder
    }
}

/// Returns the names of the images in a folder, numbers in them read as numbers. Not remembered: they are many.
pub(super) fn frames(folder: &Path) -> Vec<OsString> {
    let is_frame = |name: &OsString| !is_hidden(name) && media(Path::new(name)) == Some(Media::Image);
    let mut names: Vec<OsString> = Folder::list(folder).files.into_iter().filter(is_frame).collect();
    names.sort_unstable_by(|a, b| by_number(a, b));
    names
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        Disk { root: root.to_owned(), folders: HashMap::new(), stems: None }
    }

    fn parent_of(&mut self, path: &Path) -> Option<&Folder> {
        let folder = self.root.join(path.parent()?);
        Some(self.folders.entry(folder).or_insert_with_key(|folder| Folder::list(folder)))
    }

    /// Tells whether a file is there.
    pub(super) fn is_file(&mut self, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return false };
        self.parent_of(path).is_some_and(|folder| folder.files.contains(name))
    }

    /// Tells whether a folder is there.
    pub(super) fn is_folder(&mut self, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return false };
        self.parent_of(path).is_some_and(|folder| folder.folders.contains(name))
    }

    /// Returns what a listed clip is, when it is there. A file with a strange ending is taken for a video: the list says it is
    /// a clip.
    pub(super) fn clip(&mut self, path: &Path) -> Option<Media> {
        if self.is_file(path) {
            return Some(media(path).unwrap_or(Media::Video));
        }
        let is_frames = self.is_folder(path) && !self.frames(path).is_empty();
        is_frames.then_some(Media::Frames { first: 0, count: None })
    }

    /// Returns the names of the images in a folder of the root, as [`frames`] does.
    pub(super) fn frames(&self, path: &Path) -> Vec<OsString> {
        frames(&self.root.join(path))
    }

    /// Returns the clips of that name, whatever their ending, at most three levels under the root and in the order of their
    /// paths.
    pub(super) fn by_stem(&mut self, stem: &str) -> &[PathBuf] {
        let root = &self.root;
        let stems = self.stems.get_or_insert_with(|| {
            let mut stems = HashMap::new();
            collect(root, Path::new(""), DEPTH, &mut stems);
            stems.values_mut().for_each(|paths: &mut Vec<PathBuf>| paths.sort_unstable());
            stems
        });
        stems.get(OsStr::new(stem)).map_or(&[], Vec::as_slice)
    }
}

fn collect(root: &Path, relative: &Path, depth: usize, stems: &mut HashMap<OsString, Vec<PathBuf>>) {
    let folder = Folder::list(&root.join(relative));
    for name in folder.files.iter().filter(|name| !is_hidden(name)) {
        let path = relative.join(name);
        if let (Some(_), Some(stem)) = (media(&path), path.file_stem()) {
            stems.entry(stem.to_owned()).or_default().push(path);
        }
    }
    if depth > 1 {
        let folders = folder.folders.iter().filter(|name| !is_hidden(name));
        folders.for_each(|name| collect(root, &relative.join(name), depth - 1, stems));
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Tree;
    use super::*;

    #[test]
    fn a_listed_clip_is_a_file_or_a_folder_of_images() {
        let tree = Tree::new(&["a/1.MP4", "a/2.JPeG", "a/odd.xyz", "run/10.png", "run/9.png", "run/.0.png", "empty/notes.txt"]);
        let mut disk = Disk::new(tree.root());
        let mut clip = |path: &str| disk.clip(Path::new(path));
        assert_eq!(clip("a/1.MP4"), Some(Media::Video));
        assert_eq!(clip("a/2.JPeG"), Some(Media::Image));
        assert_eq!(clip("a/odd.xyz"), Some(Media::Video));
        assert_eq!(clip("run"), Some(Media::Frames { first: 0, count: None }));
        assert_eq!(["empty", "a/3.mp4", "no/1.mp4", "", "..", "\0"].map(&mut clip), [const { None }; 6]);
        assert_eq!(clip(tree.root().join("a/1.MP4").to_str().unwrap()), Some(Media::Video));
        assert_eq!(disk.frames(Path::new("run")), ["9.png", "10.png"]);
    }

    #[test]
    fn the_last_number_of_a_name_is_its_number() {
        let number = |name: &str| last_number(OsStr::new(name));
        assert_eq!(["img_00012.jpg", "12.png", "v2_é7x.mp4", "x.jpg"].map(number), [Some(12), Some(12), Some(7), None]);
    }

    #[test]
    fn clips_are_found_by_name_three_levels_deep() {
        let tree = Tree::new(&["x.mp4", "train/run/x.webm", "a/b/c/x.mp4", ".hidden/x.mp4", "a/x.txt"]);
        assert_eq!(Disk::new(tree.root()).by_stem("x"), ["train/run/x.webm", "x.mp4"].map(PathBuf::from));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed() {
        let tree = Tree::new(&["a/1.mp4"]);
        std::os::unix::fs::symlink(tree.root().join("a"), tree.root().join("b")).unwrap();
        std::os::unix::fs::symlink(tree.root().join("nowhere"), tree.root().join("c.mp4")).unwrap();
        let mut disk = Disk::new(tree.root());
        assert_eq!(disk.clip(Path::new("b/1.mp4")), Some(Media::Video));
        assert_eq!(disk.clip(Path::new("c.mp4")), None);
    }
}
