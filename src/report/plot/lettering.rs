//! How texts stand, and how they are made to fit.

use super::canvas::{Canvas, Painted};
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

/// The distance of lines, in sizes of the text.
const LINE: f64 = 1.2;

/// Text is never made smaller than this.
const SMALLEST: f64 = 13.0;

/// How a text stands to its point, and how it looks.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub size: f64,
    pub tone: Tone,
    pub bold: bool,
    pub anchor: (HPos, VPos),
    pub upright: bool,
}

/// The colour of a text.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    /// That of what matters.
    Ink,
    /// That of what explains.
    Faint,
    /// Another one.
    Color(RGBColor),
}

impl Lettering {
    /// Text of a size, to the right of and below its point.
    pub fn of(size: f64) -> Lettering {
        Lettering { size, tone: Tone::Ink, bold: false, anchor: (HPos::Left, VPos::Top), upright: false }
    }

    /// In a colour.
    pub fn tone(self, tone: Tone) -> Lettering {
        Lettering { tone, ..self }
    }

    /// In bold.
    pub fn bold(self) -> Lettering {
        Lettering { bold: true, ..self }
    }

    /// Anchored otherwise.
    pub fn anchored(self, horizontal: HPos, vertical: VPos) -> Lettering {
        Lettering { anchor: (horizontal, vertical), ..self }
    }

    /// Turned to be read from below.
    pub fn upright(self) -> Lettering {
        Lettering { upright: true, ..self }
    }
}

/// A text in lines, of a size that fits.
pub(super) struct Wrapped {
    lines: Vec<String>,
    lettering: Lettering,
}

impl Wrapped {
    /// Breaks a text into at most `most` lines of a width, and makes it smaller where that is not enough. Of what would be too
    /// small to read the middle is left out: no text, however long, takes the room of the data.
    pub fn new(canvas: &Canvas, text: &str, lettering: Lettering, room: f64, most: usize) -> Wrapped {
        let mut lettering = lettering;
        loop {
            let fits = |line: &str| canvas.width(line, Lettering { upright: false, ..lettering }) <= room;
            let lines = broken(text, most, fits);
            if lines.iter().all(|line| fits(line)) {
                return Wrapped { lines, lettering };
            }
            if lettering.size * 0.95 < SMALLEST {
                return Wrapped { lines: lines.iter().map(|line| shortened(line, fits)).collect(), lettering };
            }
            lettering.size *= 0.95;
        }
    }

    /// The size of the text.
    pub fn size(&self) -> f64 {
        self.lettering.size
    }

    /// The width of the widest line in units.
    pub fn width(&self, canvas: &Canvas) -> f64 {
        let lying = Lettering { upright: false, ..self.lettering };
        self.lines.iter().map(|line| canvas.width(line, lying)).fold(0.0, f64::max)
    }

    /// The height of all lines in units.
    pub fn height(&self) -> f64 {
        self.lines.len() as f64 * self.lettering.size * LINE
    }

    /// Writes the lines from a point on, downwards, or to the right when the text is upright.
    pub fn write(&self, canvas: &Canvas, (x, y): (f64, f64)) -> Painted {
        self.lines.iter().enumerate().try_for_each(|(n, line)| {
            let shift = n as f64 * self.lettering.size * LINE;
            let at = if self.lettering.upright { (x + shift, y) } else { (x, y + shift) };
            canvas.write(line, at, self.lettering)
        })
    }
}

/// Lines that fit, broken after spaces, dashes and underscores; a word that is too long stands alone. The last of `most` lines
/// has all that is left.
fn broken(text: &str, most: usize, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive([' ', '-', '_']) {
        let last = lines.len() - 1;
        let longer = format!("{}{word}", lines[last]);
        if lines[last].is_empty() || lines.len() == most || fits(longer.trim_end()) {
            lines[last] = longer;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A line with as little of its middle left out as makes it fit: names and paths differ at both ends.
fn shortened(line: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(line) {
        return line.to_owned();
    }
    let letters: Vec<char> = line.chars().collect();
    let with = |kept: usize| -> String {
        let (head, tail) = (&letters[..kept.div_ceil(2)], &letters[letters.len() - kept / 2..]);
        head.iter().chain(&['…']).chain(tail).collect()
    };
    let counts: Vec<usize> = (0..letters.len()).collect();
    with(counts.partition_point(|kept| fits(&with(*kept))).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_words_end() {
        let broken = |text: &str| broken(text, 3, |line| line.len() <= 12);
        assert_eq!(broken("Top-1 accuracy (%)"), ["Top-1", "accuracy (%)"]);
        assert_eq!(broken("contrastive_only"), ["contrastive_", "only"]);
        assert_eq!(broken("unbreakabletext"), ["unbreakabletext"]);
        assert_eq!(broken("one-two-three four-five-six seven"), ["one-two-", "three four-", "five-six seven"]);
    }

    #[test]
    fn of_a_long_line_both_ends_are_kept() {
        let within = |most: usize| shortened("unbreakabletext", |line: &str| line.chars().count() <= most);
        assert_eq!([15, 8, 2, 0].map(within), ["unbreakabletext", "unbr…ext", "u…", "…"]);
    }
}
