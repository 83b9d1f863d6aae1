//! A metric seed by seed: how far runs that differ in nothing else are apart.

use super::Plot;
use super::columns::{Columns, Request};
use crate::report::part::Part;
use crate::report::question::Question;
use anyhow::Result;
use serde::Deserialize;

/// A strip of points for each group.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The axis from left to right, its values side by side.
    pub x: String,
    /// What is measured: `<stage>.<metric>`.
    pub y: String,
    /// The axis that makes points of several colours.
    #[serde(default)]
    pub color: Option<String>,
    /// Which rows count: an expression over axes.
    #[serde(default)]
    pub filter: Option<String>,
}

impl Plot for Config {
    type Picture = Columns;

    fn name(&self) -> String {
        format!("seeds-{}-{}", self.y, self.x)
    }

    fn part(&self) -> Part<'_> {
        Part::over(&self.x, &self.y, self.color.as_deref(), self.filter.as_deref())
    }

    fn picture(&self, question: &Question) -> Result<Columns> {
        let (color, filter) = (self.color.as_deref(), self.filter.as_deref());
        let shown = "each seed, and the mean";
        Columns::new(question, &Request { x: &self.x, y: &self.y, color, filter, shown })
    }
}
