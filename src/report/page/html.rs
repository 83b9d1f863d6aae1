//! `index.html`: one file with everything in it, for a browser without a network.

use super::Pages;
use super::drawing::Colors;
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

/// Bytes of the page: below five megabytes it goes by mail and opens at once.
const PAGE: usize = 4_900_000;
/// Those of them for all drawings; what does not fit is named instead.
const DRAWINGS: usize = 3_000_000;

impl Pages<'_> {
    pub(super) fn html(&self) -> Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("index.html", TEMPLATE)?;
        let table = |table: &Table| {
            context! { name => table.name.as_str(), title => table.title.as_str(), html => table.to_html() }
        };
        let (mut colors, mut plots, mut left) = (Colors::default(), Vec::new(), DRAWINGS);
        for plot in self.plots {
            let drawing = Some(colors.drawing(plot)).filter(|drawing| drawing.len() <= left);
            left -= drawing.as_ref().map_or(0, String::len);
            plots.push(context! { name => plot.name.as_str(), title => plot.title.as_str(), drawing });
        }
        let cautions =
            self.tables.iter().flat_map(|table| table.cautions.iter().map(move |caution| format!("{}: {caution}.", table.title)));
        let page = context! {
            experiment => self.question.experiment.as_str(),
            question => self.question.question.as_str(),
            file => self.question.file.as_str(),
            version => env!("CARGO_PKG_VERSION"),
            summary => self.summary(),
            tables => self.tables.iter().map(table).collect::<Vec<_>>(),
            plots,
            cautions => cautions.collect::<Vec<_>>(),
            css => CSS,
            colors => colors.css(),
            js => SCRIPT.join("\n"),
        };
        let template = environment.get_template("index.html")?;
        let rest = template.render(context! { data => "", ..page.clone() })?.len();
        // A script element ends at the first `</script`, whatever it stands in.
        let data = serde_json::to_string(&self.details(PAGE.saturating_sub(rest)))?.replace('<', "\\u003c");
        Ok(template.render(context! { data, ..page })?)
    }
}
