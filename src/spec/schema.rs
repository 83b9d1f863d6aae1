//! The experiment file, typed.

use super::SourceText;
use indexmap::IndexMap;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

/// An experiment: what was said. Every key of an experiment file is a field here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Name: of the file, unless the file says otherwise. Letters a to z, digits, `-` and `_`.
    #[serde(default, rename = "experiment")]
    pub name: String,
    /// What it asks, in one sentence.
    #[serde(default)]
    pub question: String,
    /// The template of the pretraining runs: a file of `templates/run/`, without its ending.
    pub template: String,
    /// Constants of the template.
    #[serde(default)]
    pub with: IndexMap<String, Value>,
    /// What varies, in order; every combination is a point of the grid.
    #[serde(default)]
    pub axes: IndexMap<String, Axis>,
    /// Axes that vary together: every entry pairs equally long lists.
    #[serde(default)]
    pub zip: Vec<IndexMap<String, Vec<Scalar>>>,
    /// Points for which one of these expressions holds are left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Replicates: a count, or a list of seeds.
    #[serde(default)]
    pub seeds: Seeds,
    /// What is measured on every pretrained encoder.
    #[serde(default)]
    pub transfer: IndexMap<String, Transfer>,
    /// The largest number of points that the grid may have.
    #[serde(default = "default_limit")]
    pub limit: usize,
    /// Tables and plots; the report reads them from `source`.
    #[serde(default)]
    #[expect(dead_code, reason = "only allowed here, so that it is no unknown key")]
    report: Option<IgnoredAny>,
    /// The text that this was read from, with overrides applied.
    #[serde(skip)]
    pub source: SourceText,
    /// The folder that `templates/` and relative data roots start at.
    #[serde(skip)]
    pub project: PathBuf,
}

/// What varies: a list of values, or `{ when: "expression", values: [...] }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The axis is absent where this expression over earlier axes does not hold.
    pub when: Option<String>,
    /// The values, in order.
    pub values: Vec<Scalar>,
}

/// A number, a text, true or false. Keeps its type from the file to the plots.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar(pub Value);

/// Replicates of every point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeds {
    /// Seeds 0 to n - 1.
    Count(u64),
    /// These seeds.
    List(Vec<u64>),
}

/// A way to measure every pretrained encoder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// A file of `templates/transfer/`, without its ending.
    pub template: String,
    /// Constants of this template.
    #[serde(default)]
    pub with: IndexMap<String, Value>,
    /// Measured only where this expression holds.
    #[serde(default)]
    pub when: Option<String>,
    /// Data sets by name, each with further constants of the template (`train`, `eval`, ..): one measurement for each, told
    /// apart by the axis `dataset`.
    #[serde(default)]
    pub datasets: IndexMap<String, IndexMap<String, Value>>,
}

/// The axis that the data sets of a transfer make.
pub const DATASET: &str = "dataset";

impl Default for Seeds {
    fn default() -> Self {
        Seeds::Count(1)
    }
}

fn default_limit() -> usize {
    100_000
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Conditional {
            #[serde(default)]
            when: Option<String>,
            values: Vec<Scalar>,
        }
        struct AxisVisitor;
        impl<'de> Visitor<'de> for AxisVisitor {
            type Value = Axis;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values, or { when: \"expression\", values: [...] }")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Axis, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Axis { when: None, values })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Axis, A::Error> {
                let Conditional { when, values } = Conditional::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Axis { when, values })
            }
        }
        deserializer.deserialize_any(AxisVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a text, true or false")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

impl<'de> Deserialize<'de> for Seeds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeedsVisitor;
        impl<'de> Visitor<'de> for SeedsVisitor {
            type Value = Seeds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seeds, or a list of seeds")
            }

            fn visit_u64<E>(self, count: u64) -> Result<Seeds, E> {
                Ok(Seeds::Count(count))
            }

            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Seeds, E> {
                u64::try_from(count).map(Seeds::Count).map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(count), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seeds, A::Error> {
                let mut seeds = Vec::new();
                while let Some(seed) = list.next_element()? {
                    seeds.push(seed);
                }
                Ok(Seeds::List(seeds))
            }
        }
        deserializer.deserialize_any(SeedsVisitor)
    }
}
