//! The ImageNet validation folder: flat, with its labels in a ground-truth file or in Kaggle's solution file.

use super::disk::{Disk, last_number, media};
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, fields, number, short};
use super::{Format, Media, Trouble, split};
use crate::failure::Failure;
use anyhow::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(super) const SOLUTION: Format = Format {
    name: "ImageNet solution CSV",
    looks: "the header ImageId,PredictionString",
    fits: |file, _| file.header(',') == ["imageid", "predictionstring"],
    read: read_solution,
};

pub(super) const GROUND_TRUTH: Format = Format {
    name: "ImageNet ground truth",
    looks: "one number a line, from 1, as many lines as there are images in the folder",
    fits: |file, gather| file.mostly(|line| number(line).is_some() && !gather.disk.is_folder(Path::new(line))),
    read: read_ground_truth,
};

fn read_solution(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let place = Place::within(file, "");
    for (number, line) in file.lines().skip(1) {
        let place = place(number);
        let fields = fields(line, ',');
        let [id, prediction] = fields.as_slice() else {
            gather.malformed(&place, &format!("it is not `ImageId,PredictionString`: {}", short(line)));
            continue;
        };
        // The first word is the class; a box follows, and perhaps more of the same.
        let label = Label::name(prediction.split_whitespace().next().unwrap_or_default());
        let said = |path: PathBuf| Said { path, split: file.split(None), label };
        let is_image = |path: &&PathBuf| media(path) == Some(Media::Image);
        match gather.disk.by_stem(id).iter().find(is_image).cloned() {
            Some(path) => gather.found(&place, said(path), Media::Image),
            None => gather.missing(&place, &said(id.into()), "is not there"),
        }
    }
    Ok(())
}

fn read_ground_truth(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let split = file.split(None);
    let (folder, images) = flat_images(&gather.disk, &split);
    let lines: Vec<(usize, &str)> = file.lines().collect();
    let images = by_line(images, lines.len()).map_err(|count| {
        let failure = Failure::input(format!("the list `{}` has {} numbers for {count} images", file.name, lines.len()));
        failure.hint("line n is the class of image n: the folder must hold the images that the list was made for, and no others")
    })?;
    let place = Place::within(file, "");
    for (image, (number, line)) in images.into_iter().zip(lines) {
        let place = place(number);
        match (image, line.parse()) {
            (Some(name), Ok(id)) => {
                add(gather, &place, Said { path: folder.join(name), split: split.clone(), label: Label::Number(id) })
            }
            (None, Ok(_)) => {
                let file = format!("image {number}");
                gather.problem(&place, Trouble::Missing, &file, &format!("{file} is not there"));
            }
            (_, Err(_)) => gather.malformed(&place, &format!("it is no number: {}", short(line))),
        }
    }
    Ok(())
}

/// Adds an image. The ids are from 1, as are the lines of a classes file that does not number them.
fn add(gather: &mut Gather, place: &Place, said: Said) {
    let base = gather.classes().map(|classes| usize::from(classes.base.is_none()));
    match (said.label.clone(), base) {
        (Label::Number(0), _) => {
            gather.problem(
                place,
                Trouble::UnknownLabel,
                &said.path.display().to_string(),
                "label 0 is no class: they count from 1",
            );
        }
        (Label::Number(id), Some(base)) => gather.found(place, Said { label: Label::Number(id - base), ..said }, Media::Image),
        _ => gather.found(place, said, Media::Image),
    }
}

/// Returns the images of the root, else of the folder of a split in it.
fn flat_images(disk: &Disk, split: &str) -> (PathBuf, Vec<OsString>) {
    let folders = std::iter::once("").chain(split::folders(split)).map(PathBuf::from);
    let listed = folders.map(|folder| (folder.clone(), disk.frames(&folder)));
    listed.into_iter().find(|(_, images)| !images.is_empty()).unwrap_or_default()
}

/// Gives each line its image: the same place in order, or the number in its name where some images lack. The error is the
/// number of images.
fn by_line(images: Vec<OsString>, lines: usize) -> Result<Vec<Option<OsString>>, usize> {
    if images.len() == lines {
        return Ok(images.into_iter().map(Some).collect());
    }
    let count = images.len();
    let mut places = vec![None; lines];
    for image in images {
        let place = last_number(&image).and_then(|number| places.get_mut(number.checked_sub(1)?)).filter(|place| place.is_none());
        *place.ok_or(count)? = Some(image);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    const SYNSETS: &str = "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n";

    fn names(numbers: &[usize]) -> Vec<String> {
        numbers.iter().map(|number| format!("ILSVRC2012_val_{number:08}.JPEG")).collect()
    }

    #[test]
    fn line_n_is_the_class_of_image_n() {
        let list = ("ILSVRC2012_validation_ground_truth.txt", "2\n1\n2\n");
        let tree = Tree::new(&names(&[3, 1, 2])).with_classes(SYNSETS);
        let listing = tree.read(&[list]);
        assert_eq!(listing.format, GROUND_TRUTH.name);
        let classes = ["n01443537", "n01440764", "n01443537"];
        let expected = names(&[1, 2, 3]).into_iter().zip(classes).map(|(name, class)| format!("val {class} {name}"));
        assert_eq!(lines(&listing), expected.collect::<Vec<_>>());
        let numbered = Tree::new(&names(&[3, 1, 2])).with_classes("1 n01440764\n2 n01443537\n").read(&[list]);
        assert_eq!(listing, numbered);
        let bare = Tree::new(&names(&[1, 2, 3])).read(&[list]);
        assert_eq!((bare.classes, bare.entries[0].class), (vec!["1".to_owned(), "2".to_owned()], 1));
    }

    #[test]
    fn the_images_may_lie_in_the_folder_of_their_split() {
        let files = names(&[1, 2]).iter().map(|name| format!("val/{name}")).collect::<Vec<_>>();
        let listing = Tree::new(&files).read(&[("val.txt", "1\n2\n")]);
        assert_eq!(listing.entries[1].path, Path::new("val/ILSVRC2012_val_00000002.JPEG"));
        assert_eq!(listing.classes, ["1", "2"]);
    }

    #[test]
    fn images_that_lack_are_told_by_the_numbers_in_the_names() {
        let tree = Tree::new(&names(&[1, 3, 4, 5])).with_classes(SYNSETS);
        let listing = tree.read(&[("val.txt", "2\n1\n1\nx\n0\n9\n")]);
        let expected = [
            "Missing image 2: val.txt:2: image 2 is not there",
            "Malformed val.txt: val.txt:4: it is no number: x",
            "UnknownLabel ILSVRC2012_val_00000005.JPEG: val.txt:5: label 0 is no class: they count from 1",
            "Missing image 6: val.txt:6: image 6 is not there",
        ];
        assert_eq!((lines(&listing).len(), tree.problems(&listing)), (2, expected.map(str::to_owned).to_vec()));
        assert!(Tree::new(&["a.jpg", "b.jpg"]).refused(&[("val.txt", "1\n2\n1\n")]).contains("has 3 numbers for 2 images"));
        assert!(Tree::new(&names(&[1, 2])).refused(&[("val.txt", "1\n")]).contains("has 1 numbers for 2 images"));
    }

    #[test]
    fn a_solution_names_the_class_first() {
        let tree = Tree::new(&["ILSVRC2012_val_00000002.JPEG", "val/ILSVRC2012_val_00000001.JPEG"]).with_classes(SYNSETS);
        let rows =
            "ILSVRC2012_val_00000001,n01443537 111 108 230 9 n01443537 1 2 3 4 \nILSVRC2012_val_00000002,n01440764 1 2 3 4\n";
        let bad = "ILSVRC2012_val_00000003,n01440764 1 2 3 4\nwhat\nILSVRC2012_val_00000002,n01440764 1\nILSVRC2012_val_00000001,n09999999 1\n";
        let listing = tree.read(&[("LOC_val_solution.csv", &format!("ImageId,PredictionString\n{rows}{bad}"))]);
        assert_eq!(listing.format, SOLUTION.name);
        let expected = ["val n01443537 val/ILSVRC2012_val_00000001.JPEG", "val n01440764 ILSVRC2012_val_00000002.JPEG"];
        assert_eq!(lines(&listing), expected);
        let kinds: Vec<Trouble> = listing.problems.iter().map(|problem| problem.trouble).collect();
        assert_eq!(kinds, [Trouble::Missing, Trouble::Malformed, Trouble::Duplicate, Trouble::UnknownLabel]);
    }
}
