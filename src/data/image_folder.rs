//! `<root>/<class>/<image>`: the layout of ImageNet.

use super::cache::Cache;
use super::fingerprint;
use super::listing::{Layout, class_of, images};
use super::picture::{Picture, Skipped};
use super::{Clips, Configured};
use crate::rng::Rng;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of images, one sub-folder a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder. Relative paths start at the project's folder.
    pub root: PathBuf,
}

/// The images of a folder; a pair is the same image twice.
///
/// A class is a folder right under the root; images deeper down belong to it too. Files end in jpg, jpeg or png.
pub(super) struct ImageFolder {
    folder: PathBuf,
    classes: Vec<String>,
    files: Vec<File>,
    cache: Cache,
}

struct File {
    class: usize,
    /// Relative to the folder.
    path: Box<Path>,
}

impl Configured for Config {
    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn fingerprint(&self, project: &Path) -> Result<String> {
        fingerprint::folder(&self.root, project, Layout::Images)
    }

    fn open(&self, project: &Path) -> Result<Arc<dyn Clips>> {
        Ok(Arc::new(ImageFolder::open(self, project)?))
    }
}

impl ImageFolder {
    /// Lists the images, in byte order of class and name.
    pub(super) fn open(config: &Config, project: &Path) -> Result<Self> {
        let mut classes: Vec<String> = Vec::new();
        let mut files = Vec::new();
        for path in images(&config.root, project, Layout::Images)? {
            let class = class_of(&path);
            if classes.last() != Some(&class) {
                classes.push(class);
            }
            files.push(File { class: classes.len() - 1, path: path.into() });
        }
        Ok(ImageFolder { folder: project.join(&config.root), classes, files, cache: Cache::default() })
    }
}

impl Clips for ImageFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, clip: usize) -> usize {
        self.files[clip].class
    }

    fn name(&self, clip: usize) -> String {
        self.files[clip].path.display().to_string()
    }

    fn pair(&self, clip: usize, _: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        let picture = self.picture(clip)?;
        Ok([picture.clone(), picture])
    }

    fn frames(&self, _: usize) -> usize {
        1
    }

    fn seconds(&self, _: usize) -> Option<&[f64]> {
        None
    }

    fn frame(&self, clip: usize, _: usize) -> Result<Arc<Picture>, Skipped> {
        self.cache.get(clip, || Picture::read(&self.folder.join(&self.files[clip].path)).map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_names_follow_the_folders() {
        let project = tempfile::tempdir().unwrap();
        for (i, file) in ["dog/1.png", "cat/2.png", "cat/10.png"].iter().enumerate() {
            let path = project.path().join("pets").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_raw(1, 1, vec![i as u8; 3]).unwrap().save(path).unwrap();
        }
        let folder = ImageFolder::open(&Config { root: "pets".into() }, project.path()).unwrap();
        assert_eq!(folder.classes(), ["cat", "dog"]);
        assert_eq!((0..3).map(|clip| folder.name(clip)).collect::<Vec<_>>(), ["cat/10.png", "cat/2.png", "dog/1.png"]);
        assert_eq!((0..3).map(|clip| folder.class(clip)).collect::<Vec<_>>(), [0, 0, 1]);
        let [a, b] = folder.pair(2, &mut Rng::stream(0, &[])).unwrap();
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(a.rgb[..], [0, 0, 0]);
    }
}
