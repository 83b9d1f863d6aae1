//! From bytes to the numbers that the encoder is given.

use burn::tensor::{Device, Tensor, TensorData};

/// Mean of the ImageNet channels, for values in `[0, 1]`.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of the ImageNet channels, for values in `[0, 1]`.
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Bytes `[batch, side, side, 3]` to normalised images on the device.
pub fn normalised(bytes: &[u8], side: usize, device: &Device) -> Tensor<4> {
    let batch = bytes.len() / (side * side * 3);
    let table: Vec<[f32; 256]> =
        (0..3).map(|channel| std::array::from_fn(|value| (value as f32 / 255.0 - MEAN[channel]) / STD[channel])).collect();
    let values: Vec<f32> = bytes.chunks_exact(3).flat_map(|rgb| [0, 1, 2].map(|c| table[c][rgb[c] as usize])).collect();
    Tensor::from_data(TensorData::new(values, [batch, side, side, 3]), device)
}

/// Normalised values `[height, width, 3]` back to bytes, rounded and cut to `0..=255`.
pub fn bytes(values: &[f32]) -> Vec<u8> {
    let back = |(n, value): (usize, &f32)| ((value * STD[n % 3] + MEAN[n % 3]) * 255.0).round().clamp(0.0, 255.0) as u8;
    values.iter().enumerate().map(back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let image: Vec<u8> = (0..=255).chain(0..=43).collect();
        let values: Vec<f32> = normalised(&image, 10, &Device::flex()).into_data().iter::<f32>().collect();
        assert!((values[0] - (0.0 - MEAN[0]) / STD[0]).abs() < 1e-6);
        assert_eq!(bytes(&values), image);
    }
}
