//! The `report:` block of an experiment.

use super::question::Question;
use super::{plot, table};
use crate::event::{LOSS, Metric, TOP1, TOP5};
use crate::spec::SourceText;
use anyhow::Result;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// What a report shows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Tables, in order.
    pub tables: Vec<table::Config>,
    /// Plots, in order.
    pub plots: Vec<plot::Config>,
}

/// One name, or a list of names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names(pub Vec<String>);

impl Config {
    /// Reads the `report:` block of an experiment; nothing when it has none.
    ///
    /// # Errors
    /// A [`crate::failure::Failure`] that points at the place.
    pub fn of(source: &SourceText) -> Result<Option<Config>> {
        // All other keys belong to the spec, which checks them.
        #[derive(Deserialize)]
        struct Experiment {
            #[serde(default)]
            report: Option<Config>,
        }
        Ok(source.parse::<Experiment>()?.report)
    }

    /// The same for a text that tests have at hand.
    #[cfg(test)]
    pub(super) fn read(text: &str, file: &str) -> Result<Option<Config>> {
        Config::of(&SourceText::new(file, text))
    }

    /// What is shown of an experiment that does not say: one table a transfer stage and the curves of the loss.
    pub fn default_for(question: &Question) -> Config {
        let axes = question.axes();
        let transfers = question.stages().into_iter().filter(|stage| stage != "pretrain");
        let tables = transfers.map(|stage| default_table(&stage, &axes, question)).collect();
        let curves =
            plot::curves::Config { metric: LOSS.into(), color: axes.first().cloned(), ..plot::curves::Config::default() };
        let trained = question.stages().iter().any(|stage| stage == "pretrain");
        Config { tables, plots: if trained { vec![plot::Config::Curves(curves)] } else { Vec::new() } }
    }
}

/// All axes stand in the rows but the second, which makes the columns: so nothing is averaged but seeds.
fn default_table(stage: &str, axes: &[String], question: &Question) -> table::Config {
    let (rows, columns) = match axes {
        [first, second, others @ ..] => {
            (std::iter::once(first).chain(others).cloned().collect(), Some(Names(vec![second.clone()])))
        }
        few => (few.to_vec(), None),
    };
    // Metrics of the same kind: `top1`, and `top1.2x3` where a number carries its views.
    let kind = |metric: &str| Metric::new(metric).known().map(|known| known.name);
    let found = question.metrics(stage);
    let of = |wanted: &str| found.iter().filter(|metric| kind(metric.as_str()) == Some(wanted)).map(ToString::to_string).next();
    let first = of(TOP1).unwrap_or_else(|| TOP1.to_owned());
    let second = if columns.is_none() { of(TOP5) } else { None };
    let cell = [Some(first), second].into_iter().flatten().map(|metric| format!("{stage}.{metric}")).collect();
    table::Config { rows: Names(rows), columns, cell: Names(cell), ..table::Config::default() }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Names, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(Names)
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::question_of;
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    const EXAMPLE: &str = r#"
experiment: mask-ratio
axes: { method: [mae] }
report:
  tables:
    - { rows: method, columns: [mask_ratio, weight], cell: linear.top1, baseline: mae, best: bold }
  plots:
    - line: { x: mask_ratio, y: linear.top1, color: method }
    - heatmap: { x: weight, y: mask_ratio, value: knn.top1, filter: "method == 'vic_mae'" }
    - curves: { metric: loss, color: method }
"#;

    #[test]
    fn the_block_is_read_and_the_rest_is_left_alone() {
        let config = Config::read(EXAMPLE, "x.yaml").unwrap().unwrap();
        assert_eq!(config.tables[0].columns, Some(Names(vec!["mask_ratio".into(), "weight".into()])));
        assert_eq!(config.tables[0].cell, Names(vec!["linear.top1".into()]));
        assert_eq!(config.plots.len(), 3);
        assert_eq!(Config::read("experiment: x", "x.yaml").unwrap(), None);
    }

    #[test]
    fn a_mistake_points_at_its_place() {
        let said = |from: &str, to: &str| {
            let error = Config::read(&EXAMPLE.replace(from, to), "experiments/x.yaml").unwrap_err();
            assert_eq!(crate::failure::exit_code(&error), 2);
            error.to_string()
        };
        insta::assert_snapshot!(said("value: knn", "valeu: knn"), @r#"
        unknown key `valeu` in `report.plots[1].heatmap`
         --> experiments/x.yaml:9:44
          |
        9 |     - heatmap: { x: weight, y: mask_ratio, valeu: knn.top1, filter: "method == 'vic_mae'" }
          |                                            ^^^^^ not a key here
        hint: did you mean `value`?
        hint: keys allowed here: x, y, value, filter, contour
        "#);
        insta::assert_snapshot!(said("- heatmap", "- heatmp"), @r#"
        unknown name `heatmp` in `report.plots[1]`
         --> experiments/x.yaml:9:7
          |
        9 |     - heatmp: { x: weight, y: mask_ratio, value: knn.top1, filter: "method == 'vic_mae'" }
          |       ^^^^^^ not a name here
        hint: did you mean `heatmap`?
        hint: names allowed here: line, heatmap, curves, bars, seeds, loss_parts, collapse, frontier, parallel, embedding
        "#);
    }

    #[test]
    fn numbers_of_clips_are_shown_with_their_views_when_nothing_is_said() {
        let cell = |seed: u64| (json!({"method": "mae", "seed": seed}), "video", 50.0);
        let mut question = question_of(&[cell(0), cell(1)]);
        for row in &mut question.rows {
            row.values = BTreeMap::from([(Metric::new("top1.2x3"), 60.0), (Metric::new("top5.2x3"), 90.0)]);
        }
        let config = Config::default_for(&question);
        assert_eq!(config.tables[0].cell, Names(vec!["video.top1.2x3".into(), "video.top5.2x3".into()]));
        assert!(table::Table::make(&config.tables[0], &question).is_ok());
    }
}
