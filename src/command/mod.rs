//! What a person can ask for: one file a verb.

pub mod check;
pub mod completions;
pub mod logs;
pub mod plan;
pub mod query;
pub mod reindex;
pub mod report;
pub mod run;
pub mod show;
pub mod status;
pub mod worker;

mod asked;
mod find;
mod print;
mod results;
mod standing;
