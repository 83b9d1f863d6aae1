//! The terminal: the one part of the page that knows it.

use super::Dashboard;
use super::keys::Key;
use super::tty::{Tty, Waiting};
use anyhow::{Context, Result};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::Event;
use ratatui::crossterm::event::KeyCode;
use ratatui::crossterm::event::KeyEvent;
use ratatui::crossterm::event::KeyModifiers;
use ratatui::crossterm::event::poll;
use ratatui::crossterm::event::read;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// What came from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// The window has another size.
    Resized,
    /// A signal asks to leave.
    AskedToLeave,
    /// The terminal has gone away.
    Gone,
}

/// The terminal while it shows the page. It is as before when this is dropped, and after a panic.
pub struct Screen {
    /// There until the end.
    terminal: Option<DefaultTerminal>,
    tty: Tty,
    /// A signal asks to leave; without this the terminal would stay as it is.
    asked_to_leave: Arc<AtomicBool>,
    hung_up: Arc<AtomicBool>,
    /// Whether crossterm may have read more than it has told yet.
    may_hold_more: bool,
}

impl Screen {
    /// Takes the terminal over: raw mode and the alternate screen.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn open() -> Result<Self> {
        let [asked_to_leave, hung_up] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        for (signal, flag) in [(SIGINT, &asked_to_leave), (SIGTERM, &asked_to_leave), (SIGHUP, &hung_up)] {
            // The second signal of a kind ends the process at once, whatever it is at.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(flag))
                .and_then(|_| flag::register(signal, Arc::clone(flag)))
                .context("cannot listen for signals")?;
        }
        let tty = Tty::open()?;
        let terminal = ratatui::try_init().inspect_err(|_| drop(ratatui::try_restore())).context("cannot use the terminal")?;
        Ok(Screen { terminal: Some(terminal), tty, asked_to_leave, hung_up, may_hold_more: false })
    }

    /// Shows the page. On a terminal that has gone away nothing is shown, which [`Screen::input`] tells.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn draw(&mut self, page: &Dashboard) -> Result<()> {
        let Some(terminal) = &mut self.terminal else { return Ok(()) };
        let drawn = terminal.draw(|frame| page.draw(frame)).map(|_| ());
        if drawn.is_err() && self.is_gone() { Ok(()) } else { drawn.context("cannot write to the terminal") }
    }

    /// Waits for something to come, `at_most` so long.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub fn input(&mut self, at_most: Duration) -> Result<Option<Input>> {
        let at_most = if self.may_hold_more { Duration::ZERO } else { at_most };
        let waiting = self.tty.wait(at_most)?;
        if waiting == Waiting::Gone || self.hung_up.load(Ordering::Relaxed) {
            return Ok(Some(Input::Gone));
        }
        if self.asked_to_leave.load(Ordering::Relaxed) {
            return Ok(Some(Input::AskedToLeave));
        }
        if waiting == Waiting::Silent && !self.may_hold_more {
            return Ok(None);
        }
        self.may_hold_more = poll(Duration::ZERO).context("cannot read the terminal")?;
        if !self.may_hold_more {
            if waiting == Waiting::Ready {
                // Of a very long paste crossterm leaves a rest until more comes; without a rest we would look all the time.
                sleep(at_most);
            }
            return Ok(None);
        }
        Ok(match read().context("cannot read the terminal")? {
            Event::Key(key) => named(key).map(Input::Key),
            Event::Resize(..) => Some(Input::Resized),
            _ => None,
        })
    }

    fn is_gone(&self) -> bool {
        self.hung_up.load(Ordering::Relaxed) || matches!(self.tty.wait(Duration::ZERO), Ok(Waiting::Gone))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = ratatui::try_restore();
        if self.terminal.as_mut().is_some_and(|terminal| terminal.show_cursor().is_err()) {
            // A terminal that has gone away needs no cursor, and ratatui would panic because it cannot even say that it failed.
            std::mem::forget(self.terminal.take());
        }
    }
}

fn named(key: KeyEvent) -> Option<Key> {
    if key.is_release() {
        return None;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::CtrlC),
        KeyCode::Char(letter) => Some(Key::Char(letter)),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::Tab => Some(Key::Tab),
        KeyCode::Esc => Some(Key::Esc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_is_not_c_and_other_keys_are_nothing() {
        let plain = |code| named(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(named(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Key::CtrlC));
        assert_eq!(plain(KeyCode::Char('c')), Some(Key::Char('c')));
        assert_eq!(plain(KeyCode::Tab), Some(Key::Tab));
        assert_eq!(plain(KeyCode::PageDown), Some(Key::PageDown));
        assert_eq!(plain(KeyCode::F(5)), None);
    }
}
