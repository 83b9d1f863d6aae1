//! Numbers from the literature, beside those that were measured here.

use super::Table;
use crate::failure::Failure;
use anyhow::Result;
use indexmap::IndexMap;
use serde::Deserialize;

/// A row of the `reference:` list of a table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What it is: `ViC-MAE, ViT-B/16`.
    pub name: String,
    /// Where it is from: `arXiv 2303.12001, table 3`.
    pub source: String,
    /// The numbers, by the head of the column, or by `<stage>.<metric>` where one column alone has it.
    pub values: IndexMap<String, f64>,
}

/// A row of numbers from the literature. They are never the best, and nothing is compared with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What it is.
    pub name: String,
    /// Where it is from.
    pub source: String,
    /// A number for each column, where there is one.
    pub values: Vec<Option<f64>>,
}

impl Config {
    /// Puts each number below its head.
    ///
    /// # Errors
    /// A [`Failure`] when there is no such column.
    pub(super) fn make(&self, table: &Table) -> Result<Reference> {
        let mut values = vec![None; table.columns.len()];
        for (head, value) in &self.values {
            let mut found = table
                .columns
                .iter()
                .enumerate()
                .filter(|(_, column)| column.head == *head || column.quantity.to_string() == *head);
            let (Some((at, _)), None) = (found.next(), found.next()) else {
                let heads: Vec<&str> = table.columns.iter().map(|column| column.head.as_str()).collect();
                let text =
                    format!("the reference `{}` of table `{}` names `{head}`, which is not one column", self.name, table.name);
                let failure = Failure::input(text).nearest(head, heads.iter().copied());
                return Err(failure.hint(format!("columns: {}", heads.join("; "))).into());
            };
            values[at] = Some(*value);
        }
        Ok(Reference { name: self.name.clone(), source: self.source.clone(), values })
    }
}
