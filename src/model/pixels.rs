//! From bytes to the numbers that the encoder is given.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

/// Mean of the ImageNet channels, for values in `[0, 1]`.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of the ImageNet channels, for values in `[0, 1]`.
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Bytes `[batch, side, side, 3]` to normalised images on the device.
///
/// The bytes travel to the device, a quarter of what the numbers would, and become numbers there: `(byte / 255 - mean) / std`.
pub fn normalised(bytes: &[u8], side: usize, device: &Device) -> Tensor<4> {
    let batch = bytes.len() / (side * side * 3);
    let data = TensorData::new(bytes.to_vec(), [batch, side, side, 3]);
    let pixels = Tensor::<4, Int>::from_data(data, (device, DType::U8)).float(); // [batch, side, side, 3]
    let channels = |values: [f32; 3]| Tensor::<1>::from_data(values, device).reshape([1, 1, 1, 3]);
    (pixels / 255.0 - channels(MEAN)) / channels(STD)
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
    fn every_value_of_every_channel_is_what_the_formula_says_to_the_last_bit() {
        let image: Vec<u8> = (0..=255).flat_map(|value| [value; 3]).collect();
        let values: Vec<f32> = normalised(&image, 16, &Device::flex()).into_data().iter::<f32>().collect();
        for (n, value) in values.iter().enumerate() {
            assert_eq!(*value, (image[n] as f32 / 255.0 - MEAN[n % 3]) / STD[n % 3], "{} in channel {}", image[n], n % 3);
        }
    }

    #[test]
    fn bytes_come_back() {
        let image: Vec<u8> = (0..=255).chain(0..=43).collect();
        let values: Vec<f32> = normalised(&image, 10, &Device::flex()).into_data().iter::<f32>().collect();
        assert!((values[0] - (0.0 - MEAN[0]) / STD[0]).abs() < 1e-6);
        assert_eq!(bytes(&values), image);
    }
}
