//! A results folder in a temporary place, filled by scripted events: for tests of the record and of reports.

use super::{CellCard, ExperimentCard, Record, RunCard};
use crate::event::{Event, Kind};
use crate::run_id::RunId;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tempfile::TempDir;

pub(crate) struct Lab {
    pub record: Record,
    /// Everything that was said.
    pub events: Vec<Event>,
    seqs: HashMap<(RunId, u32), u64>,
    folder: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Lab { record: Record::open(folder.path()).unwrap(), events: Vec::new(), seqs: HashMap::new(), folder }
    }

    /// An experiment whose cells are runs of the given names (hashed to ids) and stages.
    pub fn with_cells(experiment: &str, cells: &[(&str, &str)]) -> Self {
        let cells: Vec<_> = cells.iter().map(|(name, stage)| (*name, *stage, json!({}))).collect();
        let mut lab = Lab::new();
        lab.admit(experiment, &cells);
        lab
    }

    pub fn admit(&mut self, experiment: &str, cells: &[(&str, &str, Value)]) {
        let (mut runs, mut cards) = (Vec::new(), Vec::new());
        for (name, stage, axes) in cells {
            let id = RunId::of(name.as_bytes());
            let axes: IndexMap<String, Value> = serde_json::from_value(axes.clone()).unwrap();
            runs.push(RunCard { id, name: (*name).into(), stage: (*stage).into(), parents: vec![], config: json!({}) });
            cards.push(CellCard { run: id, stage: (*stage).into(), axes });
        }
        let card = ExperimentCard {
            name: experiment.into(),
            question: "What moves accuracy?".into(),
            file: format!("experiments/{experiment}.yaml"),
            cells: cards,
        };
        self.record.admit(&card, &runs).unwrap();
    }

    pub fn admit_one_run(&mut self) {
        let id = RunId::of(b"one");
        let config = json!({"random_init": {"seed": 3, "rate": 1e-4}});
        let run = RunCard { id, name: "one".into(), stage: "pretrain".into(), parents: vec![RunId::of(b"parent")], config };
        let axes = IndexMap::from([("seed".to_owned(), json!(0))]);
        let cells = vec![CellCard { run: id, stage: "pretrain".into(), axes }];
        let card = ExperimentCard { name: "x".into(), question: "?".into(), file: "x.yaml".into(), cells };
        self.record.admit(&card, &[run]).unwrap();
    }

    /// A run that went through every kind of event.
    pub fn with_one_done_run() -> Self {
        let mut lab = Lab::new();
        lab.admit_one_run();
        let run = RunId::of(b"one");
        lab.say(run, 1, [started(0), measured(10, 2.5), Kind::Failed { cause: crate::event::Cause::Error, error: "oh".into() }]);
        let values = BTreeMap::from([("loss".into(), 0.1 + 0.2), ("top1_k20".into(), 64.25)]);
        lab.say(
            run,
            2,
            [
                started(0),
                Kind::Progressed { step: 1, steps: 20 },
                measured(10, 2.25),
                Kind::Measured { step: 20, values },
                Kind::Saved { step: 20, path: "checkpoints/20".into() },
                Kind::Produced { name: "reconstructions".into(), path: "artifacts/20.png".into() },
                Kind::Noticed { message: "3 images were skipped".into() },
                Kind::Used { seconds: 13.0, peak_memory_bytes: Some(1 << 30) },
                Kind::Finished { seconds: 12.5 },
            ],
        );
        lab
    }

    /// Events of an attempt, numbered on from what it said before; they are not taken in.
    pub fn script(&mut self, run: RunId, attempt: u32, kinds: impl IntoIterator<Item = Kind>) -> Vec<Event> {
        let next = self.seqs.entry((run, attempt)).or_default();
        let event = |kind| {
            *next += 1;
            Event { run, attempt, seq: *next - 1, at: Timestamp::UNIX_EPOCH, kind }
        };
        kinds.into_iter().map(event).collect()
    }

    /// Takes in events of an attempt.
    pub fn say(&mut self, run: RunId, attempt: u32, kinds: impl IntoIterator<Item = Kind>) {
        let events = self.script(run, attempt, kinds);
        self.record.ingest(&events).unwrap();
        self.events.extend(events);
    }

    /// Writes what a run said into its folder, where workers write it; nothing when it said nothing.
    pub fn write_log(&self, run: RunId) {
        let folder = crate::run_folder::RunFolder::new(self.results(), run);
        for event in self.events.iter().filter(|event| event.run == run) {
            let mut writer = crate::run_folder::EventWriter::open(&folder, run, event.attempt).unwrap();
            writer.emit(event.kind.clone()).unwrap();
        }
    }

    pub fn results(&self) -> &Path {
        self.folder.path()
    }

    pub fn dump(&self) -> String {
        dump(&self.record)
    }

    pub fn rebuilt(self) -> (Record, TempDir) {
        drop(self.record);
        (Record::rebuild(self.folder.path(), &mut |note| panic!("{note}")).unwrap(), self.folder)
    }
}

/// All that a database holds, with integer keys resolved: these depend on the order in which things came.
pub(crate) fn dump(record: &Record) -> String {
    const TABLES: [&str; 10] = [
        "SELECT id, name, stage, config FROM cards ORDER BY 1",
        "SELECT * FROM parents",
        "SELECT * FROM experiments",
        "SELECT * FROM cells",
        "SELECT * FROM cell_axes",
        "SELECT * FROM attempts",
        "SELECT cards.id, metrics.name, title, unit, better, step, attempt, seq, value FROM measurements
         JOIN cards ON cards.key = run_key JOIN metrics ON metrics.key = metric_key ORDER BY 1, 2, 6, 7, 8",
        "SELECT * FROM artifacts",
        "SELECT * FROM checkpoints",
        "SELECT * FROM notices",
    ];
    TABLES.map(|sql| record.query(sql).unwrap().to_text()).join("\n")
}

pub(crate) fn started(from_step: u64) -> Kind {
    Kind::Started { host: "lab1".into(), device: "cpu".into(), from_step, steps: 100 }
}

pub(crate) fn measured(step: u64, loss: f64) -> Kind {
    Kind::Measured { step, values: BTreeMap::from([("loss".into(), loss)]) }
}
