//! The objective as a composition: masked reconstruction plus at most one global term on pooled features.

pub mod config;
pub mod global;

mod barlow_twins;
mod byol;
mod nt_xent;
mod sim_siam;
mod vicreg;

pub use config::{Config, Ramp, Reconstruction, Shape, Weight};
