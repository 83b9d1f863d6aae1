//! What is in a folder of images, as a hash.

use super::listing::{Layout, images};
use anyhow::{Context, Result};
use std::path::Path;

/// Returns a hash of the relative path and the size of every image of a folder, 64 hexadecimal digits.
///
/// Not of its pixels (an ImageNet would take minutes) and not of where it lies.
pub(super) fn folder(root: &Path, project: &Path, layout: Layout) -> Result<String> {
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

    fn write(root: &Path, name: &str, content: &[u8]) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    #[test]
    fn a_folder_is_its_names_and_sizes_wherever_it_lies() {
        let project = tempfile::tempdir().unwrap();
        let of = |root: &str| folder(Path::new(root), project.path(), Layout::Images).unwrap();
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
}
