//! Lines over two numeric axes: what `line` and `curves` draw.

use super::super::statistics::Summary;
use super::super::table::csv_line;
use super::canvas::{Canvas, Lettering, Painted, Picture, SIZE};
use super::palette::{self, FAINT_INK, GRID, INK};
use super::ticks::Axis;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

const MARGIN: f64 = 28.0;
const TITLE: f64 = 36.0;
const NOTE: f64 = 25.0;
const TICK: f64 = 28.0;
const LABEL: f64 = 31.0;
const LEGEND_LINE: f64 = 44.0;
const SWATCH: f64 = 54.0;
const BAND: f64 = 0.16;

/// Lines over two axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pub title: String,
    /// A line below the title.
    pub note: String,
    pub x: Axis,
    pub y: Axis,
    /// What the colours stand for: the axis, and its values; one value needs no legend.
    pub legend: String,
    pub colors: Vec<String>,
    pub series: Vec<Series>,
    /// What is called x in the CSV.
    pub x_name: String,
}

/// One line.
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
    /// Whether each point is marked.
    pub marked: bool,
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    /// Where it stands on the axis.
    pub x: f64,
    /// What x is, for the CSV.
    pub x_label: String,
    pub y: Summary,
}

/// The y axis for some series: it holds their bands.
pub(super) fn y_axis(title: String, series: &[Series]) -> Axis {
    let summaries = series.iter().flat_map(|series| series.spots.iter().map(|spot| spot.y).chain(series.level));
    Axis::over(title, summaries.flat_map(|summary| band(&summary)))
}

fn band(summary: &Summary) -> [f64; 2] {
    let std = summary.std.unwrap_or(0.0);
    [summary.mean - std, summary.mean + std]
}

impl Picture for Chart {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn csv(&self) -> String {
        let legend = if self.legend.is_empty() { "series" } else { &self.legend };
        let detailed = self.series.iter().any(|series| !series.detail.is_empty());
        let line = |color: &str, detail: &str, rest: [&str; 4]| {
            let detail = detailed.then_some(detail);
            let fields = std::iter::once(color).chain(detail).chain(rest).map(str::to_owned);
            csv_line(&fields.collect::<Vec<_>>())
        };
        let mut text = line(legend, "line", [&self.x_name, "mean", "std", "n"]);
        for series in &self.series {
            let mut row = |x: &str, y: &Summary| {
                let std = y.std.map(|std| std.to_string()).unwrap_or_default();
                text += &line(&self.colors[series.color], &series.detail, [x, &y.mean.to_string(), &std, &y.n.to_string()]);
            };
            series.level.iter().for_each(|level| row("", level));
            series.spots.iter().for_each(|spot| row(&spot.x_label, &spot.y));
        }
        text
    }

    fn paint<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Painted<DB> {
        heading(canvas, &self.title, &self.note)?;
        let legend = self.legend_width(canvas);
        let top = MARGIN + TITLE + NOTE + 34.0;
        let plot = canvas.area.margin(canvas.px(top), canvas.px(MARGIN * 0.6), canvas.px(MARGIN), canvas.px(MARGIN + legend));
        let widest = self.y.ticks.iter().map(|(_, text)| canvas.width(text, Lettering::of(TICK))).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(&plot)
            .set_label_area_size(LabelAreaPosition::Left, canvas.px(widest + LABEL + 46.0))
            .set_label_area_size(LabelAreaPosition::Bottom, canvas.px(TICK + LABEL + 38.0))
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .x_labels(self.x.ticks.len())
            .y_labels(self.y.ticks.len())
            .x_desc(self.x.title.clone())
            .y_desc(self.y.title.clone())
            .bold_line_style(GRID.stroke_width(canvas.stroke(1.5)))
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT_INK.stroke_width(canvas.stroke(1.5)))
            .set_all_tick_mark_size(canvas.px(7.0))
            .label_style(canvas.lettering(Lettering::of(TICK)))
            .axis_desc_style(canvas.lettering(Lettering::of(LABEL)))
            .draw()?;
        for series in &self.series {
            let color = palette::series(series.color);
            let finite = || series.spots.iter().filter(|spot| spot.y.mean.is_finite());
            let edge = |side: usize| finite().map(move |spot| (spot.x, band(&spot.y)[side]));
            if finite().any(|spot| spot.y.std.is_some()) {
                let outline: Vec<_> = edge(1).chain(edge(0).collect::<Vec<_>>().into_iter().rev()).collect();
                chart.draw_series([Polygon::new(outline, color.mix(BAND).filled())])?;
            }
            if let Some(level) = series.level.filter(|level| level.mean.is_finite()) {
                let [low, high] = band(&level);
                chart.draw_series([Rectangle::new([(self.x.from, low), (self.x.to, high)], color.mix(BAND * 0.6).filled())])?;
                let ends = [(self.x.from, level.mean), (self.x.to, level.mean)];
                let style = color.stroke_width(canvas.stroke(3.5));
                chart.draw_series(DashedLineSeries::new(ends, canvas.px(14.0), canvas.px(9.0), style))?;
            }
        }
        // All lines lie over all bands.
        for series in &self.series {
            let points: Vec<_> = series.spots.iter().map(|s| (s.x, s.y.mean)).filter(|(_, y)| y.is_finite()).collect();
            let style = palette::series(series.color).stroke_width(canvas.stroke(if series.marked { 4.0 } else { 3.5 }));
            chart.draw_series([PathElement::new(points.clone(), style)])?;
            if series.marked {
                points.iter().try_for_each(|point| marker(canvas, series.color, chart.backend_coord(point)))?;
            }
        }
        self.paint_legend(canvas, legend, top)
    }
}

impl Chart {
    /// The width of the legend in units, nothing when there is nothing to tell apart.
    fn legend_width<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> f64 {
        if self.colors.len() < 2 {
            return 0.0;
        }
        let labels = self.colors.iter().map(|label| canvas.width(label, Lettering::of(TICK)) + SWATCH + 16.0);
        labels.fold(canvas.width(&self.legend, Lettering::of(TICK).bold()), f64::max).min(420.0) + MARGIN
    }

    fn paint_legend<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, width: f64, top: f64) -> Painted<DB> {
        if width == 0.0 {
            return Ok(());
        }
        let left = f64::from(SIZE.0) - width;
        canvas.write(&self.legend, left, top, Lettering::of(TICK).bold())?;
        for (color, label) in self.colors.iter().enumerate() {
            let y = top + LEGEND_LINE * (color as f64 + 1.4);
            let style = palette::series(color).stroke_width(canvas.stroke(4.0));
            let stroke = |from: f64, to: f64| {
                let ends = [canvas.at(left + SWATCH * from, y), canvas.at(left + SWATCH * to, y)];
                canvas.area.draw(&PathElement::new(ends, style))
            };
            let mut lines = self.series.iter().filter(|series| series.color == color && !series.spots.is_empty());
            match lines.next() {
                Some(line) => {
                    stroke(0.0, 1.0)?;
                    if line.marked {
                        marker(canvas, color, canvas.at(left + SWATCH / 2.0, y))?;
                    }
                }
                None => {
                    stroke(0.0, 0.38)?;
                    stroke(0.62, 1.0)?;
                }
            }
            let lettering = Lettering::of(TICK).anchored(HPos::Left, VPos::Center);
            canvas.write(label, left + SWATCH + 16.0, y, lettering)?;
        }
        Ok(())
    }
}

/// Title and note of a picture.
pub(super) fn heading<DB: DrawingBackend>(canvas: &Canvas<DB>, title: &str, note: &str) -> Painted<DB> {
    canvas.write(title, MARGIN, MARGIN, Lettering::of(TITLE).bold().color(INK))?;
    canvas.write(note, MARGIN, MARGIN + TITLE + 10.0, Lettering::of(NOTE).color(FAINT_INK))
}

/// Shapes change with colours, so that series can be told apart in black and white too.
fn marker<DB: DrawingBackend>(canvas: &Canvas<DB>, n: usize, (x, y): (i32, i32)) -> Painted<DB> {
    for (radius, color) in [(canvas.px(11.5), WHITE), (canvas.px(8.5), palette::series(n))] {
        let style = color.filled();
        match (n + n / 8) % 4 {
            0 => canvas.area.draw(&Circle::new((x, y), radius, style))?,
            1 => {
                let half = radius * 9 / 10;
                canvas.area.draw(&Rectangle::new([(x - half, y - half), (x + half, y + half)], style))?;
            }
            2 => {
                let (wide, tall) = (radius * 11 / 10, radius * 7 / 10);
                let corners = vec![(x, y - radius * 12 / 10), (x + wide, y + tall), (x - wide, y + tall)];
                canvas.area.draw(&Polygon::new(corners, style))?;
            }
            _ => {
                let reach = radius * 13 / 10;
                let corners = vec![(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)];
                canvas.area.draw(&Polygon::new(corners, style))?;
            }
        }
    }
    Ok(())
}
