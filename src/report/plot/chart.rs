//! Lines and points over two axes: what `line`, `curves` and plots made of several of these draw.

use super::canvas::{Canvas, Painted, Picture};
use super::frame::{Bounds, Frame, heading};
use super::hint::{Hint, told};
use super::legend::{Key, Legend, MARK, marker, series_line};
use super::ticks::Axis;
use crate::report::statistics::Summary;
use crate::report::table::csv_line;

const BAND: f64 = 0.16;
/// The confidence of intervals of means.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Series over two axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pub title: String,
    /// A line below the title.
    pub note: String,
    pub x: Axis,
    pub y: Axis,
    /// What the colours stand for: the axis, and its values.
    pub legend: String,
    pub colors: Vec<String>,
    pub series: Vec<Series>,
    /// What is called x in the CSV.
    pub x_name: String,
}

/// One line, or one colour of points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// Its place in [`Chart::colors`].
    pub color: usize,
    /// What sets it apart from others of its colour, if there are any.
    pub detail: String,
    /// From left to right.
    pub spots: Vec<Spot>,
    /// A value that does not depend on x, drawn as a dashed level.
    pub level: Option<Summary>,
    pub style: Style,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A line in a band of one standard deviation.
    Line,
    /// The same with a mark at each point.
    MarkedLine,
    /// Marks with intervals of [`CONFIDENCE`], and no line: nothing lies between values of a text axis.
    Points,
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    /// Where it stands on the axis.
    pub x: f64,
    /// What x is, for the CSV.
    pub x_label: String,
    pub y: Summary,
    /// The smoothed mean: the line goes through it, and that of the means is faint.
    pub smooth: Option<f64>,
}

impl Series {
    /// What the axis must hold of a value: its band or interval.
    fn spread(&self, y: &Summary) -> [f64; 2] {
        match self.style {
            Style::Points => y.interval(CONFIDENCE).map_or([y.mean; 2], |(low, high)| [low, high]),
            Style::Line | Style::MarkedLine => {
                let std = y.std.unwrap_or(0.0);
                [y.mean - std, y.mean + std]
            }
        }
    }

    /// All values that the y axis must hold.
    pub fn extremes(&self) -> impl Iterator<Item = f64> {
        self.spots.iter().map(|spot| &spot.y).chain(&self.level).flat_map(|y| self.spread(y))
    }

    fn key(&self) -> Key {
        match self.style {
            Style::Points if !self.spots.is_empty() => Key::Mark,
            Style::MarkedLine if !self.spots.is_empty() => Key::MarkedLine,
            _ if self.level.is_some() => Key::DashedLine,
            _ => Key::Line,
        }
    }
}

impl Picture for Chart {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn csv(&self) -> String {
        self.records().iter().map(|record| csv_line(record)).collect()
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let (page, legend) = (heading(canvas, &self.title, &self.note)?, self.legend());
        let frame = Frame::paint(canvas, &self.x, &self.y, page.without_right(legend.width(canvas)))?;
        self.paint_series(canvas, &frame)?;
        legend.paint(canvas, Bounds { left: page.right - legend.width(canvas), ..page })
    }
}

impl Chart {
    /// The lines of its CSV, of which the first has the names.
    pub fn records(&self) -> Vec<Vec<String>> {
        let legend = if self.legend.is_empty() { "series" } else { &self.legend };
        let detailed = self.series.iter().any(|series| !series.detail.is_empty());
        let smoothed = self.series.iter().flat_map(|series| &series.spots).any(|spot| spot.smooth.is_some());
        let line = |color: &str, detail: &str, rest: [&str; 4], smooth: &str| -> Vec<String> {
            let detail = detailed.then_some(detail);
            let smooth = smoothed.then_some(smooth);
            std::iter::once(color).chain(detail).chain(rest).chain(smooth).map(str::to_owned).collect()
        };
        let mut records = vec![line(legend, "line", [&self.x_name, "mean", "std", "n"], "smooth")];
        for series in &self.series {
            let mut row = |x: &str, y: &Summary, smooth: Option<f64>| {
                let written = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
                let numbers = [x, &y.mean.to_string(), &written(y.std), &y.n.to_string()];
                records.push(line(&self.colors[series.color], &series.detail, numbers, &written(smooth)));
            };
            series.level.iter().for_each(|level| row("", level, None));
            series.spots.iter().for_each(|spot| row(&spot.x_label, &spot.y, spot.smooth));
        }
        records
    }

    /// What its colours stand for.
    pub fn legend(&self) -> Legend {
        let of = |color: usize| self.series.iter().filter(move |series| series.color == color);
        let key = |color: usize| of(color).find(|one| !one.spots.is_empty()).or(of(color).next()).map_or(Key::Line, Series::key);
        let entries = self.colors.iter().enumerate().map(|(color, name)| (name.clone(), key(color)));
        Legend { title: self.legend.clone(), entries: entries.collect() }
    }

    /// Draws everything between the axes. All lines lie over all bands.
    pub fn paint_series(&self, canvas: &Canvas, frame: &Frame) -> Painted {
        self.series.iter().try_for_each(|series| series.paint_spread(canvas, frame))?;
        self.series.iter().try_for_each(|series| series.paint_means(canvas, frame))?;
        for (series, spot) in self.series.iter().flat_map(|series| series.finite().map(move |spot| (series, spot))) {
            let names = [self.colors[series.color].as_str(), &series.detail];
            let names = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" · ");
            let text = format!("{names}\n{} {}\n{}", self.x_name, spot.x_label, told(&spot.y));
            canvas.tell(Hint::at(frame.at(spot.x, spot.y.mean), text.trim_start().to_owned()));
        }
        Ok(())
    }
}

impl Series {
    fn finite(&self) -> impl DoubleEndedIterator<Item = &Spot> {
        self.spots.iter().filter(|spot| spot.y.mean.is_finite())
    }

    fn paint_spread(&self, canvas: &Canvas, frame: &Frame) -> Painted {
        let color = canvas.palette.series(self.color);
        let spread = self.finite().any(|spot| spot.y.std.is_some());
        if self.style == Style::Points {
            self.finite().filter(|spot| spot.y.std.is_some()).try_for_each(|spot| {
                let [low, high] = self.spread(&spot.y);
                frame.whisker(canvas, (spot.x, low), (spot.x, high), color)
            })?;
        } else if spread {
            let edge = |spot: &Spot, side: usize| frame.within(spot.x, self.spread(&spot.y)[side]);
            let outline = self.finite().map(|spot| edge(spot, 1)).chain(self.finite().rev().map(|spot| edge(spot, 0)));
            canvas.polygon(&outline.collect::<Vec<_>>(), color, BAND)?;
        }
        let Some(level) = self.level.filter(|level| level.mean.is_finite()) else { return Ok(()) };
        let ([low, high], [from, to]) = (self.spread(&level), [frame.x.from, frame.x.to]);
        let corners = [(from, low), (from, high), (to, high), (to, low)].map(|(x, y)| frame.within(x, y));
        canvas.polygon(&corners, color, BAND * 0.6)?;
        canvas.dashes(&[from, to].map(|x| frame.at(x, level.mean)), color, 3.5)
    }

    fn paint_means(&self, canvas: &Canvas, frame: &Frame) -> Painted {
        const FAINT: f64 = 0.35;
        let color = canvas.palette.series(self.color);
        let means: Vec<_> = self.finite().map(|spot| frame.at(spot.x, spot.y.mean)).collect();
        let smooth: Vec<_> = self.finite().filter_map(|spot| Some(frame.at(spot.x, spot.smooth?))).collect();
        match self.style {
            Style::Line if smooth.is_empty() => series_line(canvas, self.color, &means, 3.5)?,
            Style::Line => {
                canvas.path(&means, canvas.palette.tint(color, FAINT), 2.0)?;
                series_line(canvas, self.color, &smooth, 4.0)?;
            }
            Style::MarkedLine => series_line(canvas, self.color, &means, 4.0)?,
            Style::Points => {}
        }
        let marked = self.style != Style::Line;
        means.iter().filter(|_| marked).try_for_each(|point| marker(canvas, self.color, *point, MARK))
    }
}
