//! A sweep over many axes at once: one line a group through its value on each axis, to the metric at the right.

use super::Plot;
use super::canvas::{Canvas, Drawing, Painted, Picture, SIZE};
use super::caption::{note, title};
use super::frame::{Bounds, LABEL, TICK, heading};
use super::hint::{Hint, told};
use super::lettering::{Lettering, Wrapped};
use super::ticks::{Axis, extent, numbers, sorted};
use crate::failure::Failure;
use crate::report::filter;
use crate::report::group::{self, summary};
use crate::report::part::Part;
use crate::report::question::{Quantity, Question, Row, label};
use crate::report::statistics::Summary;
use crate::report::table::{csv_line, plain};
use anyhow::Result;
use plotters::style::text_anchor::{HPos, VPos};
use serde::Deserialize;
use serde_json::Value;

/// Parallel coordinates.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is measured, the last coordinate: `<stage>.<metric>`.
    pub value: String,
    /// The other coordinates, from left to right; all axes that vary if left out.
    #[serde(default)]
    pub axes: Vec<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parallel {
    quantity: Quantity,
    note: String,
    names: Vec<String>,
    coordinates: Vec<Axis>,
    metric: Axis,
    /// From worst to best in number, so that the highest lies on top.
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq)]
struct Line {
    key: Vec<Value>,
    /// Where it stands on each coordinate.
    places: Vec<f64>,
    y: Summary,
}

impl Plot for Config {
    type Picture = Parallel;

    fn name(&self) -> String {
        format!("parallel-{}", self.value)
    }

    fn part(&self) -> Part<'_> {
        let axes: Vec<&str> = self.axes.iter().map(String::as_str).collect();
        let groups = (!axes.is_empty()).then(|| axes.clone());
        let quantities = vec![("value", vec![&*self.value])];
        Part { axes: vec![("axes", axes)], quantities, groups, ..Part::filtered(self.filter.as_deref()) }
    }

    fn picture(&self, question: &Question) -> Result<Parallel> {
        self.axes.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = question.quantity(&self.value)?;
        let rows: Vec<&Row> = filter::select(question, self.filter.as_deref())?;
        let rows: Vec<&Row> = rows.into_iter().filter(|row| row.stage == quantity.stage).collect();
        let varying = || question.axes().into_iter().filter(|axis| super::curves::varies(&rows, axis));
        let names: Vec<String> = if self.axes.is_empty() { varying().collect() } else { self.axes.clone() };
        if names.is_empty() {
            return Err(Failure::input(format!("no axis of `{}` varies: there is nothing to draw in parallel", question.experiment))
                .hint("a `filter` may have left one value of each")
                .into());
        }
        let groups = group::group(question, &rows, &names)?;
        let coordinate = |at: usize| coordinate(&names[at], &sorted(groups.keys().map(|key| key[at].clone())));
        let (coordinates, values): (Vec<Axis>, Vec<Vec<(Value, f64)>>) = (0..names.len()).map(coordinate).unzip();
        let mut lines = Vec::new();
        for (key, group) in &groups {
            let Some(y) = summary(&group.samples(&quantity.metric)).filter(|y| y.mean.is_finite()) else { continue };
            let place = |(value, known): (&Value, &Vec<(Value, f64)>)| known.iter().find(|(one, _)| one == value).map_or(0.0, |one| one.1);
            lines.push(Line { key: key.clone(), places: key.iter().zip(&values).map(place).collect(), y });
        }
        lines.sort_by(|a, b| a.y.mean.total_cmp(&b.y.mean));
        let metric = Axis::over(quantity.title(), lines.iter().map(|line| line.y.mean));
        let note = note("mean", lines.iter().map(|line| &line.y), &[], self.filter.as_deref());
        Ok(Parallel { quantity, note, names, coordinates, metric, lines })
    }
}

/// An axis over values, and where each of them stands. One that some groups do not have is one of texts.
fn coordinate(name: &str, values: &[Value]) -> (Axis, Vec<(Value, f64)>) {
    let (axis, places) = if numbers(values).is_some() {
        Axis::at(name.to_owned(), values)
    } else {
        (Axis::text(name.to_owned(), values), (0..values.len()).map(|place| place as f64).collect())
    };
    (axis, values.iter().cloned().zip(places).collect())
}

impl Picture for Parallel {
    fn title(&self) -> String {
        title(&self.quantity)
    }

    fn csv(&self) -> String {
        let heads = ["mean", "std", "n"].map(str::to_owned);
        let mut text = csv_line(&self.names.iter().cloned().chain(heads).collect::<Vec<_>>());
        for Line { key, y, .. } in &self.lines {
            let numbers = [y.mean.to_string(), y.std.map(|std| std.to_string()).unwrap_or_default(), y.n.to_string()];
            text += &csv_line(&key.iter().map(plain).chain(numbers).collect::<Vec<_>>());
        }
        text
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let page = heading(canvas, &self.title(), &self.note)?;
        let axes: Vec<&Axis> = self.coordinates.iter().chain([&self.metric]).collect();
        let (places, bounds) = self.paint_names(canvas, page, &axes)?;
        let y = |axis: &Axis, value: f64| bounds.bottom - axis.share(value) * bounds.height();
        let (low, high) = extent(self.lines.iter().map(|line| line.y.mean));
        for line in &self.lines {
            let values = line.places.iter().copied().chain([line.y.mean]);
            let points: Vec<_> = axes.iter().zip(&places).zip(values).map(|((axis, x), value)| (*x, y(axis, value))).collect();
            canvas.path(&points, canvas.palette.scale((line.y.mean - low) / (high - low)), 3.5)?;
            let names = self.names.iter().zip(&line.key).map(|(axis, value)| format!("{axis} {}\n", label(value)));
            let text = names.collect::<String>() + &told(&line.y);
            points.iter().for_each(|point| canvas.tell(Hint::at(*point, text.clone())));
        }
        for (axis, x) in axes.iter().zip(&places) {
            canvas.path(&[(*x, bounds.top), (*x, bounds.bottom)], canvas.palette.ink, 2.5)?;
            for (value, text) in &axis.ticks {
                paint_tick(canvas, text, page.width() / axes.len() as f64 - 30.0, (*x, y(axis, *value)))?;
            }
        }
        Ok(())
    }

    fn size(&self) -> (u32, u32) {
        (SIZE.0.max(220 * (self.names.len() as u32 + 1)), SIZE.1)
    }
}

impl Parallel {
    /// Writes what each coordinate is below it, and returns where they stand and what is left.
    fn paint_names(&self, canvas: &Canvas, page: Bounds, axes: &[&Axis]) -> Drawing<(Vec<f64>, Bounds)> {
        let room = page.width() / axes.len() as f64 - 16.0;
        let lettering = Lettering::of(LABEL).anchored(HPos::Center, VPos::Top);
        let names: Vec<_> = axes.iter().map(|axis| Wrapped::new(canvas, &axis.title, lettering, room, 3)).collect();
        let tallest = names.iter().map(Wrapped::height).fold(0.0, f64::max);
        let bounds = Bounds { top: page.top + TICK / 2.0, bottom: page.bottom - tallest - 24.0, ..page };
        let places: Vec<f64> = (0..axes.len()).map(|n| page.left + (n as f64 + 0.5) * page.width() / axes.len() as f64).collect();
        for (name, x) in names.iter().zip(&places) {
            name.write(canvas, (*x, page.bottom - tallest))?;
        }
        Ok((places, bounds))
    }
}

/// A mark with its text on a ground of its own, as lines cross it. The text ends before the next axis.
fn paint_tick(canvas: &Canvas, text: &str, room: f64, (x, y): (f64, f64)) -> Painted {
    let text = Wrapped::new(canvas, text, Lettering::of(TICK * 0.9).anchored(HPos::Left, VPos::Center), room, 1);
    let (left, half) = (x + 12.0, TICK * 0.5);
    canvas.path(&[(x - 7.0, y), (x + 7.0, y)], canvas.palette.ink, 2.5)?;
    let corners = [(left - 3.0, y - half), (left + text.width(canvas) + 3.0, y - half)];
    let corners = [corners[0], corners[1], (corners[1].0, y + half), (corners[0].0, y + half)];
    canvas.polygon(&corners, canvas.palette.ground, 0.75)?;
    text.write(canvas, (left, y))
}
