//! The paper that plots are drawn on: SVG, and PNG that looks the same everywhere.

use super::Drawn;
use super::palette::INK;
use crate::font;
use crate::font::FONT;
use anyhow::{Result, anyhow};
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::io::Cursor;

/// Width and height in units; 1 unit is 1 pixel of the SVG.
pub(super) const SIZE: (u32, u32) = (1200, 780);

/// Pixels of the PNG a unit.
const PNG_SCALE: u32 = 2;

/// plotters does not smooth filled shapes, so the PNG is drawn this many times as large and shrunk.
const SUPERSAMPLING: u32 = 2;

/// The result of drawing on a backend.
pub(super) type Painted<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// What can be drawn.
pub(super) trait Picture {
    /// What it shows.
    fn title(&self) -> String;

    /// The numbers that are drawn.
    fn csv(&self) -> String;

    /// Draws it.
    fn paint<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Painted<DB>;
}

/// An empty page of [`SIZE`] units.
pub(super) struct Canvas<DB: DrawingBackend> {
    pub area: DrawingArea<DB, Shift>,
    scale: f64,
}

/// How a text stands to its point, and how it looks.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub size: f64,
    pub color: RGBColor,
    pub bold: bool,
    pub anchor: (HPos, VPos),
    pub upright: bool,
}

/// Draws a picture in all forms.
pub(super) fn draw(name: String, picture: &impl Picture) -> Result<Drawn> {
    font::register();
    let (svg, png) = (svg(picture)?, png(picture)?);
    Ok(Drawn { name, title: picture.title(), svg, png, csv: picture.csv() })
}

fn svg(picture: &impl Picture) -> Result<String> {
    let mut text = String::new();
    let canvas = Canvas { area: SVGBackend::with_string(&mut text, SIZE).into_drawing_area(), scale: 1.0 };
    canvas.paint(picture)?;
    drop(canvas);
    Ok(text)
}

fn png(picture: &impl Picture) -> Result<Vec<u8>> {
    let scale = PNG_SCALE * SUPERSAMPLING;
    let (width, height) = (SIZE.0 * scale, SIZE.1 * scale);
    let mut pixels = RgbImage::new(width, height);
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    let canvas = Canvas { area, scale: f64::from(scale) };
    canvas.paint(picture)?;
    drop(canvas);
    let pixels = imageops::resize(&pixels, SIZE.0 * PNG_SCALE, SIZE.1 * PNG_SCALE, FilterType::Triangle);
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

impl<DB: DrawingBackend> Canvas<DB> {
    fn paint(&self, picture: &impl Picture) -> Result<()> {
        let whole = || {
            self.area.fill(&WHITE)?;
            picture.paint(self)?;
            self.area.present()
        };
        whole().map_err(|error| anyhow!("cannot draw `{}`: {error}", picture.title()))
    }

    /// Units in pixels.
    pub fn px(&self, units: f64) -> i32 {
        (units * self.scale).round() as i32
    }

    /// A point in pixels.
    pub fn at(&self, x: f64, y: f64) -> (i32, i32) {
        (self.px(x), self.px(y))
    }

    /// The width of a stroke.
    pub fn stroke(&self, units: f64) -> u32 {
        self.px(units).max(1) as u32
    }

    /// The style of a text.
    pub fn lettering(&self, lettering: Lettering) -> TextStyle<'static> {
        let style = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FONT), lettering.size * self.scale, style);
        let font = if lettering.upright { font.transform(FontTransform::Rotate270) } else { font };
        let pos = Pos::new(lettering.anchor.0, lettering.anchor.1);
        TextStyle { font, color: lettering.color.to_backend_color(), pos }
    }

    /// Writes a text.
    pub fn write(&self, text: &str, x: f64, y: f64, lettering: Lettering) -> Painted<DB> {
        self.area.draw_text(text, &self.lettering(lettering), self.at(x, y))
    }

    /// The width of a text in units.
    pub fn width(&self, text: &str, lettering: Lettering) -> f64 {
        let size = self.area.estimate_text_size(text, &self.lettering(lettering));
        size.map_or(0.0, |(width, _)| f64::from(width) / self.scale)
    }

    /// A filled rectangle.
    pub fn fill(&self, (left, top): (f64, f64), (right, bottom): (f64, f64), color: RGBColor) -> Painted<DB> {
        self.area.draw(&Rectangle::new([self.at(left, top), self.at(right, bottom)], color.filled()))
    }
}

impl Lettering {
    /// Text of a size, to the right of and below its point.
    pub fn of(size: f64) -> Lettering {
        Lettering { size, color: INK, bold: false, anchor: (HPos::Left, VPos::Top), upright: false }
    }

    /// In a colour.
    pub fn color(self, color: RGBColor) -> Lettering {
        Lettering { color, ..self }
    }

    /// In bold.
    pub fn bold(self) -> Lettering {
        Lettering { bold: true, ..self }
    }

    /// Anchored otherwise.
    pub fn anchored(self, horizontal: HPos, vertical: VPos) -> Lettering {
        Lettering { anchor: (horizontal, vertical), ..self }
    }

    /// Turned to be read from below.
    pub fn upright(self) -> Lettering {
        Lettering { upright: true, ..self }
    }
}
