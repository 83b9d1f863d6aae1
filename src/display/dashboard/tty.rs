//! Waiting for a terminal's keys without ever reading from one that has gone away.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{IsTerminal, stdin};
use std::os::fd::AsFd;
use std::time::Duration;

/// What a terminal had within the time it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// There is something to read.
    Ready,
    /// There is nothing, or a signal came.
    Silent,
    /// The terminal has gone away: its window was closed, or the connection to it.
    Gone,
}

/// Where keys come from: the place from which crossterm reads them.
pub(super) struct Tty(Box<dyn AsFd>);

impl Tty {
    pub(super) fn open() -> Result<Self> {
        let stdin = stdin();
        if stdin.is_terminal() {
            return Ok(Tty(Box::new(stdin)));
        }
        Ok(Tty(Box::new(File::options().read(true).write(true).open("/dev/tty").context("there is no terminal for keys")?)))
    }

    /// Waits for keys, `at_most` so long.
    ///
    /// At the end of a file crossterm would read again and again for ever, so the end must be seen before crossterm sees it.
    pub(super) fn wait(&self, at_most: Duration) -> Result<Waiting> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Waiting::Silent),
            Err(error) => return Err(error).context("cannot wait for the terminal"),
        }
        let events = fds[0].revents().unwrap_or(PollFlags::empty());
        Ok(if events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
            Waiting::Gone
        } else if events.contains(PollFlags::POLLIN) {
            Waiting::Ready
        } else {
            Waiting::Silent
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_end_is_told_from_silence_and_from_keys() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let tty = Tty(Box::new(reader));
        let wait = || tty.wait(Duration::from_millis(1)).unwrap();
        assert_eq!(wait(), Waiting::Silent);
        writer.write_all(b"q").unwrap();
        assert_eq!(wait(), Waiting::Ready);
        drop(writer);
        assert_eq!(wait(), Waiting::Gone);
    }
}
