//! Reports of real runs, read by the programs that people read them with: pdflatex and a browser.

#[path = "python/which.rs"]
mod which;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use which::python;

const EXPERIMENT: &str = "
experiment: small_report
question: Does $everything_ in {here} survive LaTeX & <HTML>?
template: tiny
axes: { method: [vic_mae, mae, random_init] }
seeds: 2
transfer:
  knn: { template: knn, with: { train: data/sign_digits/val, eval: data/sign_digits/val, k: [5, 20] } }
report:
  tables:
    - { name: accuracy, rows: method, cell: [knn.top1, knn.top5], baseline: random_init,
        reference: [ { name: \"Somebody & others\", source: \"a paper, 100 % sure\", values: { knn.top1: 81.5 } } ] }
    - { name: one, cell: knn.top1, filter: \"method == 'mae'\",
        reference: [ { name: somebody, source: a paper, values: { knn.top1: 81.5 } } ] }
    - { name: losses, rows: method, cell: pretrain.loss, spread: bootstrap, filter: \"method != 'random_init'\" }
  plots:
    - bars: { x: method, y: knn.top1 }
    - seeds: { x: method, y: knn.top1 }
    - curves: { metric: loss, color: method, smooth: 0.5 }
    - loss_parts: { filter: \"method == 'vic_mae'\" }
    - collapse: { color: method }
    - frontier: { x: pretrain.seconds, y: knn.top1, label: method }
    - parallel: { value: knn.top1 }
    - embedding: { stage: knn, method: pca }
";

const TEMPLATE: &str = r#"
{% if method == "random_init" %}
random_init:
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  seed: {{ seed }}
{% else %}
pretrain:
  data: [ { frame_folder: { root: data/exercise_pairs } } ]
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  objective:
    mask_ratio: 0.5
    reconstruction: {}
    {% if method == "vic_mae" %}
    global: { nt_xent: { projector: [32, 16] } }
    weight: 0.1
    {% endif %}
  optimizer: { adamw: { base_lr: 1.0e-3 } }
  schedule: { epochs: 2 }
  cadence: { measure_steps: 2, checkpoint_epochs: 1 }
  batch: { size: 64 }
  seed: {{ seed }}
{% endif %}
"#;

/// A project whose experiment has been run.
struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    /// The one that all tests look at.
    fn of_all() -> &'static Lab {
        static LAB: OnceLock<Lab> = OnceLock::new();
        LAB.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data");
            std::os::unix::fs::symlink(data, folder.path().join("data")).unwrap();
            fs::create_dir_all(folder.path().join("templates/run")).unwrap();
            fs::write(folder.path().join("templates/run/tiny.yaml.j2"), TEMPLATE).unwrap();
            fs::write(folder.path().join("lab.yaml"), EXPERIMENT).unwrap();
            let lab = Lab { folder };
            lab.run(&["run", "lab.yaml", "--jobs", "2"]);
            lab
        })
    }

    fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vicmae"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs to its good end and returns what was printed.
    fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {text}");
        text
    }

    fn report(&self) -> PathBuf {
        let reports = fs::read_dir(self.folder.path().join("results/reports")).unwrap();
        reports.map(|entry| entry.unwrap().path()).next().unwrap()
    }
}

/// Where a Python is named, everything else that the tests ask is expected too.
fn must_be_there() -> bool {
    std::env::var_os("VICMAE_PYTHON").is_some()
}

#[test]
fn a_report_agrees_with_the_logs_and_a_changed_number_is_found() {
    let lab = Lab::of_all();
    let said = lab.run(&["report", "lab.yaml", "--verify"]);
    assert!(said.contains("12 runs and ") && said.contains(" files were made again from the event logs: all agree"), "{said}");
    let strict = lab.run(&["report", "lab.yaml", "--strict"]);
    assert!(strict.contains("knn.top1"), "{strict}");

    let copy = tempfile::tempdir().unwrap();
    let results = copy.path().join("results");
    let copied = Command::new("cp").arg("-r").arg(lab.folder.path().join("results")).arg(&results).status().unwrap();
    assert!(copied.success());
    let database = rusqlite::Connection::open(results.join("lab.sqlite")).unwrap();
    assert!(database.execute("UPDATE measurements SET value = value + 1 WHERE value > 5", []).unwrap() > 0);
    drop(database);
    let output = lab.output(&["report", "lab.yaml", "--verify", "--results", results.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("by its log") && said.contains("vicmae reindex"), "{said}");
}

#[test]
fn a_report_compiles_in_latex() {
    let report = Lab::of_all().report();
    if Command::new("pdflatex").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(!must_be_there(), "there is no pdflatex");
        return println!("skipped: there is no pdflatex (Debian: texlive-latex-recommended, texlive-science)");
    }
    let out = tempfile::tempdir().unwrap();
    let arguments =
        ["-interaction=nonstopmode", "-halt-on-error", "-output-directory", out.path().to_str().unwrap(), "report.tex"];
    let mut command = Command::new("pdflatex");
    // Fonts that are not installed are drawn, and kept at home; where there is no home they would be missing.
    command.args(arguments).current_dir(&report).env("TEXMFVAR", out.path().join("fonts")).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(fs::metadata(out.path().join("report.pdf")).unwrap().len() > 10_000);
}

#[test]
fn a_page_works_in_a_browser_without_a_network() {
    let index = Lab::of_all().report().join("index.html");
    let Some(python) = python("playwright") else { return };
    if !Path::new("/usr/bin/chromium").exists() {
        assert!(!must_be_there(), "there is no chromium");
        return println!("skipped: there is no /usr/bin/chromium (Debian: chromium)");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/report_page.py");
    let output = Command::new(python).arg(script).arg(&index).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

#[test]
fn exports_are_read_by_the_programs_that_they_are_for() {
    let lab = Lab::of_all();
    let experiment = "small_report";
    for format in ["csv", "parquet", "tensorboard", "mlflow"] {
        let said = lab.run(&["export", experiment, "--format", format]);
        assert!(said.contains("numbers of 12 runs") && said.contains("open with: "), "{said}");
    }
    let Some(python) = python("polars, pyarrow, tensorboard, mlflow") else { return };
    let numbers = lab.folder.path().join("numbers.json");
    let rows = lab.run(&["query", "SELECT run, metric, step, value FROM curves", "--format", "json"]);
    fs::write(&numbers, rows).unwrap();
    let exports = lab.folder.path().join("results/exports").join(experiment);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/export_read_back.py");
    let output = Command::new(python).arg(script).arg(exports).arg(&numbers).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

#[test]
fn questions_have_names_and_answers_have_formats() {
    let lab = Lab::of_all();
    let states = lab.run(&["query", "states", "--format", "csv"]);
    assert!(states.starts_with("experiment,stage,state,runs\n") && states.contains(",knn,done,6"), "{states}");
    assert!(lab.run(&["query", "best", "--format", "md"]).starts_with("| run | name | stage | top1 | step |\n| --- |"));
    assert!(lab.run(&["query", "usage"]).contains("peak_mib"));
    assert!(lab.run(&["query", "--list"]).contains("slowest: "));
    let rows: serde_json::Value =
        serde_json::from_str(&lab.run(&["query", "SELECT state FROM runs", "--format", "json"])).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 12);
}
