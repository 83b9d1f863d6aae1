//! The arithmetic of matrix products.

use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// Arithmetic of the matrix products; weights, norms, softmax and losses are always 32-bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// bfloat16 operands (for GPUs).
    Bf16,
}

impl Precision {
    /// The matrix product of 32-bit tensors, computed in this arithmetic and returned in 32 bits.
    pub fn matmul<const D: usize>(self, a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
        match self {
            Precision::F32 => a.matmul(b),
            Precision::Bf16 => a.cast(FloatDType::BF16).matmul(b.cast(FloatDType::BF16)).cast(FloatDType::F32),
        }
    }
}
