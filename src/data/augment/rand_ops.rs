//! The operations of RandAugment on 8-bit RGB pixels in place: the results are those of Pillow.

use super::color::luma;
use super::rand_affine;

/// One operation with its argument, which changes any number of pictures in the same way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Stretches each channel to 0..=255.
    AutoContrast,
    /// Makes the histogram of each channel as even as a table can.
    Equalize,
    /// The negative.
    Invert,
    /// A turn about the middle, in degrees, counterclockwise.
    Rotate(f64),
    /// The number of high bits that are kept, 0 to 8.
    Posterize(u32),
    /// Inverts what is at least the threshold, 0 (all) to 256 (nothing).
    Solarize(u16),
    /// Adds to what is under 128.
    SolarizeAdd(u8),
    /// Saturation factor: 0 is gray, 1 changes nothing.
    Color(f64),
    /// Contrast factor: 0 is the mean gray, 1 changes nothing.
    Contrast(f64),
    /// Brightness factor: 0 is black, 1 changes nothing.
    Brightness(f64),
    /// Sharpness factor: 0 is smooth, 1 changes nothing.
    Sharpness(f64),
    /// Pixels to the right that a row is read from, for each row.
    ShearX(f64),
    /// Pixels further down that a column is read from, for each column.
    ShearY(f64),
    /// How far to the right the picture is read from, as a share of the side.
    TranslateX(f64),
    /// How far down the picture is read from, as a share of the side.
    TranslateY(f64),
}

impl Operation {
    /// Changes `[side, side, 3]`.
    pub fn apply(&self, pixels: &mut [u8], side: usize) {
        let mut affine = |matrix| rand_affine::transform(pixels, side, matrix);
        match *self {
            Operation::Rotate(degrees) => affine(rand_affine::rotation(degrees, side)),
            Operation::ShearX(shear) => affine([[1.0, shear, 0.0], [0.0, 1.0, 0.0]]),
            Operation::ShearY(shear) => affine([[1.0, 0.0, 0.0], [shear, 1.0, 0.0]]),
            Operation::TranslateX(share) => affine([[1.0, 0.0, share * side as f64], [0.0, 1.0, 0.0]]),
            Operation::TranslateY(share) => affine([[1.0, 0.0, 0.0], [0.0, 1.0, share * side as f64]]),
            Operation::AutoContrast => by_histogram(pixels, stretched),
            Operation::Equalize => by_histogram(pixels, evened),
            Operation::Invert => by_value(pixels, |value| 255 - value),
            Operation::Posterize(bits) => by_value(pixels, |value| value & !0xffu8.checked_shr(bits).unwrap_or(0)),
            Operation::Solarize(threshold) => by_value(pixels, |v| if u16::from(v) < threshold { v } else { 255 - v }),
            Operation::SolarizeAdd(add) => by_value(pixels, |value| if value < 128 { value.saturating_add(add) } else { value }),
            Operation::Color(factor) => color(pixels, factor as f32),
            Operation::Contrast(factor) => contrast(pixels, factor as f32),
            Operation::Brightness(factor) => by_value(pixels, |value| blend(0, value, factor as f32)),
            Operation::Sharpness(factor) => sharpness(pixels, side, factor as f32),
        }
    }
}

/// Looks each value up in a table of what `change` makes of it.
fn by_value(pixels: &mut [u8], change: impl Fn(u8) -> u8) {
    let table: [u8; 256] = std::array::from_fn(|value| change(value as u8));
    pixels.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
}

/// Looks each value up in the table that is made of its channel's histogram.
fn by_histogram(pixels: &mut [u8], table: impl Fn(&[usize; 256]) -> [u8; 256]) {
    let mut histograms = [[0; 256]; 3];
    for pixel in pixels.chunks_exact(3) {
        (0..3).for_each(|channel| histograms[channel][usize::from(pixel[channel])] += 1);
    }
    let tables = histograms.map(|histogram| table(&histogram));
    for pixel in pixels.chunks_exact_mut(3) {
        (0..3).for_each(|channel| pixel[channel] = tables[channel][usize::from(pixel[channel])]);
    }
}

fn unchanged() -> [u8; 256] {
    std::array::from_fn(|value| value as u8)
}

/// `ImageOps.autocontrast` without cutoff.
fn stretched(histogram: &[usize; 256]) -> [u8; 256] {
    let lowest = histogram.iter().position(|count| *count > 0).unwrap_or(0);
    let highest = histogram.iter().rposition(|count| *count > 0).unwrap_or(0);
    if highest <= lowest {
        return unchanged();
    }
    let scale = 255.0 / (highest - lowest) as f64;
    let offset = -(lowest as f64) * scale;
    std::array::from_fn(|value| (value as f64 * scale + offset) as u8)
}

/// `ImageOps.equalize`.
fn evened(histogram: &[usize; 256]) -> [u8; 256] {
    let brightest = histogram.iter().rfind(|count| **count > 0).unwrap_or(&0);
    let step = (histogram.iter().sum::<usize>() - brightest) / 255;
    if step == 0 {
        return unchanged();
    }
    let mut darker = step / 2;
    histogram.map(|count| {
        let value = (darker / step).min(255) as u8;
        darker += count;
        value
    })
}

/// `Image.blend`: from `plain` (0) to `value` (1) and beyond; the cast limits to 0..=255 and rounds down, as Pillow does.
fn blend(plain: u8, value: u8, factor: f32) -> u8 {
    (f32::from(plain) + factor * (f32::from(value) - f32::from(plain))) as u8
}

fn color(pixels: &mut [u8], factor: f32) {
    for pixel in pixels.chunks_exact_mut(3) {
        let gray = luma(pixel);
        pixel.iter_mut().for_each(|value| *value = blend(gray, *value, factor));
    }
}

fn contrast(pixels: &mut [u8], factor: f32) {
    let sum: u64 = pixels.chunks_exact(3).map(|pixel| u64::from(luma(pixel))).sum();
    let mean = (sum as f64 / (pixels.len() / 3).max(1) as f64 + 0.5) as u8;
    by_value(pixels, |value| blend(mean, value, factor));
}

/// Blends with `ImageFilter.SMOOTH`: the mean of the 3 by 3 about a pixel, which itself counts 5 times. The border stays.
fn sharpness(pixels: &mut [u8], side: usize, factor: f32) {
    let source = pixels.to_vec();
    let stride = side * 3;
    for y in 1..side.saturating_sub(1) {
        let [above, own, below] = [y - 1, y, y + 1].map(|line| &source[line * stride..][..stride]);
        for (i, out) in pixels[y * stride..][..stride].iter_mut().enumerate().take(stride - 3).skip(3) {
            let across = |line: &[u8]| u32::from(line[i - 3]) + u32::from(line[i]) + u32::from(line[i + 3]);
            let sum = across(above) + across(own) + across(below) + 4 * u32::from(own[i]);
            // Rounded to the nearest; a 13th is never halfway.
            *out = blend(((2 * sum + 13) / 26) as u8, own[i], factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(operation: Operation, pixels: &[u8], side: usize) -> Vec<u8> {
        let mut pixels = pixels.to_vec();
        operation.apply(&mut pixels, side);
        pixels
    }

    #[test]
    fn a_factor_of_one_changes_nothing() {
        let pixels: Vec<u8> = (0..768).map(|i| (i * 37 % 256) as u8).collect();
        for operation in [Operation::Color, Operation::Contrast, Operation::Brightness, Operation::Sharpness] {
            assert_eq!(changed(operation(1.0), &pixels, 16), pixels);
        }
    }

    #[test]
    fn a_picture_of_one_colour_has_no_histogram_to_change() {
        for operation in [Operation::AutoContrast, Operation::Equalize] {
            assert_eq!(changed(operation, &[90; 48], 4), [90; 48]);
        }
    }

    #[test]
    fn the_ends_of_the_arguments_are_what_they_say() {
        let values = [0, 1, 127, 128, 129, 255, 3, 200, 64, 65, 66, 67];
        let inverted = values.map(|value| 255 - value);
        assert_eq!(changed(Operation::Posterize(8), &values, 2), values);
        assert_eq!(changed(Operation::Posterize(0), &values, 2), [0; 12]);
        assert_eq!(changed(Operation::Posterize(1), &values, 2)[..6], [0, 0, 0, 128, 128, 128]);
        assert_eq!(changed(Operation::Solarize(256), &values, 2), values);
        assert_eq!(changed(Operation::Solarize(0), &values, 2), inverted);
        assert_eq!(changed(Operation::SolarizeAdd(128), &values, 2)[..6], [128, 129, 255, 128, 129, 255]);
        assert_eq!(changed(Operation::Color(0.0), &[255, 0, 0], 1), [76; 3]);
        assert_eq!(changed(Operation::Sharpness(0.0), &values, 2), values);
    }

    #[test]
    fn pictures_of_one_pixel_survive_everything() {
        for operation in [Operation::Rotate(27.0), Operation::ShearX(0.3), Operation::Sharpness(1.9), Operation::Equalize] {
            assert_eq!(changed(operation, &[1, 2, 3], 1), [1, 2, 3], "{operation:?}");
        }
    }
}
