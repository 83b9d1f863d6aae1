//! Two axes drawn around a rectangle, and where values stand in it.

use super::canvas::{Canvas, Drawing, Painted};
use super::lettering::{Lettering, Tone, Wrapped};
use super::ticks::{Axis, Scale};
use plotters::prelude::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

/// What is left free at the edges of a page.
pub(super) const MARGIN: f64 = 28.0;
/// The size of numbers and names at axes: in a column of 8.5 cm they are as large as the text of a caption.
pub(super) const TICK: f64 = 28.0;
/// The size of the titles of axes.
pub(super) const LABEL: f64 = 31.0;
const TITLE: f64 = 36.0;
const NOTE: f64 = 25.0;
const TICK_MARK: f64 = 7.0;
const GAP: f64 = 12.0;
const STROKE: f64 = 1.5;

/// A rectangle, in units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// Axes around the rectangle in which data are drawn.
pub(super) struct Frame<'a> {
    pub x: &'a Axis,
    pub y: &'a Axis,
    pub bounds: Bounds,
}

/// Writes title and note of a picture, and returns what is left of the page below them.
pub(super) fn heading(canvas: &Canvas, title: &str, note: &str) -> Drawing<Bounds> {
    let room = canvas.size.0 - 2.0 * MARGIN;
    let title = Wrapped::new(canvas, title, Lettering::of(TITLE).bold(), room, 2);
    let note = Wrapped::new(canvas, note, Lettering::of(NOTE).tone(Tone::Faint), room, 2);
    title.write(canvas, (MARGIN, MARGIN))?;
    let below = MARGIN + title.height() + 3.0;
    note.write(canvas, (MARGIN, below))?;
    let top = below + note.height() + 20.0;
    Ok(Bounds { left: MARGIN, top, right: canvas.size.0 - MARGIN, bottom: canvas.size.1 - MARGIN })
}

impl Bounds {
    /// Width in units.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Height in units.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// The same without a strip of a width at the right.
    pub fn without_right(self, width: f64) -> Bounds {
        Bounds { right: self.right - width, ..self }
    }

    /// Whether all of it lies in another.
    pub fn is_within(&self, other: &Bounds) -> bool {
        self.left >= other.left && self.right <= other.right && self.top >= other.top && self.bottom <= other.bottom
    }

    /// Whether it shares a place with another.
    pub fn overlaps(&self, other: &Bounds) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// The cell of a grid of equal cells with a gap between them.
    pub fn cell(&self, (column, columns): (usize, usize), (row, rows): (usize, usize), gap: f64) -> Bounds {
        let wide = (self.width() - gap * (columns as f64 - 1.0)) / columns as f64;
        let tall = (self.height() - gap * (rows as f64 - 1.0)) / rows as f64;
        let (left, top) = (self.left + (wide + gap) * column as f64, self.top + (tall + gap) * row as f64);
        Bounds { left, top, right: left + wide, bottom: top + tall }
    }
}

impl<'a> Frame<'a> {
    /// Draws axes so that all that is written at them lies within `outer`. An axis without title gets no room for one.
    pub fn paint(canvas: &Canvas, x: &'a Axis, y: &'a Axis, outer: Bounds) -> Drawing<Self> {
        let mut bounds = Bounds { top: outer.top + TICK / 2.0, ..outer };
        let name = Lettering::of(LABEL).anchored(HPos::Center, VPos::Top);
        let y_title = Wrapped::new(canvas, &y.title, name.upright(), outer.height() * 0.8, 3);
        let widest = y.ticks.iter().map(|(_, text)| canvas.width(text, Lettering::of(TICK))).fold(0.0, f64::max);
        bounds.left += widest + TICK_MARK + GAP;
        if !y.title.is_empty() {
            bounds.left += y_title.height() + GAP;
        }
        bounds.right -= overhang(canvas, x, bounds.width());
        let x_title = Wrapped::new(canvas, &x.title, name, bounds.width(), 2);
        let x_labels = labels(canvas, x, outer, bounds.width());
        bounds.bottom -= TICK_MARK + GAP + x_labels.height();
        if !x.title.is_empty() {
            bounds.bottom -= x_title.height() + GAP / 2.0;
            let top = outer.bottom - x_title.height();
            x_title.write(canvas, ((bounds.left + bounds.right) / 2.0, top))?;
        }
        if !y.title.is_empty() {
            // In the middle of the axis, but never beyond the page.
            let half = y_title.width(canvas) / 2.0;
            let middle = ((bounds.top + bounds.bottom) / 2.0).min(outer.bottom - half).max(outer.top + half);
            y_title.write(canvas, (outer.left, middle))?;
        }
        let frame = Frame { x, y, bounds };
        frame.paint_axes(canvas, &x_labels)?;
        Ok(frame)
    }

    fn paint_axes(&self, canvas: &Canvas, x_labels: &Names) -> Painted {
        let Bounds { left, top, right, bottom } = self.bounds;
        let (grid, line) = (canvas.palette.grid, canvas.palette.faint);
        for (n, (place, _)) in self.x.ticks.iter().enumerate() {
            let x = self.at(*place, self.y.from).0;
            if self.x.scale != Scale::Text {
                canvas.path(&[(x, top), (x, bottom)], grid, STROKE)?;
            }
            canvas.path(&[(x, bottom), (x, bottom + TICK_MARK)], line, STROKE)?;
            x_labels.write(canvas, n, (x, bottom + TICK_MARK + GAP / 2.0))?;
        }
        for (place, text) in &self.y.ticks {
            let y = self.at(self.x.from, *place).1;
            canvas.path(&[(left, y), (right, y)], grid, STROKE)?;
            canvas.path(&[(left - TICK_MARK, y), (left, y)], line, STROKE)?;
            let lettering = Lettering::of(TICK).anchored(HPos::Right, VPos::Center);
            canvas.write(text, (left - TICK_MARK - GAP / 2.0, y), lettering)?;
        }
        canvas.path(&[(left, top), (left, bottom), (right, bottom)], line, STROKE)
    }

    /// Where a pair of values stands, in units.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let Bounds { left, bottom, .. } = self.bounds;
        (left + self.x.share(x) * self.bounds.width(), bottom - self.y.share(y) * self.bounds.height())
    }

    /// The same, at the edge where a value lies beyond it.
    pub fn within(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = self.at(x, y);
        let Bounds { left, top, right, bottom } = self.bounds;
        (x.max(left).min(right), y.max(top).min(bottom))
    }

    /// A bar from one pair of values to another that shows how sure a value is, with a stroke across each end.
    pub fn whisker(&self, canvas: &Canvas, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Painted {
        const CAP: f64 = 9.0;
        const WIDTH: f64 = 3.0;
        let (from, to) = (self.within(from.0, from.1), self.within(to.0, to.1));
        let across = if from.0 == to.0 { (CAP, 0.0) } else { (0.0, CAP) };
        canvas.path(&[from, to], color, WIDTH)?;
        [from, to]
            .iter()
            .try_for_each(|(x, y)| canvas.path(&[(x - across.0, y - across.1), (x + across.0, y + across.1)], color, WIDTH))
    }
}

/// How far the last text below an axis of a width would stand out to the right.
fn overhang(canvas: &Canvas, axis: &Axis, width: f64) -> f64 {
    let Some((place, text)) = axis.ticks.last().filter(|_| axis.scale != Scale::Text) else { return 0.0 };
    (canvas.width(text, Lettering::of(TICK)) / 2.0 - (1.0 - axis.share(*place)) * width).max(0.0)
}

/// Names side by side below an axis, all of one size.
pub(super) struct Names {
    names: Vec<Wrapped>,
    height: f64,
}

impl Names {
    /// Breaks names so that no two touch where each has `room`. Where they would be too small to read they stand upright, and
    /// take at most `most` of the height.
    pub fn new(canvas: &Canvas, texts: &[String], room: f64, most: f64) -> Names {
        const SMALLEST: f64 = 22.0;
        let wrapped = |lettering: Lettering, room: f64, lines: usize| {
            let of = |size: f64| {
                texts.iter().map(move |text| Wrapped::new(canvas, text, Lettering { size, ..lettering }, room, lines))
            };
            of(of(lettering.size).map(|name| name.size()).fold(lettering.size, f64::min)).collect::<Vec<_>>()
        };
        let lying = wrapped(Lettering::of(TICK).anchored(HPos::Center, VPos::Top), room, 3);
        if lying.iter().all(|name| name.size() >= SMALLEST) {
            let height = lying.iter().map(Wrapped::height).fold(0.0, f64::max);
            return Names { names: lying, height };
        }
        let size = room.clamp(14.0, TICK);
        let standing = wrapped(Lettering::of(size).anchored(HPos::Right, VPos::Center).upright(), most, 1);
        let height = standing.iter().map(|name| name.width(canvas)).fold(0.0, f64::max);
        Names { names: standing, height }
    }

    /// The height of the highest in units.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// Writes the `n`th below a point.
    pub fn write(&self, canvas: &Canvas, n: usize, below: (f64, f64)) -> Painted {
        self.names.get(n).map_or(Ok(()), |name| name.write(canvas, below))
    }
}

/// What is written below an axis of a width.
fn labels(canvas: &Canvas, axis: &Axis, outer: Bounds, width: f64) -> Names {
    let gaps = axis.ticks.windows(2).map(|pair| (axis.share(pair[1].0) - axis.share(pair[0].0)) * width);
    let room = gaps.fold(if axis.ticks.len() < 2 { width } else { f64::INFINITY }, f64::min) - GAP;
    let texts: Vec<String> = axis.ticks.iter().map(|(_, text)| text.clone()).collect();
    Names::new(canvas, &texts, room, outer.height() * 0.4)
}
