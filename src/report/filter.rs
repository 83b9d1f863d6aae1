//! Which rows count: an expression over axes, in the language of the templates.

use super::question::{Question, Row, SEED};
use crate::failure::Failure;
use anyhow::Result;
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use std::collections::BTreeMap;

/// Returns the rows for which `filter` is true; all without a filter. An axis that a row does not have is `none`.
///
/// # Errors
/// A [`Failure`] when the expression is wrong or names something that is no axis.
pub fn select<'a>(question: &'a Question, filter: Option<&str>) -> Result<Vec<&'a Row>> {
    let Some(filter) = filter else { return Ok(question.rows.iter().collect()) };
    let environment = Environment::new();
    let wrong = |error: minijinja::Error| Failure::input(format!("the filter `{filter}` is wrong: {error}"));
    let expression = environment.compile_expression(filter).map_err(wrong)?;
    let mut axes = question.axes();
    axes.push(SEED.to_owned());
    let mut names: Vec<_> = expression.undeclared_variables(false).into_iter().collect();
    names.sort();
    if let Some(stranger) = names.iter().find(|name| !axes.contains(name)) {
        return Err(Failure::input(format!("the filter `{filter}` names `{stranger}`, which is no axis"))
            .nearest(stranger, axes.iter().map(String::as_str))
            .hint(format!("axes: {}; text stands in quotes", axes.join(", ")))
            .into());
    }
    let mut kept = Vec::new();
    for row in &question.rows {
        let value = |axis: &String| match if axis == SEED { row.seed.as_ref() } else { row.axes.get(axis) } {
            Some(value) => Value::from(Serde(value)),
            None => Value::from(()),
        };
        let context: BTreeMap<&str, Value> = axes.iter().map(|axis| (axis.as_str(), value(axis))).collect();
        if expression.eval(Value::from(context)).map_err(wrong)?.is_true() {
            kept.push(row);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::super::sample::question;
    use super::*;

    #[test]
    fn rows_are_kept_by_axes_and_an_absent_axis_is_none() {
        let question = question();
        let kept = |filter: &str| select(&question, Some(filter)).unwrap().len();
        assert_eq!(select(&question, None).unwrap().len(), 30);
        assert_eq!(kept("method == 'vic_mae' and mask_ratio > 0.6"), 6);
        assert_eq!(kept("weight is none"), 6);
        assert_eq!(kept("seed == 0"), 10);
    }

    #[test]
    fn a_filter_that_means_nothing_is_refused() {
        let question = question();
        let refused = |filter: &str| select(&question, Some(filter)).unwrap_err().to_string();
        insta::assert_snapshot!(refused("methd == 'mae'"), @"
        the filter `methd == 'mae'` names `methd`, which is no axis
        hint: did you mean `method`?
        hint: axes: method, mask_ratio, weight, seed; text stands in quotes
        ");
        insta::assert_snapshot!(refused("method == mae"), @"
        the filter `method == mae` names `mae`, which is no axis
        hint: axes: method, mask_ratio, weight, seed; text stands in quotes
        ");
        assert!(refused("method ==").starts_with("the filter `method ==` is wrong"));
    }
}
