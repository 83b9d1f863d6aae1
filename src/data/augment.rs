//! What is done to a picture to make a view.

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
