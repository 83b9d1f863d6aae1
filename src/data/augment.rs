//! What is done to a picture to make a view.

pub(super) mod crop;

mod blur;
mod color;
mod erase;
mod mix;
mod rand_affine;
mod rand_augment;
mod rand_ops;

pub use erase::{Erase, Rect, noise};
pub use mix::{Blend, Mix, Mode, targets, unmixed, weights};
pub use rand_augment::RandAugment;
pub use rand_ops::Operation;

use super::picture::Picture;
use super::resize;
use crate::rng::Rng;
use fast_image_resize::FilterType;
use serde::{Deserialize, Serialize};

/// The augmentation of a pretraining pair. Each view draws its own values.
///
/// Where a number may differ between the two views, it is written as `0.5` (both) or `[1.0, 0.1]` (first, second).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Random resized crop.
    pub crop: Crop,
    /// Probability of a horizontal flip.
    pub flip: f64,
    /// Colour jitter, or none.
    pub jitter: Option<Jitter>,
    /// Probability of losing all colour.
    pub grayscale: f64,
    /// Gaussian blur: probability for each view.
    pub blur: PerView,
    /// Solarize at 128: probability for each view.
    pub solarize: PerView,
}

/// Random resized crop: a random part of the picture, resized to the model's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Crop {
    /// Smallest and largest share of the area.
    pub scale: [f64; 2],
    /// Narrowest and widest aspect ratio, drawn log-uniformly.
    pub ratio: [f64; 2],
}

/// Colour jitter (probability, then the largest change of each kind).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jitter {
    /// Probability that any of it is done.
    pub probability: f64,
    /// Brightness factor in `[1 - b, 1 + b]`.
    pub brightness: f64,
    /// Contrast factor in `[1 - c, 1 + c]`.
    pub contrast: f64,
    /// Saturation factor in `[1 - s, 1 + s]`.
    pub saturation: f64,
    /// Hue shift in `[-h, h]` turns.
    pub hue: f64,
}

/// A probability for each of the two views.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PerView(pub [f64; 2]);

impl Default for Config {
    fn default() -> Self {
        Config {
            crop: Crop::default(),
            flip: 0.5,
            jitter: None,
            grayscale: 0.0,
            blur: PerView::default(),
            solarize: PerView::default(),
        }
    }
}

/// The augmentation of the released code: crop, flip, colour jitter and grayscale for both views, blur for the first only and
/// solarization for the second only.
pub fn release() -> Config {
    Config {
        crop: Crop { scale: [0.08, 1.0], ..Crop::default() },
        jitter: Some(Jitter::default()),
        grayscale: 0.2,
        blur: PerView([1.0, 0.0]),
        solarize: PerView([0.0, 0.2]),
        ..Config::default()
    }
}

impl Default for Crop {
    fn default() -> Self {
        Crop { scale: [0.2, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }
    }
}

impl Default for Jitter {
    fn default() -> Self {
        Jitter { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 }
    }
}

impl Config {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        self.crop.check()?;
        probability("flip", self.flip)?;
        probability("grayscale", self.grayscale)?;
        self.blur.0.iter().try_for_each(|view| probability("blur", *view))?;
        self.solarize.0.iter().try_for_each(|view| probability("solarize", *view))?;
        self.jitter.as_ref().map_or(Ok(()), Jitter::check)
    }
}

impl Crop {
    pub(super) fn check(&self) -> Result<(), String> {
        let [smallest, largest] = self.scale;
        if !(0.0 < smallest && smallest <= largest && largest <= 1.0) {
            return Err(format!("`crop.scale` is [{smallest}, {largest}]: two shares of the area, above 0, up to 1, in order"));
        }
        let [narrowest, widest] = self.ratio;
        if !(0.0 < narrowest && narrowest <= widest && widest.is_finite()) {
            return Err(format!("`crop.ratio` is [{narrowest}, {widest}]: two ratios of width to height, above 0, in order"));
        }
        Ok(())
    }
}

impl Jitter {
    fn check(&self) -> Result<(), String> {
        probability("jitter.probability", self.probability)?;
        for (name, most) in [("brightness", self.brightness), ("contrast", self.contrast), ("saturation", self.saturation)] {
            if !(0.0..f64::INFINITY).contains(&most) {
                return Err(format!("`jitter.{name}` is {most}: the largest change of a factor is 0 or more"));
            }
        }
        if !(0.0..=0.5).contains(&self.hue) {
            return Err(format!("`jitter.hue` is {}: a shift of the hue is between 0 and 0.5 turns", self.hue));
        }
        Ok(())
    }
}

pub(super) fn probability(name: &str, value: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(format!("`{name}` is {value}: a probability is between 0 and 1")) }
}

/// Makes a view of a picture, and writes it to `out`, `[size, size, 3]`.
///
/// In this order: a random crop, resized (bilinear, antialiased; the crop first, so that what lies outside has no influence),
/// flip, colour jitter, grayscale, blur (a standard deviation of 0.1 to 2 pixels, whatever the size), solarize. `which_view` is 0
/// or 1. The result depends on the arguments alone; the config is one that [`Config::check`] accepts.
pub fn view(picture: &Picture, config: &Config, size: usize, which_view: usize, rng: &mut Rng, out: &mut [u8]) {
    let window = crop::draw(&config.crop, picture.width, picture.height, rng);
    resize::cut(picture, window, size, FilterType::Bilinear, out);
    if rng.chance(config.flip) {
        flip(out, size);
    }
    if let Some(jitter) = &config.jitter
        && rng.chance(jitter.probability)
    {
        color::Change::draw(jitter, rng).apply(out);
    }
    if rng.chance(config.grayscale) {
        color::gray(out);
    }
    if rng.chance(config.blur.0[which_view]) {
        blur::blur(out, size, rng.range(blur::NARROWEST, blur::WIDEST));
    }
    if rng.chance(config.solarize.0[which_view]) {
        color::solarize(out);
    }
}

/// Swaps left and right of `[size, size, 3]`.
pub(super) fn flip(pixels: &mut [u8], size: usize) {
    for row in pixels.chunks_exact_mut(size * 3) {
        let (left, right) = row.split_at_mut(size / 2 * 3);
        for (a, b) in left.chunks_exact_mut(3).zip(right.chunks_exact_mut(3).rev()) {
            a.swap_with_slice(b);
        }
    }
}

impl Serialize for PerView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PerView {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PerViewVisitor;
        impl<'de> serde::de::Visitor<'de> for PerViewVisitor {
            type Value = PerView;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a probability, or [first view, second view]")
            }

            fn visit_f64<E: serde::de::Error>(self, both: f64) -> Result<PerView, E> {
                Ok(PerView([both, both]))
            }

            fn visit_i64<E: serde::de::Error>(self, both: i64) -> Result<PerView, E> {
                self.visit_f64(both as f64)
            }

            fn visit_u64<E: serde::de::Error>(self, both: u64) -> Result<PerView, E> {
                self.visit_f64(both as f64)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<PerView, A::Error> {
                let mut next = |n| list.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(n, &"two probabilities"));
                let views = [next(0)?, next(1)?];
                match list.next_element::<f64>()? {
                    Some(_) => Err(serde::de::Error::invalid_length(3, &"two probabilities")),
                    None => Ok(PerView(views)),
                }
            }
        }
        deserializer.deserialize_any(PerViewVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        let rgb = (0..40 * 30).flat_map(|i| [(i % 40 * 6) as u8, (i / 40 * 8) as u8, 90]).collect::<Vec<u8>>().into();
        Picture { width: 40, height: 30, rgb }
    }

    fn seen(config: &Config, which_view: usize, stream: u64) -> Vec<u8> {
        let mut out = vec![0; 16 * 16 * 3];
        view(&picture(), config, 16, which_view, &mut Rng::stream(0, &[stream]), &mut out);
        out
    }

    fn all() -> Config {
        Config { jitter: Some(Jitter::default()), grayscale: 0.2, blur: PerView([1.0, 0.1]), ..Config::default() }
    }

    #[test]
    fn a_view_is_its_stream() {
        assert_eq!(seen(&all(), 0, 5), seen(&all(), 0, 5));
        assert_ne!(seen(&all(), 0, 5), seen(&all(), 0, 6));
    }

    #[test]
    fn probabilities_are_of_the_view() {
        let config = Config { solarize: PerView([0.0, 1.0]), ..Config::default() };
        let plain = seen(&config, 0, 5);
        let solarized: Vec<u8> = plain.iter().map(|v| if *v >= 128 { 255 - v } else { *v }).collect();
        assert_ne!(plain, solarized);
        assert_eq!(seen(&config, 1, 5), solarized);
    }

    #[test]
    fn flip_mirrors_odd_and_even_rows() {
        let mut pixels: Vec<u8> = (0..27).collect();
        flip(&mut pixels, 3);
        assert_eq!(pixels[..9], [6, 7, 8, 3, 4, 5, 0, 1, 2]);
        let mut pixels: Vec<u8> = (0..12).collect();
        flip(&mut pixels, 2);
        assert_eq!(pixels, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    }

    #[test]
    fn no_augmentation_is_the_whole_picture_resized() {
        let square = Picture { width: 16, height: 16, rgb: (0..768).map(|i| i as u8).collect::<Vec<u8>>().into() };
        let crop = Crop { scale: [1.0, 1.0], ratio: [1.0, 1.0] };
        let config = Config { crop, flip: 0.0, ..Config::default() };
        let mut out = vec![0; 768];
        view(&square, &config, 16, 0, &mut Rng::stream(0, &[]), &mut out);
        assert_eq!(out, square.rgb);
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = |config: Config| config.check().unwrap_err();
        let crop = |scale, ratio| Config { crop: Crop { scale, ratio }, ..Config::default() };
        let jitter = |hue, contrast| Config { jitter: Some(Jitter { hue, contrast, ..Jitter::default() }), ..Config::default() };
        assert_eq!(all().check(), Ok(()));
        insta::assert_snapshot!(refused(Config { flip: 1.5, ..all() }), @"`flip` is 1.5: a probability is between 0 and 1");
        insta::assert_snapshot!(refused(Config { blur: PerView([0.5, f64::NAN]), ..all() }), @"`blur` is NaN: a probability is between 0 and 1");
        insta::assert_snapshot!(refused(crop([0.5, 0.2], [1.0, 1.0])), @"`crop.scale` is [0.5, 0.2]: two shares of the area, above 0, up to 1, in order");
        insta::assert_snapshot!(refused(crop([0.5, 1.0], [0.0, 1.0])), @"`crop.ratio` is [0, 1]: two ratios of width to height, above 0, in order");
        insta::assert_snapshot!(refused(jitter(0.6, 0.0)), @"`jitter.hue` is 0.6: a shift of the hue is between 0 and 0.5 turns");
        insta::assert_snapshot!(refused(jitter(0.1, -1.0)), @"`jitter.contrast` is -1: the largest change of a factor is 0 or more");
    }
}
