//! Small models for the tests.

use super::shape;
use crate::model::Config;
use crate::model::Transformer;
use crate::model::Vit;
use crate::model::state::StateDict;
use burn::tensor::TensorData;

/// A tensor of that shape, whose values differ.
pub fn tensor(shape: &[usize]) -> TensorData {
    numbered(shape, 0)
}

/// An encoder and a decoder of one block each, on 2 by 2 patches.
pub fn tiny() -> Config {
    let encoder = Transformer { width: 8, depth: 1, heads: 2 };
    Config { vit: Vit(encoder), image: 8, patch: 4, decoder: Transformer { width: 4, depth: 1, heads: 1 } }
}

/// All tensors of [`tiny`] by official name; no two tensors are the same.
pub fn mae_tiny() -> StateDict {
    of(&tiny())
}

/// All tensors of a MAE by official name.
pub fn of(config: &Config) -> StateDict {
    let shapes = shape::encoder(config).into_iter().chain(shape::decoder(config));
    shapes.enumerate().map(|(number, (name, shape))| (name, numbered(&shape, number))).collect()
}

fn numbered(shape: &[usize], number: usize) -> TensorData {
    let count: usize = shape.iter().product();
    TensorData::new((0..count).map(|place| (place as f32) / 256.0 - number as f32).collect(), shape.to_vec())
}
