//! The networks: a ViT encoder, the MAE decoder, masks, positions and heads.

pub mod config;
pub mod pool;
pub mod precision;

pub mod attentive;
pub mod decoder;
pub mod drop_path;
pub mod heads;
pub mod inflate;
pub mod init;
pub mod linear;
pub mod mask;
pub mod patch;
pub mod pixels;
pub mod position;
pub mod state;
pub mod vit;

mod batch_norm;
mod block;
mod layer_norm;

pub use attentive::AttentivePooler;
pub use batch_norm::BatchNorm;
pub use config::{Config, Transformer, Vit};
pub use decoder::Decoder;
pub use drop_path::Paths;
pub use heads::{Head, Style};
pub use init::Init;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use mask::Mask;
pub use pool::{Pool, Pooling};
pub use precision::Precision;
pub use vit::{Encoder, Tubes};
