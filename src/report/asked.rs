//! What an experiment's file asks for, against what the record was told when it was last run.

use crate::plan::Plan;
use crate::record::Cell;
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// Whether the record knows just the places that the file asks for.
pub fn is_same(places: &[(String, IndexMap<String, Value>)], recorded: &[Cell]) -> bool {
    // As long as nobody edits the file they come in the same order, and nothing needs to be sorted.
    let is_at = |((stage, axes), cell): (&(String, IndexMap<String, Value>), &Cell)| *stage == cell.stage && *axes == cell.axes;
    if places.len() == recorded.len() && places.iter().zip(recorded).all(is_at) {
        return true;
    }
    let asked: HashSet<String> = places.iter().map(|(stage, axes)| place(stage, axes)).collect();
    let known: HashSet<String> = recorded.iter().map(|cell| place(&cell.stage, &cell.axes)).collect();
    asked == known
}

/// What a reader must know where the file was changed since: what it asks for and the record does not know, and the other way
/// round. Cells are told by stage and axes, so that no data needs to be there.
pub fn differences(plan: &Plan, recorded: &[Cell], file: &str) -> Vec<String> {
    let asked: HashSet<String> = plan.cells.iter().map(|cell| place(&cell.stage, &cell.axes)).collect();
    let known: HashSet<String> = recorded.iter().map(|cell| place(&cell.stage, &cell.axes)).collect();
    let runs = |wanted: &dyn Fn(&Cell) -> bool| -> HashSet<_> {
        recorded.iter().filter(|cell| wanted(cell)).map(|cell| cell.run.id).collect()
    };
    let still = runs(&|cell| asked.contains(&place(&cell.stage, &cell.axes)));
    let gone = runs(&|_| true).difference(&still).count();
    let mut notes = Vec::new();
    if asked.iter().any(|place| !known.contains(place)) {
        let (all, known) = (plan.runs.len(), still.len());
        let rest = format!("`vicmae run {file}` does the rest");
        notes.push(format!("the file asks for {all} run{}, the record knows {known}: {rest}", plural(all)));
    }
    if gone > 0 {
        notes.push(format!("{gone} run{} of this report are not asked for by the file any more", plural(gone)));
    }
    notes
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The order of axes says nothing.
fn place(stage: &str, axes: &IndexMap<String, Value>) -> String {
    serde_json::json!([stage, axes.iter().collect::<BTreeMap<_, _>>()]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::places;
    use crate::record::{RunRow, RunState};
    use crate::spec;
    use crate::spec::Experiment;
    use crate::spec::SourceText;
    use std::path::Path;

    fn experiment(seeds: &str) -> Experiment {
        let text = format!(
            "template: quick\naxes: {{ method: [vic_mae, mae] }}\nseeds: {seeds}\n\
             transfer: {{ knn: {{ template: knn }}, linear: {{ template: linear_probe, when: \"method == 'mae'\" }} }}\n"
        );
        spec::read(SourceText::new("x.yaml", text), "x", &[], Path::new("no such project")).unwrap()
    }

    fn plan(seeds: &str) -> Plan {
        Plan::make(&experiment(seeds), &|_| Ok("made-up".to_owned())).unwrap()
    }

    fn recorded(plan: &Plan) -> Vec<Cell> {
        let run = |id| RunRow { id, name: String::new(), stage: String::new(), state: RunState::Done };
        plan.cells.iter().map(|it| Cell { stage: it.stage.clone(), axes: it.axes.clone(), run: run(it.run) }).collect()
    }

    #[test]
    fn a_file_that_was_edited_is_told_apart_from_what_was_run() {
        let before = recorded(&plan("2"));
        let told = |seeds| differences(&plan(seeds), &before, "x.yaml");
        let same = |seeds| is_same(&places(&experiment(seeds)).unwrap(), &before);
        assert_eq!(["2", "3", "1", "[7]"].map(same), [true, false, false, false]);
        assert_eq!(told("2"), Vec::<String>::new());
        assert_eq!(told("3"), ["the file asks for 15 runs, the record knows 10: `vicmae run x.yaml` does the rest"]);
        assert_eq!(told("1"), ["5 runs of this report are not asked for by the file any more"]);
        let other = [
            "the file asks for 5 runs, the record knows 0: `vicmae run x.yaml` does the rest",
            "10 runs of this report are not asked for by the file any more",
        ];
        assert_eq!(told("[7]"), other);
    }
}
