//! Runs whose folders somebody removed. The files are the truth: what they do not say has not been done.

use crate::failure::Failure;
use crate::record::RunState;
use crate::run_folder::runs_in;
use crate::run_id::RunId;
use anyhow::Result;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Those of some runs of which the record knows more than their names, and which have no folder any more.
///
/// # Errors
/// A [`Failure`] when there is no place for run folders at all: it is another disk that is not there more often than a wish.
pub fn gone(results: &Path, states: &HashMap<RunId, RunState>) -> Result<HashSet<RunId>> {
    let tried: Vec<RunId> = states.iter().filter(|(_, state)| **state != RunState::New).map(|(run, _)| *run).collect();
    if tried.is_empty() {
        return Ok(HashSet::new());
    }
    let Some(there) = runs_in(results)? else {
        let (count, place) = (tried.len(), results.join("runs"));
        return Err(Failure::input(format!("the record knows {count} runs, and {} is not there", place.display()))
            .hint("bring it back: the disk that it is on may not be mounted")
            .hint("to begin again without it: `vicmae reindex`")
            .into());
    };
    Ok(tried.into_iter().filter(|run| !there.contains(run)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_was_tried_can_be_gone() {
        let results = tempfile::tempdir().unwrap();
        let [kept, removed, new] = ["kept", "removed", "new"].map(|name| RunId::of(name.as_bytes()));
        let states = HashMap::from([(kept, RunState::Done), (removed, RunState::Interrupted { step: 7 }), (new, RunState::New)]);
        fs::create_dir_all(results.path().join("runs").join(kept.to_string())).unwrap();
        assert_eq!(gone(results.path(), &states).unwrap(), HashSet::from([removed]));
    }

    #[test]
    fn a_place_for_runs_that_is_not_there_is_no_wish_to_do_all_again() {
        let results = tempfile::tempdir().unwrap();
        let (new, done) = ((RunId::of(b"new"), RunState::New), (RunId::of(b"done"), RunState::Done));
        assert!(gone(results.path(), &HashMap::from([new.clone()])).unwrap().is_empty());
        let error = gone(results.path(), &HashMap::from([new, done])).unwrap_err().to_string();
        assert!(error.contains("the record knows 1 runs") && error.contains("vicmae reindex"), "{error}");
    }
}
