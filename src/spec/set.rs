//! Overrides from the command line: `--set seeds=1 --set transfer.knn.with.k=[5]`.

use super::SourceText;
use super::schema::Experiment;
use super::tree::Tree;
use crate::failure::Failure;
use serde_json::{Map, Value};

/// Applies overrides to an experiment file. The result is the file as it would have been written, without comments.
///
/// The file must be right by itself; so whatever is wrong after an override is that override's fault, and the failure names it.
pub(crate) fn apply(source: SourceText, sets: &[String]) -> Result<SourceText, Failure> {
    source.parse::<Experiment>()?;
    let mut document = source.parse::<Tree>()?.into_value();
    let mut changed = source;
    for set in sets {
        let blame = |mut failure: Failure| {
            failure.message = format!("--set {set}: {}", failure.message);
            failure
        };
        let (path, value) = split(set).map_err(blame)?;
        insert(&mut document, &path, value).map_err(blame)?;
        let text = serde_saphyr::to_string(&document)
            .map_err(|error| blame(Failure::input(format!("the changed experiment cannot be written as YAML: {error}"))))?;
        let name = changed.name.trim_end_matches(WITH_SET).to_owned();
        changed = SourceText { name: format!("{name}{WITH_SET}"), text, context_lines: 1 };
        changed.parse::<Experiment>().map_err(blame)?;
    }
    Ok(changed)
}

const WITH_SET: &str = " (with --set)";

/// Takes `a.b=value` apart; the value is YAML.
fn split(set: &str) -> Result<(Vec<&str>, Value), Failure> {
    let usage = "write `--set key=value` or `--set key.key=value`, with a YAML value";
    let (path, value) = set.split_once('=').ok_or_else(|| Failure::input("there is no `=`").hint(usage))?;
    let path: Vec<&str> = path.split('.').map(str::trim).collect();
    if path.iter().any(|key| key.is_empty()) {
        return Err(Failure::input("a key is empty").hint(usage));
    }
    Ok((path, SourceText::new("--set", value).parse::<Tree>()?.into_value()))
}

/// Puts a value at a path. Mappings on the way are made where the experiment has such a key, but no transfers or axes.
fn insert(document: &mut Value, path: &[&str], value: Value) -> Result<(), Failure> {
    let mut node = document;
    for (depth, key) in path.iter().enumerate() {
        let last = depth + 1 == path.len();
        let so_far = path[..depth].join(".");
        if node.is_null() {
            *node = Value::Object(Map::new());
        }
        node = match node {
            Value::Object(map) => {
                if !last && !map.contains_key(*key) && matches!(so_far.as_str(), "axes" | "transfer") {
                    let failure = Failure::input(format!("there is no `{key}` in `{so_far}`"));
                    return Err(failure.nearest(key, map.keys().map(String::as_str)).hint(format!("there are: {}", names(map))));
                }
                map.entry(*key).or_insert(Value::Null)
            }
            Value::Array(list) => {
                let length = list.len();
                let at = key.parse::<usize>().ok().filter(|at| *at < length);
                let failure = || Failure::input(format!("`{so_far}` is a list of {length}, and `{key}` is not a place in it"));
                &mut list[at.ok_or_else(failure)?]
            }
            _ => return Err(Failure::input(format!("`{so_far}` is a single value and has no key `{key}`"))),
        };
    }
    *node = value;
    Ok(())
}

fn names(map: &Map<String, Value>) -> String {
    map.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "template: quick\naxes:\n  mask_ratio: [0.5, 0.75] # both\ntransfer:\n  knn: { template: knn }\n";

    fn set(sets: &[&str]) -> Result<String, String> {
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        apply(SourceText::new("a.yaml", FILE), &sets).map(|source| source.text).map_err(|failure| failure.to_string())
    }

    #[test]
    fn values_are_yaml_and_mappings_on_the_way_are_made() {
        let text =
            set(&["axes.mask_ratio=[0.9]", "seeds=1", "with.epochs=2", "with.name=\"0.5\"", "transfer.knn.with.k=[5, 10]"])
                .unwrap();
        insta::assert_snapshot!(text, @r#"
        template: quick
        axes:
          mask_ratio:
          - 0.9
        transfer:
          knn:
            template: knn
            with:
              k:
              - 5
              - 10
        seeds: 1
        with:
          epochs: 2
          name: "0.5"
        "#);
    }

    #[test]
    fn a_wrong_override_is_named() {
        let wrong =
            ["seeds", "sedes=3", "axes.mask_ratio=0.5", "axes.mask_ratio.0.x=1", "transfer.knnn.with.k=[5]", "with=[", ".a=1"];
        let said: Vec<String> = wrong.iter().map(|one| set(&[one]).unwrap_err()).collect();
        insta::assert_snapshot!(said.join("\n\n"), @r#"
        --set seeds: there is no `=`
        hint: write `--set key=value` or `--set key.key=value`, with a YAML value

        --set sedes=3: unknown key `sedes`
         --> a.yaml (with --set):9:1
          |
        8 |     template: knn
        9 | sedes: 3
          | ^^^^^ not a key here
        hint: did you mean `seeds`?
        hint: keys allowed here: experiment, question, template, with, axes, zip, exclude, seeds, transfer, limit, report

        --set axes.mask_ratio=0.5: expected a list of values, or { when: "expression", values: [...] } in `axes.mask_ratio`
         --> a.yaml (with --set):3:3
          |
        2 | axes:
        3 |   mask_ratio: 0.5
          |   ^^^^^^^^^^ found `0.5`
        4 | transfer:
          |

        --set axes.mask_ratio.0.x=1: `axes.mask_ratio.0` is a single value and has no key `x`

        --set transfer.knnn.with.k=[5]: there is no `knnn` in `transfer`
        hint: did you mean `knn`?
        hint: there are: knn

        --set with=[: unclosed bracket '['
         --> --set:1:1
          |
        1 | [
          | ^ here

        --set .a=1: a key is empty
        hint: write `--set key=value` or `--set key.key=value`, with a YAML value
        "#);
    }
}
