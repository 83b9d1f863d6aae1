//! Appending events to a run's file.

use super::{RunFolder, line};
use crate::event::Event;
use crate::event::Kind;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Appends the events of one attempt. There is one writer to a file at a time.
pub struct EventWriter {
    folder: RunFolder,
    file: File,
    path: PathBuf,
    run: RunId,
    attempt: u32,
    seq: u64,
}

impl EventWriter {
    /// Opens the run's event file, creates it when it is not there, cuts a torn tail, and goes on counting where the
    /// attempt's events left off.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(folder: &RunFolder, run: RunId, attempt: u32) -> Result<Self> {
        let path = folder.events();
        let open = || -> Result<_> {
            fs::create_dir_all(folder.path())?;
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            let bytes = fs::read(&path)?;
            let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
            if whole < bytes.len() {
                file.set_len(whole as u64)?;
            }
            file.sync_all()?;
            File::open(folder.path())?.sync_all()?;
            let mine =
                bytes[..whole].split(|&byte| byte == b'\n').filter_map(line::read).filter(|event| event.attempt == attempt);
            let seq = mine.map(|event| event.seq + 1).max().unwrap_or(0);
            Ok((file, seq))
        };
        let (file, seq) = open().with_context(|| format!("cannot open {}", path.display()))?;
        Ok(EventWriter { folder: folder.clone(), file, path, run, attempt, seq })
    }

    /// Appends one event, stamped with the time. What changes the run's state is on the disk when this returns; numbers
    /// are left to the system to write, which a crash of the process survives and a power cut may not.
    ///
    /// # Errors
    /// [`super::Fenced`] when the run was taken over by another process; otherwise when the disk refuses.
    pub fn emit(&mut self, kind: Kind) -> Result<()> {
        self.folder.check()?;
        let durable = kind.is_ending() || matches!(kind, Kind::Started { .. } | Kind::Saved { .. });
        let event = Event { run: self.run, attempt: self.attempt, seq: self.seq, at: Timestamp::now(), kind };
        let line = line::write(&event)?;
        let before = self.file.metadata().map(|metadata| metadata.len());
        let written = self.file.write_all(&line).and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        if let (Err(_), Ok(before)) = (&written, before) {
            // Half a line would swallow the next one, if there is room for that.
            let _ = self.file.set_len(before);
        }
        written.with_context(|| format!("cannot append to {}", self.path.display()))?;
        self.seq += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::{EventReader, Fenced, Lease};

    fn folder() -> (tempfile::TempDir, RunFolder, RunId) {
        let results = tempfile::tempdir().unwrap();
        let id = RunId::of(b"run");
        let folder = RunFolder::new(results.path(), id);
        (results, folder, id)
    }

    fn progressed(step: u64) -> Kind {
        Kind::Progressed { step, steps: 9 }
    }

    #[test]
    fn a_second_writer_of_the_attempt_goes_on_counting_and_another_attempt_begins_at_0() {
        let (_results, folder, id) = folder();
        for (attempt, step) in [(1, 0), (1, 1), (2, 2)] {
            EventWriter::open(&folder, id, attempt).unwrap().emit(progressed(step)).unwrap();
        }
        let events = EventReader::open(&folder).poll().unwrap();
        let names: Vec<_> = events.iter().map(|event| (event.attempt, event.seq)).collect();
        assert_eq!(names, [(1, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn a_torn_or_nul_tail_is_cut_when_the_file_is_opened() {
        for tail in ["{\"run\":\"12", "\0\0\0\0", "{\"ru\0\0"] {
            let (_results, folder, id) = folder();
            EventWriter::open(&folder, id, 1).unwrap().emit(progressed(0)).unwrap();
            let mut bytes = fs::read(folder.events()).unwrap();
            bytes.extend(tail.as_bytes());
            fs::write(folder.events(), bytes).unwrap();
            EventWriter::open(&folder, id, 1).unwrap().emit(progressed(1)).unwrap();
            let mut reader = EventReader::open(&folder);
            let kinds: Vec<_> = reader.poll().unwrap().into_iter().map(|event| event.kind).collect();
            assert_eq!((kinds, reader.bad_lines()), (vec![progressed(0), progressed(1)], 0));
        }
    }

    #[test]
    fn a_writer_whose_run_was_taken_over_writes_no_more() {
        let (_results, folder, id) = folder();
        let (lease, _) = Lease::take(&folder, 1).unwrap();
        let mut first = EventWriter::open(&folder.clone().held_by(lease), id, 1).unwrap();
        first.emit(progressed(0)).unwrap();
        Lease::take(&folder, 2).unwrap();
        assert!(first.emit(progressed(1)).unwrap_err().is::<Fenced>());
        assert_eq!(EventReader::open(&folder).poll().unwrap().len(), 1);
    }
}
