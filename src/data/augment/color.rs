//! Changes of colour, on 8-bit RGB pixels in place.

use super::Jitter;
use crate::rng::Rng;

/// The values of one colour jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    brightness: f32,
    contrast: f32,
    saturation: f32,
    /// In turns.
    hue: f32,
}

impl Change {
    /// Draws the factors and the turn of the hue.
    pub(super) fn draw(jitter: &Jitter, rng: &mut Rng) -> Self {
        let mut factor = |most: f64| rng.range((1.0 - most).max(0.0), 1.0 + most) as f32;
        let (brightness, contrast, saturation) = (factor(jitter.brightness), factor(jitter.contrast), factor(jitter.saturation));
        Change { brightness, contrast, saturation, hue: rng.range(-jitter.hue, jitter.hue) as f32 }
    }

    /// Brightness, contrast, saturation, hue, in this order, each limited to 0..=255; rounded once, at the end.
    ///
    /// As in the release of ViC-MAE: contrast and saturation pull towards the gray picture of before the change of brightness,
    /// and the hue turns about the gray axis of RGB.
    pub(super) fn apply(&self, pixels: &mut [u8]) {
        let mean =
            pixels.chunks_exact(3).map(|pixel| u64::from(luma(pixel))).sum::<u64>() as f32 / (pixels.len() / 3).max(1) as f32;
        let towards_mean = (1.0 - self.contrast) * mean;
        let [own, next, last] = self.turn();
        for pixel in pixels.chunks_exact_mut(3) {
            let towards_gray = (1.0 - self.saturation) * f32::from(luma(pixel));
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(|value| {
                let value = (f32::from(value) * self.brightness).min(255.0);
                let value = (value * self.contrast + towards_mean).clamp(0.0, 255.0);
                (value * self.saturation + towards_gray).clamp(0.0, 255.0)
            });
            // A cast from float saturates, so this limits to 0..=255 too.
            pixel[0] = (own * r + next * g + last * b + 0.5) as u8;
            pixel[1] = (last * r + own * g + next * b + 0.5) as u8;
            pixel[2] = (next * r + last * g + own * b + 0.5) as u8;
        }
    }

    /// The first row of the rotation about the gray axis; the others are it, shifted.
    fn turn(&self) -> [f32; 3] {
        let (sin, cos) = (self.hue * std::f32::consts::TAU).sin_cos();
        let (gray, side) = ((1.0 - cos) / 3.0, sin / 3f32.sqrt());
        [cos + gray, gray - side, gray + side]
    }
}

/// Takes all colour away.
pub(super) fn gray(pixels: &mut [u8]) {
    pixels.chunks_exact_mut(3).for_each(|pixel| pixel.fill(luma(pixel)));
}

/// Inverts what is 128 or brighter.
pub(super) fn solarize(pixels: &mut [u8]) {
    pixels.iter_mut().filter(|value| **value >= 128).for_each(|value| *value = 255 - *value);
}

/// The gray value of a pixel: 0.299 R + 0.587 G + 0.114 B (ITU-R 601).
pub(super) fn luma(pixel: &[u8]) -> u8 {
    let weighted = u32::from(pixel[0]) * 19595 + u32::from(pixel[1]) * 38470 + u32::from(pixel[2]) * 7471;
    ((weighted + (1 << 15)) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Change = Change { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0 };

    fn changed(change: Change, pixels: &[u8]) -> Vec<u8> {
        let mut pixels = pixels.to_vec();
        change.apply(&mut pixels);
        pixels
    }

    #[test]
    fn no_change_changes_nothing() {
        let pixels: Vec<u8> = (0..=255).chain((0..=254).rev()).chain([7]).cycle().take(1536).collect();
        assert_eq!(changed(NONE, &pixels), pixels);
    }

    #[test]
    fn each_change_does_what_its_name_says() {
        let pixels = [200, 100, 0, 50, 50, 50];
        assert_eq!(changed(Change { brightness: 1.5, ..NONE }, &pixels), [255, 150, 0, 75, 75, 75]);
        // The gray values are 118 and 50, their mean 84.
        assert_eq!(changed(Change { contrast: 0.5, ..NONE }, &pixels), [142, 92, 42, 67, 67, 67]);
        assert_eq!(changed(Change { contrast: 0.0, ..NONE }, &pixels), [84; 6]);
        assert_eq!(changed(Change { saturation: 0.0, ..NONE }, &pixels), [118, 118, 118, 50, 50, 50]);
        assert_eq!(changed(Change { saturation: 0.5, ..NONE }, &pixels), [159, 109, 59, 50, 50, 50]);
        // A third of a turn moves every channel on by one.
        assert_eq!(changed(Change { hue: 1.0 / 3.0, ..NONE }, &pixels), [0, 200, 100, 50, 50, 50]);
        assert_eq!(changed(Change { hue: -1.0 / 3.0, ..NONE }, &pixels), [100, 0, 200, 50, 50, 50]);
    }

    #[test]
    fn contrast_pulls_towards_the_gray_of_before() {
        let change = Change { brightness: 0.5, contrast: 0.0, ..NONE };
        assert_eq!(changed(change, &[100; 6]), [100; 6]);
    }

    #[test]
    fn gray_and_solarize() {
        let mut pixels = [255, 255, 255, 255, 0, 0, 0, 255, 0];
        gray(&mut pixels);
        assert_eq!(pixels, [255, 255, 255, 76, 76, 76, 150, 150, 150]);
        let mut pixels = [0, 127, 128, 255];
        solarize(&mut pixels);
        assert_eq!(pixels, [0, 127, 127, 0]);
    }

    #[test]
    fn factors_stay_in_their_range() {
        let jitter = Jitter { brightness: 1.5, hue: 0.1, ..Jitter::default() };
        let mut rng = Rng::stream(0, &[]);
        for _ in 0..200 {
            let change = Change::draw(&jitter, &mut rng);
            assert!((0.0..=2.5).contains(&change.brightness) && (0.6..=1.4).contains(&change.contrast));
            assert!((0.8..=1.2).contains(&change.saturation) && (-0.1..=0.1).contains(&change.hue));
        }
    }
}
