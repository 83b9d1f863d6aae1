//! The versions of the database, and the way from each to the next.

use crate::failure::Failure;
use anyhow::{Context, Result};
use rusqlite::{Connection, TransactionBehavior};

/// Migration `n` (from 0) leads from version `n` to `n + 1`. Released ones are never changed.
const MIGRATIONS: &[&str] = &[include_str!("begin.sql"), include_str!("usage.sql"), include_str!("people.sql")];

/// Brings a database to the present version, one transaction a step.
///
/// # Errors
/// A [`Failure`] when the database was made by a newer program.
pub(super) fn migrate(db: &mut Connection) -> Result<()> {
    migrate_by(db, MIGRATIONS)
}

fn migrate_by(db: &mut Connection, migrations: &[&str]) -> Result<()> {
    let newest = migrations.len();
    if version(db)? == newest {
        return Ok(());
    }
    loop {
        // The version is read again with the write lock held: another process may have migrated in between.
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&step)?;
        if version > newest {
            return Err(too_new(version, newest).into());
        }
        let Some(migration) = migrations.get(version) else { return Ok(()) };
        step.execute_batch(migration).with_context(|| format!("cannot bring the database to version {}", version + 1))?;
        step.pragma_update(None, "user_version", version as i64 + 1)?;
        step.commit()?;
    }
}

fn version(db: &Connection) -> Result<usize> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn too_new(version: usize, newest: usize) -> Failure {
    Failure::input(format!("lab.sqlite has version {version}, and this program knows versions up to {newest}"))
        .hint("use the newer vicmae that wrote it, or make it again from the run folders with `vicmae reindex`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_taken_once_and_a_broken_one_leaves_the_version_before_it() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate_by(&mut db, &["CREATE TABLE a (x);"]).unwrap();
        assert!(migrate_by(&mut db, &["CREATE TABLE a (x);", "CREATE TABLE b (x); CREATE TABLE a (x);"]).is_err());
        assert_eq!(version(&db).unwrap(), 1);
        migrate_by(&mut db, &["CREATE TABLE a (x);", "CREATE TABLE b (x);"]).unwrap();
        migrate_by(&mut db, &["CREATE TABLE a (x);", "CREATE TABLE b (x);"]).unwrap();
        assert_eq!(version(&db).unwrap(), 2);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut db = Connection::open_in_memory().unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut db).unwrap_err();
        assert_eq!(crate::failure::exit_code(&error), 2);
        insta::assert_snapshot!(error, @r"
        lab.sqlite has version 99, and this program knows versions up to 3
        hint: use the newer vicmae that wrote it, or make it again from the run folders with `vicmae reindex`
        ");
    }
}
