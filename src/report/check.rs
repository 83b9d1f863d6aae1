//! Whether a report can be made of what a plan asks for: found before anything is trained, not after all of it.
//!
//! The plan is read as if its runs had been recorded and none was done. So tables are made of it by the same code as later.

use super::config::Config;
use super::filter;
use super::group;
use super::measured::Measured;
use super::part::Part;
use super::question::{Question, Row, declared};
use super::table;
use super::table::Table;
use crate::event::Metric;
use crate::failure::Failure;
use crate::plan::{PRETRAIN, Plan};
use crate::spec::Experiment;
use crate::spec::SourceText;
use anyhow::Result;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

/// The checks of one experiment.
struct Check<'a> {
    source: &'a SourceText,
    /// The experiment as it stands in the file: whether a key has a name or a list of names.
    document: Value,
    question: Question,
    /// What each stage measures.
    measured: IndexMap<String, Measured>,
    /// Whether the person narrowed the file (`--set`): then values that are named there may be away.
    narrowed: bool,
}

/// The keys that lead to a table or plot.
type Place = Vec<String>;

impl Config {
    /// Checks stages, metrics, axes, values and filters of every table and plot against the plan of the experiment, and that
    /// nothing but seeds would be averaged.
    ///
    /// # Errors
    /// A [`Failure`] for the first mistake, at its place in the experiment's file.
    pub fn check(&self, experiment: &Experiment, plan: &Plan) -> Result<(), Failure> {
        let check = Check::new(experiment, plan)?;
        for (at, table) in self.tables.iter().enumerate() {
            let place = vec!["report".to_owned(), "tables".to_owned(), at.to_string()];
            check.names(&place, &Part::of_table(table))?;
            check.table(&place, table)?;
        }
        for (at, plot) in self.plots.iter().enumerate() {
            let part = plot.part();
            let mut place = vec!["report".to_owned(), "plots".to_owned(), at.to_string()];
            place.extend(part.kind.map(str::to_owned));
            check.names(&place, &part)?;
            check.plot(&place, &part)?;
        }
        Ok(())
    }
}

impl<'a> Check<'a> {
    fn new(experiment: &'a Experiment, plan: &Plan) -> Result<Check<'a>, Failure> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(default)]
            report: Value,
        }
        let source = &experiment.source;
        let document = serde_json::json!({ "report": source.parse::<Document>()?.report });
        let question = Question::of_plan(plan).with_declared(&declared(experiment));
        let mut measured: IndexMap<String, Measured> = IndexMap::new();
        for run in plan.runs.values() {
            measured.entry(run.stage.clone()).or_default().add(&run.work);
        }
        // Only a text that the person cannot open is shown with the lines around a mistake.
        Ok(Check { source, document, question, measured, narrowed: source.context_lines > 0 })
    }

    /// Checks everything that a table or plot names.
    fn names(&self, place: &[String], part: &Part) -> Result<(), Failure> {
        let wrong = |key: &str, at: usize, label: &'static str| {
            let place = self.within(place, key, at);
            move |error: anyhow::Error| self.failure(error, &place, label)
        };
        for (key, axes) in &part.axes {
            for (at, axis) in axes.iter().enumerate() {
                self.question.check_axis(axis).map_err(wrong(key, at, "not an axis"))?;
            }
        }
        for (key, texts) in &part.quantities {
            for (at, text) in texts.iter().enumerate() {
                let quantity = self.question.quantity(text).map_err(wrong(key, at, "no such stage"))?;
                self.measures(&quantity.stage, &quantity.metric).map_err(wrong(key, at, "not measured there"))?;
            }
        }
        if let Some(metric) = part.curve {
            let known = |(stage, _): &(&str, &str)| self.measured.contains_key(*stage);
            let (stage, metric) = metric.split_once('.').filter(known).unwrap_or((PRETRAIN, metric));
            self.measures(stage, &Metric::new(metric)).map_err(wrong("metric", 0, "not measured there"))?;
        }
        if let Some(stage) = part.stage {
            self.stage(stage).map_err(wrong("stage", 0, "here"))?;
        }
        if !(0.0..1.0).contains(&part.smooth) {
            let failure = Failure::input(format!("`smooth` is {}; it must be at least 0 and below 1", part.smooth));
            return Err(wrong("smooth", 0, "here")(failure.hint("0 is the line as it was measured; 0.9 is smooth").into()));
        }
        self.filter(part.filter).map_err(wrong("filter", 0, "here"))
    }

    fn filter(&self, filter: Option<&str>) -> Result<()> {
        match filter::unmatched(&self.question, filter)? {
            Some(told) if !self.narrowed => Err(Failure::input(told).into()),
            _ => Ok(()),
        }
    }

    /// Checks a stage whose features are to be drawn.
    fn stage(&self, stage: &str) -> Result<()> {
        let keeping = self.measured.iter().filter(|(_, measured)| measured.keeps_features());
        let keeping: Vec<&str> = keeping.map(|(stage, _)| stage.as_str()).collect();
        if keeping.contains(&stage) {
            return Ok(());
        }
        let message = match self.measured.contains_key(stage) {
            true => format!("no run of stage `{stage}` keeps its features"),
            false => format!("`{stage}` is no stage of `{}`", self.question.experiment),
        };
        let list = if keeping.is_empty() { "none; `knn` does".to_owned() } else { keeping.join(", ") };
        let failure = Failure::input(message).nearest(stage, keeping.iter().copied());
        Err(failure.hint(format!("stages that keep features: {list}")).into())
    }

    fn measures(&self, stage: &str, metric: &Metric) -> Result<()> {
        let Some(measured) = self.measured.get(stage).filter(|measured| !measured.has(metric)) else { return Ok(()) };
        // Of a narrowed grid, only untrained encoders may be left.
        if self.narrowed && measured.is_nothing() {
            return Ok(());
        }
        let list = measured.names.iter().cloned().collect::<Vec<_>>().join(", ");
        Err(Failure::input(format!("no run of stage `{stage}` measures `{metric}`"))
            .nearest(metric.as_str(), measured.names.iter().map(String::as_str))
            .hint(format!("measured there: {list}"))
            .into())
    }

    /// Makes a table, adding one thing after the other, so that what is wrong is known by its key.
    fn table(&self, place: &[String], table: &table::Config) -> Result<(), Failure> {
        let make = |key: &str, table: &table::Config| {
            let place = if key.is_empty() { place.to_vec() } else { self.within(place, key, 0) };
            Table::make(table, &self.question).map(drop).map_err(|error| self.failure(error, &place, "here"))
        };
        if table.cell.0.is_empty() {
            let failure = Failure::input("the table has no `cell`, so there is nothing to show in it");
            return Err(self.failure(failure.hint("write `cell: <stage>.<metric>`, or a list of these").into(), place, "here"));
        }
        let mut made = table::Config { mean: None, baseline: None, reference: Vec::new(), ..table.clone() };
        make("", &made)?;
        if table.mean.is_some() {
            made.mean.clone_from(&table.mean);
            make("mean", &made)?;
        }
        if self.narrowed {
            return Ok(());
        }
        if table.baseline.is_some() {
            made.baseline.clone_from(&table.baseline);
            make("baseline", &made)?;
        }
        if table.reference.is_empty() { Ok(()) } else { make("reference", table) }
    }

    /// Groups the rows of a plot as it will, and refuses what it would refuse.
    fn plot(&self, place: &[String], part: &Part) -> Result<(), Failure> {
        let Some(groups) = &part.groups else { return Ok(()) };
        let by: Vec<String> = groups.iter().map(|axis| (*axis).to_owned()).collect();
        let wrong = |error| self.failure(error, place, "here");
        let rows = filter::select(&self.question, part.filter).map_err(wrong)?;
        let placed = |row: &Row| !part.placed || by.iter().all(|axis| row.axes.contains_key(axis));
        let rows: Vec<&Row> = rows.into_iter().filter(|row| placed(row)).collect();
        let named = part.quantities.iter().flat_map(|(_, texts)| texts).filter_map(|text| text.split('.').next());
        let stages: Vec<&str> = if part.quantities.is_empty() { vec![PRETRAIN] } else { named.collect() };
        for stage in stages {
            let of_stage: Vec<&Row> = rows.iter().copied().filter(|row| row.stage == stage).collect();
            let found = group::group(&self.question, &of_stage, &by).map_err(wrong)?;
            let text = |at: usize| found.keys().any(|key| !key[at].is_number());
            if let Some(at) = (0..by.len()).find(|at| part.contour && text(*at)) {
                let failure = Failure::input(format!("`contour` needs numbers: values of `{}` are text", by[at]));
                let failure = failure.hint("nothing lies between two texts: leave `contour` out");
                return Err(self.failure(failure.into(), &self.within(place, "contour", 0), "here"));
            }
        }
        Ok(())
    }

    /// The keys that lead to the value of a key, or to an element where it has a list.
    fn within(&self, place: &[String], key: &str, at: usize) -> Place {
        let mut place: Place = place.iter().cloned().chain([key.to_owned()]).collect();
        if self.document.pointer(&format!("/{}", place.join("/"))).is_some_and(|value| value.get(at).is_some()) {
            place.push(at.to_string());
        }
        place
    }

    /// The same mistake, at its place.
    fn failure(&self, error: anyhow::Error, place: &[String], label: &str) -> Failure {
        let failure = error.downcast::<Failure>().unwrap_or_else(|error| Failure::input(format!("{error:#}")));
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        let drawn = self.source.failure_at(&place, "", label).excerpt;
        failure.at(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use std::path::Path;

    const EXAMPLE: &str = r#"experiment: mine
template: quick
axes: { method: [vic_mae, mae], mask_ratio: [0.5, 0.75], weight: { when: "method == 'vic_mae'", values: [0.1] } }
seeds: 2
transfer: { knn: { template: knn } }
report:
  tables:
    - { rows: [method], columns: mask_ratio, cell: [knn.top1, knn.top5], baseline: mae, filter: "seed == 0" }
  plots:
    - line: { x: mask_ratio, y: knn.top1, color: method }
    - curves: { metric: loss, color: method, smooth: 0.5 }
    - heatmap: { x: method, y: mask_ratio, value: knn.top1 }
    - embedding: { stage: knn }
    - parallel: { value: knn.top1, axes: [method, mask_ratio, weight] }
    - loss_parts: { filter: "method == 'mae' and mask_ratio == 0.5" }
"#;

    /// What is said where the example has one text in the place of another.
    fn said(from: &str, to: &str, sets: &[&str]) -> String {
        assert!(EXAMPLE.contains(from), "{from}");
        let source = SourceText::new("mine.yaml", EXAMPLE.replacen(from, to, 1));
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let experiment = spec::read(source, "mine", &sets, Path::new("no such project")).unwrap();
        let plan = Plan::make(&experiment, &|_| Ok("made-up".to_owned())).unwrap();
        let config = Config::of(&experiment.source).unwrap().unwrap();
        config.check(&experiment, &plan).map_or_else(|failure| failure.to_string(), |()| "right".to_owned())
    }

    #[test]
    fn a_report_that_can_be_made_is_right() {
        assert_eq!(said("mine", "mine", &[]), "right");
    }

    #[test]
    fn names_that_are_not_there_are_told_at_their_places() {
        insta::assert_snapshot!(said("knn.top5", "kn.top1", &[]), @r#"
        `kn.top1` names no stage of `mine`
         --> mine.yaml:8:63
          |
        8 |     - { rows: [method], columns: mask_ratio, cell: [knn.top1, kn.top1], baseline: mae, filter: "seed == 0" }
          |                                                               ^^^^^^^ no such stage
        hint: did you mean `knn`?
        hint: write <stage>.<metric>, as in `knn.top1`; stages: pretrain, knn
        "#);
        insta::assert_snapshot!(said("columns: mask_ratio", "columns: maskratio", &[]), @r#"
        `maskratio` is no axis of `mine`
         --> mine.yaml:8:34
          |
        8 |     - { rows: [method], columns: maskratio, cell: [knn.top1, knn.top5], baseline: mae, filter: "seed == 0" }
          |                                  ^^^^^^^^^ not an axis
        hint: did you mean `mask_ratio`?
        hint: axes: method, mask_ratio, weight
        "#);
        insta::assert_snapshot!(said("baseline: mae", "baseline: mea", &[]), @r#"
        the baseline `mea` is no row of table `knn.top1-knn.top5`
         --> mine.yaml:8:84
          |
        8 |     - { rows: [method], columns: mask_ratio, cell: [knn.top1, knn.top5], baseline: mea, filter: "seed == 0" }
          |                                                                                    ^^^ here
        hint: rows: vic_mae, mae
        "#);
        insta::assert_snapshot!(said("\"seed == 0\"", "methd == 1", &[]), @r"
        the filter `methd == 1` names `methd`, which is no axis
         --> mine.yaml:8:97
          |
        8 |     - { rows: [method], columns: mask_ratio, cell: [knn.top1, knn.top5], baseline: mae, filter: methd == 1 }
          |                                                                                                 ^^^^^^^^^^ here
        hint: did you mean `method`?
        hint: axes: method, mask_ratio, weight, seed; text stands in quotes
        ");
        insta::assert_snapshot!(said("x: mask_ratio", "x: wieght", &[]), @r"
        `wieght` is no axis of `mine`
          --> mine.yaml:10:18
           |
        10 |     - line: { x: wieght, y: knn.top1, color: method }
           |                  ^^^^^^ not an axis
        hint: did you mean `weight`?
        hint: axes: method, mask_ratio, weight
        ");
        insta::assert_snapshot!(said("stage: knn", "stage: kn", &[]), @r"
        `kn` is no stage of `mine`
          --> mine.yaml:13:27
           |
        13 |     - embedding: { stage: kn }
           |                           ^^ here
        hint: did you mean `knn`?
        hint: stages that keep features: knn
        ");
    }

    #[test]
    fn metrics_that_are_never_measured_are_told() {
        let first = |from, to| said(from, to, &[]).lines().next().unwrap().to_owned();
        assert_eq!(first("y: knn.top1", "y: knn.top3"), "no run of stage `knn` measures `top3`");
        assert_eq!(first("metric: loss", "metric: lsos"), "no run of stage `pretrain` measures `lsos`");
        assert_eq!(first("metric: loss", "metric: loss.global.variance"), "right");
        assert_eq!(first("stage: knn", "stage: pretrain"), "no run of stage `pretrain` keeps its features");
        assert_eq!(first("cell: [knn.top1, knn.top5]", "cell: []"), "the table has no `cell`, so there is nothing to show in it");
        assert_eq!(first("smooth: 0.5", "smooth: 1.5"), "`smooth` is 1.5; it must be at least 0 and below 1");
    }

    #[test]
    fn what_would_average_over_more_than_seeds_is_told() {
        insta::assert_snapshot!(said("columns: mask_ratio, ", "", &[]).lines().next().unwrap(), @"`mask_ratio` varies (0.5, 0.75) where [method=vic_mae] would be averaged");
        insta::assert_snapshot!(said(", color: method }", " }", &[]), @r#"
        `method` varies (vic_mae, mae) where [mask_ratio=0.5] would be averaged
          --> mine.yaml:10:7
           |
        10 |     - line: { x: mask_ratio, y: knn.top1 }
           |       ^^^^ here
        hint: only seeds are averaged: add `method` to rows or columns (or x, y, color), or `filter: "method == 'vic_mae'"`
        "#);
        let contour = said("value: knn.top1", "value: knn.top1, contour: true", &[]);
        assert_eq!(contour.lines().next().unwrap(), "`contour` needs numbers: values of `method` are text");
    }

    #[test]
    fn a_filter_that_matches_nothing_is_told_unless_the_file_was_narrowed() {
        let none = said("method == 'mae' and", "method == 'meae' and", &[]);
        assert_eq!(
            none.lines().next().unwrap(),
            "no run matches the filter `method == 'meae' and mask_ratio == 0.5` (method: vic_mae, mae; mask_ratio: 0.5, 0.75)"
        );
        assert_eq!(said("mine", "mine", &["axes.method=[vic_mae]"]), "right");
        assert!(said("x: mask_ratio", "x: wieght", &["seeds=1"]).starts_with("`wieght` is no axis"));
    }

    #[test]
    fn an_axis_that_no_run_of_the_plan_has_may_be_named() {
        assert_eq!(said("mine", "mine", &["axes.method=[mae]"]), "right");
        assert_eq!(said("[vic_mae, mae]", "[random_init, mae]", &[]), "right");
    }
}
