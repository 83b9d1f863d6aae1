//! What a person can ask for: one file a verb.

pub mod check;
pub mod completions;
pub mod data;
pub mod doctor;
pub mod export_checkpoint;
pub mod features;
pub mod import;
pub mod logs;
pub mod pack;
pub mod plan;
pub mod query;
pub mod reconstruct;
pub mod reindex;
pub mod report;
pub mod run;
pub mod show;
pub mod status;
pub mod worker;

mod amount;
mod asked;
mod find;
mod print;
mod results;
mod source;
mod standing;
