//! The experiment of the record that a person means.

use crate::failure::Failure;
use crate::record::Experiment;
use crate::record::Record;
use anyhow::Result;
use std::path::{Component, Path, PathBuf};

/// The name of the experiment that `text` is the name or the file of.
///
/// # Errors
/// A [`Failure`] with the nearest name when the record has none.
pub(super) fn named(record: &Record, text: &str) -> Result<String> {
    name_among(&record.experiments()?, text).map_err(Into::into)
}

fn name_among(known: &[Experiment], text: &str) -> Result<String, Failure> {
    let (file, stem) = (Path::new(text), Path::new(text).file_stem().unwrap_or_default());
    let is_file = file.extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
    let plain = |path: &'_ Path| path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    let same = |known: &&Experiment| plain(Path::new(&known.file)) == plain(file);
    let found = known.iter().find(|known| known.name == text);
    let found = found.or_else(|| known.iter().find(same).filter(|_| is_file));
    let found = found.or_else(|| known.iter().find(|known| is_file && *stem == *known.name));
    if let Some(found) = found {
        return Ok(found.name.clone());
    }
    let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
    let failure = Failure::input(format!("there is no experiment `{text}` in the record"));
    let failure = failure.nearest(&if is_file { stem.to_string_lossy() } else { text.into() }, names.iter().copied());
    Err(match names.is_empty() {
        true => failure.hint("none has been run yet: `vicmae run FILE` begins one"),
        false => failure.hint(format!("it has: {}", names.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_is_meant_by_its_name_its_file_or_the_name_of_its_file() {
        let of = |name: &str, file: &str| Experiment { name: name.into(), question: String::new(), file: file.into() };
        let known = [of("sizes", "experiments/quick.yaml"), of("quick", "./experiments/other.yaml")];
        let name = |text: &str| name_among(&known, text).map_err(|failure| failure.to_string());
        assert_eq!(name("quick"), Ok("quick".to_owned()));
        assert_eq!(name("experiments/quick.yaml"), Ok("sizes".to_owned()));
        assert_eq!(name("experiments/other.yaml"), Ok("quick".to_owned()));
        assert_eq!(name("elsewhere/quick.yaml"), Ok("quick".to_owned()));
        insta::assert_snapshot!(name("qick.yaml").unwrap_err(), @r"
        there is no experiment `qick.yaml` in the record
        hint: did you mean `quick`?
        hint: it has: sizes, quick
        ");
        assert!(name_among(&[], "x").unwrap_err().to_string().contains("none has been run yet"));
    }
}
