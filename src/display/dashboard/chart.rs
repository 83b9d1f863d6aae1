//! A metric of one run over its steps.

use super::Dashboard;
use super::curve::smoothed;
use super::run::Run;
use super::view::short;
use crate::event::Metric;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

impl Dashboard {
    pub(super) fn draw_chart(&self, frame: &mut Frame, area: Rect, run: &Run, metric: &Metric) {
        let points = self.points(run, metric);
        let title = Block::new().title(Line::styled(self.chart_title(metric), Style::new().add_modifier(Modifier::BOLD)));
        let ([Some(left), Some(right)], Some([low, high])) = ([points.first(), points.last()], bounds(&points)) else {
            let text = if self.log { "no value is above 0" } else { "no value is a number" };
            return frame.render_widget(Paragraph::new(text).block(title), area);
        };
        let value = |y: f64| if self.log { short(10f64.powf(y)) } else { short(y) };
        let y_labels = [low, (low + high) / 2.0, high].map(|y| Span::raw(value(y)));
        let x_labels = [left.0, right.0].map(|x| Span::raw(x.to_string()));
        let x_bounds = [left.0, right.0.max(left.0 + 1.0)];
        let graph = if points.len() == 1 { GraphType::Scatter } else { GraphType::Line };
        let curve = Dataset::default().marker(Marker::Braille).graph_type(graph).style(self.tint(Color::Cyan)).data(&points);
        let chart = Chart::new(vec![curve])
            .block(title)
            .x_axis(Axis::default().bounds(x_bounds).labels(x_labels))
            .y_axis(Axis::default().bounds([low, high]).labels(y_labels));
        frame.render_widget(chart, area);
    }

    fn chart_title(&self, metric: &Metric) -> String {
        let unit =
            metric.known().filter(|known| !known.unit.is_empty()).map_or_else(String::new, |known| format!(" ({})", known.unit));
        let how = [(self.log, ", logarithmic"), (self.smooth, ", smoothed")];
        let how: String = how.iter().filter(|(is_on, _)| *is_on).map(|(_, word)| *word).collect();
        format!("{metric}{unit} over steps{how}")
    }

    /// What the chart shows: numbers alone, smoothed and then as logarithms, where these are wanted.
    fn points(&self, run: &Run, metric: &Metric) -> Vec<(f64, f64)> {
        let points = run.curves.get(metric).map(|curve| curve.points()).unwrap_or_default();
        let mut points: Vec<_> = points.iter().map(|(step, value)| (*step as f64, *value)).collect();
        points.retain(|(_, value)| value.is_finite());
        if self.smooth {
            points = smoothed(&points);
        }
        if self.log {
            points.retain(|(_, value)| *value > 0.0);
            points.iter_mut().for_each(|(_, value)| *value = value.log10());
        }
        points
    }
}

/// The least and the greatest value, a little apart where they are one.
fn bounds(points: &[(f64, f64)]) -> Option<[f64; 2]> {
    let values = || points.iter().map(|(_, value)| *value);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let apart = if low == high { (low.abs() * 0.1).max(1e-9) } else { 0.0 };
    Some([low - apart, high + apart])
}
