//! The classes file: names of classes in order, with their numbers where it gives them.

use super::labels::Label;
use super::list_file::{number, read_text};
use crate::failure::{Failure, nearest};
use anyhow::Result;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// The classes that a file names, in the order of their numbers, else of its lines.
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    /// The lowest number in the file; none when it gives no numbers, and its classes count from 0.
    pub(super) base: Option<usize>,
    file: String,
    by_name: HashMap<String, usize>,
    by_number: HashMap<usize, usize>,
}

/// A class and its number.
type Row = (Option<usize>, String);

impl Classes {
    /// Reads one name a line; `number name`, `name,number` or `name number` a line; a JSON list of names; or a JSON object of
    /// names and numbers. A line that starts with a WordNet id (`n01440764`) names that id, whatever follows.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let text = read_text(path).map_err(|error| Failure::input(format!("cannot read the classes file `{file}`: {error}")))?;
        let rows = if text.trim_start().starts_with(['{', '[']) { json_rows(&text) } else { line_rows(&text) };
        let classes = rows.and_then(|rows| Classes::new(&file, rows));
        Ok(classes.map_err(|reason| {
            let failure = Failure::input(format!("cannot read the classes file `{file}`: {reason}"));
            failure.hint("write one name a line, or `number name`, or `name,number`; or a JSON object of names and numbers")
        })?)
    }

    fn new(file: &str, mut rows: Vec<Row>) -> Result<Self, String> {
        if rows.is_empty() {
            return Err("it names no classes".to_owned());
        }
        rows.sort_by_key(|(number, _)| *number);
        let base = rows[0].0;
        let (mut by_name, mut by_number) = (HashMap::new(), HashMap::new());
        for (position, (number, name)) in rows.iter().enumerate() {
            if by_name.insert(name.clone(), position).is_some() {
                return Err(format!("it names the class `{name}` twice"));
            }
            let number = number.unwrap_or(position);
            if by_number.insert(number, position).is_some() {
                return Err(format!("it gives the number {number} twice"));
            }
        }
        Ok(Classes { names: rows.into_iter().map(|(_, name)| name).collect(), base, file: file.to_owned(), by_name, by_number })
    }

    /// Tells whether a name is one of the classes.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Returns the index of a label's class; the error says what is wrong with the label.
    pub(super) fn position(&self, label: &Label) -> Result<usize, String> {
        match label {
            // Classes may be named by numbers, which then are not their places in the file.
            Label::Number(number) => match self.by_name.get(&number.to_string()).or_else(|| self.by_number.get(number)) {
                Some(position) => Ok(*position),
                None => Err(format!("label {number} is not in `{}`, {}", self.file, self.range())),
            },
            Label::Name(name) => match self.by_name.get(name) {
                Some(position) => Ok(*position),
                None => Err(self.stranger(name)),
            },
            Label::None => Ok(self.by_name.get(super::UNLABELLED).copied().unwrap_or(self.names.len())),
        }
    }

    fn stranger(&self, name: &str) -> String {
        let near = nearest(name, self.names.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
        format!("label `{name}` is not in `{}`{}", self.file, near.unwrap_or_default())
    }

    fn range(&self) -> String {
        let lowest = self.by_number.keys().min().copied().unwrap_or_default();
        let highest = self.by_number.keys().max().copied().unwrap_or_default();
        format!("whose classes go from {lowest} to {highest}")
    }
}

/// Returns the WordNet id that a text starts with, and what follows.
fn split_wordnet(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once([' ', '\t', ',']).unwrap_or((text, ""));
    let is_id = word.len() == 9 && word.starts_with('n') && word[1..].bytes().all(|byte| byte.is_ascii_digit());
    is_id.then_some((word, rest))
}

/// Returns a class name without quotes around it or a description after it.
fn clean(name: &str) -> String {
    let name = name.trim().trim_matches('"').trim();
    split_wordnet(name).map_or(name, |(id, _)| id).to_owned()
}

fn numbered(number: &str, name: &str) -> Option<Row> {
    let number = number.trim().parse().ok()?;
    let name = clean(name);
    (!name.is_empty()).then_some((Some(number), name))
}

/// Reads `name,number`, `number,name`, `number name` or `name number`, a tab counting as a comma.
fn numbered_line(line: &str) -> Option<Row> {
    if let Some((id, rest)) = split_wordnet(line) {
        return numbered(rest.trim().split([' ', '\t', ',']).next()?, id);
    }
    let last = line.rsplit_once(['\t', ',']).filter(|(name, _)| number(name).is_none());
    last.and_then(|(name, number)| numbered(number, name))
        .or_else(|| line.split_once(['\t', ',']).and_then(|(number, name)| numbered(number, name)))
        .or_else(|| line.split_once(' ').and_then(|(number, name)| numbered(number, name)))
        .or_else(|| line.rsplit_once(' ').and_then(|(name, number)| numbered(number, name)))
}

fn line_rows(text: &str) -> Result<Vec<Row>, String> {
    let lines: Vec<(usize, &str)> = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()).collect();
    let rows: Vec<Option<Row>> = lines.iter().map(|(_, line)| numbered_line(line)).collect();
    let plain = || Ok(lines.iter().map(|(_, line)| (None, clean(line))).collect());
    if 2 * rows.iter().flatten().count() <= rows.len() || has_numbers_in_names(&lines, &rows) {
        return plain();
    }
    let header = usize::from(is_header(lines[0].1));
    let read = rows.into_iter().zip(&lines).skip(header);
    read.map(|(row, (index, line))| row.ok_or_else(|| format!("line {} has no number: {line}", index + 1))).collect()
}

/// Tells names like `group 1` and `group 2` from names with a number behind them: without it they are the same.
fn has_numbers_in_names(lines: &[(usize, &str)], rows: &[Option<Row>]) -> bool {
    let mut names: Vec<&str> = rows.iter().flatten().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    let is_open = |line: &str| !line.contains(['\t', ',']) && !line.starts_with(|first: char| first.is_ascii_digit());
    names.windows(2).any(|pair| pair[0] == pair[1])
        && lines.iter().all(|(_, line)| is_open(line) && split_wordnet(line).is_none())
}

fn is_header(line: &str) -> bool {
    const WORDS: [&str; 8] = ["id", "index", "idx", "number", "name", "label", "class", "class_name"];
    line.split([' ', '\t', ',']).all(|word| WORDS.contains(&word.trim_matches('"').to_lowercase().as_str()))
}

fn json_rows(text: &str) -> Result<Vec<Row>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Array(names)) => names.iter().map(|name| Ok((None, clean(json_name(name)?)))).collect(),
        Ok(Value::Object(pairs)) => pairs.iter().map(|(key, value)| json_row(key, value)).collect(),
        Ok(_) => Err("it is neither a list nor an object".to_owned()),
        Err(error) => Err(format!("it is no whole JSON: {error}")),
    }
}

fn json_name(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not a name"))
}

/// Reads `"name": 3`, `"name": "3"`, `"3": "name"` or `"3": ["name", ...]`.
fn json_row(key: &str, value: &Value) -> Result<Row, String> {
    let text = match value {
        Value::Array(values) => json_name(values.first().unwrap_or(&Value::Null))?.to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    numbered(&text, key).or_else(|| numbered(key, &text)).ok_or_else(|| format!("`{key}` has no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Classes> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("c"), text).unwrap();
        Classes::read(&folder.path().join("c"))
    }

    fn names(text: &str) -> (Vec<String>, Option<usize>) {
        let classes = read(text).unwrap();
        (classes.names, classes.base)
    }

    fn expected(names: &[&str], base: Option<usize>) -> (Vec<String>, Option<usize>) {
        (names.iter().map(|name| (*name).to_owned()).collect(), base)
    }

    #[test]
    fn names_come_one_a_line_with_or_without_numbers() {
        assert_eq!(names("run\r\n\njump high\n"), expected(&["run", "jump high"], None));
        assert_eq!(names("2 Run\n1 Jump High\n"), expected(&["Jump High", "Run"], Some(1)));
        assert_eq!(names("run,1\n8 ball,0\n"), expected(&["8 ball", "run"], Some(0)));
        assert_eq!(names("id,name\n0,run\n1,\"jump\"\n"), expected(&["run", "jump"], Some(0)));
        assert_eq!(names("run fast 7\njump 3\n"), expected(&["jump", "run fast"], Some(3)));
        assert_eq!(names("group 1\ngroup 2\n"), expected(&["group 1", "group 2"], None));
    }

    #[test]
    fn names_come_in_json() {
        assert_eq!(names(r#"["run", "jump"]"#), expected(&["run", "jump"], None));
        assert_eq!(names(r#"{"\"run\"": 1, "jump": "0"}"#), expected(&["jump", "run"], Some(0)));
        assert_eq!(names(r#"{"1": "run", "0": ["n01440764", "tench"]}"#), expected(&["n01440764", "run"], Some(0)));
    }

    #[test]
    fn wordnet_ids_stand_for_what_follows_them() {
        let ids = ["n01440764", "n01443537"];
        assert_eq!(names("n01440764 tench, Tinca tinca\nn01443537 goldfish\n"), expected(&ids, None));
        assert_eq!(names("1 n01440764 tench\n2 n01443537\n"), expected(&ids, Some(1)));
        assert_eq!(names("n01443537 2 goldfish\nn01440764 1 tench, 7\n"), expected(&ids, Some(1)));
        assert_eq!(names("n01443537,2\nn01440764,1\n"), expected(&ids, Some(1)));
    }

    #[test]
    fn labels_are_looked_up_by_name_and_by_number() {
        let classes = read("1 run\n2 jump\n").unwrap();
        let name = |name: &str| Label::Name(name.to_owned());
        assert_eq!(classes.position(&name("jump")), Ok(1));
        assert_eq!(classes.position(&Label::Number(1)), Ok(0));
        assert_eq!(classes.position(&Label::None), Ok(2));
        assert!(classes.position(&Label::Number(0)).unwrap_err().ends_with("whose classes go from 1 to 2"));
        assert!(classes.position(&name("jumps")).unwrap_err().ends_with("; did you mean `jump`?"));
        assert_eq!(read("5\n3\n").unwrap().position(&Label::Number(3)), Ok(1));
    }

    #[test]
    fn a_classes_file_that_contradicts_itself_is_refused() {
        let refused = |text: &str| read(text).err().unwrap().to_string();
        assert!(refused("").contains("names no classes"));
        assert!(refused("run\nrun\n").contains("the class `run` twice"));
        assert!(refused("0 run\n0 jump\n").contains("the number 0 twice"));
        assert!(refused("0 run\n1 jump\nsit\n").contains("line 3 has no number: sit"));
        assert!(refused("{\"run\": \"x\"}").contains("`run` has no number"));
        assert!(refused("{\"run\": ").contains("no whole JSON"));
    }
}
