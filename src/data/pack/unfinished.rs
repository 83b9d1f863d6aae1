//! The folder of a set that is not complete yet: who may work in it, how it is cleared, and how it becomes the set.

use super::plan::{Asked, Plan};
use crate::data::packed::{MANIFEST, partial};
use crate::failure::Failure;
use crate::failure::Fault;
use anyhow::{Context, Result};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// `DIR.partial`, held by this process alone.
pub(super) struct Unfinished {
    pub(super) folder: PathBuf,
    out: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Unfinished {
    /// Holds the folder for a set that will be `out`. A set that was complete but for its name gets it now.
    ///
    /// # Errors
    /// A [`Failure`] when another process holds it.
    pub(super) fn hold(out: &Path) -> Result<Self> {
        let folder = partial(out);
        fs::create_dir_all(out.parent().unwrap_or(Path::new("."))).with_context(|| format!("cannot create {}", out.display()))?;
        // Beside the folder, so that it does not go where the folder goes.
        let lock = folder.with_added_extension("lock");
        let held = File::create(&lock).with_context(|| format!("cannot create {}", lock.display()))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process is packing into {}", folder.display());
                return Err(Failure::new(Fault::Locked, message).hint("wait until it has ended, or name another `--out`").into());
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {}", lock.display())),
        }
        let unfinished = Unfinished { folder, out: out.to_owned(), lock, _held: held };
        let folder = &unfinished.folder;
        if !out.exists() && folder.join(MANIFEST).is_file() && !Plan::is_in(folder) {
            unfinished.give_name()?;
        }
        Ok(unfinished)
    }

    /// The plan that an earlier attempt left for the same work. What was left without a plan, and with `restart` what was left for
    /// other work, is thrown away.
    ///
    /// # Errors
    /// A [`Failure`] when there is a plan for other work.
    pub(super) fn resume(&self, listing: &str, asked: &Asked, restart: bool) -> Result<Option<Plan>> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot create {}", self.folder.display()))?;
        let changed = match Plan::read(&self.folder) {
            Ok(Some(plan)) if plan.asked == *asked && plan.listing == listing => return Ok(Some(plan)),
            Ok(None) if self.holds_other_things()? => {
                let message = format!("{} is there, and no pack was begun in it", self.folder.display());
                return Err(Failure::input(message).hint("move it away, or name another `--out`").into());
            }
            Ok(None) => return self.clear().map(|()| None),
            Ok(Some(plan)) if plan.asked != *asked => "with other options".to_owned(),
            Ok(Some(_)) => "with other files in the source".to_owned(),
            Err(error) => format!("and its plan cannot be read: {error:#}"),
        };
        if restart {
            return self.clear().map(|()| None);
        }
        Err(Failure::input(format!("{} was begun {changed}", self.folder.display()))
            .hint("give the same command to go on with it, or `--restart` to throw it away and begin again")
            .into())
    }

    /// Whether there is something in the folder that no pack can have left: without a plan it only leaves files that begin with a dot.
    fn holds_other_things(&self) -> Result<bool> {
        let entries = fs::read_dir(&self.folder).with_context(|| format!("cannot list {}", self.folder.display()))?;
        Ok(entries.flatten().any(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")))
    }

    /// Throws everything away; the manifest first and the plan last, so that what is left at any moment is never taken for a set,
    /// nor for work of another plan.
    fn clear(&self) -> Result<()> {
        let remove = |path: &Path| match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        };
        remove(&self.folder.join(MANIFEST))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).context("cannot write the folder to the disk")?;
        for entry in fs::read_dir(&self.folder)?.flatten().filter(|entry| entry.path() != Plan::path(&self.folder)) {
            remove(&entry.path())?;
        }
        remove(&Plan::path(&self.folder))
    }

    /// Takes away what only an unfinished set needs, and gives the set its name.
    pub(super) fn give_name(&self) -> Result<()> {
        let (folder, out) = (&self.folder, &self.out);
        let refused = || format!("cannot give {} its name", out.display());
        for entry in fs::read_dir(folder).with_context(refused)?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                fs::remove_file(entry.path()).with_context(refused)?;
            }
        }
        fs::rename(folder, out).with_context(refused)?;
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|parent| parent.sync_all()).with_context(refused)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Only the name goes; whoever waits for it holds the file itself, finds the set complete, and leaves.
        if self.out.exists() {
            let _ = fs::remove_file(&self.lock);
        }
    }
}
