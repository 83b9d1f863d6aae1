//! A YAML document with the place of every key and value: to point at what a rule finds wrong.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::fmt;
use std::ops::Range;

/// A node of a document.
#[derive(Debug)]
pub(crate) enum Tree {
    /// Keys in the order of the file.
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
    /// Elements in the order of the file.
    List(Vec<Spanned<Tree>>),
    /// Null, a boolean, a number or a text.
    Scalar(Value),
}

/// The part of an entry that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The key of a mapping's entry.
    Key,
    /// The value, or the element of a list.
    Value,
}

impl Tree {
    /// The place of the entry at a path; of its nearest ancestor, when it is not there.
    pub(crate) fn locate(&self, path: &[&str], part: Part) -> Option<Range<usize>> {
        let (step, rest) = path.split_first()?;
        let (own, child) = match self {
            Tree::Map(entries) => {
                let (key, value) = entries.iter().find(|(key, _)| key.value == *step)?;
                // A list and a mapping start far from their key, so only a single value is pointed at itself.
                let single = matches!(value.value, Tree::Scalar(_));
                let at_value = rest.is_empty() && single && part == Part::Value;
                let own = if at_value { &value.referenced } else { &key.referenced };
                (own, value)
            }
            Tree::List(elements) => elements.get(step.parse::<usize>().ok()?).map(|element| (&element.referenced, element))?,
            Tree::Scalar(_) => return None,
        };
        child.value.locate(rest, part).or_else(|| bytes(own))
    }

    /// The path of the value at a place, as in `exclude[0]`; of the mapping around it, where its key is what is wrong.
    pub(crate) fn path_to(&self, offset: usize, about: Part) -> String {
        let mut path = String::new();
        let mut tree = self;
        loop {
            let starts = |location: &Location| bytes(location).is_some_and(|span| span.start <= offset);
            tree = match tree {
                Tree::Map(entries) => {
                    let Some((key, value)) = entries.iter().rev().find(|(key, _)| starts(&key.referenced)) else { return path };
                    let at_key = bytes(&key.referenced).is_some_and(|span| span.contains(&offset));
                    if at_key && about == Part::Key {
                        return path;
                    }
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&key.value);
                    if at_key {
                        return path;
                    }
                    &value.value
                }
                Tree::List(elements) => {
                    let Some(at) = elements.iter().rposition(|element| starts(&element.referenced)) else { return path };
                    path.push_str(&format!("[{at}]"));
                    &elements[at].value
                }
                Tree::Scalar(_) => return path,
            };
        }
    }

    /// The document without its places.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Tree::Map(entries) => entries.into_iter().map(|(key, value)| (key.value, value.value.into_value())).collect(),
            Tree::List(elements) => elements.into_iter().map(|element| element.value.into_value()).collect(),
            Tree::Scalar(value) => value,
        }
    }
}

/// The bytes of the text that a location stands for.
pub(crate) fn bytes(location: &Location) -> Option<Range<usize>> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    Some(start..start + length)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping, a list, a number, a text, true or false")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Map(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(Tree::List(elements))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }
        }
        deserializer.deserialize_any(TreeVisitor)
    }
}
