//! Reference numbers: every file of a folder (`VICMAE_GOLDEN`, or `tests/golden`) is checked by the `kind` in its metadata.

#[path = "golden/check.rs"]
mod check;
#[path = "golden/diagnostics.rs"]
mod diagnostics;
#[path = "golden/eval_transform.rs"]
mod eval_transform;
#[path = "golden/file.rs"]
mod file;
#[path = "golden/knn.rs"]
mod knn;
#[path = "golden/losses.rs"]
mod losses;
#[path = "golden/mae.rs"]
mod mae;
#[path = "golden/names.rs"]
mod names;
#[path = "golden/optimizers.rs"]
mod optimizers;
#[path = "golden/tables.rs"]
mod tables;
#[path = "golden/vic_mae.rs"]
mod vic_mae;

use file::File;
use std::path::PathBuf;

fn folder() -> PathBuf {
    match std::env::var_os("VICMAE_GOLDEN") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
    }
}

#[test]
fn every_file_of_the_folder_agrees() {
    let mut checked = 0;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")) {
        let file = File::read(&path);
        println!("{}: {}", path.display(), file.kind().unwrap_or("no kind, left to the tests that know it by name"));
        match file.kind() {
            Some("vic_mae") => vic_mae::check(&file),
            Some("losses") => losses::check(&file),
            Some("optimizers") => optimizers::check(&file),
            Some("knn") => knn::check(&file),
            Some("eval_transform") => eval_transform::check(&file),
            Some(kind) => panic!("{}: nothing here knows the kind `{kind}`", path.display()),
            None => continue,
        }
        checked += 1;
    }
    assert!(checked > 0, "{} has no file with a kind", folder().display());
}
