//! Accuracy against compute: which runs give the most for what they cost.

use super::Plot;
use super::canvas::{Canvas, Painted, Picture};
use super::caption::{DEVIATION, note};
use super::frame::{Bounds, Frame, TICK, heading};
use super::hint::{Hint, told};
use super::legend::{Key, Legend, MARK, marker};
use super::lettering::{Lettering, Wrapped};
use super::ticks::{Axis, extent, is_wide};
use crate::event::Better;
use crate::report::filter;
use crate::report::group::{self, Group};
use crate::report::part::{Part, axis};
use crate::report::question::{Quantity, Question, Row, label};
use crate::report::statistics::Summary;
use crate::report::table::csv_line;
use anyhow::Result;
use indexmap::IndexMap;
use indexmap::IndexSet;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// A metric against what it cost, with the Pareto frontier.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What it cost, less is better: `<stage>.<metric>`, as in `pretrain.seconds`. It is taken from the run that has the same
    /// seed and the same axes, as far as it has them.
    pub x: String,
    /// What came of it: `<stage>.<metric>`.
    pub y: String,
    /// The axis whose value is written beside each point.
    #[serde(default)]
    pub label: Option<String>,
    /// The axis that makes the colours.
    #[serde(default)]
    pub color: Option<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frontier {
    x: Axis,
    y: Axis,
    names: [Quantity; 2],
    note: String,
    legend: String,
    colors: Vec<String>,
    axes: Vec<String>,
    points: Vec<Point>,
}

#[derive(Debug, Clone, PartialEq)]
struct Point {
    key: Vec<String>,
    color: usize,
    label: String,
    x: Summary,
    y: Summary,
    /// Whether no other costs less and gives as much.
    best: bool,
}

impl Plot for Config {
    type Picture = Frontier;

    fn name(&self) -> String {
        format!("frontier-{}-{}", self.y, self.x)
    }

    fn part(&self) -> Part<'_> {
        Part {
            axes: [axis("label", self.label.as_deref()), axis("color", self.color.as_deref())].concat(),
            quantities: vec![("x", vec![&*self.x]), ("y", vec![&*self.y])],
            ..Part::filtered(self.filter.as_deref())
        }
    }

    fn picture(&self, question: &Question) -> Result<Frontier> {
        self.label.iter().chain(&self.color).try_for_each(|axis| question.check_axis(axis))?;
        let names = [question.quantity(&self.x)?, question.quantity(&self.y)?];
        let rows: Vec<&Row> = filter::select(question, self.filter.as_deref())?;
        let costs = Costs::of(rows.iter().copied().filter(|row| row.stage == names[0].stage));
        let rows: Vec<&Row> = rows.into_iter().filter(|row| row.stage == names[1].stage).collect();
        let axes = question.axes();
        let place = |axis: &Option<String>| axis.as_ref().and_then(|axis| axes.iter().position(|known| known == axis));
        let (color_at, label_at) = (place(&self.color), place(&self.label));
        let (mut colors, mut points) = (IndexSet::new(), Vec::new());
        for (key, group) in group::group(question, &rows, &axes)? {
            let Some((x, y)) = pairs(&group, &costs, &names) else { continue };
            let text = |at: Option<usize>| at.map(|at| label(&key[at])).unwrap_or_default();
            let color = colors.insert_full(text(color_at)).0;
            // An axis that a run does not have says nothing beside its point.
            let named = label_at.filter(|at| !key[*at].is_null());
            points.push(Point { key: key.iter().map(label).collect(), color, label: text(named), x, y, best: false });
        }
        mark_best(&mut points, names[1].metric.better());
        let reach = |of: fn(&Point) -> Summary| {
            let ends = |summary: Summary| {
                [summary.mean, summary.mean - summary.std.unwrap_or(0.0), summary.mean + summary.std.unwrap_or(0.0)]
            };
            points.iter().flat_map(|point| ends(of(point))).collect::<Vec<_>>()
        };
        let (low, high) = extent(points.iter().map(|point| point.x.mean));
        let x_title = format!("{}, {}", names[0].title(), names[0].stage);
        let wide = is_wide(low, high);
        let x = if wide { Axis::log(x_title, reach(|point| point.x)) } else { Axis::over(x_title, reach(|point| point.x)) };
        let y = Axis::over(names[1].title(), reach(|point| point.y));
        let named = self.label.iter().map(|axis| format!("labels: {axis}"));
        let more: Vec<String> = std::iter::once("dashed: Pareto frontier".to_owned()).chain(named).collect();
        let note = note(DEVIATION, points.iter().map(|point| &point.y), &more, self.filter.as_deref());
        let legend = self.color.clone().unwrap_or_default();
        Ok(Frontier { x, y, names, note, legend, colors: colors.into_iter().collect(), axes, points })
    }
}

/// The rows that tell costs, by the names of their axes, then by seed and values: each result is looked up, as comparing it with
/// each cost would take the square of the runs.
struct Costs<'a>(IndexMap<Vec<&'a String>, HashMap<Known<'a>, (usize, &'a Row)>>);

/// Seed and values.
type Known<'a> = (Option<&'a Value>, Vec<&'a Value>);

impl<'a> Costs<'a> {
    fn of(rows: impl Iterator<Item = &'a Row>) -> Costs<'a> {
        let mut costs = Costs(IndexMap::new());
        for (place, row) in rows.enumerate() {
            let of_these = costs.0.entry(row.axes.keys().collect()).or_default();
            of_these.entry((row.seed.as_ref(), row.axes.values().collect())).or_insert((place, row));
        }
        costs
    }

    /// The first that has the seed of a row and, as far as it has axes, their values.
    fn find(&self, row: &Row) -> Option<&'a Row> {
        let found = self.0.iter().filter_map(|(names, costs)| {
            let values = names.iter().map(|axis| row.axes.get(*axis)).collect::<Option<Vec<_>>>()?;
            costs.get(&(row.seed.as_ref(), values))
        });
        found.min_by_key(|(place, _)| *place).map(|(_, cost)| *cost)
    }
}

/// Cost and result over the seeds that have both; nothing where none has, where a seed was pruned, or where they are no numbers.
fn pairs(group: &Group, costs: &Costs, [x, y]: &[Quantity; 2]) -> Option<(Summary, Summary)> {
    group::summary(&group.samples(&y.metric))?;
    let is_finite = |(x, y): &(Summary, Summary)| x.mean.is_finite() && y.mean.is_finite();
    let pair = |row: &&Row| {
        let cost = costs.find(row)?;
        Some((*cost.values.get(&x.metric)?, *row.values.get(&y.metric)?))
    };
    let (x, y): (Vec<f64>, Vec<f64>) = group.rows.iter().filter_map(pair).unzip();
    Summary::of(&x).zip(Summary::of(&y)).filter(is_finite)
}

/// The Pareto frontier of the means; the points are sorted by cost.
fn mark_best(points: &mut [Point], better: Better) {
    let worth = |point: &Point| if better == Better::Lower { -point.y.mean } else { point.y.mean };
    points.sort_by(|a, b| a.x.mean.total_cmp(&b.x.mean).then(worth(b).total_cmp(&worth(a))));
    let mut highest = f64::NEG_INFINITY;
    for point in points {
        point.best = worth(point) > highest;
        highest = highest.max(worth(point));
    }
}

impl Picture for Frontier {
    fn title(&self) -> String {
        let [x, y] = &self.names;
        format!("{}, {}, against {}", y.title(), y.stage, x.title())
    }

    fn csv(&self) -> String {
        let [x, y] = self.names.each_ref().map(ToString::to_string);
        let heads = [x.clone(), format!("{x}.std"), y.clone(), format!("{y}.std"), "n".to_owned(), "best".to_owned()];
        let mut text = csv_line(&self.axes.iter().cloned().chain(heads).collect::<Vec<_>>());
        for point in &self.points {
            let std = |summary: &Summary| summary.std.map(|std| std.to_string()).unwrap_or_default();
            let (x, y) = (&point.x, &point.y);
            let numbers = [x.mean.to_string(), std(x), y.mean.to_string(), std(y), y.n.to_string(), point.best.to_string()];
            text += &csv_line(&point.key.iter().cloned().chain(numbers).collect::<Vec<_>>());
        }
        text
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let page = heading(canvas, &self.title(), &self.note)?;
        let entries = self.colors.iter().map(|name| (name.clone(), Key::Mark)).collect();
        let legend = Legend { title: self.legend.clone(), entries };
        let width = legend.width(canvas);
        let frame = Frame::paint(canvas, &self.x, &self.y, page.without_right(width))?;
        self.paint_frontier(canvas, &frame)?;
        for Point { color, x, y, .. } in &self.points {
            let color = canvas.palette.series(*color);
            if let Some(std) = y.std {
                frame.whisker(canvas, (x.mean, y.mean - std), (x.mean, y.mean + std), color)?;
            }
            if let Some(std) = x.std {
                frame.whisker(canvas, (x.mean - std, y.mean), (x.mean + std, y.mean), color)?;
            }
        }
        for Point { key, color, x, y, .. } in &self.points {
            marker(canvas, *color, frame.at(x.mean, y.mean), MARK * 1.2)?;
            let names = self.axes.iter().zip(key).map(|(axis, value)| format!("{axis} {value}\n")).collect::<String>();
            let text = format!("{names}{}: {}\n{}: {}", self.names[1], told(y), self.names[0], told(x));
            canvas.tell(Hint::at(frame.at(x.mean, y.mean), text));
        }
        self.paint_labels(canvas, &frame)?;
        legend.paint(canvas, Bounds { left: page.right - width, ..page })
    }
}

impl Frontier {
    /// What can be had for a cost: it does not change until the next point of the frontier.
    fn paint_frontier(&self, canvas: &Canvas, frame: &Frame) -> Painted {
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for point in self.points.iter().filter(|point| point.best) {
            if let Some((_, y)) = steps.last().copied() {
                steps.push((point.x.mean, y));
            }
            steps.push((point.x.mean, point.y.mean));
        }
        steps.extend(steps.last().map(|(_, y)| (self.x.to, *y)));
        let steps: Vec<_> = steps.into_iter().map(|(x, y)| frame.at(x, y)).collect();
        if steps.is_empty() { Ok(()) } else { canvas.dashes(&steps, canvas.palette.faint, 3.0) }
    }

    /// Writes each label at the first side of its point where it hides nothing.
    fn paint_labels(&self, canvas: &Canvas, frame: &Frame) -> Painted {
        const AWAY: f64 = 16.0;
        let size = TICK * 0.9;
        let around = |(x, y): (f64, f64)| Bounds { left: x - 11.0, top: y - 11.0, right: x + 11.0, bottom: y + 11.0 };
        let mut taken: Vec<Bounds> = self.points.iter().map(|point| around(frame.at(point.x.mean, point.y.mean))).collect();
        for point in self.points.iter().filter(|point| !point.label.is_empty()) {
            let (x, y) = frame.at(point.x.mean, point.y.mean);
            let label = Wrapped::new(canvas, &point.label, Lettering::of(size), frame.bounds.width() / 2.0 - AWAY, 1);
            let wide = label.width(canvas);
            let corners = [
                (x + AWAY, y - size / 2.0),
                (x - AWAY - wide, y - size / 2.0),
                (x + AWAY, y - AWAY - size),
                (x - AWAY - wide, y - AWAY - size),
                (x + AWAY, y + AWAY),
                (x - AWAY - wide, y + AWAY),
            ];
            let places = corners.map(|(left, top)| Bounds { left, top, right: left + wide, bottom: top + size });
            let free = |place: &&Bounds| place.is_within(&frame.bounds) && !taken.iter().any(|other| place.overlaps(other));
            let within = || places.iter().find(|place| place.is_within(&frame.bounds));
            let place = *places.iter().find(free).or_else(within).unwrap_or(&places[0]);
            label.write(canvas, (place.left, place.top))?;
            taken.push(place);
        }
        Ok(())
    }
}
