//! Which rows count: an expression over axes, in the language of the templates.

use super::question::{Question, Row, SEED, label};
use crate::failure::Failure;
use anyhow::Result;
use indexmap::IndexSet;
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
    let mut axes = question.known_axes();
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

/// What to say of a filter for which no row counts: most often a value is misspelt, so those that there are, are told.
///
/// # Errors
/// As [`select`].
pub fn unmatched(question: &Question, filter: Option<&str>) -> Result<Option<String>> {
    /// Values of an axis that are told.
    const TOLD: usize = 8;
    let Some(filter) = filter else { return Ok(None) };
    if question.rows.is_empty() || !select(question, Some(filter))?.is_empty() {
        return Ok(None);
    }
    let named = Environment::new().compile_expression(filter).map(|it| it.undeclared_variables(false)).unwrap_or_default();
    let axes = question.known_axes().into_iter().chain([SEED.to_owned()]).filter(|axis| named.contains(axis));
    let values = axes.map(|axis| {
        let of_row = |row: &Row| if axis == SEED { row.seed.clone() } else { row.axes.get(&axis).cloned() };
        let values: IndexSet<String> =
            question.rows.iter().map(|row| of_row(row).map_or("none".into(), |it| label(&it))).collect();
        let more = if values.len() > TOLD { format!(" and {} more", values.len() - TOLD) } else { String::new() };
        format!("{axis}: {}{more}", values.into_iter().take(TOLD).collect::<Vec<_>>().join(", "))
    });
    Ok(Some(format!("no run matches the filter `{filter}` ({})", values.collect::<Vec<_>>().join("; "))))
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
    fn a_filter_that_matches_nothing_is_told_with_the_values_there_are() {
        let question = question();
        let told = |filter| unmatched(&question, Some(filter)).unwrap().unwrap_or_default();
        insta::assert_snapshot!(told("method == 'vicmae' and seed == 0"), @"no run matches the filter `method == 'vicmae' and seed == 0` (method: vic_mae, mae_simsiam, mae; seed: 0, 1, 2)");
        assert_eq!(told("method == 'vic_mae'"), "");
        assert_eq!(unmatched(&question, None).unwrap(), None);
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
