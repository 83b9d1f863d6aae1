//! What kind of file a path names, told from how the file begins.

use crate::failure::Failure;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

/// What to give, for hints.
pub const WANTED: &str = "give a .safetensors file, or a .pth, .pt or .bin file that torch.save wrote";

/// Longest header of a safetensors file, in bytes (the format's own limit).
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes that are enough to tell every format that is met in the place of a checkpoint.
const OPENING: u64 = 64;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON header and plain values.
    Safetensors,
    /// One of the containers of `torch.save`, or anything else: the reader looks closer.
    Torch {
        /// Length of the file in bytes.
        length: u64,
    },
}

/// Tells the format of a file.
///
/// # Errors
/// When it cannot be opened, or is something that is often given by mistake.
pub fn format_of(path: &Path) -> Result<Format, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| cannot_open(&error))?;
    // Pipes and devices never end, and the file is opened more than once.
    if !metadata.is_file() {
        return Err(Failure::input("it is not a file").hint(WANTED));
    }
    let mut opening = Vec::new();
    let file = File::open(path).map_err(|error| cannot_open(&error))?;
    file.take(OPENING).read_to_end(&mut opening).map_err(|error| cannot_open(&error))?;
    if opens_safetensors(&opening) {
        return Ok(Format::Safetensors);
    }
    other_format(&opening).map_or(Ok(Format::Torch { length: metadata.len() }), Err)
}

/// The failure that stands for an error of the file system.
pub fn cannot_open(error: &io::Error) -> Failure {
    Failure::input(format!("cannot read the file: {error}")).hint("check the path, and whether you may read what is there")
}

/// Eight bytes with the length of a JSON header, and the brace that the header starts with.
fn opens_safetensors(opening: &[u8]) -> bool {
    let length = opening.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| length <= LONGEST_HEADER) && opening.get(8) == Some(&b'{')
}

/// Files that are often given by mistake.
fn other_format(opening: &[u8]) -> Option<Failure> {
    if opening.is_empty() {
        return Some(Failure::input("the file is empty").hint("copy or download it again"));
    }
    if opening.starts_with(b"version https://git-lfs") {
        return Some(Failure::input("this is a pointer of Git LFS, not the weights").hint("run `git lfs pull` where it is from"));
    }
    if opening.starts_with(b"\x89HDF") {
        return Some(Failure::input("weights of Keras (HDF5) are not read").hint(WANTED));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Result<Format, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        format_of(file.path())
    }

    #[test]
    fn the_content_decides_and_not_the_ending() {
        assert_eq!(told(b"\x02\0\0\0\0\0\0\0{}").unwrap(), Format::Safetensors);
        // A pickle may begin with a byte that could be a length, but no brace stands in its place.
        assert_eq!(told(b"\x80\x02}q\0X\x05\0\0\0model").unwrap(), Format::Torch { length: 15 });
    }

    #[test]
    fn what_is_often_given_by_mistake_is_told() {
        insta::assert_snapshot!(told(b"").unwrap_err(), @"
        the file is empty
        hint: copy or download it again
        ");
        insta::assert_snapshot!(told(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap_err(), @"
        this is a pointer of Git LFS, not the weights
        hint: run `git lfs pull` where it is from
        ");
        insta::assert_snapshot!(told(b"\x89HDF\r\n").unwrap_err(), @"
        weights of Keras (HDF5) are not read
        hint: give a .safetensors file, or a .pth, .pt or .bin file that torch.save wrote
        ");
        insta::assert_snapshot!(format_of(Path::new("/tmp")).unwrap_err(), @"
        it is not a file
        hint: give a .safetensors file, or a .pth, .pt or .bin file that torch.save wrote
        ");
    }
}
