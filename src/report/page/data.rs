//! Every number of a report in one table.

use super::state_name;
use crate::report::question::Question;
use crate::report::table::{csv_line, plain};

/// Every number in one table, one a line: for people who make their own plots.
pub(super) fn rows(question: &Question) -> String {
    let axes = question.axes();
    let mut heads = axes.clone();
    heads.extend(["seed", "stage", "run", "state", "metric", "value"].map(str::to_owned));
    let mut text = csv_line(&heads);
    for row in &question.rows {
        let mut fields: Vec<String> = axes.iter().map(|axis| row.axes.get(axis).map(plain).unwrap_or_default()).collect();
        let seed = row.seed.as_ref().map(plain).unwrap_or_default();
        fields.extend([seed, row.stage.clone(), row.run.id.to_string(), state_name(&row.run.state).to_owned()]);
        let mut add =
            |metric: &str, value: &str| text += &csv_line(&[fields.clone(), vec![metric.into(), value.into()]].concat());
        if row.values.is_empty() {
            add("", "");
        }
        row.values.iter().for_each(|(metric, value)| add(metric.as_str(), &value.to_string()));
    }
    text
}
