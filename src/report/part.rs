//! What each table and plot of a report names: stages, metrics, axes and filters, by the keys under which they stand.

use super::config::Names;
use super::table::Config as Table;

/// The names in a table or plot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part<'a> {
    /// The key below which a plot stands in its entry of the list; a table has none.
    pub kind: Option<&'static str>,
    /// Axes by key; several where the key has a list.
    pub axes: Vec<(&'static str, Vec<&'a str>)>,
    /// `<stage>.<metric>`, by key.
    pub quantities: Vec<(&'static str, Vec<&'a str>)>,
    /// A metric whose stage is pretraining where it names none.
    pub curve: Option<&'a str>,
    /// A stage.
    pub stage: Option<&'a str>,
    /// Which rows count.
    pub filter: Option<&'a str>,
    /// The axes by which a plot groups what each of its quantities says; nothing where others may vary too.
    pub groups: Option<Vec<&'a str>>,
    /// Whether rows without one of these axes have no place in it.
    pub placed: bool,
    /// How much of a curve is kept from step to step.
    pub smooth: f64,
    /// Whether the values of its axes must be numbers.
    pub contour: bool,
}

impl<'a> Part<'a> {
    /// The names in a table.
    pub fn of_table(table: &'a Table) -> Part<'a> {
        let names = |names: &'a Names| names.0.iter().map(String::as_str).collect::<Vec<_>>();
        let more = [("columns", &table.columns), ("average", &table.average)];
        let more = more.into_iter().filter_map(|(key, list)| Some((key, names(list.as_ref()?))));
        let axes = std::iter::once(("rows", names(&table.rows))).chain(more).collect();
        let (quantities, filter) = (vec![("cell", names(&table.cell))], table.filter.as_deref());
        Part { axes, quantities, filter, ..Part::default() }
    }

    /// The names in a plot that has a filter.
    pub fn filtered(filter: Option<&'a str>) -> Part<'a> {
        Part { filter, ..Part::default() }
    }

    /// Those in a plot of a metric against an axis, in colours.
    pub fn over(x: &'a str, y: &'a str, color: Option<&'a str>, filter: Option<&'a str>) -> Part<'a> {
        let axes = [axis("x", Some(x)), axis("color", color)].concat();
        let groups = Some(std::iter::once(x).chain(color).collect());
        Part { axes, quantities: vec![("y", vec![y])], groups, ..Part::filtered(filter) }
    }
}

/// An axis that a key may name.
pub fn axis<'a>(key: &'static str, name: Option<&'a str>) -> Vec<(&'static str, Vec<&'a str>)> {
    name.map(|name| (key, vec![name])).into_iter().collect()
}
