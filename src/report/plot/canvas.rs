//! The paper that plots are drawn on: SVG for light and dark pages, and PNG that looks the same everywhere.

use super::Drawn;
use super::hint::{self, Hint};
use super::lettering::{Lettering, Tone};
use super::palette::{DARK, LIGHT, Palette};
use crate::font;
use crate::font::FONT;
use anyhow::{Context, Result, anyhow};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::Pos;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::cell::RefCell;
use std::io;

/// Width and height in units; 1 unit is 1 pixel of the SVG.
pub(super) const SIZE: (u32, u32) = (1200, 780);

/// Pixels of the PNG a unit.
const PNG_SCALE: u32 = 2;

/// Something that comes of drawing.
pub(super) type Drawing<T> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// The result of drawing.
pub(super) type Painted = Drawing<()>;

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
    fn paint(&self, canvas: &Canvas) -> Painted;
}

/// An empty page.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    hints: RefCell<Vec<Hint>>,
    /// Of which characters the codes are written.
    spelled: fn(char) -> bool,
    /// Its colours.
    pub palette: &'static Palette,
    /// Width and height in units.
    pub size: (f64, f64),
}

/// Draws a picture in all forms.
pub(super) fn draw(name: String, picture: &impl Picture) -> Result<Drawn> {
    font::register();
    let light = || -> Result<_> {
        let (drawing, hints) = svg(picture, &LIGHT, is_forbidden)?;
        // Who looks at an SVG may have other fonts; pixels are of ours, on every machine.
        let foreign = drawing.chars().any(|character| !character.is_ascii() && font::lacks(character));
        let png = if foreign { png(&svg(picture, &LIGHT, font::lacks)?.0)? } else { png(&drawing)? };
        Ok((drawing, hints, png))
    };
    let (light, dark) = rayon::join(light, || svg(picture, &DARK, is_forbidden));
    let ((svg, hints, png), (svg_dark, _)) = (light?, dark?);
    Ok(Drawn { name, title: picture.title(), svg, svg_dark, hints: hint::group(&hints), png, csv: picture.csv() })
}

fn svg(picture: &impl Picture, palette: &'static Palette, spelled: fn(char) -> bool) -> Result<(String, Vec<Hint>)> {
    let mut text = String::new();
    let canvas = Canvas::new(SVGBackend::with_string(&mut text, picture.size()).into_drawing_area(), palette, spelled);
    canvas.paint(picture)?;
    let hints = canvas.hints.take();
    drop(canvas);
    Ok((text, hints))
}

/// A drawing as pixels. Its ground is opaque, and so is every pixel.
fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = Tree::from_str(svg, &Options { fontdb: font::database(), ..Options::default() })?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE as f32).context("a drawing has no pixels")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).context("a drawing has too many pixels")?;
    resvg::render(&tree, Transform::from_scale(PNG_SCALE as f32, PNG_SCALE as f32), &mut pixels.as_mut());
    let colors: Vec<u8> =
        pixels.data().as_chunks::<4>().0.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect();
    // A quick level: drawings are large and empty, and few of them are worth waiting for the last byte.
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(1), FilterType::Up);
    encoder.write_image(&colors, size.width(), size.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

impl<'a> Canvas<'a> {
    fn new(area: DrawingArea<SVGBackend<'a>, Shift>, palette: &'static Palette, spelled: fn(char) -> bool) -> Self {
        let (width, height) = area.dim_in_pixel();
        Canvas { area, hints: RefCell::default(), spelled, palette, size: (width.into(), height.into()) }
    }

    fn paint(&self, picture: &impl Picture) -> Result<()> {
        let whole = || {
            self.area.fill(&self.palette.ground)?;
            picture.paint(self)?;
            self.area.present()
        };
        whole().map_err(|error| anyhow!("cannot draw `{}`: {error}", picture.title()))
    }

    fn style(&self, lettering: Lettering) -> TextStyle<'static> {
        let style = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FONT), lettering.size, style);
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
    pub fn write(&self, text: &str, at: (f64, f64), lettering: Lettering) -> Painted {
        self.area.draw_text(&legible(text, self.spelled), &self.style(lettering), pixel(at))
    }

    /// The width of a text in units.
    pub fn width(&self, text: &str, lettering: Lettering) -> f64 {
        let size = self.area.estimate_text_size(&legible(text, self.spelled), &self.style(lettering));
        size.map_or(0.0, |(width, _)| f64::from(width))
    }

    /// A line through points.
    pub fn path(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Painted {
        let points: Vec<_> = points.iter().map(|point| pixel(*point)).collect();
        self.area.draw(&PathElement::new(points, stroke(color, width)))
    }

    /// A dashed line through points.
    pub fn dashes(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Painted {
        let points: Vec<_> = points.iter().map(|point| pixel(*point)).collect();
        let style = stroke(color, width);
        self.area.draw(&DashedPathElement::new(points, 14, 9, style))
    }

    /// A filled outline; `share` of it covers what lies below.
    pub fn polygon(&self, points: &[(f64, f64)], color: RGBColor, share: f64) -> Painted {
        let points: Vec<_> = points.iter().map(|point| pixel(*point)).collect();
        self.area.draw(&Polygon::new(points, color.mix(share).filled()))
    }

    /// A filled rectangle.
    pub fn fill(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Painted {
        self.area.draw(&Rectangle::new([pixel(from), pixel(to)], color.filled()))
    }

    /// A filled circle.
    pub fn circle(&self, at: (f64, f64), radius: f64, color: RGBColor) -> Painted {
        self.area.draw(&Circle::new(pixel(at), whole(radius), color.filled()))
    }
}

/// Whether XML 1.0 knows no such character: an SVG with one is none.
fn is_forbidden(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A text in one line. In the place of some characters stand their codes, so that two names that differ still do.
fn legible(text: &str, spelled: fn(char) -> bool) -> String {
    let mut legible = String::new();
    for character in text.chars() {
        match character {
            '\t' | '\n' | '\r' => legible.push(' '),
            _ if spelled(character) => legible += &format!("U+{:04X}", character as u32),
            _ => legible.push(character),
        }
    }
    legible
}

/// plotters knows whole units only.
fn whole(units: f64) -> i32 {
    units.round() as i32
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (whole(x), whole(y))
}

fn stroke(color: RGBColor, width: f64) -> ShapeStyle {
    color.stroke_width(whole(width).max(1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Words;

    impl Picture for Words {
        fn title(&self) -> String {
            "words".into()
        }

        fn csv(&self) -> String {
            String::new()
        }

        fn size(&self) -> (u32, u32) {
            (200, 100)
        }

        fn paint(&self, canvas: &Canvas) -> Painted {
            canvas.fill((0.0, 0.0), (50.0, 100.0), RGBColor(0, 0, 255))?;
            canvas.polygon(&[(0.0, 0.0), (50.0, 0.0), (50.0, 50.0), (0.0, 50.0)], RGBColor(255, 0, 0), 0.2)?;
            canvas.write("HHHH", (60.0, 0.0), Lettering::of(30.0))?;
            canvas.write("HHHH", (60.0, 50.0), Lettering::of(30.0).bold())
        }
    }

    #[test]
    fn what_xml_forbids_is_spelled_out() {
        assert_eq!(legible("a\u{1}b\r\nc\u{ffff} <模型>", is_forbidden), "aU+0001b  cU+FFFF <模型>");
        assert_eq!(legible("a\u{1}b\tc 模", font::lacks), "aU+0001b c U+6A21");
    }

    #[test]
    fn a_png_has_the_shapes_and_the_words_of_the_svg() {
        let drawn = draw("words".into(), &Words).unwrap();
        let pixels = image::load_from_memory(&drawn.png).unwrap().into_rgb8();
        assert_eq!(pixels.dimensions(), (400, 200));
        let ground = pixels.get_pixel(399, 199).0;
        assert_eq!(ground, [255; 3]);
        assert_eq!([pixels.get_pixel(50, 50).0, pixels.get_pixel(50, 150).0], [[51, 0, 204], [0, 0, 255]]);
        let ink = |rows: std::ops::Range<u32>| {
            rows.flat_map(|y| (104..400).map(move |x| (x, y))).filter(|(x, y)| pixels.get_pixel(*x, *y).0 != ground).count()
        };
        let (regular, bold) = (ink(0..100), ink(100..200));
        assert!(regular > 500 && bold > regular * 11 / 10, "{regular} {bold}");
    }
}
