//! A metric over two axes: colour for the eye, the number for the reader.

use super::Plot;
use super::canvas::{Canvas, Drawing, Painted, Picture};
use super::caption::{DEVIATION, note, title};
use super::contour::contours;
use super::frame::{Bounds, LABEL, MARGIN, Names, TICK, heading};
use super::hint::{Hint, told};
use super::lettering::{Lettering, Tone, Wrapped};
use super::palette::{ink_on, viridis};
use super::ticks::{numbers, round_ticks, sorted};
use crate::failure::Failure;
use crate::report::filter;
use crate::report::group::{self, Outcome, summary};
use crate::report::part::Part;
use crate::report::question::{Quantity, Question, Row, label};
use crate::report::statistics::Summary;
use crate::report::table::{csv_line, decimals, plain, show};
use anyhow::Result;
use plotters::prelude::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};
use serde::Deserialize;
use serde_json::Value;

/// A heat map.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The axis from left to right.
    pub x: String,
    /// The axis from bottom to top.
    pub y: String,
    /// What is measured: `<stage>.<metric>`.
    pub value: String,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
    /// Whether lines of equal value are drawn; both axes must be numbers.
    #[serde(default)]
    pub contour: bool,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    title: String,
    note: String,
    axes: [String; 2],
    x: Vec<Value>,
    /// From top to bottom.
    y: Vec<Value>,
    quantity: Quantity,
    /// `[y][x]`.
    fields: Vec<Vec<Field>>,
    contour: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    NotAsked,
    Missing,
    Failed,
    /// Some seed was stopped in favour of better ones.
    Pruned,
    Measured(Summary),
}

impl Plot for Config {
    type Picture = Grid;

    fn name(&self) -> String {
        format!("heatmap-{}-{}-{}", self.value, self.x, self.y)
    }

    fn part(&self) -> Part<'_> {
        Part {
            axes: vec![("x", vec![&*self.x]), ("y", vec![&*self.y])],
            quantities: vec![("value", vec![&*self.value])],
            groups: Some(vec![&*self.x, &*self.y]),
            placed: true,
            contour: self.contour,
            ..Part::filtered(self.filter.as_deref())
        }
    }

    fn picture(&self, question: &Question) -> Result<Grid> {
        let by = [self.x.clone(), self.y.clone()];
        by.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = question.quantity(&self.value)?;
        // Rows without one of the axes have no place in the map.
        let placed = |row: &&Row| row.stage == quantity.stage && by.iter().all(|axis| row.axes.contains_key(axis));
        let rows: Vec<_> = filter::select(question, self.filter.as_deref())?.into_iter().filter(placed).collect();
        let groups = group::group(question, &rows, &by)?;
        let x = sorted(groups.keys().map(|key| key[0].clone()));
        let mut y = sorted(groups.keys().map(|key| key[1].clone()));
        if y.iter().all(Value::is_number) {
            y.reverse();
        }
        if self.contour && (numbers(&x).is_none() || numbers(&y).is_none()) {
            return Err(Failure::input(format!("`contour` needs numbers: `{}` or `{}` is text", self.x, self.y))
                .hint("nothing lies between two texts: leave `contour` out")
                .into());
        }
        let field = |x: &Value, y: &Value| {
            let Some(group) = groups.get(&vec![x.clone(), y.clone()]) else { return Field::NotAsked };
            let samples = group.samples(&quantity.metric);
            let any = |outcome| samples.iter().any(|sample| sample.outcome == outcome);
            match summary(&samples) {
                Some(summary) => Field::Measured(summary),
                None if any(Outcome::Pruned) => Field::Pruned,
                None if any(Outcome::Failed) => Field::Failed,
                None => Field::Missing,
            }
        };
        let fields: Vec<Vec<Field>> = y.iter().map(|y| x.iter().map(|x| field(x, y)).collect()).collect();
        let more = if self.contour { vec!["contours at the marks of the scale".to_owned()] } else { Vec::new() };
        let note = note(DEVIATION, measured(&fields), &more, self.filter.as_deref());
        Ok(Grid { title: title(&quantity), note, axes: by, x, y, quantity, fields, contour: self.contour })
    }
}

fn measured(fields: &[Vec<Field>]) -> impl Iterator<Item = &Summary> {
    fields.iter().flatten().filter_map(|field| match field {
        Field::Measured(summary) => Some(summary),
        _ => None,
    })
}

const BAR_WIDTH: f64 = 30.0;
/// The part of the page that values at the left may take.
const MOST: f64 = 0.35;
/// What the scale of colours takes at the right.
const SCALE: f64 = 162.0;
const GAP: f64 = 2.0;

/// Where cells stand.
struct Place {
    bounds: Bounds,
    columns: usize,
    rows: usize,
    low: f64,
    high: f64,
}

impl Place {
    fn cell(&self, column: usize, row: usize) -> Bounds {
        self.bounds.cell((column, self.columns), (row, self.rows), 0.0)
    }

    fn color(&self, mean: f64) -> RGBColor {
        viridis((mean - self.low) / (self.high - self.low))
    }
}

impl Picture for Grid {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn csv(&self) -> String {
        let [x, y] = &self.axes;
        let mut text = csv_line(&[x, y, "mean", "std", "n"].map(str::to_owned));
        for (y, row) in self.y.iter().zip(&self.fields) {
            for (x, field) in self.x.iter().zip(row) {
                let numbers = match field {
                    Field::NotAsked => continue,
                    Field::Missing => ["missing".into(), String::new(), "0".into()],
                    Field::Failed => ["failed".into(), String::new(), "0".into()],
                    Field::Pruned => ["pruned".into(), String::new(), "0".into()],
                    Field::Measured(summary) => {
                        let std = summary.std.map(|std| std.to_string()).unwrap_or_default();
                        [summary.mean.to_string(), std, summary.n.to_string()]
                    }
                };
                text += &csv_line(&[vec![plain(x), plain(y)], numbers.to_vec()].concat());
            }
        }
        text
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let page = heading(canvas, &self.title, &self.note)?;
        let place = self.place(canvas, page)?;
        self.each(|column, row, field| {
            let (cell, color) = (place.cell(column, row), field.color(canvas, &place));
            color.map_or(Ok(()), |color| {
                canvas.fill((cell.left + GAP, cell.top + GAP), (cell.right - GAP, cell.bottom - GAP), color)
            })
        })?;
        if self.contour {
            self.paint_contours(canvas, &place)?;
        }
        self.each(|column, row, field| self.paint_text(canvas, field, &place, place.cell(column, row)))?;
        self.tell(canvas, &place);
        paint_scale(canvas, &place)
    }
}

impl Field {
    fn color(&self, canvas: &Canvas, place: &Place) -> Option<RGBColor> {
        match self {
            Field::NotAsked => None,
            Field::Missing | Field::Failed | Field::Pruned => Some(canvas.palette.grid),
            Field::Measured(summary) => Some(place.color(summary.mean)),
        }
    }
}

impl Grid {
    fn each<E>(&self, mut with: impl FnMut(usize, usize, &Field) -> Result<(), E>) -> Result<(), E> {
        let rows = self.fields.iter().enumerate();
        let mut fields =
            rows.flat_map(|(row, fields)| fields.iter().enumerate().map(move |(column, field)| (column, row, field)));
        fields.try_for_each(|(column, row, field)| with(column, row, field))
    }

    /// Writes the axes, and returns what they leave.
    fn place(&self, canvas: &Canvas, page: Bounds) -> Drawing<Place> {
        let side = Lettering::of(TICK).anchored(HPos::Right, VPos::Center);
        let sides: Vec<_> = self.y.iter().map(|y| Wrapped::new(canvas, &label(y), side, page.width() * MOST, 1)).collect();
        let widest = sides.iter().map(|side| side.width(canvas)).fold(0.0, f64::max);
        let name = Lettering::of(LABEL).anchored(HPos::Center, VPos::Top);
        let y_name = Wrapped::new(canvas, &self.axes[1], name.upright(), page.height() * 0.8, 2);
        let left = page.left + y_name.height() + widest + 26.0;
        let right = page.right - SCALE;
        let columns = self.x.len().max(1);
        let texts: Vec<String> = self.x.iter().map(label).collect();
        let labels = Names::new(canvas, &texts, (right - left) / columns as f64 - 10.0, page.height() * 0.4);
        let x_name = Wrapped::new(canvas, &self.axes[0], name, right - left, 2);
        let bottom = page.bottom - x_name.height() - labels.height() - 20.0;
        let (low, high) = self.extent();
        let bounds = Bounds { left, top: page.top, right, bottom };
        let place = Place { bounds, columns, rows: self.y.len().max(1), low, high };
        for (row, side) in sides.iter().enumerate() {
            let cell = place.cell(0, row);
            side.write(canvas, (left - 12.0, (cell.top + cell.bottom) / 2.0))?;
        }
        for column in 0..texts.len() {
            let cell = place.cell(column, 0);
            labels.write(canvas, column, ((cell.left + cell.right) / 2.0, bottom + 10.0))?;
        }
        x_name.write(canvas, ((left + right) / 2.0, page.bottom - x_name.height()))?;
        y_name.write(canvas, (MARGIN, (page.top + bottom) / 2.0))?;
        Ok(place)
    }

    /// The lowest and highest mean; apart even when they are equal.
    fn extent(&self) -> (f64, f64) {
        let means = || measured(&self.fields).map(|summary| summary.mean).filter(|mean| mean.is_finite());
        let (low, high) = (means().fold(f64::INFINITY, f64::min), means().fold(f64::NEG_INFINITY, f64::max));
        match low.partial_cmp(&high) {
            Some(std::cmp::Ordering::Less) => (low, high),
            Some(std::cmp::Ordering::Equal) => (low - 0.5, high + 0.5),
            _ => (0.0, 1.0),
        }
    }

    fn tell(&self, canvas: &Canvas, place: &Place) {
        for (y, (row, fields)) in self.y.iter().zip(self.fields.iter().enumerate()) {
            for (x, (column, field)) in self.x.iter().zip(fields.iter().enumerate()) {
                let value = match field {
                    Field::NotAsked => continue,
                    Field::Missing => "missing".to_owned(),
                    Field::Failed => "failed".to_owned(),
                    Field::Pruned => "pruned".to_owned(),
                    Field::Measured(summary) => told(summary),
                };
                let text = format!("{} {}\n{} {}\n{value}", self.axes[0], label(x), self.axes[1], label(y));
                canvas.tell(Hint::within(place.cell(column, row), text));
            }
        }
    }

    fn paint_contours(&self, canvas: &Canvas, place: &Place) -> Painted {
        let mean = |field: &Field| match field {
            Field::Measured(summary) => Some(summary.mean).filter(|mean| mean.is_finite()),
            _ => None,
        };
        let means: Vec<Vec<Option<f64>>> = self.fields.iter().map(|row| row.iter().map(mean).collect()).collect();
        let (wide, tall) = (place.bounds.width() / place.columns as f64, place.bounds.height() / place.rows as f64);
        let at = |(x, y): (f64, f64)| (place.bounds.left + wide * (x + 0.5), place.bounds.top + tall * (y + 0.5));
        for (level, _) in round_ticks(place.low, place.high) {
            let lines = contours(&means, level);
            // A dark edge lets a light line be seen on light colours too.
            for (color, width) in [(RGBColor(20, 20, 20), 4.5), (RGBColor(255, 255, 255), 2.0)] {
                lines.iter().try_for_each(|line| canvas.path(&line.map(at), color, width))?;
            }
        }
        Ok(())
    }

    fn paint_text(&self, canvas: &Canvas, field: &Field, place: &Place, cell: Bounds) -> Painted {
        let metric = &self.quantity.metric;
        let (text, spread, tone) = match field {
            Field::NotAsked => return Ok(()),
            Field::Missing => ("-".to_owned(), None, Tone::Faint),
            Field::Failed => ("failed".to_owned(), None, Tone::Faint),
            Field::Pruned => ("pruned".to_owned(), None, Tone::Faint),
            Field::Measured(summary) => {
                let spread = summary.std.map(|std| format!("± {std:.*}", decimals(metric, summary.mean)));
                (show(metric, summary.mean), spread, Tone::Color(ink_on(place.color(summary.mean))))
            }
        };
        let size = (cell.width() / 4.6).min(cell.height() / 3.0).clamp(14.0, 34.0);
        let middle = ((cell.left + cell.right) / 2.0, (cell.top + cell.bottom) / 2.0);
        let lettering = Lettering::of(size).tone(tone).anchored(HPos::Center, VPos::Center);
        if let Some(color) = field.color(canvas, place).filter(|_| self.contour) {
            // Contours must not run through numbers.
            let (wide, tall) =
                (canvas.width(&text, lettering.bold()) / 2.0 + 6.0, size * if spread.is_some() { 1.15 } else { 0.6 });
            canvas.fill((middle.0 - wide, middle.1 - tall), (middle.0 + wide, middle.1 + tall), color)?;
        }
        let lift = if spread.is_some() { size * 0.55 } else { 0.0 };
        canvas.write(&text, (middle.0, middle.1 - lift), lettering.bold())?;
        spread.map_or(Ok(()), |spread| {
            canvas.write(&spread, (middle.0, middle.1 + size * 0.6), Lettering { size: size * 0.78, ..lettering })
        })
    }
}

/// What the colours mean.
fn paint_scale(canvas: &Canvas, place: &Place) -> Painted {
    const STEPS: i32 = 128;
    let (left, Bounds { top, bottom, right, .. }) = (place.bounds.right + 40.0, place.bounds);
    let y = |share: f64| bottom - GAP - (bottom - top - 2.0 * GAP) * share;
    for step in 0..STEPS {
        let (from, to) = (f64::from(step) / f64::from(STEPS), f64::from(step + 1) / f64::from(STEPS));
        canvas.fill((left, y(to)), (left + BAR_WIDTH, y(from)), viridis((from + to) / 2.0))?;
    }
    for (value, text) in round_ticks(place.low, place.high) {
        let height = y((value - place.low) / (place.high - place.low));
        canvas.path(&[(left + BAR_WIDTH, height), (left + BAR_WIDTH + 8.0, height)], canvas.palette.faint, 1.5)?;
        let lettering = Lettering::of(TICK - 2.0).anchored(HPos::Left, VPos::Center);
        let room = right + SCALE + MARGIN * 0.8 - left - BAR_WIDTH - 14.0;
        Wrapped::new(canvas, &text, lettering, room, 1).write(canvas, (left + BAR_WIDTH + 14.0, height))?;
    }
    Ok(())
}
