//! Who may write to a run.
//!
//! A lock keeps two workers of one machine apart, and the kernel lets go of it. A queue may think a machine lost and start the
//! run elsewhere while the first worker lives on, out of reach of any lock. So each attempt puts its name into `lease.json`,
//! and looks whether it is still there before each event and before each checkpoint is put in its place: the one that was
//! replaced finds another name and leaves without a word.

use super::RunFolder;
use super::atomic::write_atomically;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The right of one process to write to a run.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    nonce: String,
}

/// Who holds a run, or held it last: `lease.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The number of the attempt.
    pub attempt: u32,
    /// Tells this holder from all others, also from one with the same process id.
    pub nonce: String,
    /// The machine.
    pub host: String,
    /// Changes each time the machine starts.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// When the process began, in the kernel's clock ticks since the machine started: tells it from a later one with its id.
    pub began: u64,
    /// The job and how often the queue has started it again, where there is a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// Another process has taken the run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced;

impl fmt::Display for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another process has taken this run over, so this one leaves without writing")
    }
}

impl std::error::Error for Fenced {}

impl Lease {
    /// Takes a run over for attempt `attempt`, and says who held it.
    ///
    /// # Errors
    /// [`Fenced`] when a later attempt holds the run; otherwise when the disk refuses.
    pub fn take(folder: &RunFolder, attempt: u32) -> Result<(Lease, Option<Holder>)> {
        let path = folder.lease();
        let before = Holder::read(&path)?;
        if before.as_ref().is_some_and(|before| before.attempt > attempt) {
            return Err(Fenced.into());
        }
        let holder = Holder::this_process(attempt)?;
        fs::create_dir_all(folder.path()).with_context(|| format!("cannot create {}", folder.path().display()))?;
        write_atomically(&path, &serde_json::to_vec_pretty(&holder)?)?;
        Ok((Lease { path, nonce: holder.nonce }, before))
    }

    /// Makes sure that the run was not taken over.
    ///
    /// # Errors
    /// [`Fenced`] when it was; otherwise when the lease cannot be read.
    pub fn check(&self) -> Result<()> {
        match Holder::read(&self.path)? {
            Some(holder) if holder.nonce == self.nonce => Ok(()),
            _ => Err(Fenced.into()),
        }
    }
}

impl Holder {
    fn this_process(attempt: u32) -> Result<Self> {
        let pid = std::process::id();
        let job = std::env::var("SLURM_JOB_ID").ok().map(|job| {
            let restarts = std::env::var("SLURM_RESTART_COUNT").unwrap_or_else(|_| "0".into());
            format!("{job} start {restarts}")
        });
        let began = began(pid).unwrap_or_default();
        Ok(Holder { attempt, nonce: nonce()?, host: host(), boot_id: boot_id(), pid, began, job })
    }

    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(|| format!("cannot read {}", path.display()))?,
        };
        // What cannot be understood binds nobody; it is written whole or not at all, so a person or a disk has changed it.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Ends the process if it is one of this machine and still lives.
    pub fn end_if_here(&self) {
        let here = self.host == host() && self.boot_id == boot_id();
        if here && self.pid != std::process::id() && began(self.pid) == Some(self.began) {
            // It may have gone in this very moment.
            let _ = kill(Pid::from_raw(self.pid as i32), Signal::SIGKILL);
        }
    }
}

/// Twelve random hexadecimal digits: a name that nobody else has.
///
/// # Errors
/// When the system has no random numbers.
pub fn nonce() -> Result<String> {
    let mut bytes = [0; 6];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).context("cannot read random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The name of this machine.
pub fn host() -> String {
    nix::unistd::gethostname().map_or_else(|_| "this machine".into(), |name| name.to_string_lossy().into_owned())
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// When a process began, in clock ticks since the machine started; nothing when there is no such process.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;
    use std::process::Command;

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(results.path(), RunId::of(b"run"));
        (results, folder)
    }

    #[test]
    fn the_last_one_to_take_a_run_holds_it_and_an_earlier_attempt_cannot_take_it_back() {
        let (_results, folder) = folder();
        let (first, before) = Lease::take(&folder, 1).unwrap();
        assert_eq!(before, None);
        first.check().unwrap();
        let (second, before) = Lease::take(&folder, 1).unwrap();
        assert_eq!(before.unwrap().nonce, first.nonce);
        assert!(first.check().unwrap_err().is::<Fenced>());
        second.check().unwrap();
        let (third, _) = Lease::take(&folder, 2).unwrap();
        assert!(Lease::take(&folder, 1).unwrap_err().is::<Fenced>());
        third.check().unwrap();
        fs::write(folder.lease(), "{}").unwrap();
        assert!(third.check().unwrap_err().is::<Fenced>());
    }

    #[test]
    fn a_holder_of_this_machine_is_ended_and_a_later_process_with_its_id_is_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let holder = |began| Holder { pid: child.id(), began, ..Holder::this_process(1).unwrap() };
        let (right, wrong) = (holder(began(child.id()).unwrap()), holder(7));
        wrong.end_if_here();
        Holder { host: "elsewhere".into(), ..right.clone() }.end_if_here();
        assert_eq!(child.try_wait().unwrap(), None);
        right.end_if_here();
        assert!(!child.wait().unwrap().success());
    }
}
