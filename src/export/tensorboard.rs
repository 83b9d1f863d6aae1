//! Event files of TensorBoard: TFRecords of `Event` messages, one file a run.

use super::points::Point;
use super::{Source, Written};
use crate::report::question::Row;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Characters of a run's name that stand in the name of its folder.
const LONGEST_NAME: usize = 100;

pub(super) fn write(source: &Source<'_>, out: &Path) -> Result<Written> {
    let mut written = Written::default();
    for row in source.rows() {
        let mut points = source.points(row)?;
        points.sort_by_key(|point| point.step);
        let path = out.join(folder(row)).join(file(source, row)?);
        put(&path, &points).with_context(|| format!("cannot write {}", path.display()))?;
        written.runs += 1;
        written.points += points.len();
    }
    Ok(written)
}

/// The folder of a run: its name, as far as file systems take it, and the beginning of its id.
fn folder(row: &Row) -> String {
    let safe = |character: char| if character.is_ascii_alphanumeric() || "._=-".contains(character) { character } else { '-' };
    let name: String = row.run.name.chars().take(LONGEST_NAME).map(safe).collect();
    format!("{name}-{}", row.run.id.short())
}

/// The file of a run, named after the beginning of its first attempt: it stays the same when the run goes on, so that a later
/// export writes over it. TensorBoard reads all files of a folder.
fn file(source: &Source<'_>, row: &Row) -> Result<String> {
    let attempts = source.record.attempts(&row.run.id)?;
    let first = attempts.first();
    let began = first.and_then(|first| first.started_at.as_ref()?.parse::<Timestamp>().ok()).map_or(0, Timestamp::as_second);
    let host = first.and_then(|first| first.host.as_deref()).unwrap_or("unknown").replace('/', "-");
    Ok(format!("events.out.tfevents.{began:010}.{host}"))
}

fn put(path: &Path, points: &[Point]) -> Result<()> {
    fs::create_dir_all(path.with_file_name(""))?;
    let mut file = BufWriter::new(File::create(path)?);
    record(&mut file, &version(points.first().map_or(0.0, seconds)))?;
    points.iter().try_for_each(|point| record(&mut file, &scalar(point)))?;
    Ok(file.flush()?)
}

/// Length, checksum of the length, data, checksum of the data; each checksum a masked CRC-32C.
fn record(file: &mut impl Write, data: &[u8]) -> Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    for part in [&length[..], &masked(&length), data, &masked(data)] {
        file.write_all(part)?;
    }
    Ok(())
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// `Event { wall_time: 1, file_version: 3 }`, the first of a file.
fn version(wall_time: f64) -> Vec<u8> {
    let mut event = double(1, wall_time);
    event.extend(bytes(3, b"brain.Event:2"));
    event
}

/// `Event { wall_time: 1, step: 2, summary: 5 { value: 1 { tag: 1, simple_value: 2 } } }`.
fn scalar(point: &Point) -> Vec<u8> {
    let mut value = bytes(1, point.metric.as_str().as_bytes());
    value.push(2 << 3 | 5);
    value.extend((point.value as f32).to_le_bytes());
    let mut event = double(1, seconds(point));
    event.push(2 << 3);
    event.extend(varint(point.step));
    event.extend(bytes(5, &bytes(1, &value)));
    event
}

fn seconds(point: &Point) -> f64 {
    point.at.as_millisecond() as f64 / 1000.0
}

fn double(field: u8, value: f64) -> Vec<u8> {
    [vec![field << 3 | 1], value.to_le_bytes().to_vec()].concat()
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(value.len() as u64), value.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{Format, write};
    use super::*;
    use crate::event::{Kind, Metric};
    use crate::record::scripted::{Lab, measured, started};
    use crate::run_id::RunId;

    fn framed(data: &[u8]) -> String {
        let mut file = Vec::new();
        record(&mut file, data).unwrap();
        file.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What `tensorboard.summary.writer.record_writer.RecordWriter` of TensorBoard 2.21 writes of the same events.
    #[test]
    fn records_are_those_of_tensorboard() {
        let expected = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c";
        assert_eq!(framed(&version(1.5)), expected);
        let point = Point { metric: Metric::new("loss"), step: 300, value: 0.5, at: Timestamp::from_second(2).unwrap() };
        let expected = "1b000000000000001a0d9e1309000000000000004010ac022a0d0a0b0a046c6f7373150000003fdfc52b60";
        assert_eq!(framed(&scalar(&point)), expected);
    }

    #[test]
    fn a_later_export_of_a_run_that_went_on_writes_over_the_earlier() {
        let name = "../a, \"b\"";
        let (mut lab, run) = (Lab::with_cells("x", &[(name, "pretrain")]), RunId::of(name.as_bytes()));
        let out = tempfile::tempdir().unwrap();
        lab.say(run, 1, [started(0), measured(10, 0.5), Kind::Interrupted { step: 10 }]);
        write(&lab.record, "x", Format::Tensorboard, lab.results(), out.path()).unwrap();
        let file = out.path().join(format!("..-a---b--{}/events.out.tfevents.0000000000.lab1", run.short()));
        let before = fs::metadata(&file).unwrap().len();
        lab.say(run, 2, [started(10), measured(20, 0.25)]);
        write(&lab.record, "x", Format::Tensorboard, lab.results(), out.path()).unwrap();
        assert!(fs::metadata(&file).unwrap().len() > before);
        assert_eq!(fs::read_dir(file.with_file_name("")).unwrap().count(), 1);
    }
}
