//! Two tables as Parquet, those of CSV with types: 64-bit integers, doubles or text, the narrowest that a column fits into.

use super::points::Point;
use super::wide::METRIC;
use super::wide::plain;
use super::{Source, Written};
use crate::report::question::Row;
use anyhow::Result;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// What the values of a column have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Double,
    Text,
}

pub(super) fn write(source: &Source<'_>, out: &Path) -> Result<Written> {
    let wide = source.wide();
    let columns = wide.columns.iter().enumerate().map(|(at, name)| {
        let values: Vec<&Value> = wide.lines.iter().map(|line| &line[at]).collect();
        // A last value that is not finite is text there, and a double all the same.
        let kind = if name.starts_with(METRIC) { Kind::Double } else { Kind::of(&values) };
        (name.clone(), column(kind, &values))
    });
    let runs = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))?;
    let mut file = writer(&out.join("runs.parquet"), runs.schema())?;
    file.write(&runs)?;
    file.close()?;

    // An axis has one type in the whole file.
    let axes: Vec<Vec<Value>> = source.rows().map(|row| source.axes(row).into_values().collect()).collect();
    let width = axes.first().map_or(0, Vec::len);
    let kinds: Vec<Kind> = (0..width).map(|at| Kind::of(&axes.iter().map(|line| &line[at]).collect::<Vec<_>>())).collect();
    let mut written = Written { runs: wide.lines.len(), points: 0 };
    let mut file = None;
    for row in source.rows() {
        let points = source.points(row)?;
        let batch = batch(source, row, &kinds, &points)?;
        let file = match &mut file {
            Some(file) => file,
            None => file.insert(writer(&out.join("metrics.parquet"), batch.schema())?),
        };
        file.write(&batch)?;
        written.points += points.len();
    }
    file.map_or(Ok(()), |file| file.close().map(drop))?;
    Ok(written)
}

fn writer(path: &Path, schema: Arc<Schema>) -> Result<ArrowWriter<File>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    Ok(ArrowWriter::try_new(File::create(path)?, schema, Some(properties))?)
}

/// The curves of a run, one line a number.
fn batch(source: &Source<'_>, row: &Row, kinds: &[Kind], points: &[Point]) -> Result<RecordBatch> {
    let same = |text: String| Arc::new(StringArray::from_iter_values(points.iter().map(|_| &text))) as ArrayRef;
    let mut columns: Vec<(String, ArrayRef, bool)> =
        [("run", same(row.run.id.to_string())), ("name", same(row.run.name.clone())), ("stage", same(row.stage.clone()))]
            .map(|(name, array)| (name.to_owned(), array, false))
            .into();
    for ((axis, value), kind) in source.axes(row).iter().zip(kinds) {
        let values = vec![value; points.len()];
        columns.push((axis.clone(), column(*kind, &values), true));
    }
    let times = points.iter().map(|point| point.at.as_millisecond());
    let own: [(&str, ArrayRef); 4] = [
        ("metric", Arc::new(StringArray::from_iter_values(points.iter().map(|point| point.metric.as_str())))),
        ("step", Arc::new(Int64Array::from_iter_values(points.iter().map(|point| point.step as i64)))),
        ("value", Arc::new(Float64Array::from_iter_values(points.iter().map(|point| point.value)))),
        ("time", Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC"))),
    ];
    columns.extend(own.map(|(name, array)| (name.to_owned(), array, false)));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

impl Kind {
    /// That of a column, text when nothing is in it. So are whole numbers beyond 64 bits with a sign, which lose no digit then.
    fn of(values: &[&Value]) -> Kind {
        let there: Vec<&Value> = values.iter().copied().filter(|value| !value.is_null()).collect();
        let all = |fits: fn(&Value) -> bool| !there.is_empty() && there.iter().all(|value| fits(value));
        if all(Value::is_i64) {
            Kind::Integer
        } else if all(|value| value.is_i64() || value.is_f64()) {
            Kind::Double
        } else {
            Kind::Text
        }
    }
}

fn column(kind: Kind, values: &[&Value]) -> ArrayRef {
    match kind {
        Kind::Integer => Arc::new(values.iter().map(|value| value.as_i64()).collect::<Int64Array>()),
        Kind::Double => Arc::new(values.iter().map(|value| double(value)).collect::<Float64Array>()),
        Kind::Text => Arc::new(values.iter().map(|value| (!value.is_null()).then(|| plain(value))).collect::<StringArray>()),
    }
}

fn double(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}
