//! Short names for runs that stand together on a screen: what they have in common is left out.

use crate::run_id::RunId;
use indexmap::{IndexMap, IndexSet};
use std::collections::{HashMap, HashSet};

/// How a label is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `vic_mae,mask_ratio=0.75/knn`
    Keyed,
    /// `vic_mae,0.75/knn`, with `-` for an axis that the run does not have.
    Bare,
}

/// What differs between the names of some runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    keyed: IndexMap<RunId, String>,
    bare: IndexMap<RunId, String>,
    /// What the values of the bare form are values of.
    keys: String,
}

impl Labels {
    /// The labels of runs that have these names.
    pub(super) fn of(names: &IndexMap<RunId, String>) -> Self {
        let parsed: Vec<(RunId, &str, Name)> = names.iter().map(|(run, name)| (*run, name.as_str(), Name::parse(name))).collect();
        let common = Common::of(parsed.iter().map(|(_, _, name)| name));
        let label = |write: &dyn Fn(&Name) -> String| {
            parsed.iter().map(|(run, whole, name)| (*run, common.label(whole, name, write))).collect()
        };
        let keyed: IndexMap<RunId, String> = label(&|name| common.keyed(name));
        let bare: IndexMap<RunId, String> = label(&|name| common.bare(name));
        // Values alone may be too little to tell two runs apart.
        let [of_keyed, of_bare] = [&keyed, &bare].map(|labels| labels.values().collect::<HashSet<_>>().len());
        if of_bare < of_keyed {
            return Labels { bare: keyed.clone(), keyed, keys: String::new() };
        }
        Labels {
            keyed,
            bare,
            keys: common.keys.iter().map(|key| if key.is_empty() { "run" } else { key }).collect::<Vec<_>>().join(","),
        }
    }

    /// The label of a run; none when it was not among the names.
    pub(super) fn get(&self, run: &RunId, form: Form) -> Option<&str> {
        self.in_form(form).get(run).map(String::as_str)
    }

    /// The width of the widest label.
    pub(super) fn width(&self, form: Form) -> usize {
        self.in_form(form).values().map(|label| label.chars().count()).max().unwrap_or(0)
    }

    /// The title of a column of labels: what its values are, where the labels do not say it.
    pub(super) fn title(&self, form: Form) -> &str {
        if form == Form::Keyed || self.keys.is_empty() { "run" } else { &self.keys }
    }

    fn in_form(&self, form: Form) -> &IndexMap<RunId, String> {
        if form == Form::Keyed { &self.keyed } else { &self.bare }
    }
}

/// A name in its parts: axes and values, the first axis without its key, and the stage, empty for pretraining.
#[derive(Debug)]
struct Name<'a> {
    axes: Vec<(&'a str, &'a str)>,
    stage: &'a str,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Self {
        let stage = stage(name);
        let body = name[..name.len() - stage.len()].trim_end_matches('/');
        Name { axes: body.split(',').map(|part| part.split_once('=').unwrap_or(("", part))).collect(), stage }
    }
}

/// The stage in a name, empty for pretraining. It follows the last axis; a slash before that belongs to a value.
pub(super) fn stage(name: &str) -> &str {
    let last = name.rfind(',').map_or(0, |comma| comma + 1);
    name[last..].rfind('/').map_or("", |slash| &name[last + slash + 1..])
}

/// What names have in common, and the axes in which they differ.
struct Common<'a> {
    axes: HashSet<(&'a str, &'a str)>,
    has_one_stage: bool,
    /// `seed` is the last.
    keys: IndexSet<&'a str>,
    is_alone: bool,
}

impl<'a> Common<'a> {
    fn of<'b>(names: impl Iterator<Item = &'b Name<'a>> + Clone) -> Self
    where
        'a: 'b,
    {
        let all = names.clone().count();
        let mut times: HashMap<(&str, &str), usize> = HashMap::new();
        names.clone().flat_map(|name| &name.axes).for_each(|axis| *times.entry(*axis).or_default() += 1);
        let axes: HashSet<(&str, &str)> = times.into_iter().filter(|(_, times)| *times == all).map(|(axis, _)| axis).collect();
        let differ = names.clone().flat_map(|name| &name.axes).filter(|axis| !axes.contains(*axis));
        let mut keys: IndexSet<&str> = differ.map(|(key, _)| *key).collect();
        if keys.shift_remove("seed") {
            keys.insert("seed");
        }
        let has_one_stage = names.map(|name| name.stage).collect::<HashSet<_>>().len() < 2;
        Common { axes, has_one_stage, keys, is_alone: all < 2 }
    }

    /// The label of one name, with its axes written by `write`.
    fn label(&self, whole: &str, name: &Name, write: &dyn Fn(&Name) -> String) -> String {
        let axes = write(name);
        let stage = if self.has_one_stage { "" } else { name.stage };
        match (axes.is_empty(), stage) {
            _ if self.is_alone => whole.to_owned(),
            (true, "") if self.has_one_stage => whole.to_owned(),
            (true, "") => "pretrain".to_owned(),
            (true, stage) => stage.to_owned(),
            (false, "") => axes,
            (false, stage) => format!("{axes}/{stage}"),
        }
    }

    fn keyed(&self, name: &Name) -> String {
        let differ = name.axes.iter().filter(|axis| !self.axes.contains(*axis));
        let part = |(key, value): &(&str, &str)| if key.is_empty() { (*value).to_owned() } else { format!("{key}={value}") };
        differ.map(part).collect::<Vec<_>>().join(",")
    }

    fn bare(&self, name: &Name) -> String {
        let value = |key: &&str| name.axes.iter().find(|(known, _)| known == key).map_or("-", |(_, value)| value);
        self.keys.iter().map(value).collect::<Vec<_>>().join(",")
    }
}

/// A name in `width` characters. Its middle is left out: runs differ in their first axes, and in seed and stage at the end.
pub(super) fn elided(name: &str, width: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (begin, end) = (&letters[..kept - kept / 2], &letters[letters.len() - kept / 2..]);
    begin.iter().chain(&['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> (Vec<String>, Vec<String>, String) {
        let labels = Labels::of(&names.iter().map(|name| (RunId::of(name.as_bytes()), (*name).to_owned())).collect());
        let written = |form| labels.in_form(form).values().cloned().collect();
        (written(Form::Keyed), written(Form::Bare), labels.title(Form::Bare).to_owned())
    }

    #[test]
    fn what_is_common_is_left_out_and_values_stand_in_one_order() {
        let (keyed, bare, title) = labels(&[
            "vic_mae,mask_ratio=0.75,weight=0.03,seed=0",
            "vic_mae,mask_ratio=0.75,weight=0.03,seed=1/knn",
            "random_init,weight=0.03,seed=0",
        ]);
        assert_eq!(keyed, ["vic_mae,mask_ratio=0.75,seed=0", "vic_mae,mask_ratio=0.75,seed=1/knn", "random_init,seed=0"]);
        assert_eq!(bare, ["vic_mae,0.75,0", "vic_mae,0.75,1/knn", "random_init,-,0"]);
        assert_eq!(title, "run,mask_ratio,seed");
    }

    #[test]
    fn runs_that_differ_in_their_stage_alone_are_named_after_it_and_a_lone_run_keeps_its_name() {
        assert_eq!(labels(&["quick", "quick/knn", "quick/linear"]).0, ["pretrain", "knn", "linear"]);
        assert_eq!(labels(&["mae,seed=0/knn"]).1, ["mae,seed=0/knn"]);
        assert_eq!(labels(&["a,data=x/y,seed=0", "a,data=x/z,seed=0"]).0, ["data=x/y", "data=x/z"]);
        assert_eq!(labels(&[]).0, [""; 0]);
    }

    #[test]
    fn values_that_do_not_tell_runs_apart_keep_their_keys() {
        // A comma within a value makes a part without a key.
        let (keyed, bare, title) = labels(&["a,x,seed=0", "a,y,seed=0"]);
        assert_eq!((&keyed, title.as_str()), (&bare, "run"));
        assert_eq!(labels(&["a,lr=1", "b,lr=1", "a,lr=2"]).1, ["a,1", "b,1", "a,2"]);
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(elided("vic_mae,seed=0/knn", 18), "vic_mae,seed=0/knn");
        assert_eq!(elided("vic_mae,mask_ratio=0.75,seed=0/knn", 17), "vic_mae,…ed=0/knn");
        assert_eq!(elided("übermaß", 4), "üb…ß");
        assert_eq!(elided("abc", 0), "…");
    }
}
