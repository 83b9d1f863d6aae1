//! The columns of a packed file: one row a clip.

use super::manifest::Encoding;
use arrow_schema::{DataType, Field, Schema};
use std::collections::HashMap;

/// Names of the columns, in order.
pub(super) const COLUMNS: [&str; 11] =
    ["path", "class", "label", "split", "width", "height", "seconds", "encoding", "stream", "frames", "blake3"];

/// One clip, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct Row {
    /// Where it came from: its path inside the source.
    pub(in crate::data) path: String,
    /// Its class, an index.
    pub(in crate::data) class: usize,
    /// Pixels from left to right.
    pub(in crate::data) width: usize,
    /// Pixels from top to bottom.
    pub(in crate::data) height: usize,
    /// When each frame is shown, in seconds since the clip began.
    pub(in crate::data) seconds: Vec<f64>,
    /// Every frame, as it is stored.
    pub(in crate::data) frames: Vec<Vec<u8>>,
    /// The stream of the file that it is.
    pub(in crate::data) stream: String,
}

impl Row {
    /// The bytes of all frames together.
    pub(in crate::data) fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.len() as u64).sum()
    }
}

/// The columns, with what holds for all rows beside them.
pub(super) fn schema(encoding: Encoding) -> Schema {
    let list = |of: DataType| DataType::List(Field::new_list_field(of, true).into());
    let kinds = [
        DataType::Utf8,
        DataType::Utf8,
        DataType::Int32,
        DataType::Utf8,
        DataType::Int32,
        DataType::Int32,
        list(DataType::Float64),
        DataType::Utf8,
        DataType::Utf8,
        list(DataType::LargeBinary),
        DataType::Utf8,
    ];
    let fields: Vec<Field> = COLUMNS.iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind, false)).collect();
    let notes = [
        ("format", "vicmae-pack 1".to_owned()),
        ("encoding", encoding.word().to_owned()),
        ("frames", "raw: [height, width, 3] bytes of RGB, row by row; jpeg: a JPEG file".to_owned()),
        ("seconds", "when each frame is shown, since the clip began".to_owned()),
        ("blake3", "of the bytes of all frames, one after the other".to_owned()),
    ];
    Schema::new(fields).with_metadata(HashMap::from(notes.map(|(key, value)| (key.to_owned(), value))))
}

/// The hash of a row: of the bytes of its frames.
pub(super) fn hash<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    frames.into_iter().for_each(|frame| {
        hasher.update(frame);
    });
    hasher.finalize().to_hex().to_string()
}
