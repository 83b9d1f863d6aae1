//! Tables and plots that answer an experiment's question, made of the record alone.
//!
//! Three layers: typed rows from the database ([`Question`]), pure statistics over seeds ([`statistics`], [`group`]), and
//! tables and plots as functions of those. The same database gives the same report, byte for byte.

pub mod asked;
mod check;
pub mod config;
pub mod embedding;
pub mod facts;
pub mod filter;
pub mod group;
mod measured;
mod page;
mod part;
pub mod plot;
pub mod question;
#[cfg(test)]
mod sample;
pub mod statistics;
pub mod table;
pub mod verify;

pub use config::Config;
pub use page::{Unmade, Wanted, Written, notes, state_name, write};
pub use question::Question;
pub use table::Table;
pub use verify::verify;
