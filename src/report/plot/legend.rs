//! What the colours of a picture stand for.

use super::canvas::{Canvas, Painted};
use super::frame::{Bounds, MARGIN, TICK};
use super::lettering::{Lettering, Wrapped};
use plotters::style::text_anchor::{HPos, VPos};

const LINE_HEIGHT: f64 = 44.0;
const SWATCH: f64 = 54.0;
const GAP: f64 = 16.0;
/// The most that names may take of the page.
const MOST: f64 = 300.0;
/// The radius of a mark of [`marker`].
pub(super) const MARK: f64 = 8.5;

/// What colours stand for: the axis, and its values in the order of the colours; one value needs no legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Legend {
    pub title: String,
    pub entries: Vec<(String, Key)>,
}

/// What is drawn beside a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Line,
    MarkedLine,
    DashedLine,
    Mark,
    Area,
}

impl Legend {
    /// The width that it takes in units, nothing when there is nothing to tell apart.
    pub fn width(&self, canvas: &Canvas) -> f64 {
        if self.entries.len() < 2 {
            return 0.0;
        }
        let label = |text: &str| canvas.width(text, Lettering::of(TICK)).min(MOST);
        let names = self.entries.iter().map(|(name, _)| SWATCH + GAP + label(name));
        names.fold(canvas.width(&self.title, Lettering::of(TICK).bold()).min(MOST), f64::max) + MARGIN
    }

    /// Draws it into a place whose width is [`Legend::width`], from the top on.
    pub fn paint(&self, canvas: &Canvas, place: Bounds) -> Painted {
        if self.entries.len() < 2 {
            return Ok(());
        }
        let left = place.left + MARGIN;
        Wrapped::new(canvas, &self.title, Lettering::of(TICK).bold(), place.right - left, 1).write(canvas, (left, place.top))?;
        let step = LINE_HEIGHT.min(place.height() / (self.entries.len() as f64 + 1.4));
        for (color, (name, key)) in self.entries.iter().enumerate() {
            let y = place.top + step * (color as f64 + 1.4);
            key.paint(canvas, color, left, y)?;
            let lettering = Lettering::of(TICK.min(step * 0.9)).anchored(HPos::Left, VPos::Center);
            Wrapped::new(canvas, name, lettering, place.right - left - SWATCH - GAP, 1)
                .write(canvas, (left + SWATCH + GAP, y))?;
        }
        Ok(())
    }
}

impl Key {
    fn paint(self, canvas: &Canvas, color: usize, left: f64, y: f64) -> Painted {
        let tone = canvas.palette.series(color);
        let ends = |from: f64, to: f64| [(left + SWATCH * from, y), (left + SWATCH * to, y)];
        let stroke = |from: f64, to: f64| canvas.path(&ends(from, to), tone, 4.0);
        let line = || series_line(canvas, color, &ends(0.0, 1.0), 4.0);
        match self {
            Key::Line => line(),
            Key::MarkedLine => {
                line()?;
                marker(canvas, color, (left + SWATCH / 2.0, y), MARK)
            }
            Key::DashedLine => {
                stroke(0.0, 0.38)?;
                stroke(0.62, 1.0)
            }
            Key::Mark => marker(canvas, color, (left + SWATCH / 2.0, y), MARK),
            Key::Area => {
                canvas.fill((left, y - 13.0), (left + SWATCH, y + 13.0), canvas.palette.tint(tone, super::columns::FILL))
            }
        }
    }
}

/// The line of the `n`th series: dashed where its colour is that of an earlier one.
pub(super) fn series_line(canvas: &Canvas, n: usize, points: &[(f64, f64)], width: f64) -> Painted {
    let color = canvas.palette.series(n);
    if canvas.palette.repeats(n) { canvas.dashes(points, color, width) } else { canvas.path(points, color, width) }
}

/// A mark of the `n`th colour. Shapes change with colours, so that series can be told apart in black and white too.
pub(super) fn marker(canvas: &Canvas, n: usize, (x, y): (f64, f64), radius: f64) -> Painted {
    for (radius, color) in [(radius * 1.35, canvas.palette.ground), (radius, canvas.palette.series(n))] {
        match (n + n / 8) % 4 {
            0 => canvas.circle((x, y), radius, color)?,
            1 => {
                let half = radius * 0.9;
                canvas.fill((x - half, y - half), (x + half, y + half), color)?;
            }
            2 => {
                let (wide, tall) = (radius * 1.1, radius * 0.7);
                canvas.polygon(&[(x, y - radius * 1.2), (x + wide, y + tall), (x - wide, y + tall)], color, 1.0)?;
            }
            _ => {
                let reach = radius * 1.3;
                canvas.polygon(&[(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)], color, 1.0)?;
            }
        }
    }
    Ok(())
}
