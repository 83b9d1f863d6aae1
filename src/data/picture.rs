//! A decoded picture.

use bytes::Bytes;
use image::DynamicImage;
use image::ImageDecoder;
use image::ImageReader;
use std::fmt;
use std::fs;
use std::io::{self, Cursor};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// A picture in 8-bit RGB, upright.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels from left to right, at least 1.
    pub width: usize,
    /// Pixels from top to bottom, at least 1.
    pub height: usize,
    /// `[height, width, 3]`, row by row. May lie in a mapped file: a copy of the handle copies no pixels.
    pub rgb: Bytes,
}

/// Bytes of a decoded picture, at most (13,000 x 13,000 pixels): a small file may claim to be far more.
const LARGEST: u64 = 512 << 20;

/// A file that was left out because it cannot be read or decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, on one line.
    pub reason: String,
}

impl Picture {
    /// Reads a JPEG or PNG file, whichever its content says it is.
    ///
    /// The EXIF orientation is applied; grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparency is dropped.
    pub fn read(path: &Path) -> Result<Picture, Skipped> {
        let skipped = |reason: String| Skipped { path: path.to_owned(), reason: reason.replace('\n', " ") };
        fs::read(path).map_err(|error| error.to_string()).and_then(|bytes| Picture::decode(&bytes)).map_err(skipped)
    }

    /// Decodes the bytes of a JPEG or PNG file, as [`Picture::read`] does. The error is the reason, which may have several lines.
    pub fn decode(file: &[u8]) -> Result<Picture, String> {
        // A decoder that panics on a damaged file must not take the run with it.
        match catch_unwind(|| decode(file)) {
            Ok(picture) => picture.map_err(|error| error.to_string()),
            Err(_) => Err("the decoder panicked".to_owned()),
        }
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture {{ {}x{} }}", self.width, self.height)
    }
}

fn decode(bytes: &[u8]) -> image::ImageResult<Picture> {
    if bytes.starts_with(&[0xff, 0xd8]) && !ends(bytes) {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the JPEG ends before its picture does");
        return Err(error.into());
    }
    let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()?;
    if decoder.total_bytes() > LARGEST {
        let (width, height) = decoder.dimensions();
        return Err(io::Error::other(format!("a picture of {width}x{height} pixels is too large")).into());
    }
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    Ok(Picture { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw().into() })
}

/// Whether a JPEG has its end marker, perhaps with other bytes behind it.
///
/// The decoder fills what is missing with gray, which a training would take for a picture.
fn ends(jpeg: &[u8]) -> bool {
    // Inside of the compressed data 0xff is never followed by either mark, so the last scan and what ends it are found by their bytes.
    let last = |mark: u8| jpeg.windows(2).rposition(|pair| pair == [0xff, mark]);
    jpeg.ends_with(&[0xff, 0xd9]) || last(0xd9) > last(0xda)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ExtendedColorType;
    use image::ImageEncoder;
    use image::codecs::jpeg::JpegEncoder;

    /// A little-endian EXIF block that holds nothing but an orientation.
    fn exif(orientation: u8) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn exif_orientation_is_applied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sideways.jpg");
        // White left half, black right half; orientation 6 turns it clockwise: white is then on top.
        let pixels: Vec<u8> = (0..16 * 32).flat_map(|i| [if i % 32 < 16 { 255u8 } else { 0 }; 3]).collect();
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 95);
        encoder.set_exif_metadata(exif(6)).unwrap();
        encoder.write_image(&pixels, 32, 16, ExtendedColorType::Rgb8).unwrap();
        std::fs::write(&path, file).unwrap();
        let picture = Picture::read(&path).unwrap();
        assert_eq!((picture.width, picture.height), (16, 32));
        assert!(picture.rgb[..16 * 15 * 3].iter().all(|&v| v > 240));
        assert!(picture.rgb[16 * 17 * 3..].iter().all(|&v| v < 15));
    }

    #[test]
    fn a_jpeg_that_was_cut_off_is_skipped_and_one_with_a_tail_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Vec::new();
        let pixels: Vec<u8> = (0..64 * 64 * 3).map(|i| (i * 7919 % 251) as u8).collect();
        JpegEncoder::new(&mut file).write_image(&pixels, 64, 64, ExtendedColorType::Rgb8).unwrap();
        let read = |bytes: &[u8]| {
            let path = folder.path().join("a.jpg");
            std::fs::write(&path, bytes).unwrap();
            Picture::read(&path)
        };
        assert_eq!(read(&file[..file.len() / 2]).unwrap_err().reason, "the JPEG ends before its picture does");
        let whole = read(&file).unwrap();
        assert_eq!(read(&[&file[..], b"a tail"].concat()).unwrap(), whole);
    }

    #[test]
    fn a_png_by_another_name_is_read_and_gray_becomes_rgb() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("really_a_png.jpg");
        let image = image::GrayAlphaImage::from_raw(2, 1, vec![7, 255, 9, 0]).unwrap();
        image.save_with_format(&path, image::ImageFormat::Png).unwrap();
        assert_eq!(Picture::read(&path).unwrap(), Picture { width: 2, height: 1, rgb: vec![7, 7, 7, 9, 9, 9].into() });
    }

    #[test]
    fn a_damaged_file_is_skipped_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in
            [("empty.jpg", &b""[..]), ("text.png", b"not a picture"), ("head.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF")]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let skipped = Picture::read(&path).unwrap_err();
            assert_eq!(skipped.path, path);
            assert!(!skipped.reason.is_empty() && !skipped.reason.contains('\n'));
        }
        assert!(Picture::read(&folder.path().join("missing.jpg")).is_err());
    }
}
