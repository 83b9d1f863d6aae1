//! The bytes of a tensor as 32-bit floats.

use half::bf16;
use half::f16;
use pytorch_reader::DType;
use safetensors::tensor::Dtype;

/// The same type in the other library's words; none where it has no counterpart (8-bit floats, complex numbers).
pub fn kind(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool,
        _ => return None,
    })
}

/// Reads little-endian values. Wider types are rounded to the nearest f32; integers above 2^24 may lose their last digits.
pub fn floats(dtype: DType, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        DType::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        DType::F32 => each(bytes, f32::from_le_bytes),
        DType::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
        DType::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        DType::I64 => each(bytes, |b| i64::from_le_bytes(b) as f32),
        DType::I32 => each(bytes, |b| i32::from_le_bytes(b) as f32),
        DType::I16 => each(bytes, |b| f32::from(i16::from_le_bytes(b))),
        DType::I8 => each(bytes, |b| f32::from(i8::from_le_bytes(b))),
        DType::U64 => each(bytes, |b| u64::from_le_bytes(b) as f32),
        DType::U32 => each(bytes, |b| u32::from_le_bytes(b) as f32),
        DType::U16 => each(bytes, |b| f32::from(u16::from_le_bytes(b))),
        DType::U8 | DType::Bool => each(bytes, |[b]| f32::from(b)),
    }
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_read_becomes_the_number_that_it_holds() {
        assert_eq!(floats(DType::F64, &1.5f64.to_le_bytes()), [1.5]);
        assert_eq!(floats(DType::F16, &[0x00, 0xbe, 0x01, 0x00]), [-1.5, 2.0f32.powi(-24)]);
        assert_eq!(floats(DType::BF16, &[0xc0, 0xbf]), [-1.5]);
        assert_eq!(floats(DType::I64, &(-3i64).to_le_bytes()), [-3.0]);
        assert_eq!(floats(DType::U16, &[1, 1]), [257.0]);
        assert_eq!(floats(DType::Bool, &[0, 1]), [0.0, 1.0]);
    }

    #[test]
    fn both_libraries_agree_on_sizes() {
        for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::I64, Dtype::I8, Dtype::U32, Dtype::BOOL] {
            assert_eq!(kind(dtype).map(|kind| 8 * kind.size()), Some(dtype.bitsize()), "{dtype:?}");
        }
        assert_eq!(kind(Dtype::F8_E4M3), None);
    }
}
