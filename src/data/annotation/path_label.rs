//! `path label` a line, or a CSV whose header has a column `path`: the format that most data sets are turned into.

use super::Format;
use super::Trouble;
use super::disk::{Disk, media};
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, fields, number, short};
use anyhow::Result;
use std::path::Path;

pub(super) const TABLE: Format = Format {
    name: "path and label with a header",
    looks: "a header with path and, at will, label and split, in any order, parted by commas, tabs or spaces",
    fits: |file, _| Shape::table(file).is_some(),
    read: |file, gather| read(file, Shape::table(file), gather),
};

pub(super) const LINES: Format = Format {
    name: "path and label",
    looks: "`path label` a line, parted by a space, tab or comma, or only `path`",
    fits: |file, gather| Shape::lines(file, &mut gather.disk).is_some(),
    read: |file, gather| read(file, Shape::lines(file, &mut gather.disk), gather),
};

const PATHS: [&str; 9] = ["path", "file", "filename", "file_name", "filepath", "file_path", "video_path", "image_path", "video"];
const LABELS: [&str; 6] = ["label", "class", "class_name", "category", "action", "target"];

/// How a list is laid out.
enum Shape {
    /// By the names in its header.
    Columns { delimiter: char, count: usize, path: usize, label: Option<usize>, split: Option<usize> },
    /// The label is the last field.
    Pairs(char),
    /// Only paths.
    Paths,
}

/// What a line says.
struct Row {
    path: String,
    /// None where the list has no labels.
    label: Option<String>,
    split: Option<String>,
}

impl Shape {
    fn table(file: &ListFile) -> Option<Self> {
        [',', '\t', ' '].into_iter().find_map(|delimiter| Shape::columns(file, delimiter))
    }

    fn lines(file: &ListFile, disk: &mut Disk) -> Option<Self> {
        if file.text().trim_start().starts_with(['{', '[', '<']) {
            return None;
        }
        let shapes = [Shape::Pairs('\t'), Shape::Pairs(','), Shape::Pairs(' '), Shape::Paths];
        shapes.into_iter().find(|shape| file.mostly(|line| shape.row(line).is_ok_and(|row| row.is_clip(disk))))
    }

    fn columns(file: &ListFile, delimiter: char) -> Option<Self> {
        let header = file.header(delimiter);
        if header.iter().any(|field| number(field).is_some()) {
            return None;
        }
        let column = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|field| field == name));
        let (path, label, split) = (column(&PATHS)?, column(&LABELS), column(&["split"]));
        Some(Shape::Columns { delimiter, count: header.len(), path, label, split })
    }

    fn row(&self, line: &str) -> Result<Row, String> {
        let row = match self {
            Shape::Columns { delimiter, count, path, label, split } => {
                let fields = fields(line, *delimiter);
                if fields.len() != *count {
                    return Err(format!("it has {} fields, the header {count}: {}", fields.len(), short(line)));
                }
                let field = |index: usize| fields[index].clone();
                Row { path: field(*path), label: label.map(field), split: split.map(field) }
            }
            Shape::Paths => Row { path: line.to_owned(), label: None, split: None },
            Shape::Pairs(',') => {
                let mut fields = fields(line, ',');
                let label = fields.pop().filter(|_| !fields.is_empty()).ok_or_else(|| no_label(line))?;
                Row { path: fields.join(","), label: Some(label), split: None }
            }
            Shape::Pairs(delimiter) => {
                let (path, label) = line.rsplit_once(*delimiter).ok_or_else(|| no_label(line))?;
                Row { path: path.trim().to_owned(), label: Some(label.to_owned()), split: None }
            }
        };
        if row.path.is_empty() { Err(format!("it names no file: {}", short(line))) } else { Ok(row) }
    }

    /// Tells whether most labels are numbers; a class may be called `007` all the same.
    fn has_numbers(&self, file: &ListFile, disk: &mut Disk) -> bool {
        let rows = file.sample().skip(usize::from(self.has_header())).filter_map(|line| self.row(line).ok());
        let clips = rows.filter(|row| self.has_header() || row.is_clip(disk));
        let labels: Vec<String> = clips.filter_map(|row| row.label.filter(|label| !label.is_empty())).collect();
        2 * labels.iter().filter(|label| number(label).is_some()).count() > labels.len()
    }

    fn has_header(&self) -> bool {
        matches!(self, Shape::Columns { .. })
    }
}

fn no_label(line: &str) -> String {
    format!("it has no label: {}", short(line))
}

impl Row {
    /// Tells whether the path may be that of a clip, so that prose is not taken for a list.
    fn is_clip(&self, disk: &mut Disk) -> bool {
        let path = Path::new(&self.path);
        let has_number = self.label.as_deref().is_some_and(|label| number(label).is_some());
        media(path).is_some() || (has_number && self.path.contains('/')) || disk.is_folder(path) || disk.is_file(path)
    }
}

fn read(file: &ListFile, shape: Option<Shape>, gather: &mut Gather) -> Result<()> {
    let Some(shape) = shape else { return Ok(()) };
    let place = Place::within(file, "");
    let by_number = shape.has_numbers(file, &mut gather.disk);
    if matches!(shape, Shape::Paths | Shape::Columns { label: None, .. }) {
        gather.notice(format!("`{}` has no labels", file.name));
    }
    let is_table = shape.has_header();
    for (number, line) in file.lines().skip(usize::from(is_table)) {
        match shape.row(line) {
            Ok(row) if is_table || row.is_clip(&mut gather.disk) => add(file, gather, &place(number), row, by_number),
            Ok(row) => gather.malformed(&place(number), &format!("`{}` names no clip", short(&row.path))),
            Err(reason) => gather.malformed(&place(number), &reason),
        }
    }
    Ok(())
}

fn add(file: &ListFile, gather: &mut Gather, place: &Place, row: Row, by_number: bool) {
    let text = row.label.unwrap_or_default();
    let label = if by_number { Label::number(&text) } else { Label::name(&text) };
    if by_number && matches!(label, Label::Name(_)) && gather.classes().is_none() {
        let reason = format!("label `{}` is not a number, as the others are", short(&text));
        return gather.problem(place, Trouble::UnknownLabel, &row.path, &reason);
    }
    gather.listed(place, Said { path: row.path.into(), split: file.split(row.split.as_deref()), label });
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    fn read(files: &[&str], list: &str) -> (Vec<String>, Vec<String>) {
        let tree = Tree::new(files);
        let listing = tree.read(&[("val.txt", list)]);
        assert!([TABLE.name, LINES.name].contains(&listing.format));
        (lines(&listing), tree.problems(&listing))
    }

    #[test]
    fn the_label_is_the_last_field_whatever_parts_them() {
        let files = ["a/1 2.mp4", "b,c/2.mp4"];
        let expected = ["val 0 a/1 2.mp4", "val 3 b,c/2.mp4"].map(str::to_owned);
        for list in
            ["a/1 2.mp4 0\nb,c/2.mp4 3", "a/1 2.mp4\t0\nb,c/2.mp4\t3", "a/1 2.mp4,0\n\"b,c/2.mp4\",3", "a/1 2.mp4,0\nb,c/2.mp4,3"]
        {
            let tree = Tree::new(&files).with_classes("0\n1\n2\n3\n");
            assert_eq!(lines(&tree.read(&[("val.txt", list)])), expected, "{list}");
        }
        let named = read(&files, "a/1 2.mp4,playing guitar\nb,c/2.mp4,\"sit, down\"\n");
        assert_eq!(named.0, ["val playing guitar a/1 2.mp4", "val sit, down b,c/2.mp4"]);
    }

    #[test]
    fn a_header_names_the_columns_in_any_order() {
        let files = ["1.mp4", "2.mp4", "3.mp4"];
        let (found, problems) = read(&files, "frames,Label,split,path\n3,b,training,1.mp4\n2,a,,2.mp4\n1,,test,3.mp4\n");
        assert_eq!(found, ["train b 1.mp4", "val a 2.mp4", "test unlabelled 3.mp4"]);
        assert!(problems.is_empty());
        assert_eq!(read(&files, "path label\n1.mp4 b\n").0, ["val b 1.mp4"]);
        assert_eq!(read(&files, "path\n1.mp4\n").0, ["val unlabelled 1.mp4"]);
    }

    #[test]
    fn a_list_of_paths_has_no_labels() {
        let tree = Tree::new(&["a b/1.mp4", "run/1.jpg", "run/2.jpg"]);
        let listing = tree.read(&[("train.txt", "a b/1.mp4\nrun\n")]);
        assert_eq!(lines(&listing), ["train unlabelled a b/1.mp4", "train unlabelled run"]);
        assert!(listing.notices[0].ends_with("train.txt` has no labels"), "{:?}", listing.notices);
    }

    #[test]
    fn numbers_are_named_by_the_classes_file_else_by_the_folders() {
        let files = ["b/1.mp4", "a/1.mp4"];
        assert_eq!(read(&files, "b/1.mp4 0\na/1.mp4 1\n").0, ["val b b/1.mp4", "val a a/1.mp4"]);
        let tree = Tree::new(&files).with_classes("zero\none\n");
        assert_eq!(lines(&tree.read(&[("val.txt", "b/1.mp4 0\na/1.mp4 1\n")])), ["val zero b/1.mp4", "val one a/1.mp4"]);
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let (found, problems) =
            read(&["a/1.mp4", "a/2.mp4"], "a/1.mp4 0\nnonsense\na/2.mp4 x\nnone.mp4 1\nsome words\na/2.mp4 1\n 0\n");
        assert_eq!(found, ["val 0 a/1.mp4", "val 1 a/2.mp4"]);
        let expected = [
            "Malformed val.txt: val.txt:2: it has no label: nonsense",
            "UnknownLabel a/2.mp4: val.txt:3: label `x` is not a number, as the others are",
            "Missing none.mp4: val.txt:4: `none.mp4` is not there",
            "Malformed val.txt: val.txt:5: `some` names no clip",
            "Malformed val.txt: val.txt:7: it has no label: 0",
        ];
        assert_eq!(problems, expected);
        let (_, problems) = read(&["1.mp4"], "path,label\n1.mp4,a\n1.mp4\n,b\n");
        let expected = [
            "Malformed val.txt: val.txt:3: it has 1 fields, the header 2: 1.mp4",
            "Malformed val.txt: val.txt:4: it names no file: ,b",
        ];
        assert_eq!(problems, expected);
    }
}
