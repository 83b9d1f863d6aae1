//! A list file in memory: its lines with their numbers, and the fields of a line.

use super::{List, split};
use crate::failure::Failure;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A list file that was read.
pub(super) struct ListFile {
    /// The file as the person named it.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The split that the person gave.
    pub(super) given: Option<String>,
    text: String,
}

/// How many lines are looked at to tell a format.
const SAMPLE: usize = 200;

impl ListFile {
    pub(super) fn open(list: &List) -> Result<Self> {
        let name = list.path.display().to_string();
        let text = read_text(&list.path).map_err(|error| {
            let failure = Failure::input(format!("cannot read the list `{name}`: {error}"));
            failure.hint("name a list file that is there, or none to go by the folders")
        })?;
        Ok(ListFile { name, path: list.path.clone(), given: list.split.clone(), text })
    }

    /// The lines that say something, without the blanks around them, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
    }

    /// The whole text, for formats that have no lines.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The first lines, which tell the format.
    pub(super) fn sample(&self) -> impl Iterator<Item = &str> {
        self.lines().take(SAMPLE).map(|(_, line)| line)
    }

    /// Tells whether more than half of the first lines are as asked; one bad line must not hide a format.
    pub(super) fn mostly(&self, mut fits: impl FnMut(&str) -> bool) -> bool {
        let sample: Vec<&str> = self.sample().collect();
        2 * sample.iter().filter(|line| fits(line)).count() > sample.len()
    }

    /// Returns the fields of the first line in lower case: the header, if it is one.
    pub(super) fn header(&self, delimiter: char) -> Vec<String> {
        let first = self.lines().next().map_or("", |(_, line)| line);
        fields(first, delimiter).iter().map(|field| field.to_lowercase()).collect()
    }

    /// Returns the split of a line, `said` being what the line itself says; the person's word goes first.
    pub(super) fn split(&self, said: Option<&str>) -> String {
        match (&self.given, said) {
            (Some(given), _) => given.clone(),
            (None, Some(said)) if !said.is_empty() => split::normal(said),
            _ => split::of_list(&self.path).to_owned(),
        }
    }
}

/// Reads a text file whatever its encoding; the mark that some editors put in front is dropped.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    let text = match String::from_utf8(std::fs::read(path)?) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Returns the fields of a line without the blanks around them; quotes count where the delimiter is a comma.
pub(super) fn fields(line: &str, delimiter: char) -> Vec<String> {
    let quoted = delimiter == ',' && line.contains('"');
    let record = quoted.then(|| {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).trim(csv::Trim::All).buffer_capacity(line.len() + 1);
        reader.from_reader(line.as_bytes()).into_records().next()
    });
    match record {
        Some(Some(Ok(record))) => record.iter().map(str::to_owned).collect(),
        _ if delimiter == ' ' => line.split_whitespace().map(str::to_owned).collect(),
        _ => line.split(delimiter).map(|field| field.trim().to_owned()).collect(),
    }
}

/// Returns the field as a number, when it is one.
pub(super) fn number(field: &str) -> Option<i64> {
    field.parse().ok()
}

/// Returns the beginning of a text, for a message.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str) -> ListFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("val.csv");
        std::fs::write(&path, text).unwrap();
        ListFile::open(&List { split: None, path }).unwrap()
    }

    #[test]
    fn lines_keep_their_numbers_whatever_ends_them() {
        let file = opened("\u{feff}Path, Label\r\n\r\n a b.mp4 , 1 \n\n");
        assert_eq!(file.lines().collect::<Vec<_>>(), [(1, "Path, Label"), (3, "a b.mp4 , 1")]);
        assert_eq!(file.header(','), ["path", "label"]);
    }

    #[test]
    fn quotes_hold_a_field_together() {
        assert_eq!(fields(r#""a, b.mp4","say ""hi""""#, ','), ["a, b.mp4", r#"say "hi""#]);
        assert_eq!(fields(r#"5" disk,2"#, ','), [r#"5" disk"#, "2"]);
        assert_eq!(fields("a\t b c ", '\t'), ["a", "b c"]);
        assert_eq!(fields("a  b ", ' '), ["a", "b"]);
    }

    #[test]
    fn the_persons_split_goes_before_the_lines_and_that_before_the_name() {
        let mut file = opened("x");
        assert_eq!(file.split(Some("training")), "train");
        assert_eq!(file.split(Some("")), "val");
        file.given = Some("mine".to_owned());
        assert_eq!(file.split(Some("training")), "mine");
    }

    #[test]
    fn most_lines_decide() {
        assert!(opened("1\nx\n2").mostly(|line| number(line).is_some()));
        assert!(!opened("1\nx").mostly(|line| number(line).is_some()));
        assert!(!opened("").mostly(|_| true));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_reading() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), b"a\xff\n").unwrap();
        assert_eq!(read_text(&folder.path().join("x")).unwrap(), "a\u{fffd}\n");
    }
}
