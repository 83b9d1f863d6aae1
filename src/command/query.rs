//! `vicmae query`: any question, in SQL or by name.

use super::{print, results};
use crate::failure::Failure;
use crate::record::NAMED;
use anyhow::Result;
use clap::ValueEnum;
use std::path::Path;

/// Answers a question over the record, in SQL or by name; it can only read
///
/// The views are made for people: `runs` (one row a run), `final` (the last value of each
/// metric of each run), `curves` (each step once) and `metrics` (what there is to measure).
/// `--list` tells the named questions with their SQL, to begin with.
///
/// Examples:
///   vicmae query best
///   vicmae query "SELECT name, state, seconds FROM runs"
///   vicmae query "SELECT run, value FROM final WHERE metric = 'top1' ORDER BY value DESC LIMIT 5" --format csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The question: SQL, or a name that `--list` tells
    #[arg(required_unless_present = "list")]
    question: Option<String>,

    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// The same as `--format json`: a list of objects
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Tells the questions that have names
    #[arg(long, conflicts_with = "question")]
    list: bool,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the terminal
    Table,
    /// For other programs
    Csv,
    /// A list of objects
    Json,
    /// Markdown
    Md,
}

/// Prints the answer.
///
/// # Errors
/// A [`Failure`] when there is no record, or the question is wrong.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let Some(question) = &args.question else { return print::line(&list()) };
    let record = results::the_record(folder)?;
    let rows = record.query(sql(question)?)?;
    match args.format {
        _ if args.json => print::json(&rows.to_json()),
        Format::Json => print::json(&rows.to_json()),
        Format::Table => print::line(&rows.to_text()),
        Format::Csv => print::line(&rows.to_csv()?),
        Format::Md => print::line(&rows.to_markdown()),
    }
}

/// The SQL of a question: a single word is a name.
fn sql(question: &str) -> Result<&str> {
    let word = question.trim();
    if word.contains(char::is_whitespace) || word.is_empty() {
        return Ok(question);
    }
    let found = NAMED.iter().find(|named| named.name == word);
    found.map(|named| named.sql).ok_or_else(|| {
        let names = NAMED.iter().map(|named| named.name);
        Failure::input(format!("no question is named `{word}`"))
            .nearest(word, names)
            .hint("`vicmae query --list` tells the names; SQL has more than one word")
            .into()
    })
}

fn list() -> String {
    let one = |named: &crate::record::Named| {
        let sql: Vec<String> = named.sql.lines().map(|line| format!("    {}", line.trim())).collect();
        format!("{}: {}\n{}\n", named.name, named.about, sql.join("\n"))
    };
    NAMED.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_and_several_are_sql() {
        assert_eq!(sql("SELECT 1").unwrap(), "SELECT 1");
        assert!(sql("best").unwrap().starts_with("SELECT"));
        insta::assert_snapshot!(sql("bets").unwrap_err(), @"
        no question is named `bets`
        hint: did you mean `best`?
        hint: `vicmae query --list` tells the names; SQL has more than one word
        ");
    }
}
