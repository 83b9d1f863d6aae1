//! Moments in Time: `class/video.mp4,label,agree,disagree` without a header.

use super::Format;
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, fields, number, short};
use super::split;
use anyhow::Result;
use std::path::{Path, PathBuf};

pub(super) const FORMAT: Format = Format {
    name: "Moments in Time CSV",
    looks: "`class/video.mp4,class,agree,disagree` a line, without a header",
    fits: |file, _| file.mostly(|line| row(line).is_ok_and(|row| row.class == row.label)),
    read,
};

struct Row {
    path: PathBuf,
    /// The first folder of the path.
    class: String,
    label: String,
}

fn row(line: &str) -> Result<Row, String> {
    let fields = fields(line, ',');
    let [path, label, agree, disagree] = fields.as_slice() else {
        return Err(format!("it has {} fields, not the four path, label, agree, disagree: {}", fields.len(), short(line)));
    };
    if number(agree).is_none() || number(disagree).is_none() {
        return Err(format!("its last fields are no numbers of votes: {}", short(line)));
    }
    match path.split_once('/') {
        Some((class, rest)) if !class.is_empty() && !rest.is_empty() => {
            Ok(Row { path: path.into(), class: class.to_owned(), label: label.clone() })
        }
        _ => Err(format!("it names no file in a class folder: {}", short(line))),
    }
}

fn read(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let place = Place::within(file, "");
    for (number, line) in file.lines() {
        let place = place(number);
        match row(line) {
            Ok(row) => {
                let split = file.split(None);
                let path = located(gather, row.path, &split);
                gather.listed(&place, Said { path, split, label: Label::name(&row.class) });
            }
            Err(reason) => gather.malformed(&place, &reason),
        }
    }
    Ok(())
}

/// Returns where a clip lies: in the folder of a split, or at its path.
fn located(gather: &mut Gather, path: PathBuf, split: &str) -> PathBuf {
    if gather.disk.is_file(&path) {
        return path;
    }
    let mut places = split::folders(split).map(|folder| Path::new(folder).join(&path));
    places.find(|place| gather.disk.is_file(place)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    #[test]
    fn clips_lie_under_the_root_or_the_folder_of_their_split() {
        let tree =
            Tree::new(&["training/run/1.mp4", "validation/run/1.mp4", "jump+high/2.mp4"]).with_classes("run,0\njump+high,1\n");
        let training = "run/1.mp4,run,3,0\njump+high/2.mp4,jump+high,4,1\n";
        let listing = tree.read(&[("trainingSet.csv", training), ("validationSet.csv", "run/1.mp4,run,2,1\n")]);
        assert_eq!(listing.format, FORMAT.name);
        let expected = ["train run training/run/1.mp4", "train jump+high jump+high/2.mp4", "val run validation/run/1.mp4"];
        assert_eq!(lines(&listing), expected);
        assert_eq!(listing.classes, ["run", "jump+high"]);
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let tree = Tree::new(&["run/1.mp4", "sit/1.mp4"]).with_classes("run\n");
        let list = "run/1.mp4,run,3,0\nrun/2.mp4,run,3,0\nsit/1.mp4,sit,3,0\nrun/1.mp4,run,3\nrun/1.mp4,run,a,b\n1.mp4,run,3,0\nrun/1.mp4,run,1,1\nrun/3.mp4,run,1,1";
        let listing = tree.read(&[("trainingSet.csv", list)]);
        let expected = [
            "Missing run/2.mp4: trainingSet.csv:2: `run/2.mp4` is not there",
            "UnknownLabel sit/1.mp4: trainingSet.csv:3: label `sit` is not in `classes.txt`",
            "Malformed trainingSet.csv: trainingSet.csv:4: it has 3 fields, not the four path, label, agree, disagree: run/1.mp4,run,3",
            "Malformed trainingSet.csv: trainingSet.csv:5: its last fields are no numbers of votes: run/1.mp4,run,a,b",
            "Malformed trainingSet.csv: trainingSet.csv:6: it names no file in a class folder: 1.mp4,run,3,0",
            "Duplicate run/1.mp4: trainingSet.csv:7: `run/1.mp4` is listed before, at trainingSet.csv:1",
            "Missing run/3.mp4: trainingSet.csv:8: `run/3.mp4` is not there",
        ];
        assert_eq!(tree.problems(&listing), expected);
    }
}
