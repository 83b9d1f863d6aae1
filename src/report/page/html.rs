//! `index.html`: one file with everything in it, for a browser without a network.

use super::Pages;
use crate::report::plot::Drawn;
use crate::report::table::Table;
use anyhow::Result;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

const TEMPLATE: &str = include_str!("../../../templates/report/index.html.j2");
const CSS: &str = include_str!("../../../templates/report/report.css");
/// The files of the page's one script, in their order: `start.js` runs as it is read, and needs what stands before it.
const SCRIPT: [&str; 10] = [
    include_str!("../../../templates/report/script/data.js"),
    include_str!("../../../templates/report/script/page.js"),
    include_str!("../../../templates/report/script/scale.js"),
    include_str!("../../../templates/report/script/chart.js"),
    include_str!("../../../templates/report/script/curves.js"),
    include_str!("../../../templates/report/script/run.js"),
    include_str!("../../../templates/report/script/compare.js"),
    include_str!("../../../templates/report/script/filter.js"),
    include_str!("../../../templates/report/script/list.js"),
    include_str!("../../../templates/report/script/start.js"),
];

/// A drawing with what it tells a reader who points at it.
fn told(svg: &str, plot: &Drawn) -> String {
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    [&svg[..end], &plot.hints, &svg[end..]].concat()
}

impl Pages<'_> {
    pub(super) fn html(&self) -> Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("index.html", TEMPLATE)?;
        let table = |table: &Table| {
            context! { name => table.name.as_str(), title => table.title.as_str(), html => table.to_html() }
        };
        let plot = |plot: &Drawn| {
            let (name, title, csv) = (plot.name.as_str(), plot.title.as_str(), format!("{}.csv", plot.name));
            context! { name, title, csv, light => told(&plot.svg, plot), dark => told(&plot.svg_dark, plot) }
        };
        let cautions =
            self.tables.iter().flat_map(|table| table.cautions.iter().map(move |caution| format!("{}: {caution}.", table.title)));
        let context = context! {
            experiment => self.question.experiment.as_str(),
            question => self.question.question.as_str(),
            file => self.question.file.as_str(),
            version => env!("CARGO_PKG_VERSION"),
            summary => self.summary(),
            tables => self.tables.iter().map(table).collect::<Vec<_>>(),
            plots => self.plots.iter().map(plot).collect::<Vec<_>>(),
            cautions => cautions.collect::<Vec<_>>(),
            // A script element ends at the first `</script`, whatever it stands in.
            data => serde_json::to_string(&self.details())?.replace('<', "\\u003c"),
            css => CSS,
            js => SCRIPT.join("\n"),
        };
        Ok(environment.get_template("index.html")?.render(context)?)
    }
}
