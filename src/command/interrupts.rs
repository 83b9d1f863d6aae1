//! How often a person has asked a run to stop.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs;

/// The wishes to stop that signals bring.
pub(super) struct Interrupts {
    signals: Signals,
    is_hung_up: bool,
}

impl Interrupts {
    /// Listens from now on, also for the loss of the terminal, unless this process was started to outlive it (`nohup`).
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn listen() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hang_up = (!is_ignored(&status, SIGHUP)).then_some(SIGHUP);
        let signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up)).context("cannot listen for signals")?;
        Ok(Interrupts { signals, is_hung_up: false })
    }

    /// Wishes since the last call.
    pub(super) fn count(&mut self) -> usize {
        let came: Vec<i32> = self.signals.pending().collect();
        came.into_iter().filter(|signal| self.is_wish(*signal)).count()
    }

    /// A session that ends hangs up more than once, as its terminal does and its shell: that is one wish, and never the second,
    /// which would not let workers save.
    fn is_wish(&mut self, signal: i32) -> bool {
        signal != SIGHUP || !std::mem::replace(&mut self.is_hung_up, true)
    }
}

/// Whether a process ignores a signal, by its `/proc/PID/status`.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "Name:\tvicmae\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP) && !is_ignored(status, SIGINT));
        assert!(!is_ignored("", SIGHUP));
    }

    #[test]
    fn a_hang_up_counts_once() {
        let mut interrupts = Interrupts { signals: Signals::new([SIGHUP; 0]).unwrap(), is_hung_up: false };
        let wishes = [SIGHUP, SIGHUP, SIGTERM, SIGINT, SIGHUP].map(|signal| interrupts.is_wish(signal));
        assert_eq!(wishes, [true, false, true, true, false]);
    }
}
