//! An event as a line of a file: JSON with a checksum as its last field, so that a byte that a disk has changed is found.

use crate::event::Event;
use anyhow::{Context, Result};

/// What comes between an event and its checksum.
const FIELD: &str = ",\"sum\":\"";
/// Hexadecimal digits of the checksum, of the event's JSON without it.
const DIGITS: usize = 8;

/// Writes an event as a line, its end included.
pub(super) fn write(event: &Event) -> Result<Vec<u8>> {
    let json = serde_json::to_string(event).context("cannot write an event as JSON")?;
    let open = json.strip_suffix('}').context("an event is an object")?;
    Ok(format!("{open}{FIELD}{}\"}}\n", sum(json.as_bytes())).into_bytes())
}

/// Reads a line, without its end. Lines of an older vicmae have no checksum. File systems pad with NUL bytes what a power cut
/// kept them from writing, so those do not count.
pub(super) fn read(line: &[u8]) -> Option<Event> {
    let line = trimmed(line);
    let Some(at) = line.len().checked_sub(FIELD.len() + DIGITS + 2).filter(|at| line[*at..].starts_with(FIELD.as_bytes())) else {
        return serde_json::from_slice(line).ok();
    };
    let json = [&line[..at], b"}"].concat();
    let written = &line[at + FIELD.len()..line.len() - 2];
    (written == sum(&json).as_bytes() && line.ends_with(b"\"}")).then(|| serde_json::from_slice(&json).ok())?
}

/// Whether a line holds nothing.
pub(super) fn is_blank(line: &[u8]) -> bool {
    trimmed(line).is_empty()
}

fn sum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..DIGITS].to_owned()
}

fn trimmed(line: &[u8]) -> &[u8] {
    let counts = |byte: &u8| *byte != 0 && !byte.is_ascii_whitespace();
    match (line.iter().position(counts), line.iter().rposition(counts)) {
        (Some(first), Some(last)) => &line[first..=last],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::run_id::RunId;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn event() -> Event {
        let values = BTreeMap::from([("loss".into(), 0.1 + 0.2), ("top1".into(), 64.25)]);
        let kind = Kind::Measured { step: 30, values };
        Event { run: RunId::of(b"run"), attempt: 1, seq: 7, at: Timestamp::UNIX_EPOCH, kind }
    }

    #[test]
    fn a_line_is_json_and_comes_back_and_one_without_a_checksum_is_read_too() {
        let line = write(&event()).unwrap();
        assert_eq!(line.last(), Some(&b'\n'));
        assert_eq!(read(&line), Some(event()));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((&value["seq"], value["sum"].as_str().map(str::len)), (&serde_json::json!(7), Some(DIGITS)));
        assert_eq!(read(&serde_json::to_vec(&event()).unwrap()), Some(event()));
        assert_eq!(read(&[&[0; 5], &line[..]].concat()), Some(event()));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_found_wherever_it_is(at in any::<prop::sample::Index>(), change in 1u8..) {
            let mut line = write(&event()).unwrap();
            line.pop();
            let at = at.index(line.len());
            line[at] ^= change;
            // At either end a byte may become one that does not count, and the JSON is broken then.
            prop_assert_eq!(read(&line), None);
        }
    }
}
