//! A metric over two axes: colour for the eye, the number for the reader.

use super::super::filter;
use super::super::group::{self, Outcome, summary};
use super::super::question::{Quantity, Question, label};
use super::super::statistics::Summary;
use super::super::table::{csv_line, decimals, plain, show};
use super::canvas::{Canvas, Lettering, Painted, Picture, SIZE};
use super::chart::heading;
use super::line::{note, sorted, title};
use super::palette::{FAINT_INK, GRID, INK, ink_on, viridis};
use super::ticks::round_ticks;
use super::Plot;
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use serde::Deserialize;
use serde_json::Value;

/// A heat map.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    NotAsked,
    Missing,
    Failed,
    Measured(Summary),
}

impl Plot for Config {
    type Picture = Grid;

    fn name(&self) -> String {
        format!("heatmap-{}-{}-{}", self.value, self.x, self.y)
    }

    fn picture(&self, question: &Question) -> Result<Grid> {
        let by = [self.x.clone(), self.y.clone()];
        by.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = question.quantity(&self.value)?;
        // Rows without one of the axes have no place in the map.
        let placed = |row: &&super::super::question::Row| row.stage == quantity.stage && by.iter().all(|axis| row.axes.contains_key(axis));
        let rows: Vec<_> = filter::select(question, self.filter.as_deref())?.into_iter().filter(placed).collect();
        let groups = group::group(question, &rows, &by)?;
        let x = sorted(groups.keys().map(|key| key[0].clone()));
        let mut y = sorted(groups.keys().map(|key| key[1].clone()));
        if y.iter().all(Value::is_number) {
            y.reverse();
        }
        let field = |x: &Value, y: &Value| {
            let Some(group) = groups.get(&vec![x.clone(), y.clone()]) else { return Field::NotAsked };
            let samples = group.samples(&quantity.metric);
            match summary(&samples) {
                Some(summary) => Field::Measured(summary),
                None if samples.iter().any(|sample| sample.outcome == Outcome::Failed) => Field::Failed,
                None => Field::Missing,
            }
        };
        let fields: Vec<Vec<Field>> = y.iter().map(|y| x.iter().map(|x| field(x, y)).collect()).collect();
        let note = note(measured(&fields), self.filter.as_deref());
        Ok(Grid { title: title(&quantity), note, axes: by, x, y, quantity, fields })
    }
}

fn measured(fields: &[Vec<Field>]) -> impl Iterator<Item = &Summary> {
    fields.iter().flatten().filter_map(|field| match field {
        Field::Measured(summary) => Some(summary),
        _ => None,
    })
}

const TICK: f64 = 28.0;
const LABEL: f64 = 31.0;
const TOP: f64 = 130.0;
const BOTTOM: f64 = 652.0;
const BAR_WIDTH: f64 = 30.0;
const GAP: f64 = 2.0;

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

    fn paint<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Painted<DB> {
        heading(canvas, &self.title, &self.note)?;
        let widest = self.y.iter().map(|y| canvas.width(&label(y), Lettering::of(TICK))).fold(0.0, f64::max);
        let (left, right) = (28.0 + LABEL + 26.0 + widest + 16.0, f64::from(SIZE.0) - 190.0);
        let (wide, tall) = ((right - left) / self.x.len().max(1) as f64, (BOTTOM - TOP) / self.y.len().max(1) as f64);
        let (low, high) = self.extent();
        for (row, fields) in self.fields.iter().enumerate() {
            let top = TOP + tall * row as f64;
            for (column, field) in fields.iter().enumerate() {
                let corner = (left + wide * column as f64, top);
                self.paint_field(canvas, field, corner, (wide, tall), (low, high))?;
            }
            let lettering = Lettering::of(TICK).anchored(HPos::Right, VPos::Center);
            canvas.write(&label(&self.y[row]), left - 14.0, top + tall / 2.0, lettering)?;
        }
        for (column, x) in self.x.iter().enumerate() {
            let lettering = Lettering::of(TICK).anchored(HPos::Center, VPos::Top);
            canvas.write(&label(x), left + wide * (column as f64 + 0.5), BOTTOM + 14.0, lettering)?;
        }
        let name = Lettering::of(LABEL).anchored(HPos::Center, VPos::Top);
        canvas.write(&self.axes[0], (left + right) / 2.0, BOTTOM + 62.0, name)?;
        canvas.write(&self.axes[1], 28.0, (TOP + BOTTOM) / 2.0, name.upright())?;
        self.paint_bar(canvas, right + 40.0, (low, high))
    }
}

impl Grid {
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

    fn paint_field<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        field: &Field,
        (left, top): (f64, f64),
        (wide, tall): (f64, f64),
        (low, high): (f64, f64),
    ) -> Painted<DB> {
        let (ground, text, spread) = match field {
            Field::NotAsked => return Ok(()),
            Field::Missing => (GRID, "-".to_owned(), None),
            Field::Failed => (GRID, "failed".to_owned(), None),
            Field::Measured(summary) => {
                let metric = &self.quantity.metric;
                let spread = summary.std.map(|std| format!("± {std:.*}", decimals(metric, summary.mean)));
                (viridis((summary.mean - low) / (high - low)), show(metric, summary.mean), spread)
            }
        };
        canvas.fill((left + GAP, top + GAP), (left + wide - GAP, top + tall - GAP), ground)?;
        let ink = if ground == GRID { FAINT_INK } else { ink_on(ground) };
        let size = (wide / 4.6).min(tall / 3.0).clamp(14.0, 34.0);
        let middle = (left + wide / 2.0, top + tall / 2.0);
        let lettering = Lettering::of(size).color(ink).anchored(HPos::Center, VPos::Center);
        let lift = if spread.is_some() { size * 0.55 } else { 0.0 };
        canvas.write(&text, middle.0, middle.1 - lift, lettering.bold())?;
        match spread {
            Some(spread) => canvas.write(&spread, middle.0, middle.1 + size * 0.6, Lettering { size: size * 0.78, ..lettering }),
            None => Ok(()),
        }
    }

    /// What the colours mean.
    fn paint_bar<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, left: f64, (low, high): (f64, f64)) -> Painted<DB> {
        const STEPS: i32 = 128;
        let y = |share: f64| BOTTOM - GAP - (BOTTOM - TOP - 2.0 * GAP) * share;
        for step in 0..STEPS {
            let (from, to) = (f64::from(step) / f64::from(STEPS), f64::from(step + 1) / f64::from(STEPS));
            canvas.fill((left, y(to)), (left + BAR_WIDTH, y(from)), viridis((from + to) / 2.0))?;
        }
        for (value, text) in round_ticks(low, high) {
            let place = y((value - low) / (high - low));
            let ends = [canvas.at(left + BAR_WIDTH, place), canvas.at(left + BAR_WIDTH + 8.0, place)];
            canvas.area.draw(&PathElement::new(ends, INK.stroke_width(canvas.stroke(1.5))))?;
            let lettering = Lettering::of(TICK - 2.0).anchored(HPos::Left, VPos::Center);
            canvas.write(&text, left + BAR_WIDTH + 14.0, place, lettering)?;
        }
        Ok(())
    }
}
