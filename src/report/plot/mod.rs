//! Plots: one file each. Adding one is a file with a `Config` that is a [`Plot`], and a line in the list below.

mod canvas;
mod caption;
mod chart;
mod columns;
mod contour;
mod frame;
mod hint;
mod legend;
mod lettering;
mod palette;
mod panels;
mod ticks;

use super::part::Part;
use super::question::{Quantity, Question};
use crate::run_id::RunId;
use anyhow::Result;
use canvas::Picture;
use serde::Deserialize;

/// What a plot's configuration can do.
trait Plot {
    /// What is drawn.
    type Picture: Picture;

    /// The name of its files, without extension.
    fn name(&self) -> String;

    /// The curves it needs to be read from the database.
    fn curves(&self, _question: &Question) -> Result<Vec<Quantity>> {
        Ok(Vec::new())
    }

    /// The runs whose features it needs to be read from their folders.
    fn features(&self, _question: &Question) -> Result<Vec<RunId>> {
        Ok(Vec::new())
    }

    /// What it names, so that mistakes are found before anything is trained.
    fn part(&self) -> Part<'_>;

    /// Turns what the runs answered into what is drawn.
    fn picture(&self, question: &Question) -> Result<Self::Picture>;
}

/// A drawn plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The name of its files, without extension.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The same text for the same data.
    pub svg: String,
    /// The same drawing for dark pages.
    pub svg_dark: String,
    /// What a page tells at places of the drawing: an SVG group that lies over it.
    pub hints: String,
    /// A PNG file.
    pub png: Vec<u8>,
    /// The numbers that are drawn.
    pub csv: String,
}

macro_rules! plots {
    ($($module:ident => $variant:ident, $title:literal;)*) => {
        $(pub mod $module;)*

        /// A plot of the `report:` block.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Config {
            $(#[doc = $title] $variant($module::Config),)*
        }

        impl Config {
            /// The curves that the plot needs, for [`Question::with_curves`], with the runs that it draws.
            ///
            /// # Errors
            /// A [`crate::failure::Failure`] when it names what is not there.
            pub fn curves(&self, question: &Question) -> Result<Vec<(Quantity, Vec<RunId>)>> {
                let (wanted, filter) = match self {
                    $(Config::$variant(plot) => (plot.curves(question)?, plot.part().filter),)*
                };
                let drawn = |quantity: Quantity| {
                    let rows = curves::done(question, &quantity.stage, filter)?;
                    Ok((quantity, rows.iter().map(|row| row.run.id).collect()))
                };
                wanted.into_iter().map(drawn).collect()
            }

            /// The runs whose features the plot needs, for [`Question::features`].
            ///
            /// # Errors
            /// A [`crate::failure::Failure`] when it names what is not there.
            pub fn features(&self, question: &Question) -> Result<Vec<RunId>> {
                match self {
                    $(Config::$variant(plot) => plot.features(question),)*
                }
            }

            /// What the plot names: axes, metrics, a filter.
            pub fn part(&self) -> Part<'_> {
                match self {
                    $(Config::$variant(plot) => Part { kind: Some(stringify!($module)), ..plot.part() },)*
                }
            }

            /// Draws the plot. Pure, so that plots can be drawn in parallel.
            ///
            /// # Errors
            /// A [`crate::failure::Failure`] when it names what is not there or would average over anything but seeds.
            pub fn draw(&self, question: &Question) -> Result<Drawn> {
                match self {
                    $(Config::$variant(plot) => canvas::draw(plot.name(), &plot.picture(question)?),)*
                }
            }
        }
    };
}

plots! {
    line => Line, "A metric against an axis, one line a value of another axis.";
    heatmap => Heatmap, "A metric over two axes.";
    curves => Curves, "A metric during training.";
    bars => Bars, "A metric as bars, with intervals and every seed.";
    seeds => Seeds, "A metric seed by seed.";
    loss_parts => LossParts, "The parts of the loss during pretraining.";
    collapse => Collapse, "Signs of collapse during pretraining.";
    frontier => Frontier, "A metric against what it cost.";
    parallel => Parallel, "A metric over many axes.";
    embedding => Embedding, "Features in two dimensions.";
}

#[cfg(test)]
mod tests;
