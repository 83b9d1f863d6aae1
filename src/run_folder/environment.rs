//! What a run was made with: `attempts/<n>/environment.json`.

use super::atomic::write_atomically;
use super::{RunFolder, host};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Read;
use std::process::Command;
use std::sync::LazyLock;
use std::thread::available_parallelism;

/// The program, the code beside it and the machine of an attempt. The device is in the events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The version of vicmae.
    pub version: String,
    /// The build: a hash of the beginning of the program, where its linker has put the build's id, and of its length.
    pub program: String,
    /// The commit of the folder that the experiment is in; `(changed)` when files of it were not committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The machine.
    pub host: String,
    /// Kernel and architecture.
    pub system: String,
    /// Cores that the process may use.
    pub cores: usize,
}

/// How an engine tells its workers what they need not find out once more.
const PROGRAM: &str = "VICMAE_PROGRAM";
const COMMIT: &str = "VICMAE_COMMIT";

// What holds for this process and all its workers. Who asks for the build alone need not wait for git.
static BUILD: LazyLock<String> = LazyLock::new(|| std::env::var(PROGRAM).unwrap_or_else(|_| program()));
static CODE: LazyLock<Option<String>> =
    LazyLock::new(|| std::env::var(COMMIT).ok().or_else(commit).filter(|commit| !commit.is_empty()));

impl Environment {
    /// The build of this program.
    pub fn build() -> &'static str {
        &BUILD
    }

    /// That of this process.
    pub fn here() -> Self {
        let (program, commit) = (BUILD.clone(), CODE.clone());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Environment {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program,
            commit,
            host: host(),
            system: format!("{} {} {}", std::env::consts::OS, kernel.trim(), std::env::consts::ARCH),
            cores: available_parallelism().map_or(1, usize::from),
        }
    }

    /// What a worker of this process gets as environment variables.
    pub fn for_workers() -> [(&'static str, String); 2] {
        [(PROGRAM, BUILD.clone()), (COMMIT, CODE.clone().unwrap_or_default())]
    }

    /// Writes it beside the other files of an attempt.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &RunFolder, attempt: u32) -> Result<()> {
        let path = folder.attempt(attempt);
        fs::create_dir_all(&path)?;
        write_atomically(&path.join("environment.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// That of an attempt, when it is known.
    pub fn read(folder: &RunFolder, attempt: u32) -> Option<Self> {
        let bytes = fs::read(folder.attempt(attempt).join("environment.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

fn program() -> String {
    const BEGINNING: u64 = 1 << 20;
    let read = || -> std::io::Result<String> {
        let file = File::open("/proc/self/exe")?;
        let length = file.metadata()?.len();
        let mut bytes = length.to_le_bytes().to_vec();
        file.take(BEGINNING).read_to_end(&mut bytes)?;
        Ok(blake3::hash(&bytes).to_hex()[..16].to_owned())
    };
    read().unwrap_or_else(|_| "unknown".to_owned())
}

/// The commit of the current folder, where it is in a git repository and git is there.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    Some(if changed { format!("{commit} (changed)") } else { commit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;

    #[test]
    fn it_is_kept_with_the_attempt() {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(results.path(), RunId::of(b"run"));
        let here = Environment::here();
        assert!(here.program.len() == 16 && here.cores > 0 && here.system.starts_with("linux "), "{here:?}");
        here.write(&folder, 2).unwrap();
        assert_eq!((Environment::read(&folder, 2), Environment::read(&folder, 1)), (Some(here), None));
    }
}
