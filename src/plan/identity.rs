//! The id of a run: a hash of everything that decides its result, and of nothing else.

use super::Fingerprint;
use crate::data::Source;
use crate::run_id::RunId;
use crate::spec::work::Work;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Knobs that cannot change a result, as paths in the work; they are left out of the id.
/// The `root` of a source is left out too: where data lies does not matter, what is in it does.
const VOLATILE: [[&str; 2]; 1] = [["pretrain", "cadence"]];

/// Changes with the meaning of a run's fields, so that old results are not taken for new ones.
const VERSION: u32 = 1;

/// Makes ids, and asks for the fingerprint of each folder once.
pub(crate) struct Identifier<'a> {
    fingerprint: Fingerprint<'a>,
    known: HashMap<String, String>,
}

impl<'a> Identifier<'a> {
    /// Ids with the given fingerprints of data.
    pub(crate) fn new(fingerprint: Fingerprint<'a>) -> Self {
        Identifier { fingerprint, known: HashMap::new() }
    }

    /// The canonical text of a work: sorted keys, shortest numbers, volatile keys left out, folders by content.
    pub(crate) fn canonical(&mut self, work: &Work) -> Result<String> {
        let mut value = serde_json::to_value(work)?;
        for [stage, key] in VOLATILE {
            if let Some(work) = value.get_mut(stage).and_then(Value::as_object_mut) {
                work.remove(key);
            }
        }
        match work {
            Work::Pretrain(pretrain) => {
                for (at, source) in pretrain.data.iter().enumerate() {
                    self.by_content(source, &mut value["pretrain"]["data"][at])?;
                }
            }
            Work::Transfer(transfer) => {
                self.by_content(&transfer.data.train, &mut value["transfer"]["data"]["train"])?;
                self.by_content(&transfer.data.eval, &mut value["transfer"]["data"]["eval"])?;
            }
            Work::RandomInit(_) => {}
        }
        Ok(sorted(value).to_string())
    }

    /// The id of a run: its canonical work and its parents.
    pub(crate) fn id(&self, canonical: &str, parents: &[RunId]) -> RunId {
        let parents = json!(parents);
        RunId::of(format!(r#"{{"parents":{parents},"version":{VERSION},"work":{canonical}}}"#).as_bytes())
    }

    /// Replaces the root of a source by the fingerprint of what is in it.
    fn by_content(&mut self, source: &Source, value: &mut Value) -> Result<()> {
        let Some((kind, config)) = value.as_object_mut().and_then(|map| map.iter_mut().next()) else { return Ok(()) };
        let Some(config) = config.as_object_mut() else { return Ok(()) };
        let Some(root) = config.remove("root") else { return Ok(()) };
        let folder = json!([kind, root]).to_string();
        let content = match self.known.get(&folder) {
            Some(content) => content.clone(),
            None => {
                let content = (self.fingerprint)(source)?;
                self.known.insert(folder, content.clone());
                content
            }
        };
        config.insert("content".to_owned(), content.into());
        Ok(())
    }
}

/// The same value with the keys of every mapping in alphabetical order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(entries))
        }
        Value::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}
