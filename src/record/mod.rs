//! The database of all runs: events in, typed rows out.
//!
//! Run folders are the truth and `results/lab.sqlite` is an index of them, which [`Record::rebuild`] makes again.
//! One process writes (the one that holds the lock of the results folder); any number may read.

mod attempts;
mod card;
mod curves;
mod migrate;
mod named;
mod query;
mod read;
mod rebuild;
#[cfg(test)]
pub(crate) mod scripted;
mod write;

pub use attempts::{Artifact, Attempt};
pub use card::{CellCard, ExperimentCard, RunCard};
pub use curves::{Curve, Final, thinned};
pub use named::{NAMED, Named};
pub use query::Rows;
pub use read::{Cell, Experiment, RunRow, RunState};

use crate::event::Metric;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::run_id::RunId;
use anyhow::{Context, Error, Result};
use nix::errno::Errno;
use nix::sys::statvfs::statvfs;
use rusqlite::config::DbConfig;
use rusqlite::ffi;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "lab.sqlite";
/// Pages of the log before it is folded into the database: many runs at once touch many pages, each of them again and again.
const LOG_PAGES: i64 = 16_384;
const CACHE_KIB: i64 = 65_536;
/// How long to wait for another program that has locked the database: a backup, or a person who looks into it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

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
        let open = || Self::from(connect(&path)?, results);
        open().map_err(|error| explained(error, &path))
    }

    /// Opens a database that is there to read it, also where nothing can be written.
    ///
    /// # Errors
    /// As [`Record::open`].
    pub fn open_to_read(results: &Path) -> Result<Self> {
        let path = results.join(FILE);
        match Self::open(results) {
            Err(_) if is_read_only(&path) => {
                connect_to_read(&path).and_then(|db| Self::from(db, results)).map_err(|error| explained(error, &path))
            }
            other => other,
        }
    }

    /// Another connection to the same database, for another thread to read it.
    ///
    /// # Errors
    /// As [`Record::open`].
    pub fn beside(&self) -> Result<Self> {
        Self::open_to_read(&self.results)
    }

    /// Whether there is a database. SQLite makes an empty file before it writes to it, and so does a full disk; a log beside an empty
    /// one is nothing, SQLite throws it away.
    pub fn is_there(results: &Path) -> bool {
        fs::metadata(results.join(FILE)).is_ok_and(|file| file.len() > 0)
    }

    /// Whether there is no database and there are files that it was made of.
    pub fn is_missing(results: &Path) -> bool {
        !Self::is_there(results) && ["runs", "experiments"].iter().any(|folder| results.join(folder).exists())
    }

    /// The same as [`Record::open`], and makes the database again first where it [is missing](Record::is_missing).
    ///
    /// # Errors
    /// As [`Record::open`] and [`Record::rebuild`].
    pub fn open_or_rebuild(results: &Path, note: &mut dyn FnMut(String)) -> Result<Self> {
        if Self::is_missing(results) { Self::rebuild(results, note) } else { Self::open(results) }
    }

    fn from(mut db: Connection, results: &Path) -> Result<Self> {
        migrate::migrate(&mut db)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Record { db, results: results.to_owned(), keys: Keys::default() })
    }
}

/// A connection that can only read. Where nobody can write, SQLite is told that nothing changes: it would want to write to its
/// logs otherwise. What a crash has left in these is then not seen.
fn connect_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let name = path.canonicalize()?.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let immutable = if is_read_only(path) { "?immutable=1" } else { "" };
    let db = Connection::open_with_flags(format!("file:{name}{immutable}"), flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    Ok(db)
}

/// Whether a file, or the folder of the logs that SQLite keeps beside it, cannot be written.
fn is_read_only(path: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    let folder = path.parent().unwrap_or(Path::new("."));
    [path, folder].iter().any(|place| access(*place, AccessFlags::W_OK).is_err())
}

/// Says what to do about a database that cannot be used.
fn explained(error: Error, path: &Path) -> Error {
    let of_sqlite = error.chain().find_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error());
    let shown = path.display();
    let failure = match of_sqlite.map(|error| (error.code, error.extended_code)) {
        Some((ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt, _)) => {
            Failure::input(format!("{shown} is damaged: {error:#}"))
                .hint("make it again from the run folders, which hold everything: `vicmae reindex`")
        }
        Some((ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied, _)) => {
            Failure::input(format!("{shown} cannot be written: {error:#}"))
                .hint("make the results folder writable for this account, or name another with `--results DIR`")
        }
        Some((ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _)) => {
            Failure::new(Fault::Locked, format!("{shown} is locked by another program: {error:#}"))
                .hint("close what has it open (a database browser, a backup) and give the same command again")
        }
        Some((ErrorCode::DiskFull, _)) => return no_space().context(format!("cannot write {shown}")),
        // The index of its log is memory that a file stands for. SQLite does not say why that cannot grow.
        Some((_, ffi::SQLITE_IOERR_SHMSIZE)) if is_full(path) => return no_space().context(format!("cannot write {shown}")),
        _ => return error.context(format!("cannot open {shown}")),
    };
    failure.into()
}

/// Whether the disk of a file has hardly any room left.
fn is_full(path: &Path) -> bool {
    /// The index of a log, and what was free again when its database was closed.
    const LEAST: u64 = 64 << 10;
    let disk = statvfs(path.parent().unwrap_or(path));
    disk.is_ok_and(|disk| disk.blocks_available() * disk.fragment_size() < LEAST)
}

/// What SQLite says of a full disk, in the words of the system, which the rest of the program knows.
fn no_space() -> Error {
    std::io::Error::from_raw_os_error(Errno::ENOSPC as i32).into()
}

/// Losing the last commits in a power cut is fine, since events are read again from the run folders; corruption is not.
fn connect(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // Otherwise a statement whose plan might depend on a parameter is compiled anew for each value, cached or not.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.pragma_update(None, "journal_mode", if on_network(path.parent().unwrap_or(path)) { "TRUNCATE" } else { "WAL" })?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(db)
}

/// Whether a folder is on a file system that several machines share: WAL needs memory that only one machine has.
fn on_network(folder: &Path) -> bool {
    // Magic numbers of NFS, SMB2, CIFS, Ceph, 9P, AFS, Lustre, GPFS, BeeGFS and FUSE, from statfs(2) and the file systems' own headers.
    const NETWORK: [u32; 10] = [
        0x6969,
        0xFE53_4D42,
        0xFF53_4D42,
        0x00C3_6400,
        0x0102_1997,
        0x5346_414F,
        0x0BD0_0BD0,
        0x4750_4653,
        0x1983_0326,
        0x6573_5546,
    ];
    nix::sys::statfs::statfs(folder).is_ok_and(|file_system| NETWORK.contains(&(file_system.filesystem_type().0 as u32)))
}
