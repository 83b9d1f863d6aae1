//! The names of splits: what lists and folders call them, and what they are called here.

use std::path::Path;

/// Each split and what it goes by.
const NAMES: [(&str, &[&str]); 3] =
    [("train", &["train", "training"]), ("val", &["val", "valid", "validation", "validate"]), ("test", &["test", "testing"])];

/// Returns the names that the folder of a split may have: first its own, then those of the others, since a split may be
/// called anything.
pub(super) fn folders(split: &str) -> impl Iterator<Item = &'static str> {
    let (own, others): (Vec<_>, Vec<_>) = NAMES.into_iter().partition(|(known, _)| *known == split);
    own.into_iter().chain(others).flat_map(|(_, names)| names).copied()
}

/// Returns `train`, `val` or `test` for a name of one of them.
pub(super) fn known(name: &str) -> Option<&'static str> {
    let is_it = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    NAMES.into_iter().find(|(_, names)| is_it(names)).map(|(split, _)| split)
}

/// Tells whether a text can be the name of a split: letters, digits, `-` and `_`, at most 64 bytes.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
}

/// Returns the name by which a split is called here; a name of no known split stays as it is.
pub(super) fn normal(name: &str) -> String {
    known(name).unwrap_or(name).to_owned()
}

/// Returns the split that a list is for, going by its name; `train` when that says nothing.
pub(super) fn of_list(path: &Path) -> &'static str {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    NAMES.into_iter().map(|(split, _)| split).find(|split| name.contains(split)).unwrap_or("train")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_have_one_name() {
        assert_eq!(["Training", "validate", "VAL", "testing", "holdout"].map(normal), ["train", "val", "val", "test", "holdout"]);
    }

    #[test]
    fn the_own_folder_of_a_split_is_looked_into_first() {
        assert_eq!(folders("test").take(3).collect::<Vec<_>>(), ["test", "testing", "train"]);
        assert_eq!(folders("holdout").count(), 8);
    }

    #[test]
    fn a_list_tells_its_split_by_its_name() {
        let names = ["trainlist01.txt", "validationSet.csv", "ssv2-test.json", "all.csv", "train/val.csv"];
        assert_eq!(names.map(|name| of_list(Path::new(name))), ["train", "val", "test", "train", "val"]);
    }
}
