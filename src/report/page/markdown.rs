//! `index.md`.

use super::{Pages, pictures, state_name};
use crate::report::plot::Drawn;
use crate::report::table::{Table, escaped};
use anyhow::Result;
use minijinja::{Environment, UndefinedBehavior, context};

const TEMPLATE: &str = include_str!("../../../templates/report/index.md.j2");

impl Pages<'_> {
    pub(super) fn markdown(&self) -> Result<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_template("index.md", TEMPLATE)?;
        let table = |table: &Table| {
            let notes: Vec<String> = table.notes().iter().map(|note| escaped(note)).collect();
            context! { title => escaped(&table.title), markdown => table.to_markdown(), name => table.name.as_str(), notes }
        };
        let plot = |plot: &Drawn| context! { title => escaped(&plot.title), name => plot.name.as_str() };
        let pictures = pictures::kinds(self.pictures).map(|kind| {
            let of_kind = self.pictures.iter().filter(|picture| picture.kind == kind);
            let shown = of_kind.map(|picture| {
                context! { name => escaped(&picture.name), id => picture.run.short(), file => picture.file.as_str() }
            });
            context! { kind, shown => shown.collect::<Vec<_>>() }
        });
        let runs = self.runs.iter().map(|run| {
            let device = self.attempts.get(&run.id).and_then(|attempt| attempt.device.as_deref()).unwrap_or_default();
            let (id, state) = (run.id.short(), state_name(&run.state));
            context! { id, stage => run.stage.as_str(), name => escaped(&run.name), state, device => escaped(device) }
        });
        let context = context! {
            experiment => self.question.experiment.as_str(),
            question => self.question.question.as_str(),
            file => self.question.file.as_str(),
            summary => self.summary(),
            tables => self.tables.iter().map(table).collect::<Vec<_>>(),
            plots => self.plots.iter().map(plot).collect::<Vec<_>>(),
            pictures => pictures.collect::<Vec<_>>(),
            runs => runs.collect::<Vec<_>>(),
        };
        Ok(environment.get_template("index.md")?.render(context)?.trim_end().to_owned() + "\n")
    }
}
