//! What must hold whatever happened, found out from the files and the database and not from the program's own words.

use super::lab::Lab;
use super::references::calm_numbers;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The events of each run, by id.
type Logs = BTreeMap<String, Vec<Value>>;

/// Results that are on the disk: the run and the attempt of each.
pub type Results = BTreeSet<(String, u64)>;

/// Everything that must hold when a part of the grid is done.
pub fn judge(lab: &Lab) {
    nothing_is_done_again(lab);
    judge_anew(lab);
}

/// The same where a run that was done may have begun anew: it has no checkpoints left to go on from.
pub fn judge_anew(lab: &Lab) {
    done_once(lab);
    sound(lab);
    calm(lab);
    no_panic(lab);
    no_rest(lab);
}

/// Each run has one result, over all its attempts, and no attempt was left open. A second start finds nothing to do.
pub fn done_once(lab: &Lab) {
    let logs = logs(lab);
    for (run, events) in &logs {
        assert_eq!(events.iter().filter(|event| is(event, "finished")).count(), 1, "{run}: {events:#?}");
        let names: BTreeSet<_> = events.iter().map(|event| (event["attempt"].as_u64(), event["seq"].as_u64())).collect();
        assert_eq!(names.len(), events.len(), "{run}: two events of one name: {events:#?}");
        let attempts = |kinds: &[&str]| -> BTreeSet<u64> {
            let some = events.iter().filter(|event| kinds.iter().any(|kind| is(event, kind)));
            some.map(|event| event["attempt"].as_u64().unwrap()).collect()
        };
        let ended = attempts(&["finished", "interrupted", "failed", "pruned"]);
        assert!(attempts(&["started"]).is_subset(&ended), "{run}: an attempt is open: {events:#?}");
    }
    assert_eq!(logs.len(), lab.part.runs, "runs that have events");
    let again = lab.finish();
    assert!(again.contains("nothing to do"), "{again}");
    assert_eq!(self::logs(lab), logs, "a start that had nothing to do wrote events");
}

/// Every attempt goes on from the newest checkpoint that is on record.
pub fn nothing_is_done_again(lab: &Lab) {
    for (run, events) in logs(lab) {
        let mut newest = 0;
        for event in &events {
            let (started, saved) = (&event["kind"]["started"], &event["kind"]["saved"]);
            if let Some(from) = started["from_step"].as_u64() {
                assert!(from >= newest, "{run}: a checkpoint of step {newest} was not used: {events:#?}");
            }
            if saved["path"].as_str().is_some_and(|path| path.starts_with("checkpoints/step-")) {
                newest = saved["step"].as_u64().unwrap();
            }
        }
    }
}

/// The database is whole, says of no attempt that it runs, and is what the files make it.
pub fn sound(lab: &Lab) {
    let before = dump(lab);
    lab.must(&["reindex"]);
    let after = dump(lab);
    for (table, rows) in &before {
        assert_eq!(Some(rows), after.get(table), "`{table}` before and after it was made again");
    }
    assert_eq!(before.len(), after.len());
    well(lab);
}

/// The database is whole and says of no attempt that it runs.
pub fn well(lab: &Lab) {
    let db = open(lab);
    assert_eq!(rows(&db, "PRAGMA integrity_check"), ["Text(\"ok\")"]);
    assert_eq!(rows(&db, "SELECT run, attempt FROM attempts WHERE state = 'running'"), [""; 0], "attempts left open");
}

/// The numbers are those of a calm run, bit for bit.
pub fn calm(lab: &Lab) {
    let (numbers, expected) = (lab.numbers(), calm_numbers(lab));
    let differs = numbers.iter().zip(&expected).find(|(number, expected)| number != expected);
    assert!(differs.is_none(), "{differs:?}");
    assert_eq!(numbers.len(), expected.len(), "numbers");
}

/// No worker has panicked.
pub fn no_panic(lab: &Lab) {
    for entry in walkdir::WalkDir::new(lab.results().join("runs")).into_iter().map(|entry| entry.unwrap()) {
        if entry.file_name() == "stderr" {
            let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
            assert!(!text.contains("panicked"), "{}: {text}", entry.path().display());
        }
    }
}

/// No half of a checkpoint has stayed.
pub fn no_rest(lab: &Lab) {
    for entry in walkdir::WalkDir::new(lab.results().join("runs")).into_iter().map(|entry| entry.unwrap()) {
        let is_rest = entry.file_name().to_string_lossy().starts_with(".new-");
        assert!(
            !is_rest || entry.path().parent().unwrap().file_name() != Some("checkpoints".as_ref()),
            "{}",
            entry.path().display()
        );
    }
}

/// The results that are on the disk now. What is no event may only stand at the end of a file.
pub fn results(lab: &Lab) -> Results {
    let logs = logs(lab);
    let finished = logs.iter().flat_map(|(run, events)| {
        let finished = events.iter().filter(|event| is(event, "finished"));
        finished.map(|event| (run.clone(), event["attempt"].as_u64().unwrap()))
    });
    finished.collect()
}

/// How many attempts went on from a checkpoint.
pub fn resumed(lab: &Lab) -> usize {
    let from = |event: &Value| event["kind"]["started"]["from_step"].as_u64();
    logs(lab).values().flatten().filter(|event| from(event) > Some(0)).count()
}

/// The events of each run; a torn line at the end of a file is left out, and there may be none before it.
pub fn logs(lab: &Lab) -> Logs {
    let folders = fs::read_dir(lab.results().join("runs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let logs = folders.filter_map(|folder| {
        let bytes = fs::read(folder.join("events.jsonl")).ok()?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
        let events: Vec<Value> = lines
            .map(|line| {
                serde_json::from_slice(line)
                    .unwrap_or_else(|error| panic!("{}: {error}: {}", folder.display(), String::from_utf8_lossy(line)))
            })
            .collect();
        let run = folder.file_name().unwrap().to_str().unwrap().to_owned();
        (!events.is_empty()).then_some((run, events))
    });
    logs.collect()
}

/// Whether an event is of a kind.
pub fn is(event: &Value, kind: &str) -> bool {
    event["kind"].get(kind).is_some()
}

/// Every table of the database: its rows in words, sorted, with the ids of things in the place of their numbers in this file.
pub fn dump(lab: &Lab) -> BTreeMap<String, Vec<String>> {
    let db = open(lab);
    let names = column(&db, "SELECT name FROM sqlite_schema WHERE type = 'table'");
    let tables = names.into_iter().map(|table| {
        let columns = column(&db, &format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'key'"));
        let sql = match table.as_str() {
            "measurements" => "SELECT cards.id, metrics.name, step, attempt, seq, value FROM measurements \
                JOIN cards ON cards.key = run_key JOIN metrics ON metrics.key = metric_key"
                .to_owned(),
            _ => format!("SELECT {} FROM {table}", columns.join(", ")),
        };
        let mut rows = rows(&db, &sql);
        rows.sort();
        (table, rows)
    });
    tables.collect()
}

fn open(lab: &Lab) -> Connection {
    Connection::open(lab.results().join("lab.sqlite")).unwrap()
}

fn rows(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let width = statement.column_count();
    let words = |row: &rusqlite::Row<'_>| {
        let values = (0..width).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Sql>>>()?;
        Ok(values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" "))
    };
    statement.query_map([], words).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn column(db: &Connection, sql: &str) -> Vec<String> {
    db.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}
