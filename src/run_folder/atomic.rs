//! Writing a file so that a reader, and a power cut, see the old file or the new one and nothing between.

use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How the names of files begin that are being written.
const UNFINISHED: &str = ".new-";

/// Whether a file of this name is being written, or was when its writer was killed.
pub fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
}

/// Puts `bytes` at `path`: written beside it, brought to the disk, renamed, and the folder brought to the disk too.
///
/// # Errors
/// When the disk refuses; what stood at `path` before then still stands there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, || Ok(())).with_context(|| format!("cannot write {}", path.display()))
}

/// The same, if `allowed` still says so when the bytes are on the disk and the file is about to take its place.
///
/// # Errors
/// When it does not, or the disk refuses.
pub fn write_if(path: &Path, bytes: &[u8], allowed: impl FnOnce() -> Result<()>) -> Result<()> {
    write(path, bytes, allowed).with_context(|| format!("cannot write {}", path.display()))
}

fn write(path: &Path, bytes: &[u8], allowed: impl FnOnce() -> Result<()>) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Temporary files are private by default; results are as open as the umask allows.
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    allowed()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_allowed_any_more_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomically(&path, b"one").unwrap();
        assert!(write_if(&path, b"two", || Err(super::super::Fenced.into())).unwrap_err().is::<super::super::Fenced>());
        assert_eq!((fs::read(&path).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (b"one".to_vec(), 1));
    }

    #[test]
    fn a_refusal_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(&folder.path().join("not/there"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write ") && error.to_string().ends_with("not/there"), "{error}");
    }
}
