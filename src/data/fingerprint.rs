//! What is in a source, as a hash: a run is named by its data too.

use super::Source;
use super::listing::{Layout, images};
use anyhow::{Context, Result};
use std::path::Path;

/// Changes when the pictures that [`super::moving_shapes`] draws for a config change.
const SHAPES_VERSION: u32 = 1;

/// Returns a hash of what a source holds, 64 hexadecimal digits.
///
/// For a folder: of the relative path and the size of every image, not of its pixels (an ImageNet would take minutes) and not of
/// where it lies. For moving shapes: of their config. Fails as [`super::open`] does when the folder is missing or empty.
pub fn fingerprint(source: &Source, project: &Path) -> Result<String> {
    match source {
        Source::ImageFolder(config) => folder(&config.root, project, Layout::Images),
        Source::FrameFolder(config) => folder(&config.root, project, Layout::Frames),
        Source::MovingShapes(config) => {
            let text = format!("moving_shapes {SHAPES_VERSION} {}", serde_json::to_string(config)?);
            Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
        }
    }
}

fn folder(root: &Path, project: &Path, layout: Layout) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for relative in images(root, project, layout)? {
        let path = project.join(root).join(&relative);
        let size = path.metadata().with_context(|| format!("cannot read the size of {}", path.display()))?.len();
        for part in &relative {
            hasher.update(part.as_encoded_bytes());
            hasher.update(b"/");
        }
        hasher.update(b"\0");
        hasher.update(&size.to_le_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::image_folder;
    use crate::data::moving_shapes;

    fn write(root: &Path, name: &str, content: &[u8]) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    #[test]
    fn a_folder_is_its_names_and_sizes_wherever_it_lies() {
        let project = tempfile::tempdir().unwrap();
        let of =
            |root: &str| fingerprint(&Source::ImageFolder(image_folder::Config { root: root.into() }), project.path()).unwrap();
        for root in ["one", "two"] {
            write(project.path(), &format!("{root}/cat/1.jpg"), b"12");
            write(project.path(), &format!("{root}/dog/1.jpg"), b"123");
        }
        let before = of("one");
        assert_eq!(before.len(), 64);
        assert_eq!(before, of("two"));
        write(project.path(), "one/readme.txt", b"says nothing about the pictures");
        assert_eq!(before, of("one"));
        write(project.path(), "one/dog/1.jpg", b"1234");
        assert_ne!(before, of("one"));
        write(project.path(), "two/dog/2.jpg", b"1");
        assert_ne!(before, of("two"));
    }

    #[test]
    fn shapes_are_their_config() {
        let of = |json: serde_json::Value| {
            let config: moving_shapes::Config = serde_json::from_value(json).unwrap();
            fingerprint(&Source::MovingShapes(config), Path::new("anywhere")).unwrap()
        };
        assert_eq!(of(serde_json::json!({"clips": 3})), of(serde_json::json!({"clips": 3, "size": 64})));
        assert_ne!(of(serde_json::json!({"clips": 3})), of(serde_json::json!({"clips": 4})));
    }
}
