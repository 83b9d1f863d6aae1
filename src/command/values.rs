//! The values that axes have, told to who names one that is not there.

use crate::plan::Plan;
use crate::spec::Experiment;
use indexmap::IndexMap;
use indexmap::IndexSet;
use serde_json::Value;

/// Values that are told of one axis.
const TOLD: usize = 12;

/// `method has vic_mae, mae`, for each name of a plan's cells that stands in an expression.
pub(super) fn of_names_in(expression: &str, plan: &Plan) -> Vec<String> {
    let read = words(expression);
    let mut known: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for cell in &plan.cells {
        for (name, value) in &cell.axes {
            known.entry(name).or_default().insert(text(value));
        }
        known.entry("stage").or_default().insert(cell.stage.clone());
    }
    let named = known.into_iter().filter(|(name, _)| read.contains(name));
    named.map(|(name, values)| format!("{name} has {}", list(&values))).collect()
}

/// What is said of each axis and transfer whose `when` holds nowhere: a typo there drops it without a word.
pub(super) fn of_nowhere(experiment: &Experiment, plan: &Plan) -> Vec<String> {
    let axes = experiment.axes.iter().filter_map(|(name, axis)| Some(("axis", name, axis.when.as_deref()?)));
    let axes = axes.filter(|(_, name, _)| plan.cells.iter().all(|cell| !cell.axes.contains_key(*name)));
    let stages = experiment.transfer.iter().filter_map(|(name, stage)| Some(("transfer", name, stage.when.as_deref()?)));
    let stages = stages.filter(|(_, name, _)| plan.cells.iter().all(|cell| cell.stage != **name));
    let said = |(kind, name, when): (&str, &String, &str)| {
        let mut values = of_names_in(when, plan);
        let read = words(when);
        let constants = experiment.with.iter().filter(|(name, _)| read.contains(&name.as_str()));
        values.extend(constants.map(|(name, value)| format!("{name} is {}", text(value))));
        let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join("; ")) };
        format!("the {kind} `{name}` is left out everywhere: `when: {when}` holds at no point{values}")
    };
    axes.chain(stages).map(said).collect()
}

fn words(expression: &str) -> Vec<&str> {
    expression.split(|c: char| !c.is_alphanumeric() && c != '_').collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(values: &IndexSet<String>) -> String {
    let told: Vec<&str> = values.iter().take(TOLD).map(String::as_str).collect();
    let more = if values.len() > TOLD { format!(" and {} more", values.len() - TOLD) } else { String::new() };
    told.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use crate::spec::SourceText;
    use std::path::Path;

    fn read(text: &str) -> (Experiment, Plan) {
        let experiment = spec::read(SourceText::new("x.yaml", text), "x", &[], Path::new("no such project")).unwrap();
        let plan = Plan::make(&experiment, &|_| Ok("made-up".to_owned())).unwrap();
        (experiment, plan)
    }

    const GRID: &str = "template: quick
axes:
  method: [vic_mae, mae]
  weight: { when: \"method == 'vic-mae'\", values: [0.1, 0.2] }
transfer:
  knn: { template: knn, when: \"seed == 7\" }
";

    #[test]
    fn the_values_of_the_names_in_an_expression_are_told() {
        let (_, plan) = read(GRID);
        assert_eq!(of_names_in("method == 'nope' and stage == 'x'", &plan), ["method has vic_mae, mae", "stage has pretrain"]);
        assert_eq!(of_names_in("weight == 3", &plan), Vec::<String>::new());
    }

    #[test]
    fn what_a_condition_drops_everywhere_is_told() {
        let (experiment, plan) = read(GRID);
        insta::assert_snapshot!(of_nowhere(&experiment, &plan).join("\n"), @r"
        the axis `weight` is left out everywhere: `when: method == 'vic-mae'` holds at no point (method has vic_mae, mae)
        the transfer `knn` is left out everywhere: `when: seed == 7` holds at no point (seed has 0)
        ");
        let (experiment, plan) = read(&GRID.replace("vic-mae", "vic_mae").replace("seed == 7", "seed == 0"));
        assert_eq!(of_nowhere(&experiment, &plan), Vec::<String>::new());
    }
}
