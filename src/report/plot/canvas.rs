//! The paper that plots are drawn on: SVG for light and dark pages, and PNG that looks the same everywhere.

use super::Drawn;
use super::hint::{self, Hint};
use super::lettering::{Lettering, Tone};
use super::palette::{DARK, LIGHT, Palette};
use crate::font;
use crate::font::FONT;
use anyhow::{Result, anyhow};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::Pos;
use std::cell::RefCell;

/// Width and height in units; 1 unit is 1 pixel of the SVG.
pub(super) const SIZE: (u32, u32) = (1200, 780);

/// Pixels of the PNG a unit.
const PNG_SCALE: u32 = 2;

/// plotters does not smooth filled shapes, so the PNG is drawn this many times as large and shrunk.
const SUPERSAMPLING: u32 = 2;

/// Something that comes of drawing on a backend.
pub(super) type Drawing<T, DB> = Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// The result of drawing on a backend.
pub(super) type Painted<DB> = Drawing<(), DB>;

/// What can be drawn.
pub(super) trait Picture: Sync {
    /// What it shows.
    fn title(&self) -> String;

    /// The numbers that are drawn.
    fn csv(&self) -> String;

    /// Width and height in units.
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    /// Draws it.
    fn paint<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Painted<DB>;
}

/// An empty page.
pub(super) struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    scale: f64,
    hints: RefCell<Vec<Hint>>,
    /// Its colours.
    pub palette: &'static Palette,
    /// Width and height in units.
    pub size: (f64, f64),
}

/// Draws a picture in all forms.
pub(super) fn draw(name: String, picture: &impl Picture) -> Result<Drawn> {
    font::register();
    let (png, (light, dark)) = rayon::join(|| png(picture), || (svg(picture, &LIGHT), svg(picture, &DARK)));
    let ((svg, hints), (svg_dark, _), png) = (light?, dark?, png?);
    Ok(Drawn { name, title: picture.title(), svg, svg_dark, hints: hint::group(&hints), png, csv: picture.csv() })
}

fn svg(picture: &impl Picture, palette: &'static Palette) -> Result<(String, Vec<Hint>)> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
    let canvas = Canvas::new(area, 1, palette);
    canvas.paint(picture)?;
    let hints = canvas.hints.take();
    drop(canvas);
    Ok((text, hints))
}

fn png(picture: &impl Picture) -> Result<Vec<u8>> {
    let scale = PNG_SCALE * SUPERSAMPLING;
    let (width, height) = (picture.size().0 * scale, picture.size().1 * scale);
    let mut pixels = RgbImage::new(width, height);
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    Canvas::new(area, scale, &LIGHT).paint(picture)?;
    encoded(&halved(&pixels))
}

/// The mean of each square of [`SUPERSAMPLING`]² pixels.
fn halved(pixels: &RgbImage) -> RgbImage {
    const CHANNELS: usize = 3;
    let (width, height) = (pixels.width() / SUPERSAMPLING, pixels.height() / SUPERSAMPLING);
    let (row, small_row) = (pixels.width() as usize * CHANNELS, width as usize * CHANNELS);
    let mut small = RgbImage::new(width, height);
    for (pair, out) in pixels.chunks_exact(2 * row).zip(small.chunks_exact_mut(small_row)) {
        let (upper, lower) = pair.split_at(row);
        let squares = upper.as_chunks::<{ 2 * CHANNELS }>().0.iter().zip(lower.as_chunks::<{ 2 * CHANNELS }>().0);
        for ((a, b), out) in squares.zip(out.as_chunks_mut::<CHANNELS>().0) {
            for channel in 0..CHANNELS {
                let sum = [a[channel], a[channel + CHANNELS], b[channel], b[channel + CHANNELS]].map(u16::from);
                out[channel] = ((sum.iter().sum::<u16>() + 2) / 4) as u8;
            }
        }
    }
    small
}

/// A quick level: drawings are large and empty, and few of them are worth waiting for the last byte.
fn encoded(pixels: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(1), FilterType::Up);
    encoder.write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

impl<DB: DrawingBackend> Canvas<DB> {
    fn new(area: DrawingArea<DB, Shift>, scale: u32, palette: &'static Palette) -> Self {
        let (width, height) = area.dim_in_pixel();
        let size = (f64::from(width / scale), f64::from(height / scale));
        Canvas { area, scale: f64::from(scale), hints: RefCell::default(), palette, size }
    }

    fn paint(&self, picture: &impl Picture) -> Result<()> {
        let whole = || {
            self.area.fill(&self.palette.ground)?;
            picture.paint(self)?;
            self.area.present()
        };
        whole().map_err(|error| anyhow!("cannot draw `{}`: {error}", picture.title()))
    }

    fn px(&self, units: f64) -> i32 {
        (units * self.scale).round() as i32
    }

    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.px(x), self.px(y))
    }

    fn style(&self, lettering: Lettering) -> TextStyle<'static> {
        let style = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FONT), lettering.size * self.scale, style);
        let font = if lettering.upright { font.transform(FontTransform::Rotate270) } else { font };
        let color = match lettering.tone {
            Tone::Ink => self.palette.ink,
            Tone::Faint => self.palette.faint,
            Tone::Color(color) => color,
        };
        TextStyle { font, color: color.to_backend_color(), pos: Pos::new(lettering.anchor.0, lettering.anchor.1) }
    }

    /// Tells something at a place.
    pub fn tell(&self, hint: Hint) {
        self.hints.borrow_mut().push(hint);
    }

    /// Writes a text.
    pub fn write(&self, text: &str, at: (f64, f64), lettering: Lettering) -> Painted<DB> {
        self.area.draw_text(text, &self.style(lettering), self.at(at))
    }

    /// The width of a text in units.
    pub fn width(&self, text: &str, lettering: Lettering) -> f64 {
        let size = self.area.estimate_text_size(text, &self.style(lettering));
        size.map_or(0.0, |(width, _)| f64::from(width) / self.scale)
    }

    /// A line through points.
    pub fn path(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Painted<DB> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        self.area.draw(&PathElement::new(points, self.stroke(color, width)))
    }

    /// A dashed line through points.
    pub fn dashes(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Painted<DB> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        let style = self.stroke(color, width);
        self.area.draw(&DashedPathElement::new(points, self.px(14.0), self.px(9.0), style))
    }

    /// A filled outline; `share` of it covers what lies below.
    pub fn polygon(&self, points: &[(f64, f64)], color: RGBColor, share: f64) -> Painted<DB> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        self.area.draw(&Polygon::new(points, color.mix(share).filled()))
    }

    /// A filled rectangle.
    pub fn fill(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Painted<DB> {
        self.area.draw(&Rectangle::new([self.at(from), self.at(to)], color.filled()))
    }

    /// A filled circle.
    pub fn circle(&self, at: (f64, f64), radius: f64, color: RGBColor) -> Painted<DB> {
        self.area.draw(&Circle::new(self.at(at), self.px(radius), color.filled()))
    }

    fn stroke(&self, color: RGBColor, width: f64) -> ShapeStyle {
        color.stroke_width(self.px(width).max(1) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_of_pixels_becomes_their_mean() {
        let pixels =
            RgbImage::from_raw(4, 2, vec![0, 10, 255, 2, 10, 255, 9, 9, 9, 9, 9, 9, 4, 10, 255, 6, 10, 255, 9, 9, 9, 9, 9, 9]);
        assert_eq!(halved(&pixels.unwrap()).into_raw(), [3, 10, 255, 9, 9, 9]);
    }
}
