//! One orchestrator to a results folder.

use crate::failure::Failure;
use crate::failure::Fault;
use crate::run_folder::host;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

/// Held by the process that may start runs and write the record. The kernel lets go of it when the process ends, however it
/// ends, so that no lock is ever left behind.
pub struct Lock {
    file: File,
}

/// The second line of the lock once its holder's experiment is in the record.
const AT_WORK: &str = "at work";

impl Lock {
    /// Takes the lock, and the results folder into being when it is not there.
    ///
    /// # Errors
    /// A [`Failure`] that names the holder when another process holds it.
    pub fn take(results: &Path) -> Result<Self> {
        fs::create_dir_all(results).with_context(|| format!("cannot create {}", results.display()))?;
        let path = path(results);
        let lock = || OpenOptions::new().create(true).append(true).open(&path);
        let mut file = lock().with_context(|| format!("cannot open {}", path.display()))?;
        // `is_held` holds the lock for a moment, and so does a process that the last holder was just about to start, so one refusal
        // is no proof.
        for patience in (0..25).rev() {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if patience > 0 => sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => return Err(held(results, &path).into()),
                Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display()))?,
            }
        }
        file.set_len(0)?;
        writeln!(file, "{}", Holder { pid: std::process::id() as i32, host: host(), is_at_work: false })?;
        Ok(Lock { file })
    }

    /// Tells others that the record knows what the holder is going to do, so that they may look on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn say_at_work(&self) -> Result<()> {
        writeln!(&self.file, "{AT_WORK}").context("cannot write to the lock of the results")
    }
}

/// The process that holds a results folder. It reads `process 1234 on lab7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: i32,
    /// Its machine.
    pub host: String,
    /// Whether the record knows what it does.
    pub is_at_work: bool,
}

impl Holder {
    /// Whether the other is the same process, however far it is.
    pub fn is(&self, other: &Holder) -> bool {
        (self.pid, &self.host) == (other.pid, &other.host)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

impl FromStr for Holder {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, rest) = text.split_once('\n').ok_or(())?;
        let (pid, host) = name.strip_prefix("process ").and_then(|rest| rest.split_once(" on ")).ok_or(())?;
        Ok(Holder { pid: pid.parse().map_err(drop)?, host: host.to_owned(), is_at_work: rest.trim() == AT_WORK })
    }
}

/// Whether some process is running experiments into the results folder now.
pub fn is_held(results: &Path) -> bool {
    File::open(path(results)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The process that is running experiments into the results folder now.
pub fn holder(results: &Path) -> Option<Holder> {
    is_held(results).then(|| fs::read_to_string(path(results)).ok()?.parse().ok()).flatten()
}

/// When the process that holds the results folder, or held it last, took it: it writes its name into the lock then.
pub fn held_since(results: &Path) -> Option<Timestamp> {
    fs::metadata(path(results)).ok()?.modified().ok()?.try_into().ok()
}

fn path(results: &Path) -> PathBuf {
    results.join(".lock")
}

fn held(results: &Path, path: &Path) -> Failure {
    let holder = fs::read_to_string(path).unwrap_or_default();
    let holder = holder.lines().next().unwrap_or("another process");
    Failure::new(Fault::Locked, format!("{} is in use: {holder} is writing to it", results.display()))
        .hint("wait until it has ended, or give this one another folder with `--results DIR`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_code;

    #[test]
    fn the_second_is_refused_and_told_who_is_the_first() {
        let results = tempfile::tempdir().unwrap();
        assert!(!is_held(results.path()));
        let first = Lock::take(results.path()).unwrap();
        assert!(is_held(results.path()));
        let error = Lock::take(results.path()).err().unwrap();
        assert_eq!(exit_code(&error), 75);
        assert!(error.to_string().contains(&format!("process {} on ", std::process::id())), "{error}");
        let known = |is_at_work| Some(Holder { pid: std::process::id() as i32, host: host(), is_at_work });
        assert_eq!(holder(results.path()), known(false));
        let before = holder(results.path()).unwrap();
        first.say_at_work().unwrap();
        assert_eq!(holder(results.path()), known(true));
        assert!(holder(results.path()).is_some_and(|now| now.is(&before)));
        drop(first);
        assert_eq!(holder(results.path()), None);
        assert!(!is_held(results.path()));
        let _next = Lock::take(results.path()).unwrap();
        assert_eq!(holder(results.path()), known(false));
    }

    #[test]
    fn it_is_held_since_it_was_taken() {
        let results = tempfile::tempdir().unwrap();
        assert_eq!(held_since(results.path()), None);
        let before = Timestamp::now();
        let _lock = Lock::take(results.path()).unwrap();
        let apart = held_since(results.path()).unwrap().duration_since(before).as_secs_f64();
        // A file system may know whole seconds only.
        assert!(apart.abs() < 5.0, "{apart}");
    }
}
