//! `vicmae`: declarative experiments for masked and contrastive self-supervised vision research.
//!
//! The flow has one direction:
//!
//! ```text
//! experiment.yaml + templates
//!    | spec      what was said
//!    | plan      what will be done: runs, complete and named by content
//!    | schedule  what to do next (pure)
//!    | execute   start, watch and stop worker processes
//!    | train     one run: pretraining or transfer -> events and checkpoints
//!    | record    events -> SQLite
//!    | report    SQLite -> tables, plots, pages (export: files of other programs)
//! ```
#![warn(missing_docs)]

pub mod event;
pub mod failure;
mod font;
pub mod rng;
mod rule;
pub mod run_id;

pub mod run_folder;

pub mod model;
pub mod optimize;
pub mod weights;

pub mod data;
pub mod objective;
pub mod transfer;

pub mod spec;

pub mod plan;

pub mod schedule;
pub mod train;

pub mod execute;
pub mod record;

pub mod display;
pub mod engine;
pub mod report;

pub mod export;

pub mod cli;
pub mod command;
