//! `vicmae report`: tables, plots and pages of an experiment.

use super::{print, results};
use crate::engine;
use crate::failure::Failure;
use crate::failure::Fault;
use crate::plan::Plan;
use crate::plan::places;
use crate::record::Record;
use crate::report;
use crate::report::Unmade;
use crate::spec::Experiment;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Makes the report of an experiment from the record: tables, plots and pages, in RESULTS/reports/EXPERIMENT
///
/// index.html holds everything in one file and needs no network; index.md is for a repository;
/// report.tex compiles as it is, and its tables can be \input into a paper.
///
/// Examples:
///   vicmae report experiments/quickstart.yaml
///   vicmae report experiments/quickstart.yaml --strict      # refuses tables that compare unfairly
///   vicmae report experiments/quickstart.yaml --verify      # makes every number again from the event logs
///   vicmae report experiments/quickstart.yaml --follow      # writes it again while the runs run
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The experiment's YAML file
    file: PathBuf,

    /// Refuses tables whose rows differ in seeds, budget, views, data or code, and a report that is not of what the file asks for
    #[arg(long)]
    strict: bool,

    /// Writes nothing; compares record and report with what the event logs of the runs say
    #[arg(long, conflicts_with_all = ["strict", "follow"])]
    verify: bool,

    /// Writes the report again and again as long as a process runs experiments into the results folder
    #[arg(long)]
    follow: bool,

    /// Seconds between two reports of `--follow`
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "follow", value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
}

/// Makes the report, and prints its tables.
///
/// # Errors
/// A [`Failure`] when the experiment is wrong or there is no record of it, when a table or plot could not be made (all others are
/// written), or when something does not agree with the logs.
pub fn run(args: &Args, results: &Path) -> Result<()> {
    let experiment = super::asked::load(&args.file, &[])?;
    if args.verify {
        return verify(&experiment, results);
    }
    let order = Order { experiment: &experiment, results, file: Some(&args.file), strict: args.strict };
    if args.follow {
        order.follow(args.every)?;
    }
    order.show()
}

/// Makes the report of an experiment that has just been run, and prints its tables.
pub(super) fn make(experiment: &Experiment, results: &Path) -> Result<()> {
    Order { experiment, results, file: None, strict: false }.show()
}

/// Whether the report that an experiment wants can be made of its plan.
///
/// # Errors
/// A [`Failure`] that points at the place in the experiment's file.
pub(super) fn check(experiment: &Experiment, plan: &Plan) -> Result<()> {
    config(experiment)?.map_or(Ok(()), |config| Ok(config.check(experiment, plan)?))
}

/// A report to be made.
struct Order<'a> {
    experiment: &'a Experiment,
    results: &'a Path,
    /// Where the experiment is from, if the record may be of another than it is now.
    file: Option<&'a Path>,
    strict: bool,
}

impl Order<'_> {
    fn show(&self) -> Result<()> {
        let written = self.write()?;
        let (width, color) = print::terminal();
        written.tables.iter().try_for_each(|table| print::line(&format!("\n{}", table.to_text(width, color))))?;
        written.notes.iter().for_each(|note| print::note(note));
        let folder = written.index.with_file_name("");
        print::line(&format!("\nreport: {} (and index.md, report.tex in {})", written.index.display(), folder.display()))?;
        self.verdict(&written.unmade)
    }

    fn write(&self) -> Result<report::Written> {
        let (config, record) = (config(self.experiment)?, results::the_record(self.results)?);
        // Of this moment: while runs are recorded, they change.
        let notes = self.file.map(|file| differences(self.experiment, &record, file)).transpose()?.unwrap_or_default();
        let wanted = report::Wanted { notes, strict: self.strict, ..wanted(self.experiment, config.as_ref()) };
        report::write(&record, &wanted, self.results, &folder(self.experiment, self.results))
    }

    /// Writes the report again and again until no process runs experiments.
    fn follow(&self, every: u64) -> Result<()> {
        while engine::holder(self.results).is_some() {
            let written = self.write()?;
            written.unmade.iter().for_each(|unmade| print::note(&unmade.note()));
            print::line(&format!("{}: written; again in {every} s", written.index.display()))?;
            sleep(Duration::from_secs(every));
        }
        Ok(())
    }

    /// Tells what could not be made; all else was written.
    fn verdict(&self, unmade: &[Unmade]) -> Result<()> {
        let drawn = |unmade: &Unmade| {
            let path: Vec<&str> = unmade.path.iter().map(String::as_str).collect();
            let failure = self.experiment.source.failure_at(&path, unmade.note(), "not made");
            unmade.hints.iter().fold(failure, |failure, hint| failure.hint(hint.as_str()))
        };
        match unmade {
            [] => Ok(()),
            [one] => Err(drawn(one).into()),
            several => {
                let failure = Failure::input(format!("{} tables and plots could not be made", several.len()));
                let listed: Vec<String> = several.iter().map(|one| drawn(one).to_string()).collect();
                Err(failure.at(listed.join("\n\n")).hint("all others were written").into())
            }
        }
    }
}

/// What the experiment wants to see.
fn wanted<'a>(experiment: &'a Experiment, config: Option<&'a report::Config>) -> report::Wanted<'a> {
    let axes = report::question::declared(experiment);
    report::Wanted { experiment: &experiment.name, config, axes, ..report::Wanted::default() }
}

/// What the experiment's file asks for and the record does not know, and the other way round. Data need not be there: what is
/// told apart by its contents is taken for different where it has different names.
fn differences(experiment: &Experiment, record: &Record, file: &Path) -> Result<Vec<String>> {
    let recorded = record.cells(&experiment.name)?;
    if recorded.is_empty() {
        return Ok(Vec::new());
    }
    // The whole plan is only made to count what differs: ten thousand runs take a while.
    if places(experiment).is_ok_and(|places| report::asked::is_same(&places, &recorded)) {
        return Ok(Vec::new());
    }
    let plan = match Plan::make(experiment, &|content| Ok(format!("{content:?}"))) {
        Ok(plan) => plan,
        // What was run can be shown all the same.
        Err(error) => {
            let message = error.to_string().lines().next().unwrap_or_default().to_owned();
            return Ok(vec![format!("the file is not right any more: {message}")]);
        }
    };
    Ok(report::asked::differences(&plan, &recorded, &file.display().to_string()))
}

fn folder(experiment: &Experiment, results: &Path) -> PathBuf {
    results.join("reports").join(&experiment.name)
}

fn verify(experiment: &Experiment, results: &Path) -> Result<()> {
    let (config, record) = (config(experiment)?, results::the_record(results)?);
    let folder = folder(experiment, results);
    // Those are of the file as it was then, and no numbers.
    let wanted = report::Wanted { notes: report::notes(&folder), ..wanted(experiment, config.as_ref()) };
    let verdict = report::verify(&record, &wanted, results, &folder)?;
    let (runs, values, files) = (verdict.runs, verdict.values, verdict.files);
    let read = format!("{values} last values of {runs} runs and {files} files were made again from the event logs");
    let rest = match verdict.skipped {
        0 => String::new(),
        skipped => format!(" ({skipped} pages and drawings are of another build of vicmae, or of runs that go on: not compared)"),
    };
    if verdict.differences.is_empty() {
        return print::line(&format!("{read}: all agree{rest}"));
    }
    let count = verdict.differences.len();
    Err(Failure::new(Fault::Runs, format!("{read}; {count} do not agree{rest}"))
        .at(verdict.differences.join("\n"))
        .hint("`vicmae reindex` makes the record again from the logs, `vicmae report` the report from the record")
        .into())
}

/// What the experiment wants to see.
pub(super) fn config(experiment: &Experiment) -> Result<Option<report::Config>> {
    report::Config::of(&experiment.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Run;
    use crate::record::CellCard;
    use crate::record::ExperimentCard;
    use crate::record::RunCard;
    use crate::spec;
    use crate::spec::SourceText;

    const FILE: &str = "template: quick\naxes: { method: [mae, vic_mae] }\nseeds: 3\n";

    /// Tells the record of the first of the cells that are planned.
    fn admit(record: &mut Record, plan: &Plan, count: usize) {
        let cells = plan.cells.iter().take(count);
        let cells = cells.map(|cell| CellCard { run: cell.run, stage: cell.stage.clone(), axes: cell.axes.clone() }).collect();
        let card = |run: &Run| {
            let (name, stage, config) = (run.name.clone(), run.stage.clone(), serde_json::to_value(&run.work).unwrap());
            RunCard { id: run.id, name, stage, parents: run.parents.clone(), config }
        };
        let cards: Vec<RunCard> = plan.runs.values().map(card).collect();
        let (name, question, file) = ("x".to_owned(), String::new(), "x.yaml".to_owned());
        record.admit(&ExperimentCard { name, question, file, cells }, &cards).unwrap();
    }

    #[test]
    fn a_report_that_is_written_again_tells_how_the_file_stands_to_the_record_then() {
        let folder = tempfile::tempdir().unwrap();
        let experiment = spec::read(SourceText::new("x.yaml", FILE), "x", &[], Path::new("no such project")).unwrap();
        let plan = Plan::make(&experiment, &|_| Ok("made-up".to_owned())).unwrap();
        let mut record = Record::open(folder.path()).unwrap();
        let file = Some(Path::new("x.yaml"));
        let order = Order { experiment: &experiment, results: folder.path(), file, strict: false };
        admit(&mut record, &plan, 2);
        let told = "the file asks for 6 runs, the record knows 2: `vicmae run x.yaml` does the rest";
        assert_eq!(order.write().unwrap().notes, [told]);
        admit(&mut record, &plan, 6);
        assert_eq!(order.write().unwrap().notes, Vec::<String>::new());
    }
}
