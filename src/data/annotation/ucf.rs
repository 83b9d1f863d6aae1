//! UCF-101: `trainlist01.txt` with `Class/v_x.avi 1`, `testlist01.txt` with `Class/v_x.avi`, and `classInd.txt`, from 1.

use super::Format;
use super::classes::Classes;
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, short};
use anyhow::Result;

pub(super) const FORMAT: Format = Format {
    name: "UCF-101 list",
    looks: "`Class/file.avi` or `Class/file.avi number` a line, the classes in a classInd.txt beside the list or named",
    fits: |file, gather| gather.classes().is_some_and(|classes| is_list_of(file, classes)),
    read,
};

/// Returns the classes of the `classInd.txt` beside a list, when they are those of the list.
pub(super) fn classes_beside(file: &ListFile) -> Option<Classes> {
    let path = file.path.with_file_name("classInd.txt");
    if !path.is_file() {
        return None;
    }
    Classes::read(&path).ok().filter(|classes| is_list_of(file, classes))
}

fn is_list_of(file: &ListFile, classes: &Classes) -> bool {
    classes.base == Some(1) && file.mostly(|line| row(line).is_ok_and(|row| classes.contains(row.class)))
}

struct Row<'a> {
    path: &'a str,
    class: &'a str,
    number: Option<usize>,
}

fn row(line: &str) -> Result<Row<'_>, String> {
    let labelled = line.rsplit_once([' ', '\t']).and_then(|(path, number)| Some((path.trim_end(), Some(number.parse().ok()?))));
    let (path, number) = labelled.unwrap_or((line, None));
    match path.split_once('/') {
        Some((class, name)) if !class.is_empty() && name.contains('.') && !name.contains('/') => Ok(Row { path, class, number }),
        _ => Err(format!("it is not `Class/file` with or without a number: {}", short(line))),
    }
}

fn read(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let place = Place::within(file, "");
    for (number, line) in file.lines() {
        let place = place(number);
        match row(line).and_then(|row| agreed(row, gather)) {
            Ok(row) => {
                let label = Label::name(row.class);
                gather.listed(&place, Said { path: row.path.into(), split: file.split(None), label });
            }
            Err(reason) => gather.malformed(&place, &reason),
        }
    }
    Ok(())
}

/// Refuses a line whose number is that of another class than its folder.
fn agreed<'a>(row: Row<'a>, gather: &Gather) -> Result<Row<'a>, String> {
    let position = |label| gather.classes().and_then(|classes| classes.position(&label).ok());
    match row.number {
        Some(number) if position(Label::name(row.class)).is_some_and(|class| position(Label::Number(number)) != Some(class)) => {
            Err(format!("{number} is not the number of the class `{}`", row.class))
        }
        _ => Ok(row),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    const FILES: [&str; 3] = ["Run/v_1.avi", "Jump/v_2.avi", "Run/v_3.avi"];
    const TRAIN: (&str, &str) = ("trainlist01.txt", "Run/v_1.avi 1\nJump/v_2.avi 2\n");
    const TEST: (&str, &str) = ("testlist01.txt", "Run/v_3.avi\n");

    #[test]
    fn the_class_index_is_found_beside_the_lists() {
        let tree = Tree::new(&FILES);
        tree.write("classInd.txt", b"1 Run\r\n2 Jump\r\n");
        let listing = tree.read(&[TRAIN, TEST]);
        assert_eq!((listing.format, listing.notices.len()), (FORMAT.name, 0));
        assert_eq!(listing.classes, ["Run", "Jump"]);
        assert_eq!(lines(&listing), ["train Run Run/v_1.avi", "train Jump Jump/v_2.avi", "test Run Run/v_3.avi"]);
    }

    #[test]
    fn a_class_index_beside_other_lists_is_left_alone() {
        let tree = Tree::new(&["a/1.mp4"]);
        tree.write("classInd.txt", b"1 Run\n2 Jump\n");
        let listing = tree.read(&[("train.txt", "a/1.mp4 1\n")]);
        assert_eq!((listing.format, listing.classes), ("path and label", vec!["a".to_owned()]));
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let tree = Tree::new(&FILES).with_classes("1 Run\n2 Jump\n");
        let list = "Run/v_1.avi 1\nRun/v_3.avi 2\nJump/v_9.avi 2\nSit/v_1.avi 1\nv_1.avi\nRun/v_1.avi\nJump/v_2.avi 7\n";
        let listing = tree.read(&[("trainlist01.txt", list)]);
        let expected = [
            "Malformed trainlist01.txt: trainlist01.txt:2: 2 is not the number of the class `Run`",
            "Missing Jump/v_9.avi: trainlist01.txt:3: `Jump/v_9.avi` is not there",
            "Missing Sit/v_1.avi: trainlist01.txt:4: `Sit/v_1.avi` is not there",
            "Malformed trainlist01.txt: trainlist01.txt:5: it is not `Class/file` with or without a number: v_1.avi",
            "Duplicate Run/v_1.avi: trainlist01.txt:6: `Run/v_1.avi` is listed before, at trainlist01.txt:1",
            "Malformed trainlist01.txt: trainlist01.txt:7: 7 is not the number of the class `Jump`",
        ];
        assert_eq!(tree.problems(&listing), expected);
    }
}
