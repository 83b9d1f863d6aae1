//! Clocks that go wrong: nothing but the times that are shown depends on them.

use super::lab::{Lab, PAIR, RUN};
use super::references::INTERRUPTED;
use super::{skipped, witness};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, SystemTime};

const HOUR: u64 = 3600;

#[test]
fn an_interrupted_run_may_be_from_the_future_or_the_past() {
    for ahead in [true, false] {
        let lab = Lab::with(PAIR, &INTERRUPTED);
        restamp_events(&lab, SignedDuration::from_secs(if ahead { HOUR as i64 } else { -(HOUR as i64) }));
        let now = SystemTime::now();
        let hour = Duration::from_secs(HOUR);
        restamp_files(&lab, if ahead { now + hour } else { now - hour });
        lab.finish();
        assert!(witness::resumed(&lab) > 0, "it did not go on from a checkpoint");
        witness::judge(&lab);
    }
    println!("figure: events and files of an interrupted run 1 h ahead and 1 h behind: gone on with, numbers bitwise equal");
}

/// Moves the times in all events.
fn restamp_events(lab: &Lab, by: SignedDuration) {
    for run in fs::read_dir(lab.results().join("runs")).unwrap() {
        let log = run.unwrap().path().join("events.jsonl");
        let Ok(text) = fs::read_to_string(&log) else { continue };
        let restamped = text.lines().map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            let at: Timestamp = event["at"].as_str().unwrap().parse().unwrap();
            event["at"] = (at + by).to_string().into();
            // A line without a checksum counts, as those of an older vicmae do.
            event.as_object_mut().unwrap().shift_remove("sum");
            format!("{event}\n")
        });
        fs::write(&log, restamped.collect::<String>()).unwrap();
    }
}

/// Gives all files of the results a time.
fn restamp_files(lab: &Lab, time: SystemTime) {
    for entry in walkdir::WalkDir::new(lab.results()).into_iter().map(|entry| entry.unwrap()) {
        File::open(entry.path()).unwrap().set_modified(time).unwrap();
    }
}

#[test]
fn the_clock_may_step_back_in_the_middle_of_a_run() {
    let Some(preload) = faketime() else {
        return skipped("a clock that steps back amid a run", "faketime is not installed");
    };
    let lab = Lab::new(PAIR);
    lab.write("clock", "+0");
    let (file, preload) = (format!("FAKETIME_TIMESTAMP_FILE={}", lab.path("clock").display()), format!("LD_PRELOAD={preload}"));
    let clock = ["env", &file, &preload, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    let mut run = lab.start_by(&clock, &RUN);
    run.ends_within(Duration::from_millis(700));
    let amid = !run.ended();
    lab.write("clock", "-3600");
    let said = run.end();
    assert!(amid && said.code == 0, "{said:?}");
    let events: Vec<Value> = witness::logs(&lab).into_values().flatten().collect();
    let times: Vec<Timestamp> = events.iter().map(|event| event["at"].as_str().unwrap().parse().unwrap()).collect();
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(last.duration_since(*first) > SignedDuration::from_mins(59), "the clock did not step: {first} {last}");
    witness::judge(&lab);
    println!("figure: clock that steps back 1 h amid a run: done, numbers bitwise equal");
}

/// What `faketime` has programs load, where it is installed.
fn faketime() -> Option<String> {
    let output = Command::new("faketime").args(["-f", "+0", "env"]).output().ok()?;
    let environment = String::from_utf8(output.stdout).ok()?;
    environment.lines().find_map(|line| line.strip_prefix("LD_PRELOAD=")).map(str::to_owned)
}
