//! Successive halving over several starts of a command: what was measured before counts.

use super::Request;
use super::reconcile::Standing;
use crate::event::Kind;
use crate::record::Record;
use crate::run_folder::EventReader;
use crate::run_folder::EventWriter;
use crate::run_folder::Lease;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::schedule::Halving;
use crate::schedule::Stand;
use anyhow::Result;
use std::collections::BTreeMap;

/// Has `halving` recall what the wanted runs have measured, those that are done too.
///
/// An engine that was killed may have asked a loser to leave and not have written why: such a run is pruned now. Those that the
/// executor still has are returned, with the reasons: they are to be stopped first.
pub(super) fn recall(
    request: &Request,
    halving: &mut Halving,
    record: &mut Record,
    standing: &mut Standing,
) -> Result<BTreeMap<RunId, String>> {
    let mut reached = Vec::new();
    for run in request.wanted.runs.keys() {
        let events = EventReader::open(&RunFolder::new(request.results, *run)).poll()?;
        reached.extend(events.iter().flat_map(|event| halving.climb(event)));
    }
    let losers = halving.recall(reached).into_iter().map(|loser| (loser.run, loser.reason));
    let mut losers: BTreeMap<RunId, String> = losers.collect();
    let mut at_work = BTreeMap::new();
    for task in &mut standing.tasks {
        let Some(reason) = losers.remove(&task.run) else { continue };
        match task.stand {
            Stand::Open => {
                let (saved, _) = record.reached(&task.run)?;
                let ending = Kind::Pruned { step: saved.unwrap_or_default(), reason };
                write(&RunFolder::new(request.results, task.run), task.run, task.attempt - 1, ending)?;
                if let Some(reader) = standing.readers.get_mut(&task.run) {
                    record.ingest(&reader.poll()?)?;
                }
                task.stand = Stand::Pruned;
            }
            Stand::WithExecutor => drop(at_work.insert(task.run, reason)),
            Stand::Done | Stand::Pruned => {}
        }
    }
    Ok(at_work)
}

/// Writes another ending of the last attempt at a run, which nobody has.
fn write(folder: &RunFolder, run: RunId, attempt: u32, ending: Kind) -> Result<()> {
    let (lease, _) = Lease::take(folder, attempt)?;
    EventWriter::open(&folder.clone().held_by(lease), run, attempt)?.emit(ending)
}
