//! Lists of three fields: VideoMAE's `video 0 -1` and `folder start total`, and mmaction's `folder total label`.

use super::Format;
use super::Media;
use super::disk::{Disk, last_number};
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, number, short};
use anyhow::Result;
use std::path::Path;

pub(super) const FORMAT: Format = Format {
    name: "VideoMAE list",
    looks: "`video 0 -1`, `frames-folder start total` or `frames-folder total label` a line",
    fits: |file, _| file.mostly(|line| row(line).is_ok()),
    read,
};

struct Row<'a> {
    path: &'a str,
    first: i64,
    second: i64,
}

fn row(line: &str) -> Result<Row<'_>, String> {
    let mut fields = line.rsplitn(3, [' ', '\t', ',']);
    let (second, first, path) = (fields.next(), fields.next(), fields.next());
    let number = |field: Option<&str>| field.and_then(number);
    match (path.map(str::trim_end), number(first), number(second)) {
        (Some(path), Some(first), Some(second)) if !path.is_empty() => Ok(Row { path, first, second }),
        _ => Err(format!("it is not a path and two numbers: {}", short(line))),
    }
}

/// What the two numbers behind a folder are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    StartTotal,
    TotalLabel,
}

impl Reading {
    /// Decides by the folders of the first lines: which number is that of the images in there? Returns how many say so, too.
    fn of(rows: &[Row], disk: &mut Disk) -> (Self, usize) {
        let (mut start_total, mut total_label) = (0, 0);
        for row in rows {
            let images = Some(disk.frames(Path::new(row.path)).len()).filter(|images| *images > 0).map(|images| images as i64);
            start_total += usize::from(images == Some(row.second) && images != Some(row.first));
            total_label += usize::from(images == Some(row.first) && images != Some(row.second));
        }
        match start_total.cmp(&total_label) {
            std::cmp::Ordering::Greater => (Reading::StartTotal, start_total),
            std::cmp::Ordering::Less => (Reading::TotalLabel, total_label),
            // Frames are numbered from 0 or 1; totals that small are not.
            std::cmp::Ordering::Equal if rows.iter().all(|row| (0..=1).contains(&row.first)) => (Reading::StartTotal, 0),
            std::cmp::Ordering::Equal => (Reading::TotalLabel, 0),
        }
    }

    fn notice(self, file: &ListFile, agreeing: usize) -> String {
        let reading = match self {
            Reading::StartTotal => "start total",
            Reading::TotalLabel => "total label",
        };
        let why = match agreeing {
            0 => "by its numbers alone: no folder of its first lines decides".to_owned(),
            count => format!("by the images in {count} of its first folders"),
        };
        format!("`{}` is read as `folder {reading}`, {why}", file.name)
    }
}

/// How many folders are looked into to decide the reading.
const LOOKED_AT: usize = 20;

fn read(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let of_folders = file.lines().filter_map(|(_, line)| row(line).ok()).filter(|row| row.second >= 0);
    let first: Vec<Row> = of_folders.take(LOOKED_AT).collect();
    let (reading, agreeing) = Reading::of(&first, &mut gather.disk);
    if !first.is_empty() {
        gather.notice(reading.notice(file, agreeing));
    }
    if first.is_empty() || reading == Reading::StartTotal {
        gather.notice(format!("`{}` has no labels", file.name));
    }
    let place = Place::within(file, "");
    for (number, line) in file.lines() {
        let place = place(number);
        let added = row(line).and_then(|row| add(gather, &place, &row, reading, file.split(None)));
        added.unwrap_or_else(|reason| gather.malformed(&place, &reason));
    }
    Ok(())
}

fn add(gather: &mut Gather, place: &Place, row: &Row, reading: Reading, split: String) -> Result<(), String> {
    let said = |label| Said { path: row.path.into(), split, label };
    if row.second < 0 {
        gather.listed(place, said(Label::None));
        return Ok(());
    }
    if gather.disk.is_file(Path::new(row.path)) {
        return Err(format!("`{}` is a file, and two numbers other than 0 -1 are for folders", row.path));
    }
    let (start, total, label) = match reading {
        Reading::StartTotal => (Some(row.first), row.second, Label::None),
        Reading::TotalLabel => (None, row.first, Label::number(&row.second.to_string())),
    };
    let total =
        usize::try_from(total).ok().filter(|total| *total > 0).ok_or_else(|| format!("{total} is no number of frames"))?;
    let names = gather.disk.frames(Path::new(row.path));
    let numbered = |start: i64| names.iter().position(|name| last_number(name) == usize::try_from(start).ok());
    // Many lists say 0 for the first frame whatever its name.
    let first = match start {
        Some(start) => numbered(start).or_else(|| (start == 0).then_some(0)),
        None => Some(0),
    };
    let said = said(label);
    match first {
        _ if names.is_empty() => gather.missing(place, &said, "is not there, or holds no images"),
        None => gather.missing(place, &said, &format!("holds no frame with the number {}", row.first)),
        Some(first) if names.len() - first < total => {
            gather.missing(place, &said, &format!("holds {} of its {total} frames", names.len() - first));
        }
        Some(first) => gather.found(place, said, Media::Frames { first, count: Some(total) }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::super::{Listing, Trouble};
    use super::*;

    /// Files of folders `a` (5 frames from 1) and `b` (7 frames from 1), and a video.
    fn tree() -> Tree {
        let frames = |folder: &str, count: usize| (1..=count).map(|n| format!("{folder}/img_{n:05}.jpg")).collect::<Vec<_>>();
        Tree::new(&[frames("a", 5), frames("b", 7), vec!["c d.mp4".to_owned()]].concat())
    }

    /// Returns the clips that are folders: path, first, count.
    fn frames(listing: &Listing) -> Vec<(&str, usize, Option<usize>)> {
        let clips = listing.entries.iter().filter_map(|entry| match entry.media {
            Media::Frames { first, count } => Some((entry.path.to_str()?, first, count)),
            _ => None,
        });
        clips.collect()
    }

    #[test]
    fn whole_videos_have_no_label() {
        let listing = tree().read(&[("val.txt", "c d.mp4 0 -1\n")]);
        assert_eq!((listing.format, lines(&listing)), (FORMAT.name, vec!["val unlabelled c d.mp4".to_owned()]));
        assert_eq!(listing.entries[0].media, Media::Video);
    }

    #[test]
    fn folders_with_start_and_total_are_told_by_the_disk() {
        let listing = tree().read(&[("train.txt", "a 1 5\nb 1 7\nb 3 2\nc d.mp4 0 -1\nb 0 7\n")]);
        assert_eq!(frames(&listing), [("a", 0, Some(5)), ("b", 0, Some(7)), ("b", 2, Some(2))]);
        assert_eq!((listing.entries.len(), listing.count(Trouble::Duplicate)), (4, 1));
        assert_eq!(listing.classes, ["unlabelled"]);
        assert!(listing.notices[0].ends_with("is read as `folder start total`, by the images in 3 of its first folders"));
    }

    #[test]
    fn folders_with_total_and_label_are_told_by_the_disk() {
        let listing = tree().read(&[("train.txt", "a 5 1\nb 7 0\n")]);
        assert_eq!(frames(&listing), [("a", 0, Some(5)), ("b", 0, Some(7))]);
        assert_eq!(lines(&listing), ["train 1 a", "train 0 b"]);
        assert!(listing.notices[0].contains("is read as `folder total label`"));
    }

    #[test]
    fn what_the_disk_does_not_decide_the_numbers_do() {
        let notice = |list: &str| tree().read(&[("train.txt", list)]).notices[0].clone();
        assert!(notice("a 1 4\n").contains("`folder start total`, by its numbers alone"));
        assert!(notice("a 3 4\n").contains("`folder total label`, by its numbers alone"));
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let tree = tree();
        let listing = tree.read(&[("train.txt", "a 1 5\nb 1 9\nb 8 1\nx 1 5\nc d.mp4 1 5\na 1 0\nwords\na 1 5\nb 1 7\n")]);
        let expected = [
            "Missing b: train.txt:2: `b` holds 7 of its 9 frames",
            "Missing b: train.txt:3: `b` holds no frame with the number 8",
            "Missing x: train.txt:4: `x` is not there, or holds no images",
            "Malformed train.txt: train.txt:5: `c d.mp4` is a file, and two numbers other than 0 -1 are for folders",
            "Malformed train.txt: train.txt:6: 0 is no number of frames",
            "Malformed train.txt: train.txt:7: it is not a path and two numbers: words",
            "Duplicate a: train.txt:8: `a` is listed before, at train.txt:1",
        ];
        assert_eq!(tree.problems(&listing), expected);
    }
}
