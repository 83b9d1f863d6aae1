//! Event files that a crash or a disk has damaged: torn, padded with NUL bytes, continued by half a line, changed.

use super::dice::Dice;
use super::lab::{GRID, Lab, PAIR};
use super::references::{CALM, INTERRUPTED};
use super::{times, witness};
use std::fs;
use std::path::PathBuf;

/// What is done to the bytes of a file.
type Damage = fn(&mut Vec<u8>, &mut Dice);

/// What a crash leaves: nothing of it may change a number.
const TEARS: &[(&str, Damage)] = &[
    ("torn off", |bytes, dice| bytes.truncate(dice.below(bytes.len()))),
    ("NUL from a place on", |bytes, dice| {
        let from = dice.below(bytes.len());
        bytes[from..].fill(0);
    }),
    ("NUL appended", |bytes, dice| bytes.resize(bytes.len() + 1 + dice.below(5000), 0)),
    ("half a line appended", |bytes, dice| {
        let line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap().to_owned();
        bytes.extend(&line[..1 + dice.below(line.len() - 1)]);
    }),
];

/// What a bad disk leaves: up to eight bytes that are others.
const FLIPS: Damage = |bytes, dice| {
    for _ in 0..1 + dice.below(8) {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 + dice.below(255) as u8;
    }
};

#[test]
fn a_log_of_a_finished_grid_may_be_torn() {
    let lab = Lab::new(GRID);
    let mut dice = Dice::new("finished logs");
    let each = times(2, 25);
    for (what, damage) in TEARS {
        let mut again = 0;
        for _ in 0..each {
            CALM.results.put(&lab.results());
            let log = some_log(&lab, &mut dice);
            edit(&log, *damage, &mut dice);
            let damaged = fs::read(&log).unwrap();
            let lost = !finished(&fs::read(&log).unwrap());
            read_and_finish(&lab);
            witness::judge_anew(&lab);
            let now = fs::read(&log).unwrap();
            assert_eq!(
                lost,
                now.windows(11).any(|word| word == b"\"attempt\":2"),
                "done again if and only if the result was lost"
            );
            assert!(lost || now == damaged, "a log whose result was there was changed");
            again += usize::from(lost);
        }
        println!(
            "figure: logs of a finished grid, {what}: {each} damages, {again} results lost and had again; numbers bitwise equal"
        );
    }
}

#[test]
fn a_log_of_an_interrupted_run_may_be_torn() {
    let lab = Lab::with(PAIR, &INTERRUPTED);
    let log = lab.run_folder("pretrain").join("events.jsonl");
    let mut dice = Dice::new("interrupted logs");
    let each = times(3, 25);
    for (what, damage) in TEARS {
        for _ in 0..each {
            INTERRUPTED.put(&lab.results());
            edit(&log, *damage, &mut dice);
            read_and_finish(&lab);
            witness::judge(&lab);
        }
        println!("figure: log of an interrupted run, {what}: {each} damages; gone on with, numbers bitwise equal");
    }
}

#[test]
fn a_log_may_hold_any_bytes() {
    let lab = Lab::new(GRID);
    let mut dice = Dice::new("flipped logs");
    let flips = times(6, 100);
    let mut unlike = 0;
    for _ in 0..flips {
        CALM.results.put(&lab.results());
        let log = some_log(&lab, &mut dice);
        edit(&log, FLIPS, &mut dice);
        read_and_finish(&lab);
        witness::well(&lab);
        witness::no_panic(&lab);
        let (now, calm) = (lab.numbers(), super::references::calm_numbers(&lab));
        let changed: Vec<_> = now.iter().filter(|number| !calm.contains(number)).collect();
        assert!(changed.is_empty(), "a damaged line was read as another number: {changed:?}");
        unlike += usize::from(now.len() != calm.len());
    }
    println!(
        "figure: logs with up to 8 changed bytes: {flips} damages, 0 panics, 0 attempts left open; 0 changed a number, {unlike} lost one"
    );
}

/// Reads the results in every way, and brings about what is missing.
fn read_and_finish(lab: &Lab) {
    lab.must(&["status"]);
    lab.must(&["reindex"]);
    lab.must(&["status", "lab"]);
    lab.finish();
}

fn edit(log: &PathBuf, damage: Damage, dice: &mut Dice) {
    let mut bytes = fs::read(log).unwrap();
    damage(&mut bytes, dice);
    fs::write(log, bytes).unwrap();
}

/// The log of some run.
fn some_log(lab: &Lab, dice: &mut Dice) -> PathBuf {
    let mut runs: Vec<PathBuf> = fs::read_dir(lab.results().join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    runs.sort();
    runs.remove(dice.below(runs.len())).join("events.jsonl")
}

/// Whether a log says, in a whole line, that there is a result.
fn finished(log: &[u8]) -> bool {
    let mut lines = log.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.any(|line| line.windows(10).any(|word| word == b"\"finished\""))
}
