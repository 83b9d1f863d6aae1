//! Groups of runs side by side, with every seed: what `bars` and `seeds` draw.

use super::canvas::{Canvas, Painted, Picture};
use super::caption::{note, title};
use super::chart::CONFIDENCE;
use super::frame::{Bounds, Frame, heading};
use super::hint::{Hint, told};
use super::legend::{Key, Legend, MARK, marker};
use super::ticks::{Axis, sorted};
use crate::report::filter;
use crate::report::group::{self, summary};
use crate::report::question::{Quantity, Question, Row, label};
use crate::report::statistics::Summary;
use crate::report::table::{csv_line, plain, show};
use anyhow::Result;
use indexmap::IndexSet;
use serde_json::Value;

/// How much of a bar's colour its area has, so that points are seen on it.
pub(super) const FILL: f64 = 0.55;
/// The part of the room of a value that its columns take.
const TAKEN: f64 = 0.78;

/// What is asked for.
pub(super) struct Request<'a> {
    pub x: &'a str,
    pub y: &'a str,
    pub color: Option<&'a str>,
    pub filter: Option<&'a str>,
    /// What is shown of a group, for the note.
    pub shown: &'a str,
}

/// Columns of bars or of points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub quantity: Quantity,
    pub note: String,
    pub x: Axis,
    pub y: Axis,
    pub legend: String,
    pub colors: Vec<String>,
    pub columns: Vec<Column>,
    /// Where bars begin; points alone have none.
    pub base: Option<f64>,
    /// What is called x in the CSV.
    pub x_name: String,
}

/// One group: its runs differ in nothing but the seed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The place on the axis, and its name.
    place: usize,
    x: String,
    color: usize,
    /// What was measured, by seed.
    pub seeds: Vec<(String, f64)>,
    pub summary: Option<Summary>,
}

impl Columns {
    /// Reads the groups; the y axis holds all points.
    pub fn new(question: &Question, request: &Request) -> Result<Columns> {
        let by: Vec<String> = std::iter::once(request.x).chain(request.color).map(str::to_owned).collect();
        by.iter().try_for_each(|axis| question.check_axis(axis))?;
        let quantity = question.quantity(request.y)?;
        let rows: Vec<&Row> = filter::select(question, request.filter)?;
        let rows: Vec<&Row> = rows.into_iter().filter(|row| row.stage == quantity.stage).collect();
        let groups = group::group(question, &rows, &by)?;
        let values = sorted(groups.keys().map(|key| key[0].clone()));
        let color_of = |key: &[Value]| key.get(1).map(label).unwrap_or_default();
        let colors: IndexSet<String> = groups.keys().map(|key| color_of(key)).collect();
        let mut columns = Vec::new();
        for (key, group) in &groups {
            let samples = group.samples(&quantity.metric);
            let seed =
                |sample: &group::Sample| Some((sample.seed.as_ref().map(label).unwrap_or_default(), sample.outcome.value()?));
            columns.push(Column {
                place: values.iter().position(|value| *value == key[0]).unwrap_or_default(),
                x: plain(&key[0]),
                color: colors.get_index_of(&color_of(key)).unwrap_or_default(),
                seeds: samples.iter().filter_map(seed).collect(),
                summary: summary(&samples),
            });
        }
        columns.sort_by_key(|column| (column.place, column.color));
        Ok(Columns {
            note: note(request.shown, columns.iter().filter_map(|column| column.summary.as_ref()), &[], request.filter),
            x: Axis::text(request.x.to_owned(), &values),
            y: Axis::over(quantity.title(), columns.iter().flat_map(|column| column.seeds.iter().map(|seed| seed.1))),
            legend: request.color.unwrap_or_default().to_owned(),
            colors: colors.into_iter().collect(),
            columns,
            base: None,
            quantity,
            x_name: request.x.to_owned(),
        })
    }

    /// From left to right, in values of the x axis.
    fn edges(&self, column: &Column) -> (f64, f64) {
        let wide = TAKEN / self.colors.len().max(1) as f64;
        let left = column.place as f64 - TAKEN / 2.0 + wide * column.color as f64;
        (left, left + wide)
    }
}

impl Column {
    /// The interval of the mean; just the mean of one seed.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let summary = self.summary?;
        Some(summary.interval(CONFIDENCE).map_or([summary.mean; 2], |(low, high)| [low, high]))
    }
}

impl Picture for Columns {
    fn title(&self) -> String {
        title(&self.quantity)
    }

    fn csv(&self) -> String {
        let colored = !self.legend.is_empty();
        let line = |x: &str, color: &str, rest: [String; 5]| {
            let color = colored.then(|| color.to_owned());
            csv_line(&std::iter::once(x.to_owned()).chain(color).chain(rest).collect::<Vec<_>>())
        };
        let heads = ["seed", "value", "mean", "low", "high"].map(str::to_owned);
        let mut text = line(&self.x_name, &self.legend, heads);
        for column in &self.columns {
            let [low, high] = column.interval().map_or([String::new(), String::new()], |ends| ends.map(|end| end.to_string()));
            let mean = column.summary.map(|summary| summary.mean.to_string()).unwrap_or_default();
            for (seed, value) in &column.seeds {
                let fields = [seed.clone(), value.to_string(), mean.clone(), low.clone(), high.clone()];
                text += &line(&column.x, &self.colors[column.color], fields);
            }
        }
        text
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let page = heading(canvas, &self.title(), &self.note)?;
        let key = if self.base.is_some() { Key::Area } else { Key::Mark };
        let legend = Legend { title: self.legend.clone(), entries: self.colors.iter().map(|name| (name.clone(), key)).collect() };
        let width = legend.width(canvas);
        let frame = Frame::paint(canvas, &self.x, &self.y, page.without_right(width))?;
        self.columns.iter().try_for_each(|column| self.paint_column(canvas, &frame, column))?;
        legend.paint(canvas, Bounds { left: page.right - width, ..page })
    }
}

impl Columns {
    fn paint_column(&self, canvas: &Canvas, frame: &Frame, column: &Column) -> Painted {
        let color = canvas.palette.series(column.color);
        let (left, right) = self.edges(column);
        let room = (right - left) * 0.06;
        let (left, right, middle) = (left + room, right - room, (left + right) / 2.0);
        let mean = column.summary.map(|summary| summary.mean).filter(|mean| mean.is_finite());
        if let Some((base, mean)) = self.base.zip(mean) {
            let fill = canvas.palette.tint(color, FILL);
            canvas.fill(frame.within(left, mean), frame.within(right, base), fill)?;
        }
        // Seeds stand side by side, so that equal ones are seen too.
        let step = (right - left) / (column.seeds.len() as f64 + 1.0);
        let spread = if self.base.is_some() { 1.0 } else { 0.8 };
        if let (Some([low, high]), Some(_)) = (column.interval(), self.base)
            && low < high
        {
            frame.whisker(canvas, (middle, low), (middle, high), canvas.palette.ink)?;
        }
        let names = [column.x.as_str(), &self.colors[column.color]];
        let names = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" · ");
        if let Some(summary) = &column.summary {
            let ((left, bottom), (right, _)) = (frame.within(left, self.y.from), frame.within(right, self.y.from));
            let place = Bounds { left, right, top: frame.bounds.top, bottom };
            canvas.tell(Hint::within(place, format!("{names}\n{}", told(summary))));
        }
        for (n, (seed, value)) in column.seeds.iter().enumerate() {
            let x = middle + (n as f64 - (column.seeds.len() as f64 - 1.0) / 2.0) * step * spread;
            if value.is_finite() && (frame.y.from..=frame.y.to).contains(value) {
                self.paint_seed(canvas, column.color, frame.at(x, *value))?;
                let text = format!("{names}\nseed {seed}: {}", show(&self.quantity.metric, *value));
                canvas.tell(Hint::at(frame.at(x, *value), text));
            }
        }
        match (mean, self.base) {
            (Some(mean), None) => canvas.path(&[frame.at(left, mean), frame.at(right, mean)], canvas.palette.ink, 4.0),
            _ => Ok(()),
        }
    }

    /// On a bar a point has the colour of text, alone it has that of its column.
    fn paint_seed(&self, canvas: &Canvas, color: usize, at: (f64, f64)) -> Painted {
        if self.base.is_none() {
            return marker(canvas, color, at, MARK * 0.7);
        }
        canvas.circle(at, 6.5, canvas.palette.ground)?;
        canvas.circle(at, 4.5, canvas.palette.ink)
    }
}
