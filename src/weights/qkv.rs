//! Query, key and value: three matrices in some dialects, one with all their rows in ours.

use super::read::printable;
use crate::failure::Failure;
use crate::model::state::StateDict;
use burn::tensor::TensorData;

/// The three parts, in the order of the rows of `attn.qkv`.
pub const PARTS: [&str; 3] = ["q", "k", "v"];

/// Replaces every `..attn.q`, `..attn.k` and `..attn.v` by `..attn.qkv`, weights and biases.
///
/// # Errors
/// When one of the three is missing, or when their shapes differ.
pub fn join(mut state: StateDict, notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    let places: Vec<(String, String)> = state
        .keys()
        .filter_map(|name| name.split_once(".attn.q."))
        .map(|(block, part)| (block.to_owned(), part.to_owned()))
        .collect();
    for (block, part) in &places {
        let mut pieces = Vec::with_capacity(PARTS.len());
        for letter in PARTS {
            let name = format!("{block}.attn.{letter}.{part}");
            let piece = state.remove(&name).ok_or_else(|| incomplete(&name))?;
            pieces.push(piece);
        }
        state.insert(format!("{block}.attn.qkv.{part}"), rows(block, &pieces)?);
    }
    if !places.is_empty() {
        notes.push(format!("query, key and value were joined to qkv in {} tensors", places.len()));
    }
    Ok(state)
}

/// Cuts `attn.qkv` of shape `[3 * rows, ..]` into its three parts of shape `[rows, ..]`.
pub fn split(data: &TensorData) -> [TensorData; 3] {
    let mut shape = data.shape().to_vec();
    if let Some(rows) = shape.first_mut() {
        *rows /= PARTS.len();
    }
    let count: usize = shape.iter().product();
    let values: Vec<f32> = data.iter::<f32>().collect();
    std::array::from_fn(|part| TensorData::new(values[part * count..][..count].to_vec(), shape.clone()))
}

fn incomplete(name: &str) -> Failure {
    Failure::input(format!("`{}` is missing: query, key and value are only joined together", printable(name)))
        .hint("the file is incomplete, or is of a model whose attention has no such part")
}

fn rows(block: &str, pieces: &[TensorData]) -> Result<TensorData, Failure> {
    let shapes: Vec<Vec<usize>> = pieces.iter().map(|piece| piece.shape().to_vec()).collect();
    if shapes.iter().any(|shape| *shape != shapes[0] || shape.is_empty()) {
        let block = printable(block);
        return Err(Failure::input(format!("query, key and value of `{block}` have shapes that differ: {shapes:?}"))
            .hint("heads that share keys (grouped queries) are not supported"));
    }
    let mut shape = shapes[0].clone();
    shape[0] *= pieces.len();
    let values: Vec<f32> = pieces.iter().flat_map(TensorData::iter::<f32>).collect();
    Ok(TensorData::new(values, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::tensor;

    fn split_names(shapes: [&[usize]; 3]) -> StateDict {
        PARTS.iter().zip(shapes).map(|(part, shape)| (format!("blocks.0.attn.{part}.weight"), tensor(shape))).collect()
    }

    #[test]
    fn what_is_split_joins_to_the_same() {
        let whole = tensor(&[12, 4]);
        let parts = split(&whole);
        assert_eq!(parts[1].shape().to_vec(), [4, 4]);
        let names = PARTS.iter().map(|part| format!("blocks.0.attn.{part}.weight"));
        let state = join(names.zip(parts).collect(), &mut Vec::new()).unwrap();
        assert_eq!(state, StateDict::from([("blocks.0.attn.qkv.weight".to_owned(), whole)]));
    }

    #[test]
    fn a_part_that_is_missing_or_of_another_shape_is_named() {
        let mut state = split_names([&[4, 4], &[4, 4], &[4, 4]]);
        state.remove("blocks.0.attn.k.weight");
        insta::assert_snapshot!(join(state, &mut Vec::new()).unwrap_err(), @"
        `blocks.0.attn.k.weight` is missing: query, key and value are only joined together
        hint: the file is incomplete, or is of a model whose attention has no such part
        ");
        let state = split_names([&[4, 4], &[2, 4], &[2, 4]]);
        insta::assert_snapshot!(join(state, &mut Vec::new()).unwrap_err(), @"
        query, key and value of `blocks.0` have shapes that differ: [[4, 4], [2, 4], [2, 4]]
        hint: heads that share keys (grouped queries) are not supported
        ");
        assert!(join(split_names([&[], &[], &[]]), &mut Vec::new()).is_err());
    }
}
