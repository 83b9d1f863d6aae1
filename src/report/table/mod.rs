//! A table: what stands where, without a format. One file a format.

mod caution;
mod cell;
mod compare;
mod csv;
mod html;
mod latex;
mod levels;
mod mark;
mod markdown;
mod mean;
mod number;
mod reference;
mod terminal;

pub use caution::Caution;
pub use cell::{Cell, Spread};
pub use compare::Gain;
pub use mark::Mark;
pub use number::{decimals, show};
pub use reference::Reference;

pub(in crate::report) use csv::{line as csv_line, plain};
pub(in crate::report) use latex::escaped as latex_escaped;
pub(in crate::report) use markdown::escaped;

use super::config::Names;
use super::filter;
use super::group::{self, Sample};
use super::question::{Quantity, Question, Row, label};
use anyhow::Result;
use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;
use serde_json::Value;

/// A table of the `report:` block.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name of its files; made of its contents when absent.
    pub name: Option<String>,
    /// What stands over it; made of its contents when absent.
    pub caption: Option<String>,
    /// The axes whose values make the rows.
    pub rows: Names,
    /// The axes whose values make the columns, nested in that order; the metrics alone do when absent.
    pub columns: Option<Names>,
    /// What stands in a cell: `<stage>.<metric>`, or several.
    pub cell: Names,
    /// Axes over which means are made beside seeds: for each seed first, and only where the row has every value that others have
    /// and every run is there.
    pub average: Option<Names>,
    /// An axis of the columns over which means are shown in a further column.
    pub mean: Option<String>,
    /// The row that others are compared with: a value of the first row axis.
    pub baseline: Option<String>,
    /// What tells the spread over seeds.
    pub spread: Spread,
    /// How the best of a column is marked.
    pub best: Best,
    /// Which rows count: an expression over axes.
    pub filter: Option<String>,
    /// Rows of numbers from the literature, set apart.
    pub reference: Vec<reference::Config>,
}

/// How the best of a column is marked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// In bold, and the second best is underlined where there are more than two.
    #[default]
    Bold,
    /// Not at all.
    None,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The name of its files.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The axes of the rows.
    pub row_axes: Vec<String>,
    /// The value of each row axis, a row.
    pub rows: Vec<Vec<Value>>,
    /// The columns.
    pub columns: Vec<Column>,
    /// `[row][column]`; nothing where nothing was asked for.
    pub cells: Vec<Vec<Option<Cell>>>,
    /// What tells the spread over seeds.
    pub spread: Spread,
    /// The row that others are compared with.
    pub baseline: Option<String>,
    /// The axes over which means are made beside seeds.
    pub average: Vec<String>,
    /// Rows of numbers from the literature.
    pub references: Vec<Reference>,
    /// What makes a comparison of its rows unfair.
    pub cautions: Vec<Caution>,
    /// The rows that were not asked for each value of the axes that are averaged over and so have no number, with what they lack.
    pub incomplete: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The axes and their values.
    pub axes: Vec<(String, Value)>,
    /// What stands in its cells.
    pub quantity: Quantity,
    /// What stands over it.
    pub head: String,
}

/// For one quantity: the samples of each cell, a list for each combination of values of the axes that are averaged over; an empty
/// one where other rows have such runs and this one does not.
type Found = IndexMap<Vec<Value>, IndexMap<Vec<Value>, Vec<Sample>>>;

impl Table {
    /// Makes a table.
    ///
    /// # Errors
    /// A [`crate::failure::Failure`] when the table names what is not there, or a cell would average over more than seeds and
    /// what `average` names.
    pub fn make(config: &Config, question: &Question) -> Result<Table> {
        let column_axes = config.columns.clone().unwrap_or_default().0;
        let average = config.average.clone().unwrap_or_default().0;
        let row_axes = config.rows.0.clone();
        row_axes.iter().chain(&column_axes).chain(&average).try_for_each(|axis| question.check_axis(axis))?;
        let quantities = config.cell.0.iter().map(|text| question.quantity(text)).collect::<Result<Vec<_>>>()?;
        let kept = filter::select(question, config.filter.as_deref())?;
        let by: Vec<String> = row_axes.iter().chain(&column_axes).cloned().collect();
        let mut found: Vec<Found> =
            quantities.iter().map(|quantity| find(question, &kept, quantity, &by, &average)).collect::<Result<_>>()?;
        found.iter_mut().for_each(|found| complete(found, row_axes.len()));
        let incomplete = incomplete(&found, row_axes.len());
        let keys = || found.iter().flat_map(IndexMap::keys).map(|key| key.split_at(row_axes.len()));
        let rows: Vec<Vec<Value>> = keys().map(|key| key.0.to_vec()).collect::<IndexSet<_>>().into_iter().collect();
        let column_keys: IndexSet<Vec<Value>> = keys().map(|key| key.1.to_vec()).collect();

        let (mut columns, mut sources) = (Vec::new(), Vec::new());
        for key in &column_keys {
            for (quantity, found) in quantities.iter().zip(&found) {
                let axes: Vec<_> = column_axes.iter().cloned().zip(key.iter().cloned()).collect();
                let head = head(&axes, quantity, quantities.len() > 1);
                columns.push(Column { axes, quantity: quantity.clone(), head });
                sources.push((key, found));
            }
        }
        let cell = |row: &Vec<Value>, (key, found): &(&Vec<Value>, &Found)| {
            let lists = found.get(&row.iter().chain(*key).cloned().collect::<Vec<_>>())?;
            let over = lists.iter().filter(|(_, samples)| !samples.is_empty()).map(|(values, _)| values.clone()).collect();
            Some(Cell { over, ..Cell::of(group::averaged(&lists.values().map(Vec::as_slice).collect::<Vec<_>>())) })
        };
        let cells = rows.iter().map(|row| sources.iter().map(|source| cell(row, source)).collect()).collect();
        let title = config.caption.clone().unwrap_or_else(|| title(&quantities, config.filter.as_deref()));
        let name = config.name.clone().unwrap_or_else(|| config.cell.0.join("-"));
        let (spread, baseline) = (config.spread, config.baseline.clone());
        let (references, cautions) = (Vec::new(), Vec::new());
        let mut table =
            Table { name, title, row_axes, rows, columns, cells, spread, baseline, average, references, cautions, incomplete };
        table.finish(config, question)?;
        Ok(table)
    }

    /// Adds what is told from the cells together.
    fn finish(&mut self, config: &Config, question: &Question) -> Result<()> {
        // Before the mean, whose runs are those of the other columns.
        self.cautions = caution::look(self, question);
        if let Some(axis) = &config.mean {
            self.add_mean(axis)?;
        }
        if config.best == Best::Bold {
            self.mark_best();
        }
        let single = self.is_of_single_seeds();
        self.cells.iter_mut().flatten().flatten().for_each(|cell| cell.counted = !single);
        if let Some(baseline) = &config.baseline {
            self.compare_with(baseline)?;
        }
        self.references = config.reference.iter().map(|row| row.make(self)).collect::<Result<_>>()?;
        // A name from the literature needs a column to stand in.
        if self.row_axes.is_empty() && !self.references.is_empty() {
            self.row_axes.push(String::new());
            self.rows.iter_mut().for_each(|row| row.push("".into()));
        }
        Ok(())
    }

    /// Whether no cell was asked for more than one seed: a note says so once, and no cell says it again.
    fn is_of_single_seeds(&self) -> bool {
        self.cells.iter().flatten().flatten().all(|cell| cell.samples.len() < 2)
    }

    /// The texts that stand over the columns, those of the row axes first.
    pub fn heads(&self) -> Vec<String> {
        self.row_axes.iter().cloned().chain(self.columns.iter().map(|column| column.head.clone())).collect()
    }

    /// What a reader must know: what the numbers are, what marks mean, what is unfair, where foreign numbers are from.
    pub fn notes(&self) -> Vec<String> {
        let cells = || self.cells.iter().flatten().flatten();
        let mut notes = Vec::new();
        if cells().any(|cell| cell.summary.is_some_and(|summary| summary.n > 1)) {
            notes.push(format!("Numbers are {} over n seeds.", self.spread.words()));
        } else if self.is_of_single_seeds() && cells().any(|cell| cell.summary.is_some()) {
            notes.push("Numbers are of one seed each (n=1).".to_owned());
        }
        if !self.average.is_empty() {
            notes.push(format!("Each seed's number is its mean over {}.", self.average.join(" and ")));
        }
        if !self.incomplete.is_empty() {
            let (axes, rows) = (self.average.join(" and "), self.incomplete.join(", "));
            notes.push(format!("No number where a row lacks values of {axes} that others have: {rows}."));
        }
        notes.extend(self.comparison_note());
        notes.extend(self.cautions.iter().map(|caution| format!("Caution: {caution}.")));
        notes.extend(self.references.iter().map(|reference| format!("{}: {}.", reference.name, reference.source)));
        notes
    }
}

/// The samples of each cell of a quantity.
fn find(question: &Question, kept: &[&Row], quantity: &Quantity, by: &[String], average: &[String]) -> Result<Found> {
    let rows: Vec<_> = kept.iter().copied().filter(|row| row.stage == quantity.stage).collect();
    let all: Vec<String> = by.iter().chain(average).cloned().collect();
    let mut found = Found::new();
    for (mut key, group) in group::group(question, &rows, &all)? {
        let over = key.split_off(by.len());
        found.entry(key).or_default().insert(over, group.samples(&quantity.metric));
    }
    Ok(found)
}

/// Adds an empty list for each combination of averaged values that a row lacks and another row of its column has, so that no mean
/// is made of the rest: a mean over the easier half of the data sets would look better, and nobody could see it.
///
/// A row to which an axis does not apply (as a method without a weight) lacks none of its values: no run could fill them, and a
/// table without such rows would be of no use. It keeps its number, a caution tells what differs, and no best is marked.
fn complete(found: &mut Found, row_axes: usize) {
    let mut asked: IndexMap<Vec<Value>, IndexSet<Vec<Value>>> = IndexMap::new();
    for (key, lists) in &*found {
        asked.entry(key[row_axes..].to_vec()).or_default().extend(lists.keys().cloned());
    }
    let fits = |own: &Vec<Value>, other: &Vec<Value>| own.iter().zip(other).all(|(a, b)| a == b || a.is_null() || b.is_null());
    for (key, lists) in found {
        let asked = asked.get(&key[row_axes..]).into_iter().flatten();
        let lacking: Vec<_> = asked.filter(|other| !lists.keys().any(|own| fits(own, other))).cloned().collect();
        lists.extend(lacking.into_iter().map(|values| (values, Vec::new())));
    }
}

/// The rows to which [`complete`] added lists, each with the values that it lacks: `vic_mae (0.75)`.
fn incomplete(found: &[Found], row_axes: usize) -> Vec<String> {
    let labels = |values: &[Value]| values.iter().map(label).collect::<Vec<_>>().join(" ");
    let mut rows: IndexMap<String, IndexSet<String>> = IndexMap::new();
    for (key, lists) in found.iter().flatten() {
        for (values, _) in lists.iter().filter(|(_, samples)| samples.is_empty()) {
            rows.entry(labels(&key[..row_axes])).or_default().insert(labels(values));
        }
    }
    let row =
        |(row, values): (String, IndexSet<String>)| format!("{row} ({})", values.into_iter().collect::<Vec<_>>().join(", "));
    rows.into_iter().map(row).collect()
}

fn head(axes: &[(String, Value)], quantity: &Quantity, several: bool) -> String {
    let mut parts: Vec<String> = axes.iter().map(|(axis, value)| format!("{axis}={}", label(value))).collect();
    if several || parts.is_empty() {
        parts.push(quantity.to_string());
    }
    parts.join(" ")
}

fn title(quantities: &[Quantity], filter: Option<&str>) -> String {
    let titles: IndexSet<String> =
        quantities.iter().map(|quantity| format!("{}, {}", quantity.title(), quantity.stage)).collect();
    let filter = filter.map(|filter| format!(" where {filter}")).unwrap_or_default();
    format!("{}{filter}", titles.into_iter().collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{question, question_of};
    use super::*;
    use serde_json::json;

    fn names(names: &[&str]) -> Names {
        Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn table() -> Table {
        let columns = Some(names(&["mask_ratio"]));
        let baseline = Some("mae".to_owned());
        let config = Config { rows: names(&["method"]), columns, cell: names(&["linear.top1"]), baseline, ..Config::default() };
        Table::make(&config, &question()).unwrap()
    }

    #[test]
    fn missing_failed_and_never_asked_are_told_apart_in_the_terminal() {
        insta::assert_snapshot!(table().to_text(None, false), @"
        Top-1 accuracy (%), linear
        ┌──────────────────────────────────────────────────────────────────────────┐
        │ method        mask_ratio=0.5                mask_ratio=0.75              │
        ╞══════════════════════════════════════════════════════════════════════════╡
        │ vic_mae       64.50 ± 1.80 (n=3, +4.50) *   71.00 ± 1.06 (n=2, 1 failed) │
        │ mae_simsiam   failed                        -                            │
        │ mae           60.00 (n=1, 2 missing)                                     │
        └──────────────────────────────────────────────────────────────────────────┘
        *: the best of its column.
        Numbers are mean ± sample standard deviation over n seeds.
        Differences are to mae; there are too few seeds to test them.
        Caution: seeds differ in mask_ratio=0.5: 0 1 2 (vic_mae); 0 (mae).
        ");
        assert!(table().to_text(Some(60), false).lines().skip(1).all(|line| line.chars().count() <= 60));
        assert!(table().to_text(None, true).contains("\u{1b}[1m"));
    }

    #[test]
    fn and_in_markdown() {
        insta::assert_snapshot!(table().to_markdown(), @"
        | method | mask_ratio=0.5 | mask_ratio=0.75 |
        | --- | ---: | ---: |
        | vic_mae | **64.50 ± 1.80 (n=3, +4.50)** | 71.00 ± 1.06 (n=2, 1 failed) |
        | mae_simsiam | failed | - |
        | mae | 60.00 (n=1, 2 missing) |  |
        ");
    }

    #[test]
    fn and_in_csv() {
        insta::assert_snapshot!(table().to_csv(), @"
        method,mask_ratio,stage,metric,mean,std,low95,high95,n,failed,pruned,missing,mark,gain,p,p_holm,p_wilcoxon,test,effect,seeds,values,runs
        vic_mae,0.5,linear,top1,64.5,1.8027756377319946,60.021657052485196,68.9783429475148,3,0,0,0,best,4.5,,,,welch,,0 1 2,63 64 66.5,c0007ed303bccff205396423a618e0af 075452e963b35cc596f06ca3fc2a8765 3424c5d04f8812a3088702d0bf4867b1
        vic_mae,0.75,linear,top1,71,1.0606601717798212,61.470346447868984,80.52965355213101,2,1,0,0,,,,,,,,0 1 2,70.25 failed 71.75,deed352b94ef174b0a773d700e081342 43c96853d2866269ba63cbc9934179b8 bf0b541516a81d483c8acc34d683742f
        mae_simsiam,0.5,linear,top1,,,,,0,3,0,0,,,,,,,,0 1 2,failed failed failed,4a2572de52d444f9ce7b51614e563649 df49c6e4fa5a5802cdbf07f2695c80a8 5f07ba59925610a8528ada799bd6f135
        mae_simsiam,0.75,linear,top1,,,,,0,0,0,3,,,,,,,,0 1 2,missing missing missing,72176ef77ce6778b9dd920acbbbec0b2 3f57eed8728aa5eeeb17058f40885569 c0143b9ed444c98fde84c2ccc9c03866
        mae,0.5,linear,top1,60,,,,1,0,0,2,,,,,,,,0 1 2,60 missing missing,7190f61a83eb42fdb75afaf4b9f0a23b 69eeb9fc48b16af9023a1b7ad7c295c8 1fa6d712f629bbbc8bde5c3b7ee0746a
        ");
    }

    #[test]
    fn metrics_make_columns_when_no_axis_does() {
        let config = Config {
            rows: names(&["method", "mask_ratio"]),
            cell: names(&["linear.top1", "linear.top5"]),
            filter: Some("method == 'vic_mae'".into()),
            ..Config::default()
        };
        insta::assert_snapshot!(Table::make(&config, &question()).unwrap().to_markdown(), @"
        | method | mask_ratio | linear.top1 | linear.top5 |
        | --- | --- | ---: | ---: |
        | vic_mae | 0.5 | 64.50 ± 1.80 (n=3) | 82.25 ± 0.90 (n=3) |
        | vic_mae | 0.75 | **71.00 ± 1.06 (n=2, 1 failed)** | **85.50 ± 0.53 (n=2, 1 failed)** |
        ");
    }

    #[test]
    fn all_that_look_equally_good_are_best_and_the_lower_loss_is() {
        let cells: Vec<_> = [70.001, 70.004, 60.0]
            .iter()
            .enumerate()
            .map(|(n, top1)| (json!({"method": format!("m{n}"), "seed": 0}), "linear", *top1))
            .collect();
        let question = question_of(&cells);
        let best = |cell: &str| -> Vec<bool> {
            let config = Config { rows: names(&["method"]), cell: names(&[cell]), ..Config::default() };
            Table::make(&config, &question).unwrap().cells.iter().map(|row| row[0].as_ref().unwrap().is_best()).collect()
        };
        assert_eq!(best("linear.top1"), [true, true, false]);
        assert_eq!(best("linear.loss"), [false, false, true]);
    }

    #[test]
    fn a_baseline_that_is_no_row_is_refused() {
        let baseline = Some("mea".to_owned());
        let config =
            Config { rows: names(&["method", "mask_ratio"]), cell: names(&["linear.top1"]), baseline, ..Config::default() };
        insta::assert_snapshot!(Table::make(&config, &question()).unwrap_err(), @"
        the baseline `mea` is no row of table `linear.top1`
        hint: rows: vic_mae, mae_simsiam, mae
        ");
    }

    /// Two methods over four seeds and two data sets, and a row from the literature.
    fn compared() -> Table {
        let mut cells = Vec::new();
        for (method, base) in [("mae", 50.0), ("vic_mae", 58.0), ("mae_byol", 50.5)] {
            for (dataset, gain) in [("pets", 0.0), ("cars_196", 10.0)] {
                for seed in 0..4 {
                    let wobble = [0.0, 0.5, 1.5, -0.5][seed] * if method == "vic_mae" { 1.3 } else { 1.0 };
                    let wobble = if method == "mae_byol" && seed == 2 { -2.0 } else { wobble };
                    let axes = json!({"method": method, "dataset": dataset, "seed": seed});
                    cells.push((axes, "linear", base + gain + wobble));
                }
            }
        }
        let reference = vec![reference::Config {
            name: "ViC-MAE, ViT-B/16".into(),
            source: "somebody & others, table 3".into(),
            values: IndexMap::from([("dataset=pets".to_owned(), 90.5)]),
        }];
        let (columns, baseline) = (Some(names(&["dataset"])), Some("mae".to_owned()));
        let (rows, cell) = (names(&["method"]), names(&["linear.top1", "linear.loss"]));
        let filter = None;
        let table = Config { rows, columns, cell, baseline, filter, ..Config::default() };
        let mut made = Table::make(&table, &question_of(&cells)).unwrap();
        let one = Config { cell: names(&["linear.top1"]), reference, ..table };
        made.references = Table::make(&one, &question_of(&cells)).unwrap().references;
        made.references[0].values = vec![Some(90.5), None, None, None];
        made
    }

    #[test]
    fn differences_are_tested_and_foreign_numbers_set_apart() {
        insta::assert_snapshot!(compared().to_text(None, false), @"
        Top-1 accuracy (%), linear; Total training loss, linear
        ┌─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┐
        │ method                dataset=pets linear.top1       dataset=pets linear.loss           dataset=cars_196 linear.top1   dataset=cars_196 linear.loss     │
        ╞═════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════╡
        │ mae                   50.38 ± 0.85 (n=4) '           0.5038 ± 0.0085 (n=4) '            60.38 ± 0.85 (n=4) '           0.6038 ± 0.0085 (n=4) '          │
        │ vic_mae               58.49 ± 1.11 (n=4, +8.11†) *   0.5849 ± 0.0111 (n=4, +0.0811†)    68.49 ± 1.11 (n=4, +8.11†) *   0.6849 ± 0.0111 (n=4, +0.0811†)  │
        │ mae_byol              50.00 ± 1.08 (n=4, -0.38)      0.5000 ± 0.0108 (n=4, -0.0038) *   60.00 ± 1.08 (n=4, -0.38)      0.6000 ± 0.0108 (n=4, -0.0038) * │
        │ (ViC-MAE, ViT-B/16)   (90.50)                                                                                                                           │
        └─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
        *: the best of its column; ': the second best.
        Numbers are mean ± sample standard deviation over n seeds.
        Differences are to mae; † p < 0.05 (paired t test over equal seeds, two-sided, corrected over 8 comparisons after Holm).
        ViC-MAE, ViT-B/16: somebody & others, table 3.
        ");
        insta::assert_snapshot!(compared().to_text(Some(70), false).lines().last().unwrap(), @"ViC-MAE, ViT-B/16: somebody & others, table 3.");
    }

    #[test]
    fn columns_are_nested_in_latex() {
        insta::assert_snapshot!(compared().to_latex(), @r"
        \begin{table}
          \centering
          \caption{Top-1 accuracy (\%), linear; Total training loss, linear}
          \label{tab:linear.top1-linear.loss}
          \begin{tabular}{lrrrr}
            \toprule
             & \multicolumn{2}{c}{dataset = pets} & \multicolumn{2}{c}{dataset = cars\_196} \\
            \cmidrule(lr){2-3} \cmidrule(lr){4-5}
            method & {Top-1 accuracy (\%), linear} & {Total training loss, linear} & {Top-1 accuracy (\%), linear} & {Total training loss, linear} \\
            \midrule
            mae & \underline{\num{50.38 \pm 0.85}} {\scriptsize (n=4)} & \underline{\num{0.5038 \pm 0.0085}} {\scriptsize (n=4)} & \underline{\num{60.38 \pm 0.85}} {\scriptsize (n=4)} & \underline{\num{0.6038 \pm 0.0085}} {\scriptsize (n=4)} \\
            vic\_mae & {\bfseries\boldmath \num{58.49 \pm 1.11}} {\scriptsize (n=4, +8.11\textdagger{})} & \num{0.5849 \pm 0.0111} {\scriptsize (n=4, +0.0811\textdagger{})} & {\bfseries\boldmath \num{68.49 \pm 1.11}} {\scriptsize (n=4, +8.11\textdagger{})} & \num{0.6849 \pm 0.0111} {\scriptsize (n=4, +0.0811\textdagger{})} \\
            mae\_byol & \num{50.00 \pm 1.08} {\scriptsize (n=4, -0.38)} & {\bfseries\boldmath \num{0.5000 \pm 0.0108}} {\scriptsize (n=4, -0.0038)} & \num{60.00 \pm 1.08} {\scriptsize (n=4, -0.38)} & {\bfseries\boldmath \num{0.6000 \pm 0.0108}} {\scriptsize (n=4, -0.0038)} \\
            \midrule
            \textit{ViC-MAE, ViT-B/16} & \num{90.50} &  &  &  \\
            \bottomrule
          \end{tabular}
          \par\smallskip{\footnotesize Bold: the best of its column; underlined: the second best.}
          \par\smallskip{\footnotesize Numbers are mean $\pm$ sample standard deviation over n seeds.}
          \par\smallskip{\footnotesize Differences are to mae; \textdagger{} p \textless{} 0.05 (paired t test over equal seeds, two-sided, corrected over 8 comparisons after Holm).}
          \par\smallskip{\footnotesize ViC-MAE, ViT-B/16: somebody \& others, table 3.}
        \end{table}
        ");
    }

    #[test]
    fn and_in_html() {
        insta::assert_snapshot!(compared().to_html(), @r#"
        <table>
        <caption>Top-1 accuracy (%), linear; Total training loss, linear</caption>
        <thead>
        <tr><th scope="col" rowspan="2">method</th><th scope="colgroup" colspan="2">dataset = pets</th><th scope="colgroup" colspan="2">dataset = cars_196</th></tr>
        <tr><th scope="col" colspan="1">Top-1 accuracy (%), linear</th><th scope="col" colspan="1">Total training loss, linear</th><th scope="col" colspan="1">Top-1 accuracy (%), linear</th><th scope="col" colspan="1">Total training loss, linear</th></tr>
        </thead>
        <tbody>
        <tr><th scope="row">mae</th><td data-runs="99a60fe810927668430ede9d4587a323 2164a4473bed92344efcaa2b20a83266 e3b9395dc5a72b0160918b933f867904 4ec1eebfb0664d17fde7da4b8f0382d3"><u>50.38 ± 0.85</u> <small>n=4</small></td><td data-runs="99a60fe810927668430ede9d4587a323 2164a4473bed92344efcaa2b20a83266 e3b9395dc5a72b0160918b933f867904 4ec1eebfb0664d17fde7da4b8f0382d3"><u>0.5038 ± 0.0085</u> <small>n=4</small></td><td data-runs="c2d40d91b55edf6873ae6d3b1f88a409 7eeabc129e30381eb7cd53088652e672 84fe9ece0bfc67d807980f3602e80955 bab8f401a9cd11e40767dc52fc0a3bf2"><u>60.38 ± 0.85</u> <small>n=4</small></td><td data-runs="c2d40d91b55edf6873ae6d3b1f88a409 7eeabc129e30381eb7cd53088652e672 84fe9ece0bfc67d807980f3602e80955 bab8f401a9cd11e40767dc52fc0a3bf2"><u>0.6038 ± 0.0085</u> <small>n=4</small></td></tr>
        <tr><th scope="row">vic_mae</th><td data-runs="3f8ca61aee3c395fc8cdddcfa37b8dd7 37ad8cd8818520f8087b32228d4fa2ee f09643df164725d5b4019b0a2ac0f784 27eca31119897a1de3d9a157a14cb6ca" title="p &lt; 0.0001, corrected &lt; 0.0001"><b>58.49 ± 1.11</b> <small>n=4, +8.11†</small></td><td data-runs="3f8ca61aee3c395fc8cdddcfa37b8dd7 37ad8cd8818520f8087b32228d4fa2ee f09643df164725d5b4019b0a2ac0f784 27eca31119897a1de3d9a157a14cb6ca" title="p &lt; 0.0001, corrected &lt; 0.0001">0.5849 ± 0.0111 <small>n=4, +0.0811†</small></td><td data-runs="976a3d6026a044fc3c206e7b8554076f b868bb239477e56f8d62fda5a4f3ea49 7966ac17b696a940648e9b19d8c05bd2 167b2929221db214bef5c2e3f2c041e6" title="p &lt; 0.0001, corrected &lt; 0.0001"><b>68.49 ± 1.11</b> <small>n=4, +8.11†</small></td><td data-runs="976a3d6026a044fc3c206e7b8554076f b868bb239477e56f8d62fda5a4f3ea49 7966ac17b696a940648e9b19d8c05bd2 167b2929221db214bef5c2e3f2c041e6" title="p &lt; 0.0001, corrected &lt; 0.0001">0.6849 ± 0.0111 <small>n=4, +0.0811†</small></td></tr>
        <tr><th scope="row">mae_byol</th><td data-runs="49d1bd84a34b1744651510c843eb0301 3cc97f1cda9506e8d1d9e7affeb9d21c f3e50c784a442d995d3005180d23865b e50bdcb747387fd29099ac46f115e46e" title="p = 0.6971, corrected = 1.0000">50.00 ± 1.08 <small>n=4, -0.38</small></td><td data-runs="49d1bd84a34b1744651510c843eb0301 3cc97f1cda9506e8d1d9e7affeb9d21c f3e50c784a442d995d3005180d23865b e50bdcb747387fd29099ac46f115e46e" title="p = 0.6971, corrected = 1.0000"><b>0.5000 ± 0.0108</b> <small>n=4, -0.0038</small></td><td data-runs="b054f20efa5f471a55a03c205b241eb6 38e05deab81db251fe9b7f5d18c4c7d8 c5b7cf94f22fb270899085952c7061c9 d5c15ecfd85437bb7248bf4cb385758a" title="p = 0.6971, corrected = 1.0000">60.00 ± 1.08 <small>n=4, -0.38</small></td><td data-runs="b054f20efa5f471a55a03c205b241eb6 38e05deab81db251fe9b7f5d18c4c7d8 c5b7cf94f22fb270899085952c7061c9 d5c15ecfd85437bb7248bf4cb385758a" title="p = 0.6971, corrected = 1.0000"><b>0.6000 ± 0.0108</b> <small>n=4, -0.0038</small></td></tr>
        </tbody>
        <tbody class="reference">
        <tr><th scope="row" colspan="1">ViC-MAE, ViT-B/16</th><td>90.50</td><td></td><td></td><td></td></tr>
        </tbody>
        <tfoot><tr><td colspan="5"><p>Numbers are mean ± sample standard deviation over n seeds.</p><p>Differences are to mae; † p &lt; 0.05 (paired t test over equal seeds, two-sided, corrected over 8 comparisons after Holm).</p><p>ViC-MAE, ViT-B/16: somebody &amp; others, table 3.</p></td></tr></tfoot>
        </table>
        "#);
    }

    #[test]
    fn each_number_says_of_how_many_seeds_it_is() {
        let table = |seeds: &[u64]| {
            let of_byol = seeds.iter().map(|seed| (json!({"method": "byol", "seed": seed}), "linear", 50.0));
            let cells: Vec<_> = of_byol.chain([(json!({"method": "mae", "seed": 0}), "linear", 60.0)]).collect();
            let config = Config { rows: names(&["method"]), cell: names(&["linear.top1"]), ..Config::default() };
            let table = Table::make(&config, &question_of(&cells)).unwrap();
            let metric = &table.columns[0].quantity.metric;
            let cells = table.cells.iter().map(|row| row[0].as_ref().unwrap().text(metric, table.spread));
            (cells.collect::<Vec<_>>().join(", "), table.notes()[0].clone())
        };
        let several = "Numbers are mean ± sample standard deviation over n seeds.";
        assert_eq!(table(&[0, 1]), ("50.00 ± 0.00 (n=2), 60.00 (n=1)".to_owned(), several.to_owned()));
        assert_eq!(table(&[0]), ("50.00, 60.00".to_owned(), "Numbers are of one seed each (n=1).".to_owned()));
    }

    #[test]
    fn spreads_of_all_kinds() {
        let cells: Vec<_> =
            [63.0, 64.0, 66.5].iter().enumerate().map(|(seed, top1)| (json!({"seed": seed}), "linear", *top1)).collect();
        let text = |spread: Spread| {
            let config = Config { cell: names(&["linear.top1"]), spread, ..Config::default() };
            let table = Table::make(&config, &question_of(&cells)).unwrap();
            format!(
                "{} {}",
                table.cells[0][0].as_ref().unwrap().text(&table.columns[0].quantity.metric, spread),
                table.notes()[0]
            )
        };
        let kinds = [Spread::Std, Spread::Interval, Spread::Bootstrap, Spread::Quartiles, Spread::None];
        insta::assert_snapshot!(kinds.map(text).join("\n"), @"
        64.50 ± 1.80 (n=3) Numbers are mean ± sample standard deviation over n seeds.
        64.50 ± 4.48 (n=3) Numbers are mean ± half of the 95 % t interval over n seeds.
        64.50 [63.33, 66.24] (n=3) Numbers are mean [95 % bootstrap interval (BCa)] over n seeds.
        64.00 [63.50, 65.25] (n=3) Numbers are median [quartiles] over n seeds.
        64.50 (n=3) Numbers are means over n seeds.
        ");
    }

    #[test]
    fn means_over_an_axis_are_made_when_they_are_asked_for() {
        let cell =
            |dataset: &str, seed: u64, top1: f64| (json!({"method": "mae", "dataset": dataset, "seed": seed}), "linear", top1);
        let question = question_of(&[cell("pets", 0, 50.0), cell("pets", 1, 60.0), cell("cars", 0, 70.0), cell("cars", 1, 72.0)]);
        let config = Config { rows: names(&["method"]), cell: names(&["linear.top1"]), ..Config::default() };
        assert!(Table::make(&config, &question).unwrap_err().to_string().contains("`dataset` varies (pets, cars)"));
        let table = Table::make(&Config { average: Some(names(&["dataset"])), ..config }, &question).unwrap();
        insta::assert_snapshot!(table.to_text(None, false), @"
        Top-1 accuracy (%), linear
        ┌─────────────────────────────┐
        │ method   linear.top1        │
        ╞═════════════════════════════╡
        │ mae      63.00 ± 4.24 (n=2) │
        └─────────────────────────────┘
        Numbers are mean ± sample standard deviation over n seeds.
        Each seed's number is its mean over dataset.
        ");
        assert_eq!(table.cells[0][0].as_ref().unwrap().samples[0].runs.len(), 2);
    }

    /// Methods by name, each over its values of an axis (null where it has none), whose numbers are in the order of methods.
    fn averaged(axis: &str, methods: &[(&str, &[Value])], filter: Option<&str>) -> Table {
        let mut cells = Vec::new();
        for (at, (method, values)) in methods.iter().enumerate() {
            for value in *values {
                let mut axes = json!({"method": method, "seed": 0});
                if !value.is_null() {
                    axes[axis] = value.clone();
                }
                cells.push((axes, "linear", 60.0 + at as f64));
            }
        }
        let (average, filter) = (Some(names(&[axis])), filter.map(str::to_owned));
        let config = Config { rows: names(&["method"]), cell: names(&["linear.top1"]), average, filter, ..Config::default() };
        Table::make(&config, &question_of(&cells)).unwrap()
    }

    #[test]
    fn no_mean_is_made_of_fewer_values_than_other_rows_have() {
        let all = [json!(0.25), json!(0.5), json!(0.75)];
        let methods: [(&str, &[Value]); 3] = [("byol", &all), ("mae", &all), ("vic_mae", &all[..2])];
        insta::assert_snapshot!(averaged("ratio", &methods, None).to_text(None, false), @"
        Top-1 accuracy (%), linear
        ┌───────────────────────┐
        │ method    linear.top1 │
        ╞═══════════════════════╡
        │ byol      60.00       │
        │ mae       61.00 *     │
        │ vic_mae   -           │
        └───────────────────────┘
        *: the best of its column.
        Numbers are of one seed each (n=1).
        Each seed's number is its mean over ratio.
        No number where a row lacks values of ratio that others have: vic_mae (0.75).
        ");
        let table = averaged("ratio", &methods, Some("method != 'mae' or ratio != 0.25"));
        assert_eq!(table.incomplete, ["mae (0.25)", "vic_mae (0.75)"]);
        assert_eq!(averaged("ratio", &methods, Some("ratio < 0.7")).incomplete, Vec::<String>::new());
    }

    #[test]
    fn a_row_without_the_axis_keeps_its_number_with_a_caution_and_is_not_the_best() {
        let methods: [(&str, &[Value]); 2] = [("mae", &[Value::Null]), ("vic_mae", &[json!(0.1), json!(0.3)])];
        insta::assert_snapshot!(averaged("weight", &methods, None).to_text(None, false), @"
        Top-1 accuracy (%), linear
        ┌───────────────────────┐
        │ method    linear.top1 │
        ╞═══════════════════════╡
        │ mae       60.00       │
        │ vic_mae   61.00       │
        └───────────────────────┘
        Numbers are of one seed each (n=1).
        Each seed's number is its mean over weight.
        Caution: averaged weight differs in linear.top1: – (mae); 0.1 and 0.3 (vic_mae).
        ");
    }

    #[test]
    fn a_reference_has_a_place_in_a_table_without_rows() {
        let values = IndexMap::from([("linear.top1".to_owned(), 81.5)]);
        let reference = vec![reference::Config { name: "paper".into(), source: "there".into(), values }];
        let config = Config { cell: names(&["linear.top1"]), reference, ..Config::default() };
        let table = Table::make(&config, &question_of(&[(json!({"seed": 0}), "linear", 50.0)])).unwrap();
        assert_eq!(table.to_markdown(), "|  | linear.top1 |\n| --- | ---: |\n|  | 50.00 |\n| *paper* | *81.50* |\n");
        let latex = table.to_latex();
        let rows: Vec<&str> = latex.lines().filter(|line| line.ends_with("\\\\")).collect();
        assert!(latex.contains("{lr}") && rows.len() == 3 && rows.iter().all(|row| row.matches(" & ").count() == 1), "{latex}");
        assert!(table.to_html().contains("<th scope=\"row\" colspan=\"1\">paper</th>"));
    }

    #[test]
    fn a_reference_without_its_column_is_refused() {
        let values = IndexMap::from([("linear.top2".to_owned(), 1.0)]);
        let reference = vec![reference::Config { name: "paper".into(), source: "there".into(), values }];
        let config =
            Config { rows: names(&["method", "mask_ratio"]), cell: names(&["linear.top1"]), reference, ..Config::default() };
        insta::assert_snapshot!(Table::make(&config, &question()).unwrap_err(), @"
        the reference `paper` of table `linear.top1` names `linear.top2`, which is not one column
        hint: did you mean `linear.top1`?
        hint: columns: linear.top1
        ");
    }
}
