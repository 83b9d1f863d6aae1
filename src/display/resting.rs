//! A terminal whose cursor rests at the beginning of a line.

use console::Term;
use indicatif::TermLike;
use std::io;

/// Standard error for bars. Bars leave the cursor at the right edge, where the `^C` that a terminal writes by itself would begin
/// a new line, of which the bars know nothing: one of their lines would stay on the screen for ever.
#[derive(Debug)]
pub(super) struct Resting(Term);

impl Resting {
    pub(super) fn stderr() -> Self {
        Resting(Term::buffered_stderr())
    }
}

impl TermLike for Resting {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
