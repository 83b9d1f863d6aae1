//! Any question that a person can put in SQL.

use super::{FILE, Record, connect_to_read, explained};
use crate::failure::Failure;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// An answer: the names of the columns, and the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`. Blobs are hexadecimal text.
    pub rows: Vec<Vec<Value>>,
}

impl Record {
    /// Answers a question in SQL, over a connection that can only read.
    ///
    /// # Errors
    /// A [`Failure`] when the SQL is wrong or would change the database.
    pub fn query(&self, sql: &str) -> Result<Rows> {
        let path = self.results.join(FILE);
        let db = connect_to_read(&path).map_err(|error| explained(error, &path))?;
        answer(&db, sql)
    }
}

fn answer(db: &Connection, sql: &str) -> Result<Rows> {
    let mut statement = db.prepare(sql).map_err(|error| wrong(db, sql, &error))?;
    if !statement.readonly() {
        return Err(Failure::input("the query would change the database, and queries only read")
            .hint("lab.sqlite is an index of the run folders: change those, then `vicmae reindex`")
            .into());
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut answers = statement.query([]).map_err(|error| wrong(db, sql, &error))?;
    let mut rows = Vec::new();
    while let Some(row) = answers.next().map_err(|error| wrong(db, sql, &error))? {
        rows.push((0..columns.len()).map(|column| Ok(json(row.get_ref(column)?))).collect::<Result<_>>()?);
    }
    Ok(Rows { columns, rows })
}

fn wrong(db: &Connection, sql: &str, error: &rusqlite::Error) -> Failure {
    let (message, offset) = match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => (msg.clone(), usize::try_from(*offset).ok()),
        rusqlite::Error::SqliteFailure(_, Some(message)) => (message.clone(), None),
        rusqlite::Error::MultipleStatement => ("there is more than one statement".to_owned(), None),
        rusqlite::Error::Empty => ("there is no statement".to_owned(), None),
        other => (other.to_string(), None),
    };
    let mut failure = Failure::input(format!("the query cannot be answered: {message}"));
    if let Some(before) = offset.and_then(|offset| sql.get(..offset)) {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let whole = sql.lines().nth(before.matches('\n').count()).unwrap_or_default();
        failure = failure.at(format!("  {whole}\n  {}^", " ".repeat(line.chars().count())));
    }
    let tables = table_names(db).unwrap_or_default();
    if let Some(name) = message.strip_prefix("no such table: ") {
        failure = failure.nearest(name, tables.iter().map(String::as_str));
    }
    failure.hint(format!("tables and views: {}", tables.join(", ")))
}

fn table_names(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY type DESC, name";
    db.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn json(value: ValueRef) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => integer.into(),
        // JSON has no infinity; text says it better than null would.
        ValueRef::Real(real) if real.is_infinite() => real.to_string().into(),
        ValueRef::Real(real) => real.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

impl Rows {
    /// The answer as a table for the terminal; numbers stand to the right.
    pub fn to_text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(|value| {
                let cell = comfy_table::Cell::new(text(value));
                if value.is_number() { cell.set_alignment(CellAlignment::Right) } else { cell }
            }));
        }
        table.to_string()
    }

    /// The answer in Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let safe = |value: &Value| if value.is_null() { String::new() } else { escaped(&text(value)) };
        let numeric = |column: usize| self.rows.iter().all(|row| row[column].is_number() || row[column].is_null());
        let rule = |column: usize| if numeric(column) { "---:".to_owned() } else { "---".to_owned() };
        let heads = self.columns.iter().map(|name| escaped(name)).collect();
        let head = line(heads) + &line((0..self.columns.len()).map(rule).collect());
        self.rows.iter().fold(head, |all, row| all + &line(row.iter().map(safe).collect()))
    }

    /// The answer as CSV (RFC 4180); what is NULL is empty.
    ///
    /// # Errors
    /// Never in practice: the text is made in memory.
    pub fn to_csv(&self) -> Result<String> {
        let mut csv = csv::WriterBuilder::new().from_writer(Vec::new());
        csv.write_record(&self.columns)?;
        for row in &self.rows {
            csv.write_record(row.iter().map(|value| if value.is_null() { String::new() } else { text(value) }))?;
        }
        Ok(String::from_utf8(csv.into_inner().map_err(|error| error.into_error())?)?)
    }

    /// The answer as JSON: an array of one object a row. Of columns of one name the later are numbered: `run`, `run_2`.
    pub fn to_json(&self) -> Value {
        let names = numbered(&self.columns);
        let object = |row: &Vec<Value>| Value::Object(names.iter().cloned().zip(row.iter().cloned()).collect::<Map<_, _>>());
        Value::Array(self.rows.iter().map(object).collect())
    }
}

/// The names with each name once. No number makes a name that another column has.
fn numbered(columns: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = columns.iter().cloned().collect();
    let mut met = HashSet::new();
    let mut names = Vec::new();
    for column in columns {
        let free = |name: &String| taken.insert(name.clone());
        let number = if met.insert(column) { None } else { (2..).map(|n| format!("{column}_{n}")).find(free) };
        names.push(number.unwrap_or_else(|| column.clone()));
    }
    names
}

/// Text that Markdown shows as it is, in one line.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, character| {
        if matches!(character, '|' | '*' | '`' | '<' | '\\' | '[' | ']') {
            safe.push('\\');
        }
        safe.push(if matches!(character, '\n' | '\r') { ' ' } else { character });
        safe
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Lab;
    use crate::failure::exit_code;

    #[test]
    fn an_answer_is_a_table_or_json() {
        let lab = Lab::with_one_done_run();
        let rows = lab.record.query("SELECT metric, step, value FROM final ORDER BY metric").unwrap();
        insta::assert_snapshot!(rows.to_text(), @"
        ┌──────────┬──────┬─────────────────────┐
        │ metric   ┆ step ┆ value               │
        ╞══════════╪══════╪═════════════════════╡
        │ loss     ┆   20 ┆ 0.30000000000000004 │
        │ top1_k20 ┆   20 ┆               64.25 │
        └──────────┴──────┴─────────────────────┘
        ");
        insta::assert_snapshot!(rows.to_json(), @r#"[{"metric":"loss","step":20,"value":0.30000000000000004},{"metric":"top1_k20","step":20,"value":64.25}]"#);
    }

    #[test]
    fn markdown_shows_heads_and_cells_as_they_are() {
        let lab = Lab::with_one_done_run();
        let rows = lab.record.query("SELECT count(*), 'a|b *c* <d>\n`e`' AS \"x|y\", NULL AS n FROM final").unwrap();
        assert_eq!(
            rows.to_markdown(),
            "| count(\\*) | x\\|y | n |\n| ---: | --- | ---: |\n| 2 | a\\|b \\*c\\* \\<d> \\`e\\` |  |\n"
        );
    }

    #[test]
    fn columns_of_one_name_are_numbered_in_json() {
        let lab = Lab::new();
        let json = |sql: &str| lab.record.query(sql).unwrap().to_json().to_string();
        assert_eq!(json("SELECT 1 AS run, 2 AS run, 3 AS run_2, 4 AS run"), r#"[{"run":1,"run_3":2,"run_2":3,"run_4":4}]"#);
        assert_eq!(json("SELECT 1 AS run, 2 AS run, 3 AS step"), r#"[{"run":1,"run_2":2,"step":3}]"#);
    }

    #[test]
    fn what_would_write_is_refused_and_what_is_wrong_points_at_the_place() {
        let lab = Lab::with_one_done_run();
        let refused = |sql: &str| {
            let error = lab.record.query(sql).unwrap_err();
            assert_eq!(exit_code(&error), 2);
            error.to_string()
        };
        insta::assert_snapshot!(refused("DELETE FROM runs"), @"
        the query cannot be answered: cannot modify runs because it is a view
        hint: tables and views: curves, final, run_states, runs, artifacts, attempts, cards, cell_axes, cells, checkpoints, experiments, measurements, metrics, notices, parents
        ");
        insta::assert_snapshot!(refused("SELECT *\nFROM curve"), @"
        the query cannot be answered: no such table: curve
        hint: did you mean `curves`?
        hint: tables and views: curves, final, run_states, runs, artifacts, attempts, cards, cell_axes, cells, checkpoints, experiments, measurements, metrics, notices, parents
        ");
        insta::assert_snapshot!(refused("SELECT 1; SELECT 2"), @"
        the query cannot be answered: there is more than one statement
        hint: tables and views: curves, final, run_states, runs, artifacts, attempts, cards, cell_axes, cells, checkpoints, experiments, measurements, metrics, notices, parents
        ");
    }
}
