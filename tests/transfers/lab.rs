//! A folder with data and templates of its own, in which the program is run.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub struct Lab {
    folder: tempfile::TempDir,
}

/// What the program said, and its exit code.
pub struct Said {
    pub text: String,
    pub code: Option<i32>,
}

impl Lab {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("experiments")).unwrap();
        for link in ["data", "experiments/data"] {
            std::os::unix::fs::symlink(root().join("experiments/data"), folder.path().join(link)).unwrap();
        }
        Lab { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vicmae"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(args).stdin(Stdio::null());
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn vicmae(&self, args: &[&str]) -> Said {
        let output = self.output(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Said { text, code: output.status.code() }
    }

    /// What the program said, which went well.
    pub fn run(&self, args: &[&str]) -> String {
        let said = self.vicmae(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.text);
        said.text
    }

    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The rows that a query gives.
    pub fn query(&self, sql: &str, results: &str) -> Vec<Value> {
        let output = self.output(&["query", sql, "--json", "--results", results]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The last value of a metric of a stage, of the only run there.
    pub fn last(&self, stage: &str, metric: &str, results: &str) -> f64 {
        let sql = format!("SELECT value FROM final WHERE stage = '{stage}' AND metric = '{metric}'");
        let rows = self.query(&sql, results);
        assert_eq!(rows.len(), 1, "{stage}.{metric}: {rows:?}");
        rows[0]["value"].as_f64().unwrap()
    }

    /// Every number of the results but those of the wall clock.
    pub fn numbers(&self, results: &str) -> Vec<Value> {
        let clock = "'images_per_second', 'waited_share', 'seconds'";
        let sql = format!(
            "SELECT name, stage, metric, step, value FROM curves WHERE metric NOT IN ({clock}) ORDER BY name, stage, metric, step"
        );
        self.query(&sql, results)
    }
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
