//! The networks: a ViT encoder, the MAE decoder, masks, positions and heads.

pub mod config;
pub mod pool;

pub use config::{Config, Transformer, Vit};
pub use pool::Pool;
