//! Kinetics-400, -600 and -700: a CSV of YouTube ids and times, and clips that carry these in their names.

use super::Format;
use super::disk::media;
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, fields, short};
use super::{Media, split};
use anyhow::Result;
use std::path::{Path, PathBuf};

pub(super) const FORMAT: Format = Format {
    name: "Kinetics CSV",
    looks: "a header with youtube_id, time_start and time_end, in any order, and usually label and split",
    fits: |file, _| Columns::of(file).is_some(),
    read,
};

/// Where the fields stand; their order has changed between releases.
struct Columns {
    count: usize,
    id: usize,
    start: usize,
    end: usize,
    label: Option<usize>,
    split: Option<usize>,
}

impl Columns {
    fn of(file: &ListFile) -> Option<Self> {
        let header = file.header(',');
        let column = |name: &str| header.iter().position(|field| field == name);
        Some(Columns {
            count: header.len(),
            id: column("youtube_id")?,
            start: column("time_start")?,
            end: column("time_end")?,
            label: column("label"),
            split: column("split"),
        })
    }

    /// Returns the clip's name without an ending, its label and its split.
    fn row(&self, line: &str) -> Result<(String, String, Option<String>), String> {
        let fields = fields(line, ',');
        let missing = || format!("it has {} fields, the header {}: {}", fields.len(), self.count, short(line));
        let field = |column: usize| fields.get(column).ok_or_else(missing);
        if fields.len() > self.count {
            return Err(missing());
        }
        let id = field(self.id)?;
        if id.is_empty() {
            return Err(format!("it has no id: {}", short(line)));
        }
        let stem = format!("{id}_{:06}_{:06}", seconds(field(self.start)?)?, seconds(field(self.end)?)?);
        let label = self.label.and_then(|column| fields.get(column)).cloned().unwrap_or_default();
        Ok((stem, label, self.split.and_then(|column| fields.get(column)).cloned()))
    }
}

/// Reads a time in whole seconds, which some tools write as `10.0`.
fn seconds(field: &str) -> Result<u64, String> {
    let whole =
        field.split_once('.').filter(|(_, rest)| rest.bytes().all(|digit| digit == b'0')).map_or(field, |(whole, _)| whole);
    whole.parse().map_err(|_| format!("`{}` is not a time in seconds", short(field)))
}

fn read(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let Some(columns) = Columns::of(file) else { return Ok(()) };
    let place = Place::within(file, "");
    for (number, line) in file.lines().skip(1) {
        let place = place(number);
        match columns.row(line) {
            Ok((stem, label, split)) => add(gather, &place, &stem, &label, file.split(split.as_deref())),
            Err(reason) => gather.malformed(&place, &reason),
        }
    }
    Ok(())
}

fn add(gather: &mut Gather, place: &Place, stem: &str, label: &str, split: String) {
    let paths = gather.disk.by_stem(stem);
    let best = paths.iter().max_by_key(|path| likeness(path, label, &split)).filter(|path| likeness(path, label, &split).0 > 0);
    let (found, elsewhere) = (best.cloned(), paths.first().cloned());
    let said = |path: PathBuf| Said { path, split, label: Label::name(label) };
    match (found, elsewhere) {
        (Some(path), _) => gather.found(place, said(path), Media::Video),
        (None, Some(other)) => {
            let what = format!("is not in a folder of the class `{label}`, only at `{}`", other.display());
            gather.missing(place, &said(stem.into()), &what);
        }
        (None, None) => gather.missing(place, &said(stem.into()), "is not there"),
    }
}

/// Says how well a clip lies for its label and split; 0 first when it cannot be the clip.
fn likeness(path: &Path, label: &str, split: &str) -> (u8, bool) {
    let folders = path.parent().unwrap_or(path);
    let name_of = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
    let (top, last) = (name_of(folders.iter().next()), name_of(folders.file_name()));
    let is_flat = last.is_empty() || (folders.iter().count() == 1 && (split::known(&last).is_some() || last == split));
    let class = match (media(path), is_flat) {
        (Some(Media::Video), _) if is_spelled(&last, label) => 2,
        (Some(Media::Video), true) => 1,
        (Some(Media::Video), false) if label.is_empty() => 1,
        _ => 0,
    };
    (class, split::normal(&top) == split)
}

/// Tells whether a folder is named after a label. Tools put `_` for blanks, and drop quotes or all that is no letter or digit.
fn is_spelled(folder: &str, label: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    folder == label || (!letters(label).is_empty() && letters(folder) == letters(label))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    fn read(files: &[&str], list: &str) -> (Vec<String>, Vec<String>) {
        let tree = Tree::new(files);
        let listing = tree.read(&[("val.csv", list)]);
        assert_eq!(listing.format, FORMAT.name);
        (lines(&listing), tree.problems(&listing))
    }

    #[test]
    fn clips_are_found_wherever_tools_put_them() {
        let list = "label,youtube_id,time_start,time_end,split,is_cc\n\"tying knot (not on a tie)\",-_abc,12,22,validate,0\n";
        let folders =
            ["tying knot (not on a tie)/", "tying_knot_(not_on_a_tie)/", "tyingknotnotonatie/", "", "val/", "validate/"];
        let more = ["train/tying_knot_(not_on_a_tie)/", "validate/tying knot (not on a tie)/"];
        for folder in folders.iter().chain(&more) {
            for ending in ["mp4", "mkv", "webm"] {
                let path = format!("{folder}-_abc_000012_000022.{ending}");
                let expected = format!("val tying knot (not on a tie) {path}");
                assert_eq!(read(&[&path], list), (vec![expected], vec![]));
            }
        }
    }

    #[test]
    fn columns_come_in_any_order_and_labels_may_lack() {
        let files = ["a/x_000001_000011.mp4", "y_000002_000012.mp4", "test/z_000003_000013.mp4"];
        let list = "time_end,time_start,youtube_id,label\n11,1.0,x,a\n12,2,y,\n13,3,z\n";
        assert_eq!(
            read(&files, list).0,
            ["val a a/x_000001_000011.mp4", "val unlabelled y_000002_000012.mp4", "val unlabelled test/z_000003_000013.mp4"]
        );
        let test = "youtube_id,time_start,time_end,split\nz,3,13,test\n";
        assert_eq!(read(&files, test).0, ["test unlabelled test/z_000003_000013.mp4"]);
    }

    #[test]
    fn a_clip_in_two_classes_is_taken_from_its_own() {
        let files = ["a/x_000001_000011.mp4", "b/x_000001_000011.mp4"];
        let list = "label,youtube_id,time_start,time_end\nb,x,1,11\na,x,1,11\n";
        assert_eq!(read(&files, list).0, ["val b b/x_000001_000011.mp4", "val a a/x_000001_000011.mp4"]);
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let files = ["a/x_000001_000011.mp4", "b/y_000001_000011.mp4", "a/z_000001_000011.jpg"];
        let list = "label,youtube_id,time_start,time_end\na,x,1,11\na,y,1,11\na,w,1,11\na,z,1,11\na,x,one,11\na,x\na,,1,2\na,b,x,1,11\na,x,1,11\n";
        let (found, problems) = read(&files, list);
        assert_eq!(found, ["val a a/x_000001_000011.mp4"]);
        let expected = [
            "Missing y_000001_000011: val.csv:3: `y_000001_000011` is not in a folder of the class `a`, only at `b/y_000001_000011.mp4`",
            "Missing w_000001_000011: val.csv:4: `w_000001_000011` is not there",
            "Missing z_000001_000011: val.csv:5: `z_000001_000011` is not in a folder of the class `a`, only at `a/z_000001_000011.jpg`",
            "Malformed val.csv: val.csv:6: `one` is not a time in seconds",
            "Malformed val.csv: val.csv:7: it has 2 fields, the header 4: a,x",
            "Malformed val.csv: val.csv:8: it has no id: a,,1,2",
            "Malformed val.csv: val.csv:9: it has 5 fields, the header 4: a,b,x,1,11",
            "Duplicate a/x_000001_000011.mp4: val.csv:10: `a/x_000001_000011.mp4` is listed before, at val.csv:2",
        ];
        assert_eq!(problems, expected);
    }
}
