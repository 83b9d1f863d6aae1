//! Reads one file of a packed set by memory map: only what is asked for is brought in.

use super::manifest::Encoding;
use super::row::{COLUMNS, hash};
use crate::data::picture::Picture;
use crate::failure::Failure;
use anyhow::{Context, Result, anyhow};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, Int32Array, LargeBinaryArray, ListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, root_as_footer};
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Bytes at the end of an Arrow file that say how long its footer is.
const TRAILER: usize = 10;

/// An open file: its rows, without the frames.
pub(in crate::data) struct Shard {
    file: Bytes,
    parts: Vec<Part>,
    /// The number of rows before each part.
    starts: Vec<usize>,
    /// The number of frames before each part.
    frames_before: Vec<usize>,
    rows: usize,
    raw: bool,
}

/// The columns of one record batch that are read.
struct Part {
    path: StringArray,
    label: Int32Array,
    width: Int32Array,
    height: Int32Array,
    seconds: ListArray,
    times: PrimitiveArray<Float64Type>,
    frames: ListArray,
    values: LargeBinaryArray,
    blake3: StringArray,
}

impl Shard {
    /// Maps a file and reads its index.
    ///
    /// # Errors
    /// A [`Failure`] that names the file when it is not what a `vicmae pack` wrote, or was cut off.
    pub(in crate::data) fn open(path: &Path, encoding: Encoding, classes: usize) -> Result<Self> {
        let open = || -> Result<Shard> {
            let file = File::open(path)?;
            // SAFETY: a packed file is never written again under its name; one that is cut off while a run reads it ends the
            // run with SIGBUS, as it does for every reader of a mapped file.
            let file = Bytes::from_owner(unsafe { Mmap::map(&file)? });
            // A reader that panics on a damaged file must not take the program with it.
            let parts =
                catch_unwind(AssertUnwindSafe(|| parts(&file))).unwrap_or_else(|_| Err(anyhow!("its index is damaged")))?;
            let mut starts = Vec::with_capacity(parts.len());
            let mut frames_before = Vec::with_capacity(parts.len());
            let (mut rows, mut frames) = (0, 0);
            for part in &parts {
                part.check(classes)?;
                starts.push(rows);
                frames_before.push(frames);
                (rows, frames) = (rows + part.path.len(), frames + part.values.len());
            }
            Ok(Shard { file, parts, starts, frames_before, rows, raw: encoding == Encoding::Raw })
        };
        open().map_err(|error| {
            Failure::input(format!("{} cannot be read as a file of a packed set: {error:#}", path.display()))
                .hint("`vicmae data verify` checks the whole set; copy or pack it again")
                .into()
        })
    }

    /// Number of clips.
    pub(in crate::data) fn len(&self) -> usize {
        self.rows
    }

    /// Number of frames.
    pub(in crate::data) fn frames(&self) -> usize {
        self.parts.iter().map(|part| part.values.len()).sum()
    }

    /// The path that a clip had in its source.
    pub(in crate::data) fn path(&self, row: usize) -> &str {
        let (part, row) = self.part(row);
        part.path.value(row)
    }

    /// The class of a clip.
    pub(in crate::data) fn class(&self, row: usize) -> usize {
        let (part, row) = self.part(row);
        part.label.value(row) as usize
    }

    /// Width and height of the frames of a clip.
    pub(in crate::data) fn size(&self, row: usize) -> [usize; 2] {
        let (part, row) = self.part(row);
        [part.width.value(row), part.height.value(row)].map(|side| side as usize)
    }

    /// When each frame of a clip is shown, in seconds.
    pub(in crate::data) fn seconds(&self, row: usize) -> &[f64] {
        let (part, row) = self.part(row);
        &part.times.values()[range(&part.seconds, row)]
    }

    /// The number of frames of the shard before those of a clip.
    pub(in crate::data) fn first_frame(&self, row: usize) -> usize {
        let at = self.starts.partition_point(|start| *start <= row) - 1;
        self.frames_before[at] + range(&self.parts[at].frames, row - self.starts[at]).start
    }

    /// A frame as it is stored; no pixel is copied.
    pub(in crate::data) fn frame(&self, row: usize, frame: usize) -> Bytes {
        let (part, row) = self.part(row);
        self.bytes(part.values.value(range(&part.frames, row).start + frame))
    }

    /// A frame as a picture. The error is the reason.
    pub(in crate::data) fn picture(&self, row: usize, frame: usize) -> Result<Picture, String> {
        let bytes = self.frame(row, frame);
        let [width, height] = self.size(row);
        let picture = if self.raw { Picture { width, height, rgb: bytes } } else { Picture::decode(&bytes)? };
        if picture.rgb.len() != width * height * 3 || picture.width != width {
            return Err(format!("frame {frame} is not one of {width}x{height} pixels"));
        }
        Ok(picture)
    }

    /// Whether the frames of a clip are those that were written.
    pub(in crate::data) fn is_whole(&self, row: usize) -> bool {
        let (part, row) = self.part(row);
        hash(range(&part.frames, row).map(|frame| part.values.value(frame))) == part.blake3.value(row)
    }

    fn part(&self, row: usize) -> (&Part, usize) {
        let part = self.starts.partition_point(|start| *start <= row) - 1;
        (&self.parts[part], row - self.starts[part])
    }

    /// A handle on a part of the map. What the reader had to move (a map that is not aligned) is copied.
    fn bytes(&self, of: &[u8]) -> Bytes {
        let inside = self.file.as_ptr_range().contains(&of.as_ptr()) || of.is_empty();
        if inside { self.file.slice_ref(of) } else { Bytes::copy_from_slice(of) }
    }
}

impl Part {
    /// Whether every row can be read as it says: what follows relies on it.
    fn check(&self, classes: usize) -> Result<()> {
        for row in 0..self.path.len() {
            let (seconds, frames) = (range(&self.seconds, row), range(&self.frames, row));
            let sides = [&self.width, &self.height].map(|side| side.value(row));
            let times = self.times.values().get(seconds.clone());
            let good = seconds.len() == frames.len()
                && times.is_some_and(|times| times.iter().all(|time| time.is_finite()) && times.is_sorted())
                && !frames.is_empty()
                && frames.end <= self.values.len()
                && sides.iter().all(|side| (1..=1 << 16).contains(side))
                && usize::try_from(self.label.value(row)).is_ok_and(|label| label < classes);
            if !good {
                return Err(anyhow!("its row {row} does not add up"));
            }
        }
        Ok(())
    }
}

/// The elements that belong to a row of a list.
fn range(list: &ListArray, row: usize) -> Range<usize> {
    list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize
}

/// The record batches of a file, by reference.
fn parts(file: &Bytes) -> Result<Vec<Part>> {
    let short = || anyhow!("it is cut off");
    let trailer = file.len().checked_sub(TRAILER).ok_or_else(short)?;
    let length = read_footer_length(file[trailer..].try_into()?)?;
    let footer = trailer.checked_sub(length).ok_or_else(short)?;
    let footer = root_as_footer(&file[footer..trailer]).map_err(|error| anyhow!("its footer is damaged: {error}"))?;
    let schema = try_fb_to_schema(footer.schema().context("it has no columns")?)?;
    let decoder = FileDecoder::new(Arc::new(schema), footer.version());
    let buffer = Buffer::from(file.clone());
    let blocks = footer.recordBatches().context("it has no rows")?;
    blocks.iter().map(|block| part(&decoder, block, &buffer)).collect()
}

fn part(decoder: &FileDecoder, block: &Block, file: &Buffer) -> Result<Part> {
    let place = || -> Option<(usize, usize)> {
        let start = usize::try_from(block.offset()).ok()?;
        let length = usize::try_from(block.metaDataLength()).ok()?.checked_add(usize::try_from(block.bodyLength()).ok()?)?;
        (start.checked_add(length)? <= file.len()).then_some((start, length))
    };
    let (start, length) = place().context("it is cut off")?;
    let batch = decoder.read_record_batch(block, &file.slice_with_length(start, length))?.context("it has an empty part")?;
    columns(&batch).with_context(|| format!("it lacks one of the columns {}", COLUMNS.join(", ")))
}

fn columns(batch: &RecordBatch) -> Option<Part> {
    let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>().cloned();
    let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int32Type>().cloned();
    let list = |name: &str| batch.column_by_name(name)?.as_list_opt::<i32>().cloned();
    let (seconds, frames) = (list("seconds")?, list("frames")?);
    Some(Part {
        path: text("path")?,
        label: number("label")?,
        width: number("width")?,
        height: number("height")?,
        times: seconds.values().as_primitive_opt::<Float64Type>()?.clone(),
        values: frames.values().as_binary_opt::<i64>()?.clone(),
        seconds,
        frames,
        blake3: text("blake3")?,
    })
}
