//! What `--set` may not do: a trial gives up nothing that the experiment asked for before.

use super::asked_before::place;
use super::print;
use super::results;
use crate::plan::Cell;
use crate::plan::Plan;
use crate::plan::Run;
use crate::record;
use crate::record::Record;
use crate::run_id::RunId;
use crate::spec::Experiment;
use anyhow::Result;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::path::Path;

/// Keeps asked what the record says that the experiment asked for the last time. Where an override asks for another run in the
/// place of one of those, a table could not show both: then it is an experiment of its own, with a name and a report of its own.
/// A person is told so.
///
/// # Errors
/// When the record cannot be read.
pub(super) fn keep_former(
    sets: &[String],
    results: &Path,
    experiment: &mut Experiment,
    everything: &mut Plan,
    wanted: &mut Plan,
) -> Result<()> {
    if sets.is_empty() {
        return Ok(());
    }
    let Some(record) = results::record(results)? else { return Ok(()) };
    if let Some(note) = keep(sets, &record, experiment, everything, wanted)? {
        print::note(&note);
    }
    Ok(())
}

/// The same with the record at hand. Returns what a person should know.
fn keep(
    sets: &[String],
    record: &Record,
    experiment: &mut Experiment,
    everything: &mut Plan,
    wanted: &mut Plan,
) -> Result<Option<String>> {
    let former = record.cells(&experiment.name)?;
    if is_other(everything, &former, sets) {
        let (before, name) = (experiment.name.clone(), name_of(&experiment.name, sets));
        for known in [&mut experiment.name, &mut everything.experiment, &mut wanted.experiment] {
            known.clone_from(&name);
        }
        return Ok(Some(format!(
            "with `--set` this is the experiment `{name}`, with a report of its own; `{before}` stays as it was"
        )));
    }
    let more: BTreeSet<RunId> = former.iter().map(|cell| cell.run.id).filter(|run| !everything.runs.contains_key(run)).collect();
    join(everything, &former, record)?;
    let (count, name) = (more.len(), &experiment.name);
    Ok((count > 0).then(|| {
        format!("{count} more runs that `{name}` asked for the last time stay asked for: `--set` is for this command alone")
    }))
}

/// Whether some place that had a run is to have another one, or points are to have other axes.
fn is_other(plan: &Plan, former: &[record::Cell], sets: &[String]) -> bool {
    if former.is_empty() {
        return false;
    }
    let places: IndexMap<String, RunId> = plan.cells.iter().map(|cell| (place(&cell.stage, &cell.axes), cell.run)).collect();
    let before: BTreeSet<&String> = former.iter().flat_map(|cell| cell.axes.keys()).collect();
    let now: BTreeSet<&String> = plan.cells.iter().flat_map(|cell| cell.axes.keys()).collect();
    // An axis that only some points have may be missing because these are not asked for; then it was not set.
    let is_set = |axis: &&&String| sets.iter().any(|set| set.starts_with("zip") || set.starts_with(&format!("axes.{axis}")));
    former.iter().any(|cell| places.get(&place(&cell.stage, &cell.axes)).is_some_and(|run| *run != cell.run.id))
        || before.symmetric_difference(&now).any(|axis| is_set(&axis))
}

/// Adds what was asked for before, in its order, so that tables keep theirs.
fn join(plan: &mut Plan, former: &[record::Cell], record: &Record) -> Result<()> {
    let mut cells: IndexMap<String, Cell> = IndexMap::new();
    for cell in former {
        let (run, stage, axes) = (cell.run.id, cell.stage.clone(), cell.axes.clone());
        cells.insert(place(&stage, &axes), Cell { run, stage, axes });
        // What cannot be read any more stays asked for all the same.
        if !plan.runs.contains_key(&run)
            && let Some(card) = record.card(&run)?
            && let Ok(work) = serde_json::from_value(card.config)
        {
            let (name, stage, parents, data) = (card.name, card.stage, card.parents, IndexMap::new());
            plan.runs.insert(run, Run { id: run, name, stage, parents, work, data });
        }
    }
    cells.extend(plan.cells.drain(..).map(|cell| (place(&cell.stage, &cell.axes), cell)));
    plan.cells = cells.into_values().collect();
    plan.asked = plan.cells.len();
    Ok(())
}

/// `mine-with-epochs-2`: what the name of an experiment may be made of.
fn name_of(name: &str, sets: &[String]) -> String {
    /// File systems take 255 bytes, and reports put endings behind it.
    const LONGEST: usize = 120;
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let words: String = sets.join("-").chars().map(allowed).collect();
    let name = format!("{name}-{}", words.trim_matches('-'));
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}-{}", &name[..end], RunId::of(name.as_bytes()).short()),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CellCard;
    use crate::record::ExperimentCard;
    use crate::record::RunCard;
    use crate::spec;
    use crate::spec::SourceText;

    const FILE: &str = "template: quick\nwith: { epochs: 9 }\naxes: { method: [mae, vic_mae] }\nseeds: 3\n";

    fn read(sets: &[String]) -> (Experiment, Plan) {
        let experiment = spec::read(SourceText::new("x.yaml", FILE), "x", sets, Path::new("no such project")).unwrap();
        let plan = Plan::make(&experiment, &|_| Ok("made-up".to_owned())).unwrap();
        (experiment, plan)
    }

    /// What is asked for with `sets` after the file itself was run: the name, the runs, and what is said.
    fn after(sets: &[&str]) -> (String, usize, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::open(folder.path()).unwrap();
        let (_, plan) = read(&[]);
        let card = |run: &Run| {
            let (name, stage, config) = (run.name.clone(), run.stage.clone(), serde_json::to_value(&run.work).unwrap());
            RunCard { id: run.id, name, stage, parents: run.parents.clone(), config }
        };
        let cell = |cell: &Cell| CellCard { run: cell.run, stage: cell.stage.clone(), axes: cell.axes.clone() };
        let (name, question, file) = ("x".to_owned(), String::new(), "x.yaml".to_owned());
        let cells = plan.cells.iter().map(cell).collect();
        let cards: Vec<RunCard> = plan.runs.values().map(card).collect();
        record.admit(&ExperimentCard { name, question, file, cells }, &cards).unwrap();
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let (mut experiment, mut everything) = read(&sets);
        let mut wanted = everything.clone();
        let said = keep(&sets, &record, &mut experiment, &mut everything, &mut wanted).unwrap();
        assert!(everything.cells.iter().all(|cell| everything.runs.contains_key(&cell.run)));
        assert_eq!((&experiment.name, &wanted.experiment), (&everything.experiment, &everything.experiment));
        (experiment.name, everything.cells.len(), said)
    }

    #[test]
    fn what_was_asked_for_stays_asked_for() {
        assert_eq!(after(&[]), ("x".to_owned(), 6, None));
        let (name, cells, said) = after(&["seeds=1"]);
        assert_eq!((name.as_str(), cells), ("x", 6));
        assert!(said.unwrap().starts_with("4 more runs that `x` asked for"));
        // What is new comes on top.
        let (name, cells, _) = after(&["seeds=[2, 3]", "axes.method=[mae]"]);
        assert_eq!((name.as_str(), cells), ("x", 7));
    }

    #[test]
    fn other_runs_in_the_same_places_are_another_experiment() {
        let (name, cells, said) = after(&["with.epochs=5", "seeds=1"]);
        assert_eq!((name.as_str(), cells), ("x-with-epochs-5-seeds-1", 2));
        assert!(said.unwrap().contains("`x` stays as it was"));
        assert_eq!(after(&["axes.weight=[0.1, 0.2]"]).0, "x-axes-weight--0-1--0-2");
    }

    #[test]
    fn the_name_of_a_trial_tells_what_it_changes() {
        assert_eq!(name_of("mine", &["with.epochs=2".into(), "axes.method=[mae]".into()]), "mine-with-epochs-2-axes-method--mae");
        assert_eq!(name_of("mine", &["with.text=".to_owned() + &"x".repeat(300)]).len(), 133);
    }
}
