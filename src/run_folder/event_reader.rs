//! Reading a run's events while they are being written, whatever a crash has done to the file.

use super::{RunFolder, line};
use crate::event::Event;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Follows the event file of one run. Only whole lines count: a torn tail is left until its end is written.
pub struct EventReader {
    path: PathBuf,
    /// Where the first line stands that has not been read whole.
    offset: u64,
    bad_lines: u64,
    complained: bool,
}

impl EventReader {
    /// A reader at the beginning of the run's event file, which need not be there yet.
    pub fn open(folder: &RunFolder) -> Self {
        EventReader { path: folder.events(), offset: 0, bad_lines: 0, complained: false }
    }

    /// Returns the events that have been written since the last call. A line that is no event is counted and passed over.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn poll(&mut self) -> Result<Vec<Event>> {
        let bytes = self.rest().with_context(|| format!("cannot read {}", self.path.display()))?;
        let Some(newline) = bytes.iter().rposition(|&byte| byte == b'\n') else { return Ok(Vec::new()) };
        self.offset += newline as u64 + 1;
        let mut events = Vec::new();
        for line in bytes[..newline].split(|&byte| byte == b'\n') {
            match line::read(line) {
                Some(event) => events.push(event),
                None => self.bad_lines += u64::from(!line::is_blank(line)),
            }
        }
        Ok(events)
    }

    /// The number of lines so far that were no events.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// Says, once, that the file holds lines that are no events.
    pub fn complaint(&mut self) -> Option<String> {
        if self.bad_lines == 0 || self.complained {
            return None;
        }
        self.complained = true;
        Some(format!("passed over lines that are no events: {} in {}", self.bad_lines, self.path.display()))
    }

    fn rest(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(bytes),
            file => {
                let mut file = file?;
                file.seek(SeekFrom::Start(self.offset))?;
                file.read_to_end(&mut bytes)?;
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::run_id::RunId;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use std::fs;

    fn event(seq: u64) -> Event {
        let kind = Kind::Noticed { message: format!("línea \"{seq}\"\n") };
        Event { run: RunId::of(b"run"), attempt: 1, seq, at: Timestamp::UNIX_EPOCH, kind }
    }

    fn file(events: u64) -> Vec<u8> {
        (0..events).flat_map(|seq| [serde_json::to_vec(&event(seq)).unwrap(), vec![b'\n']].concat()).collect()
    }

    fn folder(bytes: &[u8]) -> (tempfile::TempDir, RunFolder) {
        let results = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(results.path());
        fs::write(folder.events(), bytes).unwrap();
        (results, folder)
    }

    #[test]
    fn no_file_yet_is_no_events_yet() {
        assert_eq!(EventReader::open(&RunFolder::at("not/there")).poll().unwrap(), []);
    }

    #[test]
    fn a_nul_tail_waits_and_nul_bytes_before_a_line_do_not_hide_it() {
        let (_results, folder) = folder(&[file(1), vec![0; 9]].concat());
        let mut reader = EventReader::open(&folder);
        assert_eq!(reader.poll().unwrap(), [event(0)]);
        fs::write(folder.events(), [file(1), vec![0; 9], file(2)[file(1).len()..].to_vec()].concat()).unwrap();
        assert_eq!((reader.poll().unwrap(), reader.bad_lines()), (vec![event(1)], 0));
    }

    #[test]
    fn a_bad_line_in_the_middle_is_counted_and_complained_of_once() {
        let (_results, folder) = folder(&[file(1), b"{\"run\": oops\n\xff\xfe\n".to_vec(), file(1)].concat());
        let mut reader = EventReader::open(&folder);
        assert_eq!(reader.poll().unwrap(), [event(0), event(0)]);
        assert_eq!(reader.bad_lines(), 2);
        assert!(reader.complaint().unwrap().starts_with("passed over lines that are no events: 2 in "));
        assert_eq!(reader.complaint(), None);
    }

    proptest! {
        #[test]
        fn a_file_that_grows_by_random_pieces_gives_every_event_once(mut cuts in prop::collection::vec(0usize..2000, 0..12)) {
            let whole = file(8);
            cuts.retain(|&cut| cut <= whole.len());
            cuts.sort();
            cuts.push(whole.len());
            let (_results, folder) = folder(b"");
            let mut reader = EventReader::open(&folder);
            let mut seen = Vec::new();
            for cut in cuts {
                fs::write(folder.events(), &whole[..cut]).unwrap();
                seen.extend(reader.poll().unwrap());
            }
            prop_assert_eq!(seen, (0..8).map(event).collect::<Vec<_>>());
            prop_assert_eq!(reader.bad_lines(), 0);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (_results, folder) = folder(&bytes);
            prop_assert_eq!(EventReader::open(&folder).poll().unwrap(), []);
        }
    }
}
