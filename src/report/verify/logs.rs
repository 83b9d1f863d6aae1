//! What the event logs of an experiment's runs say.

use crate::event::Event;
use crate::event::Kind;
use crate::event::Metric;
use crate::event::SECONDS;
use crate::record::CellCard;
use crate::record::ExperimentCard;
use crate::record::Record;
use crate::run_folder::EventReader;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the event log of a run says at its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Log {
    /// How far the run is, by the names that the record has.
    pub state: &'static str,
    /// The last value of each metric.
    pub last: BTreeMap<Metric, f64>,
}

/// Makes the record of an experiment again in the folder `place`: what was asked for is taken over, and everything else is from
/// the event logs of its runs and of those that these need. Also returns what each log that is there says.
pub(super) fn read(record: &Record, experiment: &str, results: &Path, place: &Path) -> Result<(Record, BTreeMap<RunId, Log>)> {
    let (cards, cells) = (record.cards_of(experiment)?, record.cells(experiment)?);
    let mut again = Record::open(place)?;
    if let Some(known) = record.experiments()?.into_iter().find(|known| known.name == experiment) {
        let cell = |cell: &crate::record::Cell| CellCard { run: cell.run.id, stage: cell.stage.clone(), axes: cell.axes.clone() };
        let cells = cells.iter().map(cell).collect();
        let card = ExperimentCard { name: known.name, question: known.question, file: known.file, cells };
        again.admit(&card, &cards.values().cloned().collect::<Vec<_>>())?;
    }
    let mut logs = BTreeMap::new();
    for run in cards.keys().copied().chain(cells.iter().map(|cell| cell.run.id)).collect::<BTreeSet<_>>() {
        let folder = RunFolder::new(results, run);
        if folder.events().exists() {
            let events = EventReader::open(&folder).poll()?;
            again.ingest(&events)?;
            logs.insert(run, Log::of(&events));
        }
    }
    Ok((again, logs))
}

/// What one attempt says of itself.
#[derive(Default)]
struct Attempt {
    /// Its ending: a result if there is one, otherwise the one of the event with the highest number.
    ending: Option<((bool, u64), &'static str)>,
    /// How long it says that it took, if it finished.
    seconds: Option<f64>,
    /// How long its process lived, the longest that it or its keeper says.
    lived: Option<f64>,
}

impl Log {
    /// Of equal steps, the latest attempt counts, and of equal attempts the later event.
    fn of(events: &[Event]) -> Log {
        let mut last: BTreeMap<Metric, ((u64, u32, u64), f64)> = BTreeMap::new();
        let mut attempts: BTreeMap<u32, Attempt> = BTreeMap::new();
        for event in events {
            attempts.entry(event.attempt).or_default().hear(event);
            let Kind::Measured { step, values } = &event.kind else { continue };
            for (metric, value) in values {
                let place = (*step, event.attempt, event.seq);
                if last.get(metric).is_none_or(|(before, _)| *before <= place) {
                    last.insert(metric.clone(), (place, *value));
                }
            }
        }
        let took: Vec<f64> = attempts.values().filter_map(|attempt| attempt.lived.or(attempt.seconds)).collect();
        if !took.is_empty() {
            let all = took.iter().fold(0.0, |all, seconds| all + seconds);
            last.entry(Metric::new(SECONDS)).or_insert(((0, 0, 0), all));
        }
        Log { state: state(&attempts), last: last.into_iter().map(|(metric, (_, value))| (metric, value)).collect() }
    }
}

impl Attempt {
    fn hear(&mut self, event: &Event) {
        let ending = match &event.kind {
            Kind::Used { seconds, .. } => {
                // Its worker and its keeper may both tell, and the keeper of a worker that was killed knows more.
                self.lived = Some(self.lived.map_or(*seconds, |lived| lived.max(*seconds)));
                return;
            }
            Kind::Finished { .. } => "done",
            Kind::Failed { .. } => "failed",
            Kind::Pruned { .. } => "pruned",
            Kind::Interrupted { .. } => "interrupted",
            _ => return,
        };
        let place = (ending == "done", event.seq);
        if self.ending.is_none_or(|(before, _)| before < place) {
            self.ending = Some((place, ending));
            self.seconds = if let Kind::Finished { seconds } = event.kind { Some(seconds) } else { None };
        }
    }
}

/// A run is done when any of its attempts is; otherwise it is what its last one is.
fn state(attempts: &BTreeMap<u32, Attempt>) -> &'static str {
    let of = |attempt: &Attempt| attempt.ending.map_or("running", |(_, ending)| ending);
    match attempts.values().map(of).find(|state| *state == "done") {
        Some(done) => done,
        None => attempts.values().next_back().map_or("new", of),
    }
}

#[cfg(test)]
mod tests {
    use super::super::state_name;
    use super::*;
    use crate::event::Cause;
    use crate::record::scripted::{Lab, started};

    /// A run that two attempts were made at, told by workers and keepers.
    fn told(kinds: Vec<(u32, Kind)>) -> (Lab, Log, RunId) {
        let mut lab = Lab::new();
        lab.admit_one_run();
        let run = RunId::of(b"one");
        for (attempt, kind) in kinds {
            lab.say(run, attempt, [kind]);
        }
        let log = Log::of(&lab.events);
        (lab, log, run)
    }

    #[test]
    fn of_what_a_worker_and_its_keeper_say_the_larger_counts_as_in_the_record() {
        let used = |seconds| Kind::Used { seconds, peak_memory_bytes: None };
        let finished = Kind::Finished { seconds: 2.0 };
        let (lab, log, run) = told(vec![(1, started(0)), (1, used(9.0)), (1, used(3.0)), (2, started(0)), (2, finished)]);
        assert_eq!(log.last.get(&Metric::new(SECONDS)), Some(&11.0));
        assert_eq!(lab.record.seconds("x").unwrap().get(&run), Some(&11.0));
    }

    #[test]
    fn states_are_those_of_the_record() {
        let failed = || Kind::Failed { cause: Cause::Error, error: "no".into() };
        let pruned = || Kind::Pruned { step: 3, reason: "others".into() };
        let finished = || Kind::Finished { seconds: 1.0 };
        let cases = [
            vec![],
            vec![(1, started(0))],
            vec![(1, started(0)), (1, failed())],
            vec![(1, failed()), (2, started(0))],
            vec![(1, finished()), (2, failed())],
            vec![(1, Kind::Interrupted { step: 1 }), (2, pruned())],
            vec![(1, finished()), (1, failed())],
            vec![(1, failed()), (1, finished())],
        ];
        let expected = ["new", "running", "failed", "running", "done", "pruned", "done", "done"];
        for (kinds, expected) in cases.into_iter().zip(expected) {
            let (lab, log, run) = told(kinds);
            assert_eq!((log.state, state_name(&lab.record.state(&run).unwrap())), (expected, expected));
        }
    }
}
