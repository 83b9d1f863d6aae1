//! Two tables as CSV (RFC 4180): `metrics.csv`, a line a number, and `runs.csv`, a line a run. Numbers have all their digits.

use super::wide::plain;
use super::{Source, Written};
use anyhow::{Context, Error, Result};
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

/// A file of one table.
struct Csv {
    lines: csv::Writer<File>,
    path: PathBuf,
}

pub(super) fn write(source: &Source<'_>, out: &Path) -> Result<Written> {
    let wide = source.wide();
    let mut runs = Csv::create(out.join("runs.csv"), &wide.columns)?;
    wide.lines.iter().try_for_each(|line| runs.put(line.iter().map(plain)))?;
    runs.close()?;

    let mut written = Written { runs: wide.lines.len(), points: 0 };
    let axes: Vec<String> = source.rows().next().map(|row| source.axes(row).into_keys().collect()).unwrap_or_default();
    let heads = ["run", "name", "stage"].into_iter().map(str::to_owned).chain(axes);
    let heads: Vec<String> = heads.chain(["metric", "step", "value", "time"].map(str::to_owned)).collect();
    let mut metrics = Csv::create(out.join("metrics.csv"), &heads)?;
    for row in source.rows() {
        let axes: Vec<String> = source.axes(row).values().map(plain).collect();
        let fixed = [vec![row.run.id.to_string(), row.run.name.clone(), row.stage.clone()], axes].concat();
        for point in source.points(row)? {
            let own = [point.metric.to_string(), point.step.to_string(), point.value.to_string(), point.at.to_string()];
            metrics.put(fixed.iter().chain(&own))?;
            written.points += 1;
        }
    }
    metrics.close()?;
    Ok(written)
}

impl Csv {
    fn create(path: PathBuf, heads: &[String]) -> Result<Csv> {
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut csv = Csv { lines: csv::Writer::from_writer(file), path };
        csv.put(heads)?;
        Ok(csv)
    }

    fn put(&mut self, line: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<()> {
        let outcome = self.lines.write_record(line);
        outcome.map_err(cause).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn close(mut self) -> Result<()> {
        self.lines.flush().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// What the system said: an error of the table hides it, and a full disk has an exit code of its own.
fn cause(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => anyhow::anyhow!("{other:?}"),
    }
}
