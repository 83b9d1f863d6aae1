//! The program as people meet it: few runs of the binary, in a folder of their own.

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
}

/// What the program said, and its exit code.
#[must_use = "assert what it said"]
struct Said {
    out: String,
    err: String,
    code: i32,
}

impl Desk {
    fn new() -> Self {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn vicmae(&self, args: &[&str]) -> Said {
        let mut command = Command::cargo_bin("vicmae").unwrap();
        let output = command.current_dir(self.path()).env_clear().env("NO_COLOR", "1").args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap() }
    }
}

#[test]
fn help_shows_where_to_begin_and_hides_the_worker() {
    let said = Desk::new().vicmae(&["--help"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("vicmae run   experiments/quickstart.yaml") && !said.out.contains("\n  worker"), "{}", said.out);
}

#[test]
fn a_question_without_a_record_is_told_what_to_do_and_makes_nothing() {
    for args in [&["status"][..], &["show", "abc"], &["logs", "abc"], &["query", "SELECT 1"]] {
        let desk = Desk::new();
        let said = desk.vicmae(args);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said.err, @r"
            error: results holds no record of runs
            hint: run an experiment first, or name another folder with `--results DIR`
            hint: where the run folders are there and lab.sqlite is not, `vicmae reindex` makes it again
            ");
        }
        assert_eq!((said.out.as_str(), said.code), ("", 2));
        assert_eq!(desk.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn reindex_makes_a_record_that_can_be_asked() {
    let desk = Desk::new();
    let run = desk.path().join("r/runs/00000000000000000000000000000007");
    std::fs::create_dir_all(&run).unwrap();
    let yaml = "id: '00000000000000000000000000000007'\nname: mae seed=0\nstage: pretrain\nparents: []\nwork: {}\n";
    std::fs::write(run.join("run.yaml"), yaml).unwrap();
    assert_eq!(desk.vicmae(&["reindex", "--results", "r"]).out, "1 runs are in r/lab.sqlite\n");
    let said = desk.vicmae(&["query", "SELECT name FROM runs", "--json", "--results", "r"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap(), serde_json::json!([{"name": "mae seed=0"}]));
    let said = desk.vicmae(&["show", "mae seed=1", "--results", "r"]);
    assert_eq!((said.err.as_str(), said.code), ("error: there is no run `mae seed=1`\nhint: did you mean `mae seed=0`?\n", 2));
    insta::assert_snapshot!(desk.vicmae(&["show", "0000", "--results", "r"]).out, @r"
    run:
      id: '00000000000000000000000000000007'
      name: mae seed=0
      stage: pretrain
      parents: []
      work: {}
    state:
      new
    files:
      r/runs/00000000000000000000000000000007/run.yaml
      r/runs/00000000000000000000000000000007/events.jsonl
    ");
    let said = desk.vicmae(&["logs", "0000", "--results", "r"]);
    assert_eq!((said.err.lines().next(), said.code), (Some("error: 000000000000 has no attempt 0"), 2));
}

#[test]
fn a_device_that_is_not_there_is_refused_before_the_experiment_is_read() {
    let said = Desk::new().vicmae(&["run", "not-there.yaml", "--device", "tpu"]);
    assert!(said.err.starts_with("error: there is no device `tpu`\nhint: "), "{}", said.err);
    assert_eq!(said.code, 2);
}

#[test]
fn completions_name_every_verb() {
    let said = Desk::new().vicmae(&["completions", "bash"]);
    assert!(["check", "plan", "run", "status", "reindex"].iter().all(|verb| said.out.contains(verb)));
    assert_eq!(said.code, 0);
}

#[test]
fn a_worker_without_a_run_says_which_file_is_missing() {
    let said = Desk::new().vicmae(&["worker", "nowhere", "--attempt", "1"]);
    assert!(said.err.starts_with("error: cannot read nowhere/run.yaml"), "{}", said.err);
    assert_eq!(said.code, 1);
}

#[test]
fn jobs_of_slurm_that_nobody_here_can_be_asked_about_are_given_up_on_demand() {
    let desk = Desk::new();
    let batch = desk.path().join("results/slurm/0123456789ab");
    std::fs::create_dir_all(&batch).unwrap();
    let tasks = r#""tasks": [["00000000000000000000000000000007"]]"#;
    let text = format!(r#"{{"nonce": "0123456789ab", {tasks}, "device": "cpu", "workers": 1, "requeues": 0}}"#);
    std::fs::write(batch.join("batch.json"), text).unwrap();
    // The machine of this test may have Slurm.
    let mut stop = Command::cargo_bin("vicmae").unwrap();
    let output = stop.current_dir(desk.path()).env("PATH", "nowhere").arg("stop").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("is Slurm on this machine?") && error.contains("`vicmae stop --forget-jobs`"), "{error}");
    assert_eq!(output.status.code(), Some(75));
    let said = desk.vicmae(&["stop", "--forget-jobs"]);
    assert_eq!((said.out.as_str(), said.code), ("forgot the jobs of 1 runs\n", 0));
    assert_eq!(desk.vicmae(&["stop"]).out, "no process is running experiments into results\n");
}

#[test]
fn options_that_would_change_nothing_are_refused() {
    for args in [
        &["--detailed-exitcode"][..],
        &["--rungs", "0.5"],
        &["--keep", "0.5"],
        &["--yes"],
        &["--profile", "gpu"],
        &["--hang-after=-1"],
        &["--hang-after", "NaN"],
        &["--jobs", "0"],
        &["--jobs", "-1"],
    ] {
        let said = Desk::new().vicmae(&[&["run", "x.yaml"][..], args].concat());
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(!said.err.contains("there is no file"), "{args:?}: {}", said.err);
    }
    let jobs = Desk::new().vicmae(&["run", "x.yaml", "--jobs", "-1"]);
    assert!(jobs.err.contains("a whole number of at least 1"), "{}", jobs.err);
    let profile = Desk::new().vicmae(&["run", "x.yaml", "--profile", "gpu"]);
    assert!(profile.err.contains("--executor slurm"), "{}", profile.err);
}

#[test]
fn what_is_named_in_another_way_is_told_how() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().join("experiments")).unwrap();
    std::fs::write(desk.path().join("experiments/mine.yaml"), "").unwrap();
    let said = desk.vicmae(&["plan", "mine"]);
    insta::assert_snapshot!(said.err, @r"
    error: there is no file mine
    hint: an experiment is named by its file here: experiments/mine.yaml
    ");
    assert_eq!(said.code, 2);
    let said = desk.vicmae(&["plan", "experiments/mine.yaml", "with.epochs=3"]);
    insta::assert_snapshot!(said.err, @r"
    error: `with.epochs=3` belongs to no option
    hint: to change a value, write `--set with.epochs=3`
    ");
    assert_eq!(said.code, 2);
    let said = desk.vicmae(&["status", "--results", "experiments/mine.yaml"]);
    assert!(said.err.starts_with("error: `--results experiments/mine.yaml` is a file\nhint: "), "{}", said.err);
    assert_eq!(said.code, 2);
}
