//! The id of a run: a hash of everything that decides its result, and of nothing else.

use super::{Content, Fingerprint};
use crate::data::Source;
use crate::run_id::RunId;
use crate::spec::work::Work;
use anyhow::Result;
use indexmap::IndexMap;
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

/// What an id is made of, but for the parents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Canonical {
    /// The canonical text: sorted keys, shortest numbers, volatile keys left out, folders by content.
    pub(crate) text: String,
    /// The fingerprint of each folder or file that is read, by the path that was given.
    pub(crate) data: IndexMap<String, String>,
}

impl<'a> Identifier<'a> {
    /// Ids with the given fingerprints of data.
    pub(crate) fn new(fingerprint: Fingerprint<'a>) -> Self {
        Identifier { fingerprint, known: HashMap::new() }
    }

    /// What the id of a work is made of.
    pub(crate) fn canonical(&mut self, work: &Work) -> Result<Canonical> {
        let mut value = serde_json::to_value(work)?;
        let mut data = IndexMap::new();
        for [stage, key] in VOLATILE {
            if let Some(work) = value.get_mut(stage).and_then(Value::as_object_mut) {
                work.remove(key);
            }
        }
        match work {
            Work::Pretrain(pretrain) => {
                for (at, part) in pretrain.data.iter().enumerate() {
                    self.by_content(&part.source, &mut value["pretrain"]["data"][at], &mut data)?;
                }
            }
            Work::Transfer(transfer) => {
                self.by_content(&transfer.data.train, &mut value["transfer"]["data"]["train"], &mut data)?;
                self.by_content(&transfer.data.eval, &mut value["transfer"]["data"]["eval"], &mut data)?;
            }
            Work::Imported(imported) => {
                let content = self.content(json!(imported.checkpoint).to_string(), Content::File(&imported.checkpoint))?;
                data.insert(imported.checkpoint.display().to_string(), content.clone());
                value["imported"]["checkpoint"] = content.into();
            }
            Work::RandomInit(_) => {}
        }
        Ok(Canonical { text: sorted(value).to_string(), data })
    }

    /// The id of a run: its canonical work and its parents.
    pub(crate) fn id(&self, canonical: &str, parents: &[RunId]) -> RunId {
        let parents = json!(parents);
        RunId::of(format!(r#"{{"parents":{parents},"version":{VERSION},"work":{canonical}}}"#).as_bytes())
    }

    /// Replaces the root of a source by the fingerprint of what is in it.
    fn by_content(&mut self, source: &Source, value: &mut Value, data: &mut IndexMap<String, String>) -> Result<()> {
        let Some((kind, config)) = value.as_object_mut().and_then(|map| map.iter_mut().next()) else { return Ok(()) };
        let Some(config) = config.as_object_mut() else { return Ok(()) };
        // A source without a folder is its config, which is in the id as it stands.
        let Some(root) = config.remove("root") else { return Ok(()) };
        let content = self.content(json!([kind, &root]).to_string(), Content::Source(source))?;
        data.insert(root.as_str().map_or_else(|| root.to_string(), str::to_owned), content.clone());
        config.insert("content".to_owned(), content.into());
        Ok(())
    }

    /// The fingerprint of a content, which is looked at once.
    fn content(&mut self, place: String, content: Content<'_>) -> Result<String> {
        if let Some(known) = self.known.get(&place) {
            return Ok(known.clone());
        }
        let found = (self.fingerprint)(content)?;
        self.known.insert(place, found.clone());
        Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SourceText;
    use proptest::prelude::*;

    const PRETRAIN: &str = "pretrain:
  data: [{ frame_folder: { root: clips } }, { moving_shapes: { clips: 4 } }]
  model: { vit: tiny, image: 64, patch: 16, decoder: { width: 64, depth: 1, heads: 2 } }
  objective: { mask_ratio: 0.75, reconstruction: {}, global: { nt_xent: {} }, weight: 0.03 }
  optimizer: { adamw: {} }
  schedule: { epochs: 2 }
  batch: { size: 8 }
  seed: 0
";

    fn work(text: &str) -> Work {
        SourceText::new("work.yaml", text).parse().unwrap()
    }

    fn canonical(work: &Work) -> String {
        Identifier::new(&|_| Ok("made-up".to_owned())).canonical(work).unwrap().text
    }

    fn id(work: &Work) -> RunId {
        Identifier::new(&|_| Ok("made-up".to_owned())).id(&canonical(work), &[])
    }

    /// A failing line here means that every stored result gets another id: say so in the commit, and think twice.
    #[test]
    fn ids_are_pinned() {
        let golden = [
            PRETRAIN,
            "random_init: { model: { vit: tiny, image: 64, patch: 16, decoder: { width: 64, depth: 1, heads: 2 } }, seed: 3 }",
            "transfer: { data: { train: { image_folder: { root: a } }, eval: { image_folder: { root: b } } }, protocol: { knn: {} } }",
        ];
        let ids: Vec<String> = golden.iter().map(|text| id(&work(text)).to_string()).collect();
        insta::assert_snapshot!(ids.join("\n"), @r"
        43a7f7b138eca09b484f65c40c2ed39c
        84d2124600f0b9e96d30d3a65159f62a
        1fd26c29bd539aca7a03536726f5f418
        ");
        insta::assert_snapshot!(canonical(&work(PRETRAIN)), @r#"{"pretrain":{"augment":{"blur":[0.0,0.0],"crop":{"ratio":[0.75,1.3333333333333333],"scale":[0.2,1.0]},"flip":0.5,"grayscale":0.0,"jitter":null,"solarize":[0.0,0.0]},"batch":{"accumulate":1,"size":8},"clip_gradient":null,"data":[{"frame_folder":{"content":"made-up","pair":{"distant":{"segments":2}}}},{"moving_shapes":{"clips":4,"frames":8,"pair":{"distant":{"segments":2}},"seed":0,"size":64}}],"model":{"decoder":{"depth":1,"heads":2,"width":64},"image":64,"patch":16,"vit":{"depth":12,"heads":3,"width":192}},"objective":{"global":{"nt_xent":{"projector":[4096,4096,128],"temperature":0.1}},"mask_ratio":0.75,"pool":"mean","reconstruction":{"norm_pixels":true,"weight":1.0},"weight":0.03},"optimizer":{"adamw":{"base_lr":0.00015,"betas":[0.9,0.95],"decay_vectors":false,"eps":1e-8,"weight_decay":0.05}},"precision":"f32","schedule":{"epochs":2,"min_lr":0.0,"warmup_epochs":0.0},"seed":0}}"#);
    }

    #[test]
    fn a_parent_and_the_content_of_a_folder_change_the_id() {
        let base = work(PRETRAIN);
        let identifier = Identifier::new(&|_| Ok("made-up".to_owned()));
        let parent = RunId::of(b"parent");
        assert_ne!(identifier.id(&canonical(&base), &[parent]), id(&base));
        let other = Identifier::new(&|_| Ok("other content".to_owned())).canonical(&base).unwrap().text;
        assert_ne!(other, canonical(&base));
    }

    #[test]
    fn a_folder_is_looked_at_once() {
        let looked = std::cell::Cell::new(0);
        let look = |_: Content<'_>| {
            looked.set(looked.get() + 1);
            Ok("made-up".to_owned())
        };
        let mut identifier = Identifier::new(&look);
        for gap in 0..10 {
            let text = PRETRAIN.replace("{ root: clips }", &format!("{{ root: clips, pair: {{ gap: {gap} }} }}"));
            identifier.canonical(&work(&text)).unwrap();
        }
        assert_eq!(looked.get(), 1);
    }

    /// Paths of all single values in a JSON document.
    fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
            Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
            _ => return found.push(path.clone()),
        };
        for (key, child) in children {
            path.push(key);
            leaves(child, path, found);
            path.pop();
        }
    }

    proptest! {
        #[test]
        fn any_knob_but_the_volatile_ones_changes_the_id(choice in any::<prop::sample::Index>(), step in 1_u64..50) {
            let base = work(PRETRAIN);
            let mut value = serde_json::to_value(&base).unwrap();
            let mut found = Vec::new();
            leaves(&value, &mut Vec::new(), &mut found);
            let path = &found[choice.index(found.len())];
            let leaf = path.iter().fold(&mut value, |value, key| match value {
                Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
                other => &mut other[key.as_str()],
            });
            *leaf = match &*leaf {
                Value::Bool(flag) => (!flag).into(),
                Value::Number(number) if number.is_u64() => (number.as_u64().unwrap() + step).into(),
                Value::Number(number) => (number.as_f64().unwrap() + step as f64).into(),
                Value::String(text) if path.last().unwrap() == "root" => format!("{text}/{step}").into(),
                Value::String(text) if text == "mean" => "max".into(),
                Value::String(text) if text == "f32" => "bf16".into(),
                // `jitter` and `clip_gradient` are absent.
                Value::Null if path.last().unwrap() == "jitter" => json!({}),
                Value::Null => json!(1.0),
                other => panic!("no other value for {other} at {path:?}"),
            };
            let changed: Work = serde_json::from_value(value).unwrap();
            prop_assert_ne!(&changed, &base);
            let volatile = path.contains(&"cadence".to_owned()) || path.last().unwrap() == "root";
            prop_assert_eq!(id(&changed) == id(&base), volatile, "{:?}", path);
        }
    }
}
