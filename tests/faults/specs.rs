//! Experiment files with random damage: told with file and place, and never suffered.

use super::dice::Dice;
use super::lab::{GRID, Lab, root};
use super::times;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

/// What became of a damaged file.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It still means something.
    Right,
    /// It is wrong, and the message shows the place.
    Placed,
    /// It is wrong as a whole, or in a way that has no place in the file: data that is not there, say.
    Named,
}

/// A hundred times as long as it takes; a busy machine may stand still for a while.
const AT_MOST: Duration = Duration::from_secs(30);

#[test]
fn a_damaged_spec_is_told_with_its_place() {
    let lab = Lab::new(GRID);
    // The data that the experiments name.
    symlink(root().join("experiments"), lab.path("experiments")).unwrap();
    let specs = specs();
    let mut dice = Dice::new("specs");
    let (mut right, mut placed, mut named, mut slowest) = (0, 0, 0, Duration::ZERO);
    let mutations = times(200, 1000);
    for mutation in 0..mutations {
        let mut bytes = specs[mutation % specs.len()].clone();
        for _ in 0..1 + dice.below(3) {
            mutate(&mut bytes, &mut dice);
        }
        lab.write("mutated.yaml", &bytes);
        let began = Instant::now();
        match judge(&lab, "mutated.yaml") {
            Ok(Verdict::Right) => right += 1,
            Ok(Verdict::Placed) => placed += 1,
            Ok(Verdict::Named) => named += 1,
            Err(text) => panic!("{text}\n{}", String::from_utf8_lossy(&bytes)),
        }
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < AT_MOST, "{slowest:?}");
    assert!(right > 0 && placed > 0, "{right} right, {placed} placed: the damage is of one kind");
    println!(
        "figure: damaged specs: {mutations} of {} files; {right} still right, {placed} refused with a place, {named} refused \
        as a whole or for what is outside of the file; 0 panics; slowest {:.2} s",
        specs.len(),
        slowest.as_secs_f64()
    );
}

/// Checks a file.
fn judge(lab: &Lab, file: &str) -> Result<Verdict, String> {
    let said = lab.vicmae(&["check", file]);
    let outside = ["there is no ", "cannot read ", "is not UTF-8 text", "holds no "];
    match said.code {
        0 => Ok(Verdict::Right),
        // The place is in the file, or in a template that it fills in.
        2 if said.text.lines().any(|line| line.trim_start().starts_with("--> ")) => Ok(Verdict::Placed),
        // A grid that is too large is so as a whole.
        2 if said.text.starts_with(&format!("error: {file}: ")) => Ok(Verdict::Named),
        2 if outside.iter().any(|words| said.text.contains(words)) => Ok(Verdict::Named),
        _ => Err(format!("{said:?}")),
    }
}

/// The experiments and the test specs of the repository.
fn specs() -> Vec<Vec<u8>> {
    let folders = ["experiments", "tests/specs"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One thing that a slip of the hand, a merge or a disk does to a text.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const TYPED: &[&str] = &[
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!int ",
        "|",
        ">",
        "#",
        "'",
        "\"",
        "%",
        "\t",
        "\u{e9}",
        "\0",
        "\n",
        "{{ seed }}",
        "{% if %}",
        "{% for x in range(100000000) %}",
        "-1",
        "1e999",
        ".nan",
        "null",
        "99999999999999999999",
        "? ",
    ];
    if bytes.is_empty() {
        bytes.extend(b"a: 1\n");
    }
    let at = dice.below(bytes.len());
    match dice.below(7) {
        0 => bytes[at] ^= 1 + dice.below(255) as u8,
        1 => drop(bytes.drain(at..(at + 1 + dice.below(20)).min(bytes.len()))),
        2 => bytes.truncate(at),
        3 => drop(bytes.splice(at..at, TYPED[dice.below(TYPED.len())].bytes())),
        _ => mutate_lines(bytes, dice),
    }
}

fn mutate_lines(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(4) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        2 => lines.swap(at, other),
        _ => drop(lines[at].splice(0..0, b"  ".repeat(dice.below(3)))),
    }
    *bytes = lines.concat();
}
