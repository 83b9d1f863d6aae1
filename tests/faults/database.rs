//! A database that is locked, gone, read-only, newer than the program, or no database at all.

use super::lab::{GRID, Lab, PAIR, RUN};
use super::mounts::Mount;
use super::process::until;
use super::references::{CALM, INTERRUPTED};
use super::{skipped, times, witness};
use rusqlite::Connection;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

fn database(lab: &Lab) -> PathBuf {
    lab.results().join("lab.sqlite")
}

fn remove(lab: &Lab) {
    for name in ["lab.sqlite", "lab.sqlite-wal", "lab.sqlite-shm"] {
        let _ = fs::remove_file(lab.results().join(name));
    }
}

/// Keeps others from writing until it is dropped.
fn locked(lab: &Lab) -> Connection {
    let db = Connection::open(database(lab)).unwrap();
    db.busy_timeout(Duration::from_secs(60)).unwrap();
    db.execute_batch("BEGIN EXCLUSIVE").unwrap();
    db
}

#[test]
fn another_process_may_hold_the_database_for_a_while() {
    let seconds = times(3, 30);
    for before in [true, false] {
        let lab = Lab::with(PAIR, &INTERRUPTED);
        let lock = before.then(|| locked(&lab));
        let mut run = lab.start();
        let lock = lock.unwrap_or_else(|| {
            // The attempt that this run begins is the second.
            let log = lab.run_folder("pretrain").join("events.jsonl");
            until("a second attempt", || fs::read_to_string(&log).unwrap().contains("\"attempt\":2"));
            locked(&lab)
        });
        let began = Instant::now();
        let waited = !run.ends_within(Duration::from_secs(seconds as u64));
        drop(lock);
        let held = began.elapsed().as_secs();
        let said = run.end();
        assert!(waited && said.code == 0, "after {held} s: {said:?}");
        witness::judge(&lab);
    }
    println!("figure: database held by another process for {seconds} s, at the start and in the middle: waited for, then done");
}

#[test]
fn a_database_that_is_gone_comes_back() {
    let restores = [&["reindex"][..], &RUN, &["plan", "lab.yaml"], &["gc", "--yes"]];
    for (restore, is_emptied) in restores.into_iter().flat_map(|restore| [(restore, false), (restore, true)]) {
        let lab = Lab::with(GRID, &CALM.results);
        let before = witness::dump(&lab);
        remove(&lab);
        if is_emptied {
            fs::write(database(&lab), "").unwrap();
        }
        lab.must(restore);
        assert!(before == witness::dump(&lab), "restored by {restore:?}, emptied: {is_emptied}");
        witness::judge(&lab);
    }
    let lab = Lab::with(PAIR, &INTERRUPTED);
    remove(&lab);
    lab.finish();
    witness::judge(&lab);
    println!(
        "figure: database deleted or emptied after a grid, and deleted amid one: made again with equal rows, nothing removed"
    );
}

#[test]
fn a_database_that_has_forgotten_what_is_asked_for_costs_no_run() {
    let lab = Lab::with(GRID, &CALM.results);
    Connection::open(database(&lab)).unwrap().execute_batch("DELETE FROM cells; DELETE FROM experiments;").unwrap();
    let said = lab.must(&["gc", "--yes"]);
    assert!(said.contains("nothing to remove"), "{said}");
    lab.finish();
    witness::judge(&lab);
}

#[test]
fn a_run_that_has_not_begun_is_known_after_the_database_is_made_again() {
    let lab = Lab::with(PAIR, &INTERRUPTED);
    let before = witness::dump(&lab);
    lab.must(&["reindex"]);
    let after = witness::dump(&lab);
    for table in ["cards", "parents", "experiments", "cells", "cell_axes"] {
        assert_eq!(before[table], after[table], "`{table}`");
    }
    println!("figure: runs that have not begun: known with name and parents after the database was made again");
}

#[test]
fn a_database_may_go_while_it_is_written() {
    let lab = Lab::new(PAIR);
    let run = lab.start();
    until("a database", || database(&lab).exists());
    sleep(Duration::from_millis(300));
    remove(&lab);
    let said = run.end();
    lab.finish();
    witness::judge(&lab);
    println!("figure: database deleted under a run: exit code {}, whole after the next start", said.code);
}

#[test]
fn a_newer_database_is_left_alone() {
    let lab = Lab::with(GRID, &CALM.results);
    Connection::open(database(&lab)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(database(&lab)).unwrap();
    for args in [&RUN[..], &["status"], &["report", "lab.yaml"], &["query", "SELECT 1"]] {
        let said = lab.vicmae(args);
        assert_eq!(said.code, 2, "{args:?}: {said:?}");
        assert!(said.text.contains("version 99") && said.text.contains("reindex"), "{args:?}: {said:?}");
    }
    assert!(before == fs::read(database(&lab)).unwrap(), "it was changed");
    lab.must(&["reindex"]);
    witness::judge(&lab);
    println!("figure: newer database: refused with 2 by 4 commands, unchanged; made again by reindex");
}

#[test]
fn a_file_that_is_no_database_is_told_with_the_remedy() {
    let whole = fs::read(database(&Lab::with(GRID, &CALM.results))).unwrap();
    let garbage = [b"a disk has written nonsense here".repeat(300), vec![0; 8192], whole[..whole.len() / 2].to_vec()];
    for bytes in &garbage {
        let lab = Lab::with(GRID, &CALM.results);
        remove(&lab);
        fs::write(database(&lab), bytes).unwrap();
        for args in [&RUN[..], &["status", "lab"]] {
            let said = lab.vicmae(args);
            let (failed, named) = (said.code != 0, said.text.contains("lab.sqlite") && said.text.contains("reindex"));
            assert!(failed && named, "{} bytes, {args:?}: {said:?}", bytes.len());
        }
        lab.must(&["reindex"]);
        witness::judge(&lab);
    }
    println!("figure: broken database: {} of {0} refused, with the remedy; made again by reindex", garbage.len());
}

#[test]
fn results_that_nobody_may_write_to_are_told() {
    let lab = Lab::new(PAIR);
    let Some(disk) = Mount::disk(&lab.results(), 64) else {
        return skipped("read-only results", "this user may not mount a disk");
    };
    INTERRUPTED.put(&lab.results());
    disk.writable(false);
    let said = lab.run();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.text.contains("Read-only file system") && said.text.contains("results"), "{said:?}");
    disk.writable(true);
    lab.finish();
    witness::judge(&lab);
    disk.writable(false);
    for args in [&["status", "lab"][..], &["query", "SELECT count(*) FROM runs"]] {
        lab.must(args);
    }
    println!("figure: read-only results: a run is refused and says why; status and query answer");
}
