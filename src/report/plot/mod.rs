//! Plots: one file each. Adding one is a file with a `Config` that is a [`Plot`], and a line in the list below.

mod canvas;
mod chart;
mod palette;
mod ticks;

use super::question::{Quantity, Question};
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
            /// The curves that the plot needs, for [`Question::with_curves`].
            ///
            /// # Errors
            /// A [`crate::failure::Failure`] when it names what is not there.
            pub fn curves(&self, question: &Question) -> Result<Vec<Quantity>> {
                match self {
                    $(Config::$variant(plot) => plot.curves(question),)*
                }
            }

            /// Draws the plot.
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
}

#[cfg(test)]
mod tests {
    use super::super::sample::question_of;
    use super::*;
    use serde_json::json;

    fn question() -> Question {
        let mut cells = Vec::new();
        for (method, base) in [("vic_mae", 60.0), ("mae", 55.0)] {
            for (ratio, gain) in [(0.5, 0.0), (0.75, 4.0)] {
                for seed in 0..2 {
                    let axes = json!({"method": method, "mask_ratio": ratio, "seed": seed});
                    cells.push((axes, "pretrain", base + gain + f64::from(seed)));
                }
            }
        }
        question_of(&cells)
    }

    /// The text of the SVG is the same on every machine, so it says whether a drawing has changed.
    fn checked(config: &Config) -> Drawn {
        let drawn = config.draw(&question()).unwrap();
        assert_eq!(config.draw(&question()).unwrap(), drawn);
        assert_eq!(&drawn.png[1..4], b"PNG");
        drawn
    }

    #[test]
    fn a_line_plot() {
        let config = Config::Line(line::Config {
            x: "mask_ratio".into(),
            y: "pretrain.top1".into(),
            color: Some("method".into()),
            filter: None,
        });
        let drawn = checked(&config);
        insta::assert_snapshot!("line", drawn.svg);
        insta::assert_snapshot!(drawn.csv, @"
        method,mask_ratio,mean,std,n
        vic_mae,0.5,60.5,0.7071067811865476,2
        vic_mae,0.75,64.5,0.7071067811865476,2
        mae,0.5,55.5,0.7071067811865476,2
        mae,0.75,59.5,0.7071067811865476,2
        ");
    }

    #[test]
    fn a_heat_map() {
        let config = Config::Heatmap(heatmap::Config {
            x: "mask_ratio".into(),
            y: "method".into(),
            value: "pretrain.top1".into(),
            filter: None,
        });
        let drawn = checked(&config);
        insta::assert_snapshot!("heatmap", drawn.svg);
        insta::assert_snapshot!(drawn.csv, @"
        mask_ratio,method,mean,std,n
        0.5,vic_mae,60.5,0.7071067811865476,2
        0.75,vic_mae,64.5,0.7071067811865476,2
        0.5,mae,55.5,0.7071067811865476,2
        0.75,mae,59.5,0.7071067811865476,2
        ");
    }

    #[test]
    fn curves_of_training() {
        let config = Config::Curves(curves::Config { metric: "loss".into(), color: Some("method".into()), filter: None });
        let drawn = checked(&config);
        insta::assert_snapshot!("curves", drawn.svg);
        insta::assert_snapshot!(drawn.csv, @"
        method,line,step,mean,std,n
        vic_mae,mask_ratio=0.5,10,0.605,0.007071067811865481,2
        vic_mae,mask_ratio=0.5,20,0.605,0.007071067811865481,2
        vic_mae,mask_ratio=0.75,10,0.645,0.007071067811865481,2
        vic_mae,mask_ratio=0.75,20,0.645,0.007071067811865481,2
        mae,mask_ratio=0.5,10,0.555,0.007071067811865481,2
        mae,mask_ratio=0.5,20,0.555,0.007071067811865481,2
        mae,mask_ratio=0.75,10,0.595,0.007071067811865481,2
        mae,mask_ratio=0.75,20,0.595,0.007071067811865481,2
        ");
    }

    #[test]
    fn a_line_that_would_average_more_than_seeds_is_refused() {
        let config = Config::Line(line::Config { x: "mask_ratio".into(), y: "pretrain.top1".into(), color: None, filter: None });
        insta::assert_snapshot!(config.draw(&question()).unwrap_err(), @r#"
        `method` varies (vic_mae, mae) where [mask_ratio=0.5] would be averaged
        hint: only seeds are averaged: add `method` to rows or columns (or x, y, color), or `filter: "method == 'vic_mae'"`
        "#);
    }
}
