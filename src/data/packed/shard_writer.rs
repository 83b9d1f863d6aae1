//! Writes one file of a packed set: Arrow IPC, one row a clip, never half there under its name.

use super::manifest::{Encoding, ShardCard};
use super::row::{Row, hash, schema};
use anyhow::{Context, Result};
use arrow_array::builder::{Float64Builder, LargeBinaryBuilder, ListBuilder};
use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of frames a record batch, about: large enough that a set has few of them, small enough to be held twice.
const BATCH: u64 = 32 << 20;

/// A file in the making.
pub(in crate::data) struct ShardWriter {
    writer: FileWriter<Counted<BufWriter<File>>>,
    schema: SchemaRef,
    folder: PathBuf,
    name: String,
    split: String,
    classes: Arc<[String]>,
    encoding: Encoding,
    rows: Vec<Row>,
    /// Bytes of frames in `rows`.
    held: u64,
    clips: usize,
    frames: usize,
}

impl ShardWriter {
    /// Begins the file `name` of a folder, under another name.
    pub(in crate::data) fn begin(
        folder: &Path,
        name: &str,
        split: &str,
        classes: &Arc<[String]>,
        encoding: Encoding,
    ) -> Result<Self> {
        let path = unfinished(folder, name);
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let schema = Arc::new(schema(encoding));
        let writer = FileWriter::try_new(Counted::new(BufWriter::new(file)), &schema)?;
        Ok(ShardWriter {
            writer,
            schema,
            folder: folder.to_owned(),
            name: name.to_owned(),
            split: split.to_owned(),
            classes: classes.clone(),
            encoding,
            rows: Vec::new(),
            held: 0,
            clips: 0,
            frames: 0,
        })
    }

    /// Adds a clip.
    pub(in crate::data) fn add(&mut self, row: Row) -> Result<()> {
        self.held += row.bytes();
        self.clips += 1;
        self.frames += row.frames.len();
        self.rows.push(row);
        if self.held >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Completes the file, brings it to the disk, and gives it its name.
    pub(in crate::data) fn finish(mut self) -> Result<ShardCard> {
        self.flush()?;
        let (path, unfinished) = (self.folder.join(&self.name), unfinished(&self.folder, &self.name));
        let failed = || format!("cannot write {}", path.display());
        self.writer.finish().with_context(failed)?;
        let counted = self.writer.into_inner().with_context(failed)?;
        let (bytes, blake3) = (counted.bytes, counted.hasher.finalize().to_hex().to_string());
        let file = counted.inner.into_inner().map_err(|error| error.into_error()).with_context(failed)?;
        file.sync_all().with_context(failed)?;
        fs::rename(&unfinished, &path).with_context(failed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).with_context(failed)?;
        Ok(ShardCard { file: self.name, clips: self.clips, frames: self.frames, bytes, blake3 })
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.held = 0;
        let text = |of: &dyn Fn(&Row) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
        let number =
            |of: fn(&Row) -> usize| -> ArrayRef { Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| of(row) as i32))) };
        let mut seconds = ListBuilder::new(Float64Builder::new());
        let mut frames = ListBuilder::new(LargeBinaryBuilder::new());
        for row in &rows {
            seconds.values().append_slice(&row.seconds);
            seconds.append(true);
            row.frames.iter().for_each(|frame| frames.values().append_value(frame));
            frames.append(true);
        }
        let columns: Vec<ArrayRef> = vec![
            text(&|row| row.path.clone()),
            text(&|row| self.classes[row.class].clone()),
            number(|row| row.class),
            text(&|_| self.split.clone()),
            number(|row| row.width),
            number(|row| row.height),
            Arc::new(seconds.finish()),
            text(&|_| self.encoding.word().to_owned()),
            text(&|row| row.stream.clone()),
            Arc::new(frames.finish()),
            text(&|row| hash(row.frames.iter().map(Vec::as_slice))),
        ];
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.writer.write(&batch).with_context(|| format!("cannot write {}", self.folder.join(&self.name).display()))
    }
}

/// The name of a file that is being written; a later attempt writes over it.
fn unfinished(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.new"))
}

/// Hashes and counts what goes through.
struct Counted<W> {
    inner: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W> Counted<W> {
    fn new(inner: W) -> Self {
        Counted { inner, hasher: blake3::Hasher::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
