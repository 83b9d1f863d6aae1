//! The curves of one run, with the times at which they were measured.

use super::Source;
use crate::event::{Kind, Metric};
use crate::report::question::Row;
use crate::run_folder::{EventReader, RunFolder};
use anyhow::Result;
use jiff::Timestamp;
use std::collections::HashMap;

/// A number that a run measured.
pub(super) struct Point {
    pub metric: Metric,
    pub step: u64,
    /// NaN where it was not a number.
    pub value: f64,
    pub at: Timestamp,
}

impl Source<'_> {
    /// What a run measured, by metric and step. Times are those of its event log; where the log is gone, the end of its last
    /// attempt stands for them, or its beginning when it has not ended.
    pub(super) fn points(&self, row: &Row) -> Result<Vec<Point>> {
        let mut times = HashMap::new();
        for event in EventReader::open(&RunFolder::new(self.results, row.run.id)).poll()? {
            if let Kind::Measured { step, .. } = event.kind {
                times.insert(step, event.at);
            }
        }
        let end = self.ended(row).or_else(|| self.began(row)).unwrap_or(Timestamp::UNIX_EPOCH);
        let points = self.record.curves_of(&row.run.id)?.into_iter().map(|(metric, step, value)| {
            let at = times.get(&step).copied().unwrap_or(end);
            Point { metric, step, value, at }
        });
        Ok(points.collect())
    }

    /// When the last attempt at a run began.
    pub(super) fn began(&self, row: &Row) -> Option<Timestamp> {
        self.attempts.get(&row.run.id)?.started_at.as_ref()?.parse().ok()
    }

    /// When the last attempt at a run ended.
    pub(super) fn ended(&self, row: &Row) -> Option<Timestamp> {
        self.attempts.get(&row.run.id)?.ended_at.as_ref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, write};
    use super::*;
    use crate::record::scripted::{Lab, measured, started};
    use crate::run_id::RunId;
    use std::fs;

    /// An attempt from second 1 to second 8 that measured in seconds 5 and 7.
    #[test]
    fn the_log_tells_times_and_without_it_the_end_stands_for_them() {
        let (mut lab, run) = (Lab::with_cells("x", &[("one", "pretrain")]), RunId::of(b"one"));
        let mut events =
            lab.script(run, 1, [started(0), measured(25, 0.5), measured(100, 0.25), Kind::Finished { seconds: 7.0 }]);
        for (event, second) in events.iter_mut().zip([1, 5, 7, 8]) {
            event.at = Timestamp::from_second(second).unwrap();
        }
        lab.record.ingest(&events).unwrap();
        let times = || -> Vec<String> {
            let out = tempfile::tempdir().unwrap();
            write(&lab.record, "x", Format::Csv, lab.results(), out.path()).unwrap();
            let lines = csv::Reader::from_path(out.path().join("metrics.csv")).unwrap();
            lines.into_records().map(|line| line.unwrap().iter().next_back().unwrap().to_owned()).collect()
        };
        assert_eq!(times(), ["1970-01-01T00:00:08Z", "1970-01-01T00:00:08Z"]);
        let folder = RunFolder::new(lab.results(), run);
        fs::create_dir_all(folder.path()).unwrap();
        let lines: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        fs::write(folder.events(), lines.concat()).unwrap();
        assert_eq!(times(), ["1970-01-01T00:00:05Z", "1970-01-01T00:00:07Z"]);
    }
}
