//! How long a film says it is: read from the index of MP4 and MOV files, without a decoder.
//!
//! Only a hint, for choosing frames before they are scaled; what the decoder hands out decides.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The largest index that is looked at.
const LARGEST: u64 = 64 << 20;

/// Boxes that are passed over to find the index; a file of more is not worth it.
const BOXES: usize = 10_000;

/// What the index says of the longest video track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::data) struct Length {
    pub(in crate::data) seconds: f64,
    pub(in crate::data) frames: usize,
}

/// The length of a film; none where the file is of another kind, in fragments, or damaged.
pub(in crate::data) fn length(path: &Path) -> Option<Length> {
    let index = index(path).ok()??;
    let tracks = boxes(&index).filter(|(kind, _)| **kind == *b"trak").filter_map(|(_, track)| of_track(track));
    tracks.filter(|length| length.frames > 0 && length.seconds > 0.0).max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

/// The content of the box `moov`, which may stand before or behind the pictures.
fn index(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let mut at = 0;
    for _ in 0..BOXES {
        if at + 8 > end {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8])?;
        let (short, kind) = (number(&head[..4]).unwrap_or(0), [head[4], head[5], head[6], head[7]]);
        // A size of 1 stands for one of 64 bits behind the name, 0 for the rest of the file (ISO 14496-12, 4.2).
        let (header, size) = match short {
            0 => (8, end - at),
            1 => {
                file.read_exact(&mut head[8..])?;
                (16, u64::from_be_bytes(head[8..16].try_into().unwrap_or_default()))
            }
            size => (8, size),
        };
        if size < header || !kind.iter().all(u8::is_ascii_graphic) {
            return Ok(None);
        }
        if kind == *b"moov" && size <= LARGEST {
            let mut index = Vec::new();
            file.take(size - header).read_to_end(&mut index)?;
            return Ok(Some(index));
        }
        at = at.saturating_add(size);
    }
    Ok(None)
}

/// The boxes in a box: name and content. Ends at the first that makes no sense.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = number(bytes.get(..4)?)? as usize;
        let (kind, content) = (bytes.get(4..8)?.try_into().ok()?, bytes.get(8..size)?);
        bytes = &bytes[size..];
        Some((kind, content))
    })
}

/// The first box of that name, going down.
fn find<'a>(bytes: &'a [u8], names: &[&[u8; 4]]) -> Option<&'a [u8]> {
    names.iter().try_fold(bytes, |bytes, name| boxes(bytes).find(|(kind, _)| kind == name).map(|(_, content)| content))
}

fn of_track(track: &[u8]) -> Option<Length> {
    let media = find(track, &[b"mdia"])?;
    // Version and flags, then a reserved word, then what the track is.
    if find(media, &[b"hdlr"])?.get(8..12)? != b"vide" {
        return None;
    }
    let header = find(media, &[b"mdhd"])?;
    let (scale, duration) = match header.first()? {
        0 => (number(header.get(12..16)?)?, number(header.get(16..20)?)?),
        _ => (number(header.get(20..24)?)?, u64::from_be_bytes(header.get(24..32)?.try_into().ok()?)),
    };
    let sizes = find(media, &[b"minf", b"stbl", b"stsz"])?;
    let frames = number(sizes.get(8..12)?)? as usize;
    (scale > 0).then(|| Length { seconds: duration as f64 / scale as f64, frames })
}

/// A big-endian number of 4 bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn video(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/videos").join(name)
    }

    #[test]
    fn the_index_of_an_mp4_and_of_a_mov_is_read() {
        let of = |name: &str| length(&video(name)).unwrap();
        assert_eq!(of("mdn_rabbit320.mp4"), Length { seconds: 7.8, frames: 234 });
        assert_eq!(of("decord_video_90.mov"), Length { seconds: 0.1, frames: 3 });
        assert_eq!(length(&video("mdn_rabbit320.webm")), None);
        assert_eq!(length(&video("README.md")), None);
        assert_eq!(length(Path::new("not/there.mp4")), None);
    }

    #[test]
    fn a_file_that_is_cut_or_changed_anywhere_gives_no_panic() {
        let bytes = std::fs::read(video("torchcodec_h265_video.mp4")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        for n in 0..600 {
            let at = ((n as f64 * 0.618_034).fract() * bytes.len() as f64) as usize;
            let mut changed = bytes.clone();
            changed[at] ^= [0xff, 0x80, 0x01][n % 3];
            changed.truncate(if n % 4 == 0 { at } else { bytes.len() });
            std::fs::write(&path, &changed).unwrap();
            assert!(length(&path).is_none_or(|length| length.seconds > 0.0));
        }
    }
}
