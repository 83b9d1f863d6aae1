//! Pictures side by side, for a person to look at.

use anyhow::{Context, Result};
use image::{ImageFormat, RgbImage, imageops};
use std::io::Cursor;

/// White pixels between cells.
const GAP: u32 = 4;

/// Lays columns of pictures, each `[pictures, side, side, 3]`, out as a PNG.
///
/// # Errors
/// When a column holds fewer bytes than that.
pub fn contact_sheet(columns: &[Vec<u8>], pictures: usize, side: usize) -> Result<Vec<u8>> {
    let (bytes, side) = (side * side * 3, side as u32);
    let place = |n: usize| n as u32 * (side + GAP);
    let (width, height) = (place(columns.len()) - GAP, place(pictures) - GAP);
    let mut canvas = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    for (x, column) in columns.iter().enumerate() {
        for (y, picture) in column.chunks_exact(bytes).take(pictures).enumerate() {
            let picture = RgbImage::from_raw(side, side, picture.to_vec()).context("a picture has the wrong size")?;
            imageops::replace(&mut canvas, &picture, place(x).into(), place(y).into());
        }
    }
    let mut png = Cursor::new(Vec::new());
    canvas.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_cell() {
        let column = |value: u8| vec![value; 2 * 2 * 2 * 3];
        let png = contact_sheet(&[column(10), column(20), column(30)], 2, 2).unwrap();
        let sheet = image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!(sheet.dimensions(), (3 * 2 + 2 * GAP, 2 * 2 + GAP));
        let at = |x, y| sheet.get_pixel(x, y).0[0];
        assert_eq!([at(0, 0), at(2 + GAP, 0), at(2 * (2 + GAP), 2 + GAP), at(2, 0)], [10, 20, 30, 255]);
    }
}
