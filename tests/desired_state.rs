//! The experiment file is the desired state: what a plan says of a changed one, and what pruning, collecting, stopping and
//! looking on do.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// An experiment of runs that take no time, in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
}

const TEMPLATE: &str = "
random_init:
  model: { vit: { width: {{ width }}, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  seed: {{ seed }}
";

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data");
        std::os::unix::fs::symlink(data, folder.path().join("data")).unwrap();
        std::fs::create_dir_all(folder.path().join("templates/run")).unwrap();
        std::fs::write(folder.path().join("templates/run/tiny.yaml.j2"), TEMPLATE).unwrap();
        Desk { folder }
    }

    fn write(&self, width: u32, seeds: &str) {
        let text = format!(
            "experiment: x\nquestion: Is it as wanted?\ntemplate: tiny\nwith: {{ width: {width} }}\nseeds: {seeds}\n\
             transfer:\n  knn: {{ template: knn, with: {{ train: data/sign_digits/val, eval: data/sign_digits/val }} }}\n"
        );
        std::fs::write(self.path("x.yaml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vicmae"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(args).stdin(Stdio::null());
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output and exit code.
    fn vicmae(&self, args: &[&str]) -> (String, i32) {
        let output = self.output(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (text, output.status.code().unwrap())
    }

    fn run(&self, args: &[&str]) -> String {
        let (text, code) = self.vicmae(args);
        assert_eq!(code, 0, "{args:?}: {text}");
        text
    }
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(300), "this did not come about: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The text with every id of 12 digits replaced.
fn without_ids(text: &str) -> String {
    let id = |word: &str| word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = |line: &str| line.split(' ').map(|word| if id(word) { "<id>" } else { word }).collect::<Vec<_>>().join(" ");
    text.lines().map(|line| words(line) + "\n").collect()
}

#[test]
fn a_plan_says_what_is_new_done_changed_and_no_longer_asked_for() {
    let desk = Desk::new();
    desk.write(16, "[0, 1]");
    assert_eq!(desk.vicmae(&["plan", "x.yaml", "--detailed-exitcode"]).1, 3);
    desk.run(&["run", "x.yaml"]);
    assert_eq!(desk.vicmae(&["plan", "x.yaml", "--detailed-exitcode"]).1, 0);
    desk.write(24, "[1, 2]");
    let (text, code) = desk.vicmae(&["run", "x.yaml", "--plan-only", "--detailed-exitcode"]);
    assert_eq!(code, 3);
    insta::assert_snapshot!(without_ids(&text), @r"
    + <id>  seed=1      changed: width 16 to 24
    + <id>  seed=1/knn  its pretraining changed: width 16 to 24
    + <id>  seed=2      new
    + <id>  seed=2/knn  new
    - <id>  seed=0      no longer asked for
    - <id>  seed=0/knn  no longer asked for
    - <id>  seed=1      no longer asked for
    - <id>  seed=1/knn  no longer asked for
    4 asked, 4 distinct, 0 done, 4 to do, 4 no longer asked for
    ");
}

#[test]
fn a_run_whose_folder_was_removed_is_done_again() {
    let desk = Desk::new();
    desk.write(16, "[0]");
    desk.run(&["run", "x.yaml"]);
    let runs: serde_json::Value = serde_json::from_str(&desk.run(&["plan", "x.yaml", "--json"])).unwrap();
    let encoder = desk.path("results/runs").join(runs["runs"][0]["id"].as_str().unwrap());
    std::fs::remove_dir_all(&encoder).unwrap();
    insta::assert_snapshot!(without_ids(&desk.run(&["plan", "x.yaml"])), @r"
    + <id>  x      its folder is gone: will be run again
    = <id>  x/knn  done
    2 asked, 2 distinct, 1 done, 1 to do
    ");
    let text = desk.run(&["run", "x.yaml"]);
    assert!(text.contains("the folder of 1 run is gone: begun again") && text.contains("2 of 2 runs are done"), "{text}");
    assert!(encoder.join("events.jsonl").exists());
    // A disk that is not mounted is no wish to do everything again.
    std::fs::rename(desk.path("results/runs"), desk.path("elsewhere")).unwrap();
    for command in ["plan", "run"] {
        let (text, code) = desk.vicmae(&[command, "x.yaml"]);
        assert!(code == 2 && text.contains("results/runs is not there"), "{command}: {text}");
    }
    std::fs::rename(desk.path("elsewhere"), desk.path("results/runs")).unwrap();
    assert!(desk.run(&["run", "x.yaml"]).contains("nothing to do"));
}

#[test]
fn prune_removes_what_is_no_longer_asked_for_and_gc_what_nobody_asks_for() {
    let desk = Desk::new();
    desk.write(16, "[0, 1]");
    desk.run(&["run", "x.yaml"]);
    desk.write(16, "[1]");
    let (text, code) = desk.vicmae(&["run", "x.yaml", "--prune"]);
    assert!(code == 2 && text.contains("--yes"), "nobody could be asked: {text}");
    let runs = || std::fs::read_dir(desk.path("results/runs")).unwrap().count();
    assert_eq!(runs(), 4);
    let text = desk.run(&["run", "x.yaml", "--prune", "--yes"]);
    assert!(text.contains("2 runs, ") && text.contains("nothing to do"), "{text}");
    assert_eq!(runs(), 2);
    assert!(desk.run(&["gc"]).contains("nothing to remove"));
    desk.write(24, "[1]");
    desk.run(&["run", "x.yaml"]);
    assert_eq!(runs(), 4);
    assert!(desk.run(&["gc", "--dry-run"]).contains("2 runs, "));
    assert_eq!(runs(), 4);
    desk.run(&["gc", "--yes"]);
    assert_eq!(runs(), 2);
    assert!(desk.run(&["plan", "x.yaml"]).contains("2 done, 0 to do"));
    desk.run(&["gc", "--forget", "x", "--yes"]);
    assert_eq!(runs(), 0);
    let rows = desk.run(&["query", "SELECT count(*) AS n FROM runs", "--json"]);
    assert!(rows.contains("\"n\": 0") || rows.contains("\"n\":0"), "{rows}");
}

#[test]
fn an_experiment_is_forgotten_when_its_removal_is_agreed_to_and_not_before() {
    let desk = Desk::new();
    desk.write(16, "[0]");
    desk.run(&["run", "x.yaml"]);
    let text = std::fs::read_to_string(desk.path("x.yaml")).unwrap().replace("experiment: x", "experiment: y");
    std::fs::write(desk.path("y.yaml"), text).unwrap();
    desk.run(&["run", "y.yaml"]);
    let text = desk.run(&["gc", "--forget", "y"]);
    assert!(text.contains("forgot `y`") && text.contains("nothing to remove"), "another experiment needs its runs: {text}");
    let (text, code) = desk.vicmae(&["gc", "--forget", "x"]);
    assert!(code == 2 && text.contains("2 runs, ") && text.contains("--yes"), "nobody could be asked: {text}");
    assert!(desk.run(&["status", "x.yaml"]).contains("2 runs: 2 done"), "it is not forgotten");
    // What a removal that was killed left behind, and what Slurm needs no more.
    let rest = ["results/runs/.gone-00000000000000000000000000000007", "results/slurm/closed", "results/slurm/bin/old"];
    rest.iter().for_each(|rest| std::fs::create_dir_all(desk.path(rest)).unwrap());
    std::fs::write(desk.path("results/slurm/closed/done"), "").unwrap();
    let text = desk.run(&["gc", "--forget", "x", "--dry-run"]);
    assert!(text.contains("would forget `x`") && text.contains("1 batches of Slurm"), "{text}");
    assert!(desk.path(rest[0]).exists());
    let text = desk.run(&["gc", "--forget", "x", "--yes"]);
    assert!(text.contains("forgot `x`") && text.ends_with("removed\n"), "{text}");
    rest.iter().for_each(|rest| assert!(!desk.path(rest).exists(), "{rest}"));
    assert_eq!(std::fs::read_dir(desk.path("results/runs")).unwrap().count(), 0);
}

#[test]
fn a_trial_gives_up_nothing_that_was_asked_for_before() {
    let desk = Desk::new();
    desk.write(16, "[0, 1]");
    desk.run(&["run", "x.yaml"]);
    let report = || std::fs::read_to_string(desk.path("results/reports/x/index.md")).unwrap();
    let text = desk.run(&["run", "x.yaml", "--set", "seeds=1"]);
    assert!(text.contains("2 more runs that `x` asked for the last time stay asked for"), "{text}");
    assert!(desk.run(&["gc", "--dry-run"]).contains("nothing to remove"));
    assert!(desk.run(&["plan", "x.yaml"]).contains("4 done, 0 to do"));
    let before = report();
    let text = desk.run(&["run", "x.yaml", "--set", "with.width=24", "--prune", "--yes"]);
    assert!(text.contains("`x` stays as it was") && text.contains("reports/x-with-width-24/"), "{text}");
    assert_eq!(report(), before);
    assert!(desk.run(&["gc", "--dry-run"]).contains("nothing to remove"));
    assert!(desk.run(&["gc", "--forget", "x-with-width-24", "--dry-run"]).contains("4 runs, "));
    assert!(desk.run(&["plan", "x.yaml"]).contains("4 done, 0 to do"));
}

#[test]
fn a_choice_that_takes_no_run_is_refused_with_the_values_that_there_are() {
    let desk = Desk::new();
    desk.write(16, "[0, 1]");
    let (text, code) = desk.vicmae(&["run", "x.yaml", "--only", "stage == 'nope'"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(text, @r#"
    error: `--only "stage == 'nope'"` takes none of the 4 runs
    hint: stage has pretrain, knn
    "#);
}

#[test]
fn two_runs_are_compared() {
    let desk = Desk::new();
    desk.write(16, "[0, 1]");
    desk.run(&["run", "x.yaml"]);
    let text = desk.run(&["diff", "seed=0", "seed=1"]);
    assert!(text.contains("random_init.seed  0  1"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&desk.run(&["diff", "seed=0/knn", "seed=1/knn", "--json"])).unwrap();
    assert!(json["numbers"].as_array().unwrap().iter().any(|number| number["path"] == "top1"), "{json}");
    let environment = std::fs::read_dir(desk.path("results/runs")).unwrap().next().unwrap().unwrap().path();
    let environment = std::fs::read_to_string(environment.join("attempts/1/environment.json")).unwrap();
    assert!(environment.contains("\"program\"") && environment.contains("\"version\""), "{environment}");
}

#[test]
fn a_detached_run_is_watched_and_stopped_and_goes_on_where_it_stopped() {
    let desk = Desk::new();
    desk.write(16, "40");
    let text = desk.run(&["run", "x.yaml", "--detach", "--jobs", "1"]);
    assert!(text.contains("goes on by itself"), "{text}");
    // Whoever looks on at once sees what it does.
    let words = std::fs::File::create(desk.path("at once")).unwrap();
    let mut at_once = desk.command(&["watch"]).stdout(words.try_clone().unwrap()).stderr(words).spawn().unwrap();
    let (said, code) = desk.vicmae(&["run", "x.yaml"]);
    assert!(code == 75 && said.contains("is in use: process "), "{said}");
    let words = std::fs::File::create(desk.path("watched")).unwrap();
    let mut watching = desk.command(&["watch"]).stdout(words.try_clone().unwrap()).stderr(words).spawn().unwrap();
    let has = |file: &str, words: &str| std::fs::read_to_string(desk.path(file)).unwrap().contains(words);
    until("a run is done", || has("results/orchestrator.log", "done in"));
    until("somebody watches", || has("watched", "is at results"));
    assert!(desk.run(&["stop"]).contains("has stopped"));
    let status = watching.wait().unwrap();
    let watched = std::fs::read_to_string(desk.path("watched")).unwrap();
    assert!(status.success() && watched.contains("it has ended"), "{watched}");
    assert!(at_once.wait().unwrap().success());
    let watched = std::fs::read_to_string(desk.path("at once")).unwrap();
    assert!(watched.contains("done in") && !watched.contains("all 0 runs"), "{watched}");
    assert!(desk.run(&["stop"]).contains("no process is running"));
    assert!(desk.run(&["watch"]).contains("no process is running"));
    let (_, code) = desk.vicmae(&["plan", "x.yaml", "--detailed-exitcode"]);
    assert_eq!(code, 3, "it was stopped before its end");
    desk.run(&["run", "x.yaml"]);
}

#[test]
fn a_terminal_that_is_closed_stops_a_run_as_ctrl_c_does() {
    let ignored = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = ignored.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    if ignored.is_some_and(|signals| signals & 1 == 1) {
        println!("these tests were started with `nohup`, and so would be the run");
        return;
    }
    let desk = Desk::new();
    desk.write(16, "40");
    let run = desk.command(&["run", "x.yaml", "--jobs", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("a second run", || std::fs::read_dir(desk.path("results/runs")).map_or(0, Iterator::count) >= 2);
    kill(Pid::from_raw(run.id() as i32), Signal::SIGHUP).unwrap();
    let said = run.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code() == Some(130) && words.contains("the same command goes on where it stopped"), "{words}");
}

#[test]
fn a_detached_run_that_cannot_begin_says_why() {
    let desk = Desk::new();
    desk.write(16, "[0]");
    std::fs::create_dir_all(desk.path("results")).unwrap();
    std::fs::write(desk.path("results/lab.sqlite"), "this is no database, and long enough to be looked at".repeat(40)).unwrap();
    let (text, code) = desk.vicmae(&["run", "x.yaml", "--detach"]);
    assert!(code == 2 && text.contains("lab.sqlite is damaged") && text.contains("vicmae reindex"), "{code}: {text}");
}
