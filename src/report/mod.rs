//! Tables and plots that answer an experiment's question, made of the record alone.
//!
//! Three layers: typed rows from the database ([`Question`]), pure statistics over seeds ([`statistics`], [`group`]), and
//! tables and plots as functions of those. The same database gives the same report, byte for byte.

pub mod config;
pub mod filter;
pub mod group;
mod page;
pub mod plot;
pub mod question;
#[cfg(test)]
mod sample;
pub mod statistics;
pub mod table;

pub use config::Config;
pub use page::{Written, write};
pub use question::Question;
pub use table::Table;
