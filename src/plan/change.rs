//! What differs between two configurations, told as a person would.

use serde_json::Value;
use std::fmt;

/// One value that is not the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The keys that lead to it: `pretrain.objective.mask_ratio`; places in lists count from 0.
    pub path: Vec<String>,
    /// What it was; nothing where there was none.
    pub old: Option<Value>,
    /// What it is; nothing where there is none.
    pub new: Option<Value>,
}

/// Every value that differs between two configurations, in the order of the new one, what is gone after it.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), Some(old), Some(new), &mut found);
    found
}

fn compare(path: &mut Vec<String>, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for key in new.keys().chain(old.keys().filter(|key| !new.contains_key(*key))) {
                path.push(key.clone());
                compare(path, old.get(key), new.get(key), found);
                path.pop();
            }
        }
        // Lists of plain values (a schedule, the sizes of a projector) are told whole.
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.iter().chain(new).any(Value::is_object) => {
            for at in 0..old.len().max(new.len()) {
                path.push(at.to_string());
                compare(path, old.get(at), new.get(at), found);
                path.pop();
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(Change { path: path.clone(), old: old.cloned(), new: new.cloned() }),
    }
}

impl fmt::Display for Change {
    /// `mask_ratio 0.75 to 0.8`: the last key says enough; who wants the whole path has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |key: &&String| key.parse::<usize>().is_ok();
        let name = self.path.iter().rev().find(|key| !number(key)).map_or("all", String::as_str);
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{name} {} to {}", Short(old), Short(new)),
            (None, Some(new)) => write!(f, "{name} {} is new", Short(new)),
            (Some(old), None) => write!(f, "{name} {} is gone", Short(old)),
            (None, None) => f.write_str(name),
        }
    }
}

/// Several changes in a few words.
pub fn words(changes: &[Change]) -> String {
    /// Changes that are told.
    const TOLD: usize = 3;
    let mut parts: Vec<String> = changes.iter().take(TOLD).map(Change::to_string).collect();
    if let Some(more) = changes.len().checked_sub(TOLD).filter(|more| *more > 0) {
        parts.push(format!("{more} more"));
    }
    parts.join(", ")
}

/// A value in at most so many characters.
struct Short<'a>(&'a Value);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 40;
        let text = self.0.as_str().map_or_else(|| self.0.to_string(), str::to_owned);
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => write!(f, "{}…", &text[..end]),
            None => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_told_by_its_last_key() {
        let old =
            json!({"pretrain": {"objective": {"mask_ratio": 0.75}, "global": {"nt_xent": {"projector": [64, 32]}}, "seed": 0}});
        let new =
            json!({"pretrain": {"objective": {"mask_ratio": 0.8}, "global": {"nt_xent": {"projector": [64, 16]}}, "clip": 1}});
        let found = changes(&old, &new);
        assert_eq!(found[0].path, ["pretrain", "objective", "mask_ratio"]);
        assert_eq!(words(&found), "mask_ratio 0.75 to 0.8, projector [64,32] to [64,16], clip 1 is new, 1 more");
        assert_eq!(found[3].to_string(), "seed 0 is gone");
        assert_eq!(changes(&old, &old), []);
    }

    #[test]
    fn a_list_of_mappings_is_compared_by_place_and_long_values_are_cut() {
        let old = json!({"data": [{"video": {"root": "a"}}]});
        let new = json!({"data": [{"video": {"root": "b".repeat(50)}}, {"images": {"root": "c"}}]});
        let told: Vec<_> = changes(&old, &new).iter().map(Change::to_string).collect();
        assert_eq!(told[0], format!("root a to {}…", "b".repeat(40)));
        assert_eq!(told[1], r#"data {"images":{"root":"c"}} is new"#);
    }
}
