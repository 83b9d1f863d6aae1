//! Resizing a part of a picture, with antialiasing.

use super::picture::Picture;
use fast_image_resize::images::{CroppedImage, Image, ImageRef};
use fast_image_resize::{FilterType, IntoImageView, PixelType, ResizeAlg, ResizeOptions, Resizer};
use std::cell::RefCell;

thread_local! {
    /// Keeps its buffers from picture to picture.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// A rectangle of whole pixels inside a picture, at least 1 by 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Cuts the window out, then resizes it to `out`, `[size, size, 3]`: what is outside the window has no influence.
pub(super) fn cut(picture: &Picture, window: Window, size: usize, filter: FilterType, out: &mut [u8]) {
    let [left, top, width, height] = [window.left, window.top, window.width, window.height].map(|v| v as u32);
    let source = whole(picture);
    let source = CroppedImage::new(&source, left, top, width, height).expect("a window lies inside its picture");
    resize(&source, size, &options(filter), out);
}

/// Resizes the part of the picture at `left, top, width, height` (fractions of pixels allowed) to `out`, `[size, size, 3]`.
///
/// The same as resizing the whole picture and cutting the part out: pixels next to the part have their influence.
pub(super) fn part(picture: &Picture, [left, top, width, height]: [f64; 4], size: usize, filter: FilterType, out: &mut [u8]) {
    resize(&whole(picture), size, &options(filter).crop(left, top, width, height), out);
}

/// The middle of the picture, as much as has that shape, resized to `width` by `height` pixels: bicubic, antialiased.
pub(super) fn fitted(picture: &Picture, width: usize, height: usize) -> Picture {
    let mut rgb = vec![0; width * height * 3];
    let mut target = Image::from_slice_u8(width as u32, height as u32, &mut rgb, PixelType::U8x3)
        .expect("a picture has height x width x 3 bytes");
    RESIZER.with_borrow_mut(|resizer| {
        let options = options(FilterType::CatmullRom).fit_into_destination(Some((0.5, 0.5)));
        resizer.resize(&whole(picture), &mut target, &options).expect("both are 8-bit RGB");
    });
    Picture { width, height, rgb: rgb.into() }
}

fn options(filter: FilterType) -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter))
}

fn whole(picture: &Picture) -> ImageRef<'_> {
    ImageRef::new(picture.width as u32, picture.height as u32, &picture.rgb, PixelType::U8x3)
        .expect("a picture has height x width x 3 bytes")
}

fn resize(source: &impl IntoImageView, size: usize, options: &ResizeOptions, out: &mut [u8]) {
    let mut target =
        Image::from_slice_u8(size as u32, size as u32, out, PixelType::U8x3).expect("a view has size x size x 3 bytes");
    RESIZER.with_borrow_mut(|resizer| {
        resizer.resize(source, &mut target, options).expect("both are 8-bit RGB and the part lies inside the picture");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_does_not_see_what_is_outside_and_part_does() {
        // A gray square of 8 in a white picture of 16.
        let gray = |i: usize| (4..12).contains(&(i % 16)) && (4..12).contains(&(i / 16));
        let rgb = (0..256).flat_map(|i| [if gray(i) { 100u8 } else { 255 }; 3]).collect::<Vec<u8>>().into();
        let picture = Picture { width: 16, height: 16, rgb };
        let mut out = vec![0; 2 * 2 * 3];
        cut(&picture, Window { left: 4, top: 4, width: 8, height: 8 }, 2, FilterType::Bilinear, &mut out);
        assert_eq!(out, [100; 12]);
        part(&picture, [4.0, 4.0, 8.0, 8.0], 2, FilterType::Bilinear, &mut out);
        assert!(out.iter().all(|v| (101..200).contains(v)), "{out:?}");
    }
}
