//! The page on the terminal that `watch` shows: files in, keys in, page out.

use super::print;
use super::watch::{TICK, Watched, cast, readers};
use crate::display::Dashboard;
use crate::display::Display;
use crate::display::Flow;
use crate::display::Input;
use crate::display::Screen;
use crate::engine;
use crate::engine::Holder;
use crate::run_folder::EventReader;
use crate::run_folder::RunFolder;
use anyhow::Result;
use jiff::Timestamp;
use std::env;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

/// Whether standard output is a terminal on which more than lines can be shown.
pub(super) fn is_possible() -> bool {
    print::terminal().0.is_some() && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Why nobody looks on any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// A key or a signal asked for it while the process goes on.
    Early,
    /// A key or a signal asked for it, and the process had ended before, as the words say.
    AtTheEnd(String),
    /// The terminal has gone away, so that nobody can be told anything.
    WithTheTerminal,
}

/// Shows the page until a key, a signal or the loss of the terminal ends the looking on.
///
/// # Errors
/// When a file that is there cannot be read, or the terminal fails.
pub(super) fn look_on(title: &str, holder: &Holder, watched: Watched, folder: &Path) -> Result<Left> {
    let Watched { runs, file } = watched;
    let mut page = Dashboard::new(title, engine::held_since(folder).unwrap_or_else(Timestamp::now), print::terminal().1);
    page.begin(cast(&runs));
    page.say(&format!("{holder} is at {}; q leaves, runs go on", folder.display()));
    let mut readers = readers(&runs, folder);
    runs.into_iter().for_each(|(run, (_, past))| page.recall(run, past));
    let mut screen = Screen::open()?;
    let mut ended = None;
    screen.draw(&page)?;
    loop {
        // The last events are written before the process ends, so one more look follows its end. Workers that outlive it have
        // still more to say, until another process is there, which is none of this page's business.
        let is_gone = engine::holder(folder).is_none();
        if is_gone || ended.is_none() {
            for reader in &mut readers {
                reader.poll()?.iter().for_each(|event| page.on(event));
            }
            page.tick(Timestamp::now());
        }
        if is_gone && ended.is_none() {
            let words = page.ending(&file);
            page.end();
            page.say(&format!("{words}; q leaves"));
            ended = Some(words);
        }
        match obey(&mut page, &mut screen, folder)? {
            Wish::Stay => {}
            Wish::Leave => return Ok(ended.map_or(Left::Early, Left::AtTheEnd)),
            Wish::Flee => return Ok(Left::WithTheTerminal),
        }
    }
}

/// What came of a tick.
enum Wish {
    Stay,
    Leave,
    Flee,
}

/// Draws the page, and does for a tick what keys ask for.
fn obey(page: &mut Dashboard, screen: &mut Screen, folder: &Path) -> Result<Wish> {
    let until = Instant::now() + TICK;
    loop {
        look_closely(page, folder)?;
        screen.draw(page)?;
        match screen.input(until.saturating_duration_since(Instant::now()))? {
            None => return Ok(Wish::Stay),
            // The page is drawn anew, and nothing else.
            Some(Input::Resized) => {}
            Some(Input::Gone) => return Ok(Wish::Flee),
            Some(Input::AskedToLeave) => return Ok(Wish::Leave),
            Some(Input::Key(key)) if page.press(key) == Flow::Leave => return Ok(Wish::Leave),
            Some(Input::Key(_)) => {}
        }
    }
}

/// Reads what the page wants to know of the run that is looked at.
fn look_closely(page: &mut Dashboard, folder: &Path) -> Result<()> {
    if let Some(run) = page.unread() {
        page.read(run, &EventReader::open(&RunFolder::new(folder, run)).poll()?);
    }
    if let Some((run, attempt)) = page.looked_at() {
        let log = RunFolder::new(folder, run).attempt(attempt).join("stderr");
        page.hear(run, last_lines(&log));
    }
    Ok(())
}

/// The most of a log's end that is read.
const TAIL_BYTES: u64 = 8 * 1024;

/// The last lines of a log; none when there is no log.
fn last_lines(path: &Path) -> Vec<String> {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_end_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr");
        assert!(last_lines(&path).is_empty());
        let lines: Vec<String> = (0..10_000).map(|line| format!("line {line}")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let last = last_lines(&path);
        assert_eq!(last[1..], lines[lines.len() - last.len() + 1..]);
        assert!((700..1000).contains(&last.len()), "{}", last.len());
    }
}
