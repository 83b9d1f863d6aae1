//! A named text that is parsed, and drawn where it is wrong.

use super::tree::{Part, Tree, bytes};
use crate::failure::{Failure, nearest};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location};
use std::ops::Range;
use std::path::Path;

/// A text with the name that a person knows it by: a file, a rendered template, an option.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceText {
    /// What the text is called: the path of a file as the person gave it.
    pub name: String,
    /// The text.
    pub text: String,
    /// Lines shown around a mistake; a text that the person cannot open needs some.
    pub context_lines: usize,
}

impl SourceText {
    /// A text under a name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        SourceText { name: name.into(), text: text.into(), context_lines: 0 }
    }

    /// Reads a file. The failure names the path and the reason.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| Failure::input(format!("cannot read {name}: {error}")))?;
        let text = String::from_utf8(bytes).ok().with_context(|| Failure::input(format!("{name} is not UTF-8 text")))?;
        Ok(Self::new(name, text))
    }

    /// Parses the text as YAML 1.2: `yes` and `012` are texts, a key given twice is an error, `<<` merges, aliases are bounded.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.parse_or_mistake().map_err(|mistake| mistake.failure(self))
    }

    /// The same, with the mistake not yet drawn.
    pub(crate) fn parse_or_mistake<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        serde_saphyr::from_str_with_options(&self.text, options()).map_err(|error| self.explain(error.without_snippet()))
    }

    /// A failure at the value at a key path (`["exclude", "0"]`), or at the nearest of its ancestors that is there.
    pub fn failure_at(&self, path: &[&str], message: impl Into<String>, label: &str) -> Failure {
        self.mistake_at(path, message, label, Part::Value).failure(self)
    }

    /// A failure at the key that a path leads to.
    pub fn failure_at_key(&self, path: &[&str], message: impl Into<String>, label: &str) -> Failure {
        self.mistake_at(path, message, label, Part::Key).failure(self)
    }

    pub(crate) fn mistake_at(&self, path: &[&str], message: impl Into<String>, label: &str, part: Part) -> Mistake {
        let span = self.tree().and_then(|tree| tree.locate(path, part));
        Mistake { message: message.into(), label: label.to_owned(), span, hints: Vec::new() }
    }

    /// A failure at a part of the scalar at a key path; `within` counts bytes of the scalar's value, `value`.
    pub fn failure_within(&self, path: &[&str], value: &str, within: Range<usize>, message: &str, label: &str) -> Failure {
        let scalar = self.tree().and_then(|tree| tree.locate(path, Part::Value)).unwrap_or(0..self.text.len());
        let whole = self.clamp(scalar);
        // A quoted or folded scalar differs from its value; then all of it is pointed at.
        let span = match self.text[whole.clone()].find(value) {
            Some(start) if !value.is_empty() => whole.start + start + within.start..whole.start + start + within.end,
            _ => whole,
        };
        Failure::input(message).at(self.draw(span, label))
    }

    /// Draws a place: file, line, column, the line, a caret and a label.
    pub fn draw(&self, span: Range<usize>, label: &str) -> String {
        let span = self.clamp(span);
        let shown = self.lines_around(&span);
        let line = 1 + self.text[..shown.start].matches('\n').count();
        let annotation = AnnotationKind::Primary.span(span.start - shown.start..span.end - shown.start).label(label);
        let snippet = Snippet::source(&self.text[shown]).path(&self.name).line_start(line).fold(false).annotation(annotation);
        Renderer::plain().render(&[Group::with_level(Level::ERROR).element(snippet)])
    }

    /// The whole lines that a place is on, and those around it.
    fn lines_around(&self, span: &Range<usize>) -> Range<usize> {
        let mut start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let mut end = self.text[span.start..].find('\n').map_or(self.text.len(), |at| span.start + at).max(span.end);
        for _ in 0..self.context_lines {
            start = self.text[..start.saturating_sub(1)].rfind('\n').map_or(0, |at| at + 1);
            end = self.text[end..].find(|c| c != '\n').map_or(end, |at| end + at);
            end = self.text[end..].find('\n').map_or(self.text.len(), |at| end + at);
        }
        start..end
    }

    /// A place moved into the text, onto whole characters and off the ends of lines.
    fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let last = self.text.trim_end().len();
        let start = self.text.floor_char_boundary(span.start.min(last));
        let end = self.text.ceil_char_boundary(span.end.max(start).min(self.text.len()));
        start..end
    }

    /// Turns a parser's error into words for a person, with the place and what is allowed there.
    fn explain(&self, error: &Error) -> Mistake {
        if let Error::AliasError { error, .. } = error {
            return self.explain(error);
        }
        let span = error.location().map_or(0..0, |location| bytes(&location).unwrap_or_else(|| self.character_at(&location)));
        let found = self.text[self.clamp(span.clone())].lines().next().unwrap_or_default();
        let words = Words::of(error, found);
        let within = self.tree().map(|tree| tree.path_to(span.start, words.about)).filter(|path| !path.is_empty());
        let message = match within {
            Some(path) => format!("{} in `{path}`", words.message),
            None => words.message,
        };
        Mistake { message, label: words.label, span: Some(span), hints: words.hints }
    }

    fn tree(&self) -> Option<Tree> {
        serde_saphyr::from_str_with_options(&self.text, options()).ok()
    }

    /// The bytes of the character at a line and column; the scanner of YAML knows no more.
    fn character_at(&self, location: &Location) -> Range<usize> {
        let line = self.text.split_inclusive('\n').take(location.line().saturating_sub(1) as usize);
        let start = line.map(str::len).sum::<usize>();
        let before = self.text[start..].chars().take(location.column().saturating_sub(1) as usize);
        let start = start + before.map(char::len_utf8).sum::<usize>();
        start..start + self.text[start..].chars().next().map_or(0, char::len_utf8)
    }
}

/// What is wrong in a text, and where; not yet drawn.
#[derive(Debug, PartialEq)]
pub(crate) struct Mistake {
    message: String,
    label: String,
    /// The place; unknown when the text does not say it.
    pub(crate) span: Option<Range<usize>>,
    hints: Vec<String>,
}

impl Mistake {
    /// Draws the mistake in the text that it is in.
    pub(crate) fn failure(self, source: &SourceText) -> Failure {
        let failure = match self.span {
            Some(span) => Failure::input(self.message).at(source.draw(span, &self.label)),
            None => Failure::input(format!("{}: {}", source.name, self.message)),
        };
        self.hints.into_iter().fold(failure, Failure::hint)
    }
}

/// Adds a line under the drawing of a failure, in line with it.
pub(crate) fn noted(mut failure: Failure, note: &str) -> Failure {
    let gutter = failure.excerpt.find("-->").unwrap_or(1) + 1;
    failure.excerpt = format!("{}\n{:>gutter$} note: {note}", failure.excerpt.trim_end(), "=");
    failure
}

/// What is said about an error: the message, the label at the caret, and the hints.
struct Words {
    message: String,
    /// Whether the key is wrong, or the value.
    about: Part,
    label: String,
    hints: Vec<String>,
}

impl Words {
    fn of(error: &Error, found: &str) -> Words {
        let mut hints = Vec::new();
        let (message, label) = match error {
            Error::SerdeUnknownField { field, expected, .. } => {
                name_hints(&mut hints, "key", field, expected);
                (format!("unknown key `{field}`"), "not a key here".to_owned())
            }
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                name_hints(&mut hints, "name", variant, expected);
                (format!("unknown name `{variant}`"), "not a name here".to_owned())
            }
            Error::SerdeMissingField { field, .. } => {
                (format!("missing key `{field}`"), format!("`{field}` must stand beside this"))
            }
            Error::DuplicateMappingKey { key, .. } => {
                let key = key.as_deref().unwrap_or(found);
                (format!("the key `{key}` is given twice"), "given before".to_owned())
            }
            Error::SerdeInvalidType { unexpected, expected, .. } | Error::SerdeInvalidValue { unexpected, expected, .. } => {
                (format!("expected {expected}"), format!("found {}", plainly(unexpected)))
            }
            Error::SerdeInvalidLength { len, expected, .. } => (format!("expected {expected}"), format!("found {len}")),
            Error::InvalidScalar { ty, .. } => (format!("expected {}", type_in_words(ty)), format!("found `{found}`")),
            Error::InvalidBooleanStrict { .. } => ("expected true or false".to_owned(), format!("found `{found}`")),
            Error::NullIntoString { .. } => ("expected a text".to_owned(), "found nothing".to_owned()),
            Error::Unexpected { expected, .. } => (format!("expected {}", type_in_words(expected)), found_here(found)),
            Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
                ("expected a name or a mapping".to_owned(), "found a list".to_owned())
            }
            Error::MultipleDocuments { .. } => ("a second document begins".to_owned(), "one document a file".to_owned()),
            Error::Eof { .. } => ("the text ends too early".to_owned(), "nothing here".to_owned()),
            Error::NonFiniteFloat { value, .. } => (format!("`{value}` is not a finite number"), "not finite".to_owned()),
            Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasReplayStackDepthExceeded { .. } => {
                hints.push("aliases that multiply are refused".to_owned());
                ("the document is too large or nested too deeply".to_owned(), "given up here".to_owned())
            }
            other => (without_place(&other.to_string()), "here".to_owned()),
        };
        if label == "here" && found.starts_with('\t') || message.contains("tab") {
            hints.push("indent with spaces".to_owned());
        }
        let key = matches!(
            error,
            Error::SerdeUnknownField { .. }
                | Error::SerdeUnknownVariant { .. }
                | Error::SerdeMissingField { .. }
                | Error::DuplicateMappingKey { .. }
        );
        Words { message, about: if key { Part::Key } else { Part::Value }, label, hints }
    }
}

fn name_hints(hints: &mut Vec<String>, noun: &str, name: &str, expected: &[&'static str]) {
    if let Some(near) = nearest(name, expected.iter().copied()) {
        hints.push(format!("did you mean `{near}`?"));
    }
    hints.push(format!("{noun}s allowed here: {}", expected.join(", ")));
}

/// The names of Rust's and the parser's types, in a person's words.
fn type_in_words(name: &str) -> &str {
    match name {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "floating point" | "f32" | "f64" => "a number",
        "sequence start" => "a list",
        "mapping start" => "a mapping",
        "string scalar" => "a text",
        other => other,
    }
}

/// Serde's word for what it found, without its word for the kind where the value says it.
fn plainly(unexpected: &str) -> String {
    match unexpected {
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        "unit value" => "nothing".to_owned(),
        other => {
            let kinds = ["string ", "boolean ", "integer ", "floating point "];
            kinds.iter().find_map(|kind| other.strip_prefix(kind)).unwrap_or(other).replace('"', "`")
        }
    }
}

/// What stands at the place; a list in lines has no sign of its own.
fn found_here(found: &str) -> String {
    if found.is_empty() { "found something else".to_owned() } else { format!("found `{found}`") }
}

/// A parser's message without the place at its end, which is drawn.
fn without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    first.rfind(" at line ").map_or(first, |at| &first[..at]).to_owned()
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 200_000 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        emit_comments: false,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}
