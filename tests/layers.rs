//! The flow has one direction: who may use whom, read from the `use` lines of `src/`.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom to the top. A module may use those of earlier lines, never one of its own line or above; what stands
/// after the colon it may use all the same.
const LAYERS: &[&str] = &[
    "event failure font run_id rng rule",
    "run_folder",
    "model",
    "data optimize weights",
    "objective transfer",
    "spec",
    "plan",
    "schedule train",
    "execute record",
    "display report",
    "export",
    "engine",
    "command",
    "cli",
];

/// Uses within a line, or between the small modules at the bottom, that are meant.
const ALSO: &[(&str, &str)] = &[("event", "run_id")];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|line| line.split(' ').any(|name| name == module))
}

/// What is wrong with the uses in a file of `module`.
fn faults(module: &str, place: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        let code = line.split("//").next().unwrap_or_default();
        if code.contains("use crate::{") {
            faults.push(format!("{place}:{number}: one `use crate::module::..` a line, please"));
        }
        for used in code.split("crate::").skip(1).filter(|_| !code.contains("$crate::")) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if used == module || used.is_empty() || ALSO.contains(&(module, used.as_str())) {
                continue;
            }
            match (layer(module), layer(&used)) {
                (Some(user), Some(below)) if below < user => {}
                (Some(_), Some(_)) => faults.push(format!("{place}:{number}: {module} uses {used}")),
                _ => faults.push(format!("{place}:{number}: {module} uses {used}, and tests/layers.rs knows not both")),
            }
        }
    }
    faults
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn the_flow_has_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for file in rust_files(&root.join("src")) {
        let place = file.strip_prefix(root).unwrap();
        let module = place.components().nth(1).unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if !["lib", "main"].contains(&module) {
            all.extend(faults(module, &place.display().to_string(), &fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn a_use_upwards_is_found() {
    let place = "src/schedule/mod.rs";
    assert_eq!(
        faults("schedule", place, "use std::fmt;\nuse crate::record::Record;"),
        ["src/schedule/mod.rs:2: schedule uses record"]
    );
    assert_eq!(faults("schedule", place, "use crate::train::Job;"), ["src/schedule/mod.rs:1: schedule uses train"]);
    assert_eq!(faults("schedule", place, "let x = crate::plan::Run::new(); // not crate::record"), [""; 0]);
    assert_eq!(faults("schedule", place, "use crate::{plan, spec};").len(), 1);
    assert_eq!(faults("schedule", place, "use crate::stranger::X;").len(), 1);
}
