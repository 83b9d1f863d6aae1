//! Features of evaluation images in two dimensions, coloured by class.

use super::Plot;
use super::canvas::{Canvas, Painted, Picture, SIZE};
use super::frame::{Bounds, TICK, heading};
use super::legend::{Key, Legend, marker};
use super::lettering::{Lettering, Wrapped};
use super::ticks::extent;
use crate::failure::Failure;
use crate::report::embedding::{Features, pca, tsne};
use crate::report::part::Part;
use crate::report::question::{Question, Row, label};
use crate::report::table::csv_line;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// The most panels: more are too small to see anything.
const MOST_PANELS: usize = 6;
/// The most classes that a legend lists.
const MOST_CLASSES: usize = 12;
const COLUMNS: usize = 3;
const GAP: f64 = 20.0;
const POINT: f64 = 4.6;
const TSNE_SEED: u64 = 0;

/// Features in two dimensions, one panel a run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The stage whose runs kept their features.
    pub stage: String,
    /// How two dimensions are made of many.
    #[serde(default)]
    pub method: Method,
    /// Which rows count: an expression over axes. At most six runs are shown, those of the first seed first.
    #[serde(default)]
    pub filter: Option<String>,
}

/// How two dimensions are made of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The two directions of largest variance.
    #[default]
    Pca,
    /// Neighbours stay neighbours (van der Maaten and Hinton, 2008); distances and sizes of clusters mean nothing.
    Tsne,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clouds {
    title: String,
    note: String,
    classes: Vec<i64>,
    clouds: Vec<Cloud>,
}

#[derive(Debug, Clone, PartialEq)]
struct Cloud {
    name: String,
    points: Vec<[f64; 2]>,
    /// The place of the class of each point in [`Clouds::classes`].
    classes: Vec<usize>,
}

impl Config {
    /// The runs that are shown, with what sets them apart.
    fn runs(&self, question: &Question) -> Result<IndexMap<RunId, String>> {
        let stages = question.stages();
        if !stages.contains(&self.stage) {
            return Err(Failure::input(format!("`{}` is no stage of `{}`", self.stage, question.experiment))
                .nearest(&self.stage, stages.iter().map(String::as_str))
                .hint(format!("stages: {}", stages.join(", ")))
                .into());
        }
        let mut rows = super::curves::done(question, &self.stage, self.filter.as_deref())?;
        let axes: Vec<String> = question.axes().into_iter().filter(|axis| super::curves::varies(&rows, axis)).collect();
        // Stable: the order of the experiment is kept within a seed.
        let seed = |row: &Row| row.seed.as_ref().and_then(Value::as_f64).unwrap_or(f64::INFINITY);
        rows.sort_by(|a, b| seed(a).total_cmp(&seed(b)));
        let seeds: BTreeSet<_> = rows.iter().map(|row| row.seed.as_ref().map(label)).collect();
        let mut runs = IndexMap::new();
        for row in rows {
            let parts = axes.iter().filter_map(|axis| row.axes.get(axis)).map(label);
            let seed = row.seed.as_ref().filter(|_| seeds.len() > 1).map(|seed| format!("seed {}", label(seed)));
            runs.entry(row.run.id).or_insert_with(|| parts.chain(seed).collect::<Vec<_>>().join(", "));
        }
        runs.truncate(MOST_PANELS);
        Ok(runs)
    }
}

impl Plot for Config {
    type Picture = Clouds;

    fn name(&self) -> String {
        format!("embedding-{}-{}", self.stage, self.method.name())
    }

    fn features(&self, question: &Question) -> Result<Vec<RunId>> {
        Ok(self.runs(question)?.into_keys().collect())
    }

    fn part(&self) -> Part<'_> {
        Part { stage: Some(&*self.stage), ..Part::filtered(self.filter.as_deref()) }
    }

    fn picture(&self, question: &Question) -> Result<Clouds> {
        let runs = self.runs(question)?;
        let kept = runs.into_iter().filter_map(|(run, name)| Some((name, question.features.get(&run)?)));
        let kept: Vec<(String, &Features)> = kept.collect();
        let classes: BTreeSet<i64> = kept.iter().flat_map(|(_, features)| features.labels.iter().copied()).collect();
        let classes: Vec<i64> = classes.into_iter().collect();
        let mut clouds = Vec::new();
        for (name, features) in kept {
            let points = match self.method {
                Method::Pca => pca(&features.values, features.width),
                Method::Tsne => tsne(&features.values, features.width, TSNE_SEED)?,
            };
            let place = |class: &i64| classes.binary_search(class).unwrap_or_default();
            clouds.push(Cloud { name, points, classes: features.labels.iter().map(place).collect() });
        }
        let note = if clouds.is_empty() { "no run kept its features".into() } else { self.note(&classes, &clouds) };
        Ok(Clouds { title: format!("Features, {}: {}", self.stage, self.method.title()), note, classes, clouds })
    }
}

impl Config {
    fn note(&self, classes: &[i64], clouds: &[Cloud]) -> String {
        let most = clouds.iter().map(|cloud| cloud.points.len()).max().unwrap_or_default();
        let count = format!("{most} images of {} classes", classes.len());
        self.filter.iter().fold(count, |note, filter| format!("{note} · {filter}"))
    }
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Pca => "pca",
            Method::Tsne => "tsne",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Method::Pca => "two principal components",
            Method::Tsne => "t-SNE",
        }
    }
}

impl Clouds {
    fn columns(&self) -> usize {
        self.clouds.len().clamp(1, COLUMNS)
    }

    /// Half of the side of the square that holds all points of all panels, each about its middle.
    fn reach(&self) -> f64 {
        let furthest = |cloud: &Cloud| {
            let centre = centre(&cloud.points);
            cloud.points.iter().flat_map(|point| [(point[0] - centre[0]).abs(), (point[1] - centre[1]).abs()]).fold(0.0, f64::max)
        };
        self.clouds.iter().map(furthest).fold(0.0, f64::max).max(f64::MIN_POSITIVE)
    }
}

/// The middle of the rectangle that holds all points.
fn centre(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|side| {
        let (low, high) = extent(points.iter().map(|point| point[side]));
        (low + high) / 2.0
    })
}

impl Picture for Clouds {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn csv(&self) -> String {
        let mut text = csv_line(&["run", "x", "y", "class"].map(str::to_owned));
        for cloud in &self.clouds {
            for ([x, y], class) in cloud.points.iter().zip(&cloud.classes) {
                text += &csv_line(&[cloud.name.clone(), x.to_string(), y.to_string(), self.classes[*class].to_string()]);
            }
        }
        text
    }

    /// Panels are squares, beside a legend.
    fn size(&self) -> (u32, u32) {
        const ABOVE: u32 = 130;
        const NAME: u32 = 50;
        const LEGEND: u32 = 170;
        let (columns, rows) = (self.columns() as u32, self.clouds.len().div_ceil(COLUMNS).max(1) as u32);
        let width = if columns == 1 { 900 } else { SIZE.0 };
        (width, ABOVE + rows * ((width - LEGEND) / columns + NAME))
    }

    fn paint(&self, canvas: &Canvas) -> Painted {
        let page = heading(canvas, &self.title, &self.note)?;
        let listed = self.classes.len() <= MOST_CLASSES;
        let entries = self.classes.iter().filter(|_| listed).map(|class| (class.to_string(), Key::Mark)).collect();
        let legend = Legend { title: "class".to_owned(), entries };
        let width = legend.width(canvas);
        let (place, reach) = (page.without_right(width), self.reach());
        let rows = self.clouds.len().div_ceil(self.columns()).max(1);
        for (n, cloud) in self.clouds.iter().enumerate() {
            let cell = place.cell((n % self.columns(), self.columns()), (n / self.columns(), rows), GAP);
            cloud.paint(canvas, cell, reach)?;
        }
        legend.paint(canvas, Bounds { left: page.right - width, ..page })
    }
}

impl Cloud {
    fn paint(&self, canvas: &Canvas, cell: Bounds, reach: f64) -> Painted {
        let name = Wrapped::new(canvas, &self.name, Lettering::of(TICK).bold(), cell.width(), 2);
        name.write(canvas, (cell.left, cell.top))?;
        let top = cell.top + if self.name.is_empty() { 0.0 } else { name.height().max(TICK * 1.4) };
        let side = cell.width().min(cell.bottom - top);
        let (right, bottom) = (cell.left + side, top + side);
        let frame = [(cell.left, top), (right, top), (right, bottom), (cell.left, bottom), (cell.left, top)];
        canvas.path(&frame, canvas.palette.faint, 1.5)?;
        let (half, middle) = (side / 2.0 - 2.0 * POINT, (cell.left + side / 2.0, top + side / 2.0));
        let centre = centre(&self.points);
        for (point, class) in self.points.iter().zip(&self.classes) {
            let at = |side: usize| (point[side] - centre[side]) / reach * half;
            marker(canvas, *class, (middle.0 + at(0), middle.1 - at(1)), POINT)?;
        }
        Ok(())
    }
}
