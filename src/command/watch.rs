//! `vicmae watch`: looks on while runs are running.

use super::live_page;
use super::live_page::Left;
use super::named::named;
use super::run::show_on;
use super::{print, results};
use crate::display::Cast;
use crate::display::Dashboard;
use crate::display::Display;
use crate::display::Past;
use crate::engine;
use crate::engine::Holder;
use crate::event::Event;
use crate::event::Kind;
use crate::record::Record;
use crate::record::RunState;
use crate::run_folder::EventReader;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use anyhow::Result;
use indexmap::IndexMap;
use jiff::Timestamp;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Shows what the process that runs experiments into the results folder is doing, until it ends
///
/// It may have been started in another terminal, or with `run --detach`. On a terminal this is a
/// page that lives: runs, curves, what a run said; `?` shows its keys. Elsewhere it is a line for
/// each change. Ctrl-C ends the looking on, and nothing else.
///
/// Examples:
///   vicmae watch
///   vicmae watch quickstart
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Shows the runs of this experiment alone
    experiment: Option<String>,

    /// Prints events as they happen, one a line, as JSON
    #[arg(long)]
    json: bool,
}

/// Time between two looks at the files.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// How long a process may take to say what it does.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run that is looked at: its name, and what the record tells of it.
pub(super) type Runs = IndexMap<RunId, (String, Past)>;

/// What is looked at.
pub(super) struct Watched {
    pub(super) runs: Runs,
    /// The file of the experiment that asks for what is not done; `FILE` when it is not one alone.
    pub(super) file: String,
}

/// Looks on.
///
/// # Errors
/// A [`crate::failure::Failure`] when there is no record, or no such experiment.
pub fn run(args: &Args, folder: &Path) -> Result<()> {
    let began = Instant::now();
    // What a process does is in the record a moment after it is there, if it does runs at all.
    while engine::holder(folder).is_some_and(|holder| !holder.is_at_work) && began.elapsed() < PATIENCE {
        sleep(TICK);
    }
    let record = results::the_record(folder)?;
    let experiment = args.experiment.as_deref().map(|text| named(&record, text)).transpose()?;
    let watched = watched(&record, experiment.as_deref())?;
    let Some(holder) = engine::holder(folder) else {
        return print::line(&format!(
            "no process is running experiments into {}; `vicmae status` tells how far they are",
            folder.display()
        ));
    };
    let left = if !args.json && live_page::is_possible() {
        let title = experiment.unwrap_or_else(|| folder.display().to_string());
        live_page::look_on(&title, &holder, watched, folder)?
    } else {
        Left::AtTheEnd(in_lines(args.json, &holder, &watched, folder)?)
    };
    match left {
        Left::Early => print::line(&format!("{holder} goes on")),
        Left::AtTheEnd(words) => print::line(&format!("{words}\n`vicmae status` tells how far the experiments are")),
        Left::WithTheTerminal => Ok(()),
    }
}

/// Tells what happens as it happens, until the process ends. Says how it ended.
fn in_lines(json: bool, holder: &Holder, Watched { runs, file }: &Watched, folder: &Path) -> Result<String> {
    let mut display = show_on(json);
    display.say(&format!("{holder} is at {}; Ctrl-C ends the looking on, and nothing else", folder.display()));
    display.begin(cast(runs));
    // Nobody sees this page; it knows in the end how far each run is.
    let mut page = Dashboard::new("", Timestamp::now(), false);
    page.begin(cast(runs));
    runs.iter().for_each(|(run, (_, past))| page.recall(*run, past.clone()));
    let mut readers = readers(runs, folder);
    for reader in &mut readers {
        let events = reader.poll()?;
        events.iter().for_each(|event| page.on(event));
        catch_up(&events, display.as_mut());
    }
    // The last events are written before the process ends, so one more look follows its end.
    let mut is_over = false;
    while !is_over {
        is_over = engine::holder(folder).is_none();
        for reader in &mut readers {
            for event in reader.poll()? {
                display.on(&event);
                page.on(&event);
            }
        }
        if !is_over {
            sleep(TICK);
        }
    }
    display.end();
    Ok(page.ending(file))
}

/// The runs, with what the record tells of them.
fn watched(record: &Record, experiment: Option<&str>) -> Result<Watched> {
    let known = record.experiments()?;
    let (mut runs, mut files) = (Runs::new(), Vec::new());
    for card in known.iter().filter(|card| experiment.is_none_or(|wanted| wanted == card.name)) {
        let cells = record.cells(&card.name)?;
        if cells.iter().any(|cell| cell.run.state != RunState::Done) {
            files.push(card.file.as_str());
        }
        for cell in cells {
            let past = Past { stage: cell.stage, done: cell.run.state == RunState::Done, ..Past::default() };
            runs.insert(cell.run.id, (cell.run.name, past));
        }
        for (run, seconds) in record.seconds(&card.name)? {
            runs.entry(run).and_modify(|(_, past)| past.seconds = seconds);
        }
        for last in record.finals(&card.name)? {
            if let Some((_, past)) = runs.get_mut(&last.run) {
                past.finals.insert(last.metric, (last.step, last.value));
            }
        }
    }
    let file = if let [file] = files[..] { file } else { "FILE" }.to_owned();
    Ok(Watched { runs, file })
}

/// Who will be shown.
pub(super) fn cast(runs: &Runs) -> Cast {
    let done = runs.values().filter(|(_, past)| past.done).count();
    Cast { names: runs.iter().map(|(run, (name, _))| (*run, name.clone())).collect(), done }
}

/// A reader for each run that is not done.
pub(super) fn readers(runs: &Runs, folder: &Path) -> Vec<EventReader> {
    let open = runs.iter().filter(|(_, (_, past))| !past.done);
    open.map(|(run, _)| EventReader::open(&RunFolder::new(folder, *run))).collect()
}

/// Shows where a run that is running stands; what happened before is not told again.
fn catch_up(events: &[Event], display: &mut dyn Display) {
    let started = events.iter().rposition(|event| matches!(event.kind, Kind::Started { .. }));
    let Some(started) = started.filter(|at| events[*at..].iter().all(|event| !event.kind.is_ending())) else { return };
    display.on(&events[started]);
    for wanted in [|kind: &Kind| matches!(kind, Kind::Measured { .. }), |kind: &Kind| matches!(kind, Kind::Progressed { .. })] {
        events[started..].iter().rev().find(|event| wanted(&event.kind)).into_iter().for_each(|event| display.on(event));
    }
}
