//! How a value is written where a template says `{{ value }}`: as YAML that reads back as the same value.

use minijinja::value::ValueKind;
use minijinja::{Error, Output, State, Value};

/// Writes a value. A text that YAML would read as something else is quoted; other texts stay bare, so that
/// `{{ data }}/train` works.
pub(crate) fn write(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::String if value.is_safe() => write!(out, "{value}")?,
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            if reads_back(text) { out.write_str(text)? } else { out.write_str(&json(value)?)? }
        }
        ValueKind::Undefined => {}
        _ => out.write_str(&json(value)?)?,
    }
    Ok(())
}

fn json(value: &Value) -> Result<String, Error> {
    let failed = |error| Error::new(minijinja::ErrorKind::BadSerialization, format!("cannot be written as YAML: {error}"));
    serde_json::to_string(value).map_err(failed)
}

/// Whether a bare text is that text to YAML, wherever it stands.
fn reads_back(text: &str) -> bool {
    let first = text.chars().next();
    let indicator = |c: char| "-?:,[]{}#&*!|>'\"%@`~ ".contains(c);
    let keyword = ["null", "true", "false", ".nan", ".inf", "+.inf", "-.inf"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let radix = ["0x", "0o", "0b"].iter().any(|prefix| text.starts_with(prefix));
    let breaks = text.contains(|c: char| c.is_control() || ",[]{}".contains(c)) || text.contains(": ") || text.contains(" #");
    !(first.is_none_or(indicator) || keyword || radix || breaks || text.ends_with([':', ' ']) || text.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_texts_read_back_as_themselves() {
        for text in [
            "mean",
            "data/in1k",
            "a b",
            "0.5",
            "1e-4",
            "true",
            "Null",
            "~",
            "",
            "a: b",
            "a #b",
            "[a]",
            "0x1f",
            "yes",
            "012",
            "é",
            "-",
            "a\nb",
            "x:",
        ] {
            let written = if reads_back(text) { text.to_owned() } else { serde_json::to_string(text).unwrap() };
            for document in [format!("a: {written}\n"), format!("{{ a: {written} }}")] {
                let read: serde_json::Value = crate::spec::SourceText::new("", document).parse().unwrap();
                assert_eq!(read["a"], text, "{written}");
            }
        }
        assert!(reads_back("experiments/data/x") && !reads_back("0.5"));
    }
}
