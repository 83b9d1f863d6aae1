//! `report.tex`.

use super::Pages;
use crate::report::plot::Drawn;
use crate::report::table::latex_escaped;
use anyhow::Result;
use minijinja::{Environment, UndefinedBehavior, context};

const TEMPLATE: &str = include_str!("../../../templates/report/report.tex.j2");

impl Pages<'_> {
    pub(super) fn latex(&self) -> Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_template("report.tex", TEMPLATE)?;
        let plot = |plot: &Drawn| context! { title => latex_escaped(&plot.title), name => plot.name.as_str() };
        let context = context! {
            experiment => latex_escaped(&self.question.experiment),
            question => latex_escaped(&self.question.question),
            file => latex_escaped(&self.question.file),
            summary => latex_escaped(&self.summary()),
            tables => self.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>(),
            plots => self.plots.iter().map(plot).collect::<Vec<_>>(),
        };
        Ok(environment.get_template("report.tex")?.render(context)?.trim_end().to_owned() + "\n")
    }
}
