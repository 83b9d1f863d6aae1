//! Finding the run that a person means.

use crate::failure::Failure;
use crate::failure::nearest;
use crate::run_id::RunId;
use anyhow::Result;

/// Returns the run whose name is `text`, or else the one whose id begins with it.
///
/// # Errors
/// A [`Failure`] when no run is meant, or more than one.
pub(super) fn find(text: &str, known: &[(RunId, String)]) -> Result<RunId> {
    let named = known.iter().filter(|(_, name)| name == text).collect::<Vec<_>>();
    let digits = text.to_ascii_lowercase();
    let begun = known.iter().filter(|(id, _)| !text.is_empty() && id.to_string().starts_with(&digits)).collect::<Vec<_>>();
    let found = if named.is_empty() { begun } else { named };
    match found.as_slice() {
        [(id, _)] => Ok(*id),
        [] => Err(unknown(text, known).into()),
        several => {
            let failure = Failure::input(format!("`{text}` means {} runs", several.len()));
            Err(several.iter().take(5).fold(failure, |failure, (id, name)| failure.hint(format!("{} {name}", id.short()))).into())
        }
    }
}

fn unknown(text: &str, known: &[(RunId, String)]) -> Failure {
    let failure = Failure::input(format!("there is no run `{text}`"));
    let mut names: Vec<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
    let mut near = Vec::new();
    while let Some(name) = nearest(text, names.iter().copied()).filter(|_| near.len() < 2) {
        near.push(format!("`{name}`"));
        names.retain(|other| *other != name);
    }
    match near.as_slice() {
        [] => failure.hint("`vicmae status` lists the experiments, `vicmae status EXPERIMENT` their runs"),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<(RunId, String)> {
        ["mae seed=0", "mae seed=1", "vic_mae seed=0"].map(|name| (RunId::of(name.as_bytes()), name.to_owned())).to_vec()
    }

    #[test]
    fn a_run_is_meant_by_its_name_or_by_the_beginning_of_its_id() {
        let id = known()[1].0;
        for text in ["mae seed=1", &id.short(), &id.to_string(), &id.to_string()[..6].to_uppercase()] {
            assert_eq!(find(text, &known()).unwrap(), id, "{text}");
        }
    }

    #[test]
    fn a_typo_is_told_the_nearest_names() {
        insta::assert_snapshot!(find("mae seed=2", &known()).unwrap_err(), @r"
        there is no run `mae seed=2`
        hint: did you mean `mae seed=1` or `mae seed=0`?
        ");
        insta::assert_snapshot!(find("zzz", &known()).unwrap_err(), @r"
        there is no run `zzz`
        hint: `vicmae status` lists the experiments, `vicmae status EXPERIMENT` their runs
        ");
    }

    #[test]
    fn an_ambiguous_beginning_lists_what_it_may_mean() {
        let twice = [known()[0].clone(), known()[0].clone()];
        let error = find(&known()[0].0.short(), &twice).unwrap_err().to_string();
        assert!(error.contains("means 2 runs") && error.contains("mae seed=0"), "{error}");
        assert!(find("", &known()).is_err());
    }
}
