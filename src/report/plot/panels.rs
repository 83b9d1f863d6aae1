//! Charts side by side, under one title and with one legend.

use super::canvas::{Canvas, Painted, Picture, SIZE};
use super::chart::Chart;
use super::frame::{Bounds, Frame, TICK, heading};
use super::legend::Legend;
use super::lettering::{Lettering, Wrapped};
use super::ticks::Axis;
use crate::report::table::csv_line;

const COLUMNS: usize = 2;
/// The height of a row of charts, and of what stands above them.
const ROW: u32 = 440;
const ABOVE: u32 = 130;
const GAP: f64 = 26.0;

/// Small charts whose colours mean the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panels {
    pub title: String,
    pub note: String,
    pub charts: Vec<Panel>,
}

/// A chart, and the metric in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    pub metric: String,
    pub chart: Chart,
}

impl Picture for Panels {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn csv(&self) -> String {
        let mut text = String::new();
        for (n, Panel { metric, chart }) in self.charts.iter().enumerate() {
            // One head is enough.
            for (at, record) in chart.records().into_iter().enumerate().skip(usize::from(n > 0)) {
                let name = if at == 0 { "metric" } else { metric.as_str() };
                text += &csv_line(&[vec![name.to_owned()], record].concat());
            }
        }
        text
    }

    fn size(&self) -> (u32, u32) {
        (SIZE.0, ABOVE + ROW * self.charts.len().div_ceil(COLUMNS).max(1) as u32)
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let page = heading(canvas, &self.title, &self.note)?;
        let legend = self.charts.first().map_or(Legend { title: String::new(), entries: vec![] }, |panel| panel.chart.legend());
        let width = legend.width(canvas);
        let (place, columns) = (page.without_right(width), COLUMNS.min(self.charts.len()));
        let rows = self.charts.len().div_ceil(COLUMNS);
        let cells = (0..self.charts.len()).map(|n| place.cell((n % COLUMNS, columns), (n / COLUMNS, rows), GAP));
        let cells: Vec<Bounds> = cells.collect();
        let name = |(panel, cell): (&Panel, &Bounds)| {
            // A browser without our font has a wider one.
            Wrapped::new(canvas, &panel.chart.y.title, Lettering::of(TICK).bold(), cell.width() * 0.88, 2)
        };
        let names: Vec<Wrapped> = self.charts.iter().zip(&cells).map(name).collect();
        let above = names.iter().map(Wrapped::height).fold(0.0, f64::max);
        for ((panel, cell), name) in self.charts.iter().zip(&cells).zip(names) {
            name.write(canvas, (cell.left, cell.top))?;
            let y = Axis { title: String::new(), ..panel.chart.y.clone() };
            let outer = Bounds { top: cell.top + above, ..*cell };
            panel.chart.paint_series(canvas, &Frame::paint(canvas, &panel.chart.x, &y, outer)?)?;
        }
        legend.paint(canvas, Bounds { left: page.right - width, ..page })
    }
}
