//! Lines of a width.

use ratatui::text::{Line, Span};

/// Puts parts into as many lines as they need, in their order and `gap` apart.
pub(super) fn packed<'a>(parts: impl IntoIterator<Item = Span<'a>>, gap: usize, width: usize) -> Vec<Line<'a>> {
    let mut lines: Vec<Line> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.width() + gap + part.width() <= width => {
                line.push_span(Span::raw(" ".repeat(gap)));
                line.push_span(part);
            }
            _ => lines.push(Line::from(part)),
        }
    }
    lines
}

/// A text in at most so many lines; what has no room is left out, which the end shows.
pub(super) fn wrapped(text: &str, width: usize, most: usize) -> Vec<Line<'_>> {
    let mut lines = packed(text.split_whitespace().map(Span::raw), 1, width);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let kept: String = last.to_string().chars().take(width.saturating_sub(1)).collect();
            *last = Line::raw(kept + "…");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn parts_go_on_in_the_next_line_and_a_cut_text_says_so() {
        assert_eq!(texts(&packed(["ab", "cd", "ef"].map(Span::raw), 2, 7)), ["ab  cd", "ef"]);
        assert_eq!(texts(&packed(["longer", "b"].map(Span::raw), 1, 3)), ["longer", "b"]);
        assert_eq!(texts(&wrapped("one two three four", 8, 4)), ["one two", "three", "four"]);
        assert_eq!(texts(&wrapped("one two three four", 8, 2)), ["one two", "three…"]);
        assert_eq!(texts(&wrapped("", 8, 2)), [""; 0]);
    }
}
