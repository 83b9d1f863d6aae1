//! Pictures side by side, for a person to look at.

use crate::font;
use anyhow::{Context, Result, anyhow};
use image::{ImageFormat, RgbImage, imageops};
use plotters::prelude::{BitMapBackend, IntoDrawingArea, IntoFont, TextStyle};
use std::io::Cursor;

/// White pixels between cells.
const GAP: u32 = 4;

/// Pixels that a cell with a title has at the least.
const LEAST_CELL: u32 = 128;

/// Pixels from one line of text to the next.
const LINE: u32 = 22;

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

/// The same with a title over each column and notes below; small pictures are enlarged, so that there is room for the titles.
///
/// # Errors
/// When a column holds fewer bytes than that.
pub fn titled_sheet(columns: &[(&str, Vec<u8>)], notes: &[&str], pictures: usize, side: usize) -> Result<Vec<u8>> {
    let columns_only: Vec<Vec<u8>> = columns.iter().map(|(_, column)| column.clone()).collect();
    let sheet = image::load_from_memory(&contact_sheet(&columns_only, pictures, side)?)?.into_rgb8();
    let scale = LEAST_CELL.div_ceil(side as u32).max(1);
    let grid = imageops::resize(&sheet, sheet.width() * scale, sheet.height() * scale, imageops::FilterType::Nearest);
    let (width, height) = (grid.width(), grid.height() + LINE * (1 + notes.len() as u32));
    let mut canvas = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    imageops::replace(&mut canvas, &grid, 0, LINE.into());
    font::register();
    let area = BitMapBackend::with_buffer(&mut canvas, (width, height)).into_drawing_area();
    let style = TextStyle::from((font::FONT, 14).into_font());
    let cell = (side as u32 + GAP) * scale;
    let titles = columns.iter().enumerate().map(|(n, (title, _))| (*title, n as u32 * cell, 0));
    let notes = notes.iter().enumerate().map(|(n, note)| (*note, 0, grid.height() + LINE * (1 + n as u32)));
    for (text, x, y) in titles.chain(notes) {
        area.draw_text(text, &style, (x as i32 + 2, y as i32 + 4)).map_err(|error| anyhow!("cannot write `{text}`: {error}"))?;
    }
    area.present().map_err(|error| anyhow!("cannot draw the sheet: {error}"))?;
    drop(area);
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

    #[test]
    fn titles_stand_over_their_columns_and_pictures_keep_their_colours() {
        let columns = [("first", vec![10; 2 * 48]), ("second", vec![200; 2 * 48])];
        let sheet = image::load_from_memory(&titled_sheet(&columns, &["a note"], 2, 4).unwrap()).unwrap().into_rgb8();
        let scale = 32;
        assert_eq!(sheet.dimensions(), ((4 + 4 + GAP) * scale, (4 + 4 + GAP) * scale + 2 * LINE));
        let dark = |x: std::ops::Range<u32>, y: std::ops::Range<u32>| {
            x.flat_map(|x| y.clone().map(move |y| (x, y))).any(|(x, y)| sheet.get_pixel(x, y).0[0] < 100)
        };
        assert!(dark(0..100, 0..LINE) && dark(8 * scale..8 * scale + 100, 0..LINE), "both have titles");
        assert!(dark(0..100, sheet.height() - LINE..sheet.height()), "the note is there");
        assert_eq!([sheet.get_pixel(60, LINE + 60).0[0], sheet.get_pixel(9 * scale, LINE + 60).0[0]], [10, 200]);
    }
}
