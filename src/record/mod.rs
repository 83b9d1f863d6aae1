//! The database of all runs: events in, typed rows out.
//!
//! Run folders are the truth and `results/lab.sqlite` is an index of them, which [`Record::rebuild`] makes again.
//! One process writes (the one that holds the lock of the results folder); any number may read.

mod card;
mod migrate;
mod query;
mod read;
mod rebuild;
#[cfg(test)]
pub(crate) mod scripted;
mod write;

pub use card::{CellCard, ExperimentCard, RunCard};
pub use query::Rows;
pub use read::{Artifact, Attempt, Cell, Experiment, Final, Point, RunRow, RunState};

use crate::event::Metric;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "lab.sqlite";
/// Pages of the log before it is folded into the database: many runs at once touch many pages, each of them again and again.
const LOG_PAGES: i64 = 16_384;
const CACHE_KIB: i64 = 65_536;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// An open database.
pub struct Record {
    db: Connection,
    results: PathBuf,
    keys: Keys,
}

/// The integer keys of what has been written, so that a measurement costs one insert and no look-up.
#[derive(Default)]
struct Keys {
    attempts: HashSet<(RunId, u32)>,
    runs: HashMap<RunId, i64>,
    metrics: BTreeMap<Metric, i64>,
}

impl Record {
    /// Opens `lab.sqlite` in the results folder; both are made when they are not there.
    ///
    /// # Errors
    /// A [`crate::failure::Failure`] when the database was made by a newer program; otherwise when the disk refuses.
    pub fn open(results: &Path) -> Result<Self> {
        fs::create_dir_all(results).with_context(|| format!("cannot create {}", results.display()))?;
        let path = results.join(FILE);
        let db = connect(&path).with_context(|| format!("cannot open {}", path.display()))?;
        Self::from(db, results)
    }

    fn from(mut db: Connection, results: &Path) -> Result<Self> {
        migrate::migrate(&mut db)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Record { db, results: results.to_owned(), keys: Keys::default() })
    }
}

/// Losing the last commits in a power cut is fine, since events are read again from the run folders; corruption is not.
fn connect(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "journal_mode", if on_network(path.parent().unwrap_or(path)) { "TRUNCATE" } else { "WAL" })?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(db)
}

/// Whether a folder is on a file system that several machines share: WAL needs memory that only one machine has.
fn on_network(folder: &Path) -> bool {
    // Magic numbers of NFS, SMB2, CIFS, Lustre, GPFS, BeeGFS and FUSE, from statfs(2) and the file systems' own headers.
    const NETWORK: [u32; 7] = [0x6969, 0xFE53_4D42, 0xFF53_4D42, 0x0BD0_0BD0, 0x4750_4653, 0x1983_0326, 0x6573_5546];
    nix::sys::statfs::statfs(folder).is_ok_and(|file_system| NETWORK.contains(&(file_system.filesystem_type().0 as u32)))
}
