//! What a person sees while runs are running. A display is one more consumer of the events.

mod bars;
mod dashboard;
mod estimate;
mod json;
mod labels;
mod plain;
mod progress;
mod resting;
mod terminal;

pub use dashboard::{Dashboard, Flow, Input, Key, Past, Screen};
pub use json::Json;
pub use plain::Plain;
pub use terminal::Terminal;

use crate::event::Event;
use crate::run_id::RunId;
use indexmap::IndexMap;

/// The runs that will be shown.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// Their names.
    pub names: IndexMap<RunId, String>,
    /// How many of them were done before.
    pub done: usize,
}

impl Cast {
    /// The name of a run.
    pub fn name(&self, run: &RunId) -> String {
        self.names.get(run).cloned().unwrap_or_else(|| run.short())
    }
}

/// Shows what happens.
pub trait Display {
    /// Says who will appear. Comes first, once.
    fn begin(&mut self, cast: Cast);

    /// Something happened to a run.
    fn on(&mut self, event: &Event);

    /// A run will not be started because of what became of another.
    fn skipped(&mut self, run: RunId, because: RunId);

    /// Something a person should know that belongs to no run.
    fn say(&mut self, text: &str);

    /// Nothing more will happen. Comes last, once.
    fn end(&mut self);
}
