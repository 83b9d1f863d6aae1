//! `<class>/<clip>` without a list: the folders name the classes, and the splits where they can.

use super::Media;
use super::disk::{is_hidden, media};
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::split;
use crate::failure::Failure;
use anyhow::Result;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

pub(super) const NAME: &str = "folder per class";

/// What lies in one folder, relative to the root.
#[derive(Default)]
struct Folder {
    videos: Vec<OsString>,
    images: Vec<OsString>,
}

type Folders = BTreeMap<PathBuf, Folder>;

/// Adds every clip under the root, in the byte order of the parts of its path.
pub(super) fn read(gather: &mut Gather) -> Result<()> {
    let root = gather.disk.root.clone();
    let folders = walk(&root, gather);
    let depth = usize::from(has_splits(&folders));
    let frames = are_frames(&folders, depth);
    let mut clips = clips(&folders, frames);
    if clips.is_empty() {
        let failure = Failure::input(format!("`{}` holds no videos and no images", root.display()));
        return Err(failure.hint("put clips into folders named after their classes, or name another folder").into());
    }
    clips.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if frames {
        gather.notice("each folder of images is read as one clip: they lie as <class>/<clip>/<image>".to_owned());
    }
    add(gather, &root, clips, depth, &with_classes(&folders, depth));
    Ok(())
}

fn walk(root: &Path, gather: &mut Gather) -> Folders {
    let mut folders = Folders::new();
    let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(visible) {
        let entry = match entry {
            Ok(entry) => entry,
            // A link that leads nowhere is no clip.
            Err(error) if error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound) => continue,
            // A folder that may not be read (`lost+found`), or a loop of links, must not hide the others.
            Err(error) => {
                gather.notice(format!("passed over: {error}"));
                continue;
            }
        };
        let (Some(media), Ok(path)) = (media(entry.path()), entry.path().strip_prefix(root)) else { continue };
        if !entry.file_type().is_file() {
            continue;
        }
        let folder = folders.entry(path.parent().unwrap_or(path).to_owned()).or_default();
        let names = if media == Media::Video { &mut folder.videos } else { &mut folder.images };
        names.push(entry.file_name().to_owned());
    }
    folders
}

fn part(path: &Path, depth: usize) -> Option<&str> {
    path.iter().nth(depth).and_then(|name| name.to_str())
}

/// Tells whether the folders on top, those without clips aside, are splits.
fn has_splits(folders: &Folders) -> bool {
    let mut tops = folders.keys().filter(|path| path.iter().next().is_some()).peekable();
    tops.peek().is_some() && tops.all(|path| part(path, 0).and_then(split::known).is_some())
}

/// Tells whether images are frames: all lie in `<class>/<clip>` folders without videos, and some folder has two.
fn are_frames(folders: &Folders, depth: usize) -> bool {
    let mut of_images = folders.iter().filter(|(_, folder)| !folder.images.is_empty());
    let is_clip = |path: &Path, folder: &Folder| path.iter().count() == depth + 2 && folder.videos.is_empty();
    of_images.clone().all(|(path, folder)| is_clip(path, folder)) && of_images.any(|(_, folder)| folder.images.len() > 1)
}

fn clips(folders: &Folders, frames: bool) -> Vec<(PathBuf, Media)> {
    let mut clips = Vec::new();
    for (path, folder) in folders {
        clips.extend(folder.videos.iter().map(|name| (path.join(name), Media::Video)));
        if frames && folder.images.len() > 1 {
            clips.push((path.clone(), Media::Frames { first: 0, count: None }));
        } else {
            clips.extend(folder.images.iter().map(|name| (path.join(name), Media::Image)));
        }
    }
    clips
}

/// Returns the folders that have class folders in them: the root, or the splits, each as it is written.
fn with_classes(folders: &Folders, depth: usize) -> Vec<PathBuf> {
    let above = |path: &PathBuf| path.iter().take(depth).collect();
    let mut above: Vec<PathBuf> = folders.keys().filter(|path| path.iter().count() > depth).map(above).collect();
    above.dedup();
    above
}

fn add(gather: &mut Gather, root: &Path, clips: Vec<(PathBuf, Media)>, depth: usize, with_classes: &[PathBuf]) {
    let place = Place::folder(root);
    let mut loose = 0;
    for (path, media) in clips {
        let folder = path.parent().unwrap_or(&path);
        let class = part(&path, depth).filter(|_| folder.iter().count() > depth || matches!(media, Media::Frames { .. }));
        // A contact sheet beside the class folders is no clip; where there are no class folders, all clips are loose.
        if class.is_none() && with_classes.iter().any(|above| above == folder) {
            loose += 1;
            continue;
        }
        let split = part(&path, 0).filter(|_| depth > 0).and_then(split::known).unwrap_or("train").to_owned();
        let label = class.map_or(Label::None, Label::name);
        gather.found(&place, Said { path, split, label }, media);
    }
    if loose > 0 {
        gather.notice(format!("files beside the class folders have no class and are left out: {loose}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    fn read(files: &[&str]) -> super::super::Listing {
        Tree::new(files).read(&[])
    }

    #[test]
    fn the_first_folder_is_the_class() {
        let listing = read(&["b/1.mp4", "a-b/x/2.webm", "a/3.MOV", "a/4.png", "a/notes.txt", ".git/5.mp4", "a/._3.MOV"]);
        assert_eq!(lines(&listing), ["train a a/3.MOV", "train a a/4.png", "train a-b a-b/x/2.webm", "train b b/1.mp4"]);
        assert_eq!((listing.format, listing.notices.len()), ("folder per class", 0));
        assert_eq!(listing.entries[1].media, Media::Image);
    }

    #[test]
    fn folders_on_top_are_splits_when_all_are_named_so() {
        let listing = read(&["Training/a/1.mp4", "valid/a/2.mp4", "valid/b/2.mp4", "test/3.mp4", "lists/all.csv"]);
        let expected = ["train a Training/a/1.mp4", "test unlabelled test/3.mp4", "val a valid/a/2.mp4", "val b valid/b/2.mp4"];
        assert_eq!(lines(&listing), expected);
        assert_eq!(lines(&read(&["train/1.mp4", "car/1.mp4"])), ["train car car/1.mp4", "train train train/1.mp4"]);
    }

    #[test]
    fn folders_of_images_are_clips_when_all_images_lie_so() {
        let listing = read(&["run/a/1.jpg", "run/a/2.jpg", "sit/b/1.jpg", "sit/c.mp4"]);
        assert_eq!(lines(&listing), ["train run run/a", "train sit sit/b/1.jpg", "train sit sit/c.mp4"]);
        assert_eq!(listing.entries[0].media, Media::Frames { first: 0, count: None });
        assert_eq!(listing.notices.len(), 1);
        assert_eq!(lines(&read(&["val/run/a/1.jpg", "val/run/a/2.jpg"])), ["val run val/run/a"]);
    }

    #[test]
    fn images_that_lie_otherwise_are_images() {
        let media = |files: &[&str]| read(files).entries.iter().map(|entry| entry.media.clone()).collect::<Vec<_>>();
        assert_eq!(media(&["run/1.jpg", "run/2.jpg"]), [const { Media::Image }; 2]);
        assert_eq!(media(&["run/a/1.jpg", "run/a/2.jpg", "sit/1.jpg"]), [const { Media::Image }; 3]);
        assert_eq!(media(&["run/a/b/1.jpg", "run/a/b/2.jpg"]), [const { Media::Image }; 2]);
        assert_eq!(media(&["run/a/1.jpg", "run/a/2.jpg", "run/a/3.mp4"]), [Media::Image, Media::Image, Media::Video]);
    }

    #[test]
    fn a_flat_folder_has_no_labels_and_loose_files_beside_classes_are_left_out() {
        assert_eq!(lines(&read(&["2.mp4", "1.png"])), ["train unlabelled 1.png", "train unlabelled 2.mp4"]);
        let listing = read(&["sheet.jpg", "run/1.mp4"]);
        assert_eq!(lines(&listing), ["train run run/1.mp4"]);
        assert_eq!(listing.notices, ["files beside the class folders have no class and are left out: 1"]);
    }

    #[test]
    fn a_classes_file_orders_the_folders_and_refuses_others() {
        let tree = Tree::new(&["a/1.mp4", "b/1.mp4", "c/1.mp4"]).with_classes("c\na\n");
        let listing = tree.read(&[]);
        assert_eq!(listing.classes, ["c", "a"]);
        assert_eq!(tree.problems(&listing), ["UnknownLabel b/1.mp4: root: label `b` is not in `classes.txt`"]);
    }

    #[test]
    fn a_folder_without_clips_is_refused() {
        assert!(Tree::new(&["notes.txt"]).refused(&[]).contains("holds no videos and no images"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_broken_ones_left_out() {
        let (tree, other) = (Tree::new(&["a/1.mp4"]), Tree::new(&["2.mp4"]));
        std::os::unix::fs::symlink(other.root(), tree.root().join("b")).unwrap();
        std::os::unix::fs::symlink("nowhere.mp4", tree.root().join("a/3.mp4")).unwrap();
        assert_eq!(lines(&tree.read(&[])), ["train a a/1.mp4", "train b b/2.mp4"]);
    }
}
