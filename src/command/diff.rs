//! `vicmae diff`: what two runs differ in.

use super::{print, results, show};
use crate::plan::change;
use crate::plan::change::Change;
use crate::record::Attempt;
use crate::record::Record;
use crate::record::RunCard;
use crate::run_folder::Environment;
use crate::run_folder::RunFile;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Shows what two runs differ in: configuration, parents, data, code, machine, and the last numbers
///
/// Examples:
///   vicmae diff 3f2a91 77ab0c
///   vicmae diff "mae,seed=0" "vic_mae,seed=0"
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The beginning of a run's id, or its name
    a: String,

    /// Another
    b: String,

    /// Prints JSON: {"runs", "configuration", "data", "environment", "numbers"}, each difference as {"path", "a", "b"}
    #[arg(long)]
    json: bool,
}

/// One run with all that may differ.
struct Side {
    card: RunCard,
    /// The parents' configurations, which tell more than their ids.
    parents: Vec<Value>,
    /// Fingerprints of data by path, those of the parents too; nothing where an older vicmae did not keep them.
    data: Option<IndexMap<String, String>>,
    environment: Value,
    numbers: Map<String, Value>,
}

/// Prints the differences.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, or no such run.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let record = results::the_record(folder)?;
    let [a, b] = [&args.a, &args.b].map(|text| show::known(&record, text).and_then(|id| Side::read(&record, folder, id)));
    let (a, b) = (a?, b?);
    if args.json { print::json(&as_value(&a, &b)) } else { print::line(&as_text(&a, &b)) }
}

impl Side {
    fn read(record: &Record, results: &Path, id: RunId) -> Result<Self> {
        let unknown = || RunCard { id, name: String::new(), stage: String::new(), parents: Vec::new(), config: Value::Null };
        let card = record.card(&id)?.unwrap_or_else(unknown);
        let config = |parent: &RunId| Ok(record.card(parent)?.map_or(Value::Null, |card| card.config));
        let parents = card.parents.iter().map(config).collect::<Result<_>>()?;
        let attempts = record.attempts(&id)?;
        let environment = attempts.last().map_or(Value::Null, |last| environment(&RunFolder::new(results, id), last));
        let sql = format!("SELECT metric, value FROM final WHERE run = '{id}' ORDER BY metric");
        let number = |row: Vec<Value>| Some((row.first()?.as_str()?.to_owned(), row.get(1)?.clone()));
        let numbers = record.query(&sql)?.rows.into_iter().filter_map(number).collect();
        let data = data(results, id, &card.parents);
        Ok(Side { card, parents, data, environment, numbers })
    }
}

fn data(results: &Path, id: RunId, parents: &[RunId]) -> Option<IndexMap<String, String>> {
    let read = |id: &RunId| RunFile::<Value>::read(&RunFolder::new(results, *id)).ok().map(|file| file.data);
    let all: Option<Vec<_>> = parents.iter().chain([&id]).map(read).collect();
    Some(all?.into_iter().flatten().collect::<IndexMap<_, _>>()).filter(|data| !data.is_empty())
}

fn environment(folder: &RunFolder, attempt: &Attempt) -> Value {
    let known = Environment::read(folder, attempt.attempt).and_then(|known| serde_json::to_value(known).ok());
    let mut all = known.unwrap_or_else(|| json!({}));
    all["device"] = json!(attempt.device);
    all["wall_seconds"] = json!(attempt.wall_seconds);
    all["peak_memory_bytes"] = json!(attempt.peak_memory_bytes);
    all
}

/// The files that differ, or lie elsewhere.
fn data_changes(a: &Side, b: &Side) -> Vec<Change> {
    change::changes(&json!(a.data), &json!(b.data))
}

fn configuration(a: &Side, b: &Side) -> Vec<Change> {
    let mut changes = change::changes(&a.card.config, &b.card.config);
    for mut change in change::changes(&json!(a.parents), &json!(b.parents)) {
        change.path.insert(0, "parents".to_owned());
        changes.push(change);
    }
    changes
}

fn as_text(a: &Side, b: &Side) -> String {
    let title =
        |letter: char, side: &Side| format!("{letter}  {}  {}  {}\n", side.card.id.short(), side.card.stage, side.card.name);
    let mut text = title('a', a) + &title('b', b);
    let changes = configuration(a, b);
    let lines = |changes: &[Change]| -> Vec<[String; 3]> {
        let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
        changes.iter().map(|change| [change.path.join("."), value(&change.old), value(&change.new)]).collect()
    };
    section(&mut text, "configuration", lines(&changes));
    section(&mut text, "data", lines(&data_changes(a, b)));
    section(&mut text, "code and machine", lines(&change::changes(&a.environment, &b.environment)));
    section(&mut text, "last numbers", numbers(a, b));
    text
}

/// The numbers that either has, with the difference where both have one.
fn numbers(a: &Side, b: &Side) -> Vec<[String; 3]> {
    let names: Vec<&String> = a.numbers.keys().chain(b.numbers.keys().filter(|name| !a.numbers.contains_key(*name))).collect();
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
    let row = |name: &&String| {
        let [old, new] = [a, b].map(|side| side.numbers.get(*name).and_then(Value::as_f64));
        let difference = old.zip(new).map_or_else(String::new, |(old, new)| format!("  ({})", signed(new - old)));
        [(*name).clone(), text(old), text(new) + &difference]
    };
    names.iter().map(row).collect()
}

/// A number with so many digits that small ones are told apart, too: `61.5`, `0.0001`, `1.25e-9`.
fn number(value: f64) -> String {
    /// Digits of the number, however small it is.
    const DIGITS: i32 = 5;
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if !(1e-5..1e9).contains(&size) {
        return trimmed(&format!("{value:.*e}", DIGITS as usize - 1));
    }
    let decimals = (DIGITS - 1 - size.log10().floor() as i32).max(0) as usize;
    trimmed(&format!("{value:.decimals$}"))
}

/// The number without zeros at the end of its decimals.
fn trimmed(number: &str) -> String {
    let (digits, exponent) = number.split_at(number.find('e').unwrap_or(number.len()));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{exponent}")
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

fn section(text: &mut String, title: &str, rows: Vec<[String; 3]>) {
    if rows.is_empty() {
        *text += &format!("{title}: the same\n");
        return;
    }
    *text += &format!("{title}:\n");
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    rows.iter().for_each(|[name, a, b]| *text += &format!("  {name:first$}  {a:second$}  {b}\n"));
}

fn as_value(a: &Side, b: &Side) -> Value {
    let listed = |changes: &[Change]| -> Vec<Value> {
        changes.iter().map(|change| json!({"path": change.path.join("."), "a": change.old, "b": change.new})).collect()
    };
    let changes = configuration(a, b);
    let side = |side: &Side| json!({"id": side.card.id, "name": side.card.name, "stage": side.card.stage});
    let numbers: Vec<Change> = change::changes(&json!(a.numbers), &json!(b.numbers));
    json!({
        "runs": [side(a), side(b)],
        "configuration": listed(&changes),
        "data": listed(&data_changes(a, b)),
        "environment": listed(&change::changes(&a.environment, &b.environment)),
        "numbers": listed(&numbers),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(name: &str, mask_ratio: f64, top1: f64) -> Side {
        let id = RunId::of(name.as_bytes());
        let config = json!({"pretrain": {"objective": {"mask_ratio": mask_ratio}}});
        let card = RunCard { id, name: name.into(), stage: "pretrain".into(), parents: Vec::new(), config };
        let environment = json!({"version": "0.1.0", "device": name});
        let data = Some([("faces".to_owned(), name.to_owned())].into());
        Side { card, parents: Vec::new(), data, environment, numbers: Map::from_iter([("top1".to_owned(), json!(top1))]) }
    }

    #[test]
    fn what_differs_is_told_section_by_section() {
        let (a, b) = (side("cpu", 0.75, 60.0), side("cuda", 0.8, 61.5));
        let text = as_text(&a, &b).replace(&a.card.id.short(), "<a>").replace(&b.card.id.short(), "<b>");
        insta::assert_snapshot!(text, @r#"
        a  <a>  pretrain  cpu
        b  <b>  pretrain  cuda
        configuration:
          pretrain.objective.mask_ratio  0.75  0.8
        data:
          faces  "cpu"  "cuda"
        code and machine:
          device  "cpu"  "cuda"
        last numbers:
          top1  60  61.5  (+1.5)
        "#);
        assert_eq!(as_value(&a, &b)["configuration"][0]["b"], 0.8);
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        let told = [0.0001, 0.000_123_456, 61.537_59, 123_456.7, 1.25e-9, -2.5e12, 0.0, f64::NAN].map(number);
        assert_eq!(told, ["0.0001", "0.00012346", "61.538", "123457", "1.25e-9", "-2.5e12", "0", "NaN"]);
        assert_eq!([signed(1e-4), signed(-1e-4), signed(0.0)], ["+0.0001", "-0.0001", "0"]);
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let a = side("one", 0.75, 1.0);
        let text = as_text(&a, &a);
        assert!(text.contains("configuration: the same\ndata: the same\ncode and machine: the same\n"), "{text}");
    }
}
