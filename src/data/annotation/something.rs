//! Something-Something v2: a JSON list of objects with an id and, but for the test set, a template.

use super::Format;
use super::Media;
use super::disk::media;
use super::gather::{Gather, Place, Said};
use super::labels::Label;
use super::list_file::{ListFile, short};
use crate::failure::Failure;
use anyhow::Result;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(super) const FORMAT: Format = Format {
    name: "Something-Something JSON",
    looks: "a JSON list of objects with id and, but for the test set, template",
    fits: |file, _| file.text().trim_start().starts_with('[') && file.text().contains("\"id\""),
    read,
};

fn read(file: &ListFile, gather: &mut Gather) -> Result<()> {
    let objects: Vec<Value> = serde_json::from_str(file.text()).map_err(|error| {
        let failure = Failure::input(format!("the list `{}` is no whole JSON: {error}", file.name));
        failure.hint("was it cut off? copy it again")
    })?;
    let place = Place::within(file, "object");
    if !objects.iter().any(|object| object.get("template").is_some()) {
        gather.notice(format!("`{}` has no labels", file.name));
    }
    for (index, object) in objects.iter().enumerate() {
        let place = place(index + 1);
        match row(object) {
            Ok((id, label)) => add(gather, &place, &id, label, file.split(None)),
            Err(what) => gather.malformed(&place, &format!("{what}: {}", short(&object.to_string()))),
        }
    }
    Ok(())
}

/// Returns the id and the label: the template without the brackets around its placeholders.
fn row(object: &Value) -> Result<(String, Label), &'static str> {
    let id = match object.get("id") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err("it has no id"),
    };
    match object.get("template") {
        Some(Value::String(template)) => Ok((id, Label::name(&template.replace(['[', ']'], "")))),
        None | Some(Value::Null) => Ok((id, Label::None)),
        Some(_) => Err("its template is no text"),
    }
}

fn add(gather: &mut Gather, place: &Place, id: &str, label: Label, split: String) {
    let is_clip = |path: &&PathBuf| media(path) == Some(Media::Video) && path.iter().count() <= 2;
    match gather.disk.by_stem(id).iter().find(is_clip).cloned() {
        Some(path) => gather.found(place, Said { path, split, label }, Media::Video),
        None => gather.missing(place, &Said { path: Path::new(id).to_owned(), split, label }, "is not there"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Tree, lines};
    use super::*;

    #[test]
    fn labels_are_templates_without_brackets() {
        let tree = Tree::new(&["78687.webm", "20bn-something-something-v2/2.mp4", "3.webm"]);
        let tree = tree.with_classes(r#"{"Putting something next to something": "1", "Holding something": "0"}"#);
        let train = r#"[{"id": "78687", "label": "holding a cup", "template": "Holding [something]", "placeholders": ["a cup"]},
            {"id": 2, "template": "Putting [something] next to [something]"}]"#;
        let listing =
            tree.read(&[("something-something-v2-train.json", train), ("something-something-v2-test.json", r#"[{"id":"3"}]"#)]);
        assert_eq!(listing.format, FORMAT.name);
        let expected = [
            "train Holding something 78687.webm",
            "train Putting something next to something 20bn-something-something-v2/2.mp4",
            "test unlabelled 3.webm",
        ];
        assert_eq!(lines(&listing), expected);
        assert_eq!(listing.classes.len(), 3);
        assert!(listing.notices[0].ends_with("test.json` has no labels"));
    }

    #[test]
    fn bad_objects_are_told_with_their_numbers() {
        let tree = Tree::new(&["1.webm", "2.jpg", "a/b/3.webm", "4.webm"]).with_classes("[\"Holding x\"]");
        let list = r#"[{"id":"1","template":"Holding [x]"},{"id":"2","template":"Holding [x]"},{"id":"3"},{"template":"Holding [x]"},
            {"id":"1","template":7},"x",{"id":"1","template":"Holding [x]"},{"id":"4","template":"Eating [x]"}]"#;
        let listing = tree.read(&[("train.json", list)]);
        let expected = [
            "Missing 2: train.json: object 2: `2` is not there",
            "Missing 3: train.json: object 3: `3` is not there",
            r#"Malformed train.json: train.json: object 4: it has no id: {"template":"Holding [x]"}"#,
            r#"Malformed train.json: train.json: object 5: its template is no text: {"id":"1","template":7}"#,
            r#"Malformed train.json: train.json: object 6: it has no id: "x""#,
            "Duplicate 1.webm: train.json: object 7: `1.webm` is listed before, at train.json: object 1",
            "UnknownLabel 4.webm: train.json: object 8: label `Eating x` is not in `classes.txt`",
        ];
        assert_eq!(tree.problems(&listing), expected);
        assert!(tree.refused(&[("train.json", r#"[{"id": "1""#)]).contains("is no whole JSON"));
    }
}
