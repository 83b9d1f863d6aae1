//! How large the encoder and the decoder are, and how an image becomes tokens.

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// An encoder with a decoder for pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The encoder: `tiny`, `small`, `base`, `large`, `huge`, or `{ width, depth, heads }`.
    pub vit: Vit,
    /// Side of the (square) input image, in pixels.
    pub image: usize,
    /// Side of a patch, in pixels.
    pub patch: usize,
    /// The MAE decoder.
    pub decoder: Transformer,
}

/// The size of a transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads a block.
    pub heads: usize,
}

/// The size of the encoder; a published name stands for its three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Vit(pub Transformer);

/// The published encoder sizes (MAE, ViC-MAE and DeiT): name, width, depth, heads.
pub const SIZES: [(&str, usize, usize, usize); 5] =
    [("tiny", 192, 12, 3), ("small", 384, 12, 6), ("base", 768, 12, 12), ("large", 1024, 24, 16), ("huge", 1280, 32, 16)];

/// Blocks that a model may have: a number in a file may be a slip, or hostile.
const DEEPEST: usize = 1000;

impl Vit {
    /// The published encoder of that name.
    pub fn named(name: &str) -> Option<Self> {
        SIZES.iter().find(|size| size.0 == name).map(|&(_, width, depth, heads)| Vit(Transformer { width, depth, heads }))
    }
}

impl<'de> Deserialize<'de> for Vit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl<'de> Visitor<'de> for SizeVisitor {
            type Value = Vit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tiny, small, base, large, huge, or { width, depth, heads }")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Vit, E> {
                Vit::named(name).ok_or_else(|| E::unknown_variant(name, &["tiny", "small", "base", "large", "huge"]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vit, A::Error> {
                Transformer::deserialize(MapAccessDeserializer::new(map)).map(Vit)
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl Config {
    /// Patches a side.
    pub fn grid(&self) -> usize {
        self.image / self.patch
    }

    /// Patches an image.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid()
    }

    /// Numbers a patch: `patch * patch * 3`.
    pub fn patch_values(&self) -> usize {
        self.patch * self.patch * 3
    }

    /// Says what is wrong with the sizes, if anything is.
    pub fn check(&self) -> Result<(), String> {
        if self.patch == 0 || self.image == 0 || !self.image.is_multiple_of(self.patch) {
            return Err(format!("model.image ({}) is not a multiple of model.patch ({})", self.image, self.patch));
        }
        for (name, size) in [("model.vit", self.vit.0), ("model.decoder", self.decoder)] {
            if size.heads == 0 || size.depth == 0 || size.width == 0 {
                return Err(format!("{name}: width, depth and heads must be above 0"));
            }
            if size.depth > DEEPEST {
                return Err(format!("{name}.depth ({}) is above {DEEPEST}", size.depth));
            }
            if !size.width.is_multiple_of(size.heads) {
                return Err(format!("{name}.width ({}) is not a multiple of {name}.heads ({})", size.width, size.heads));
            }
            if !size.width.is_multiple_of(4) {
                return Err(format!("{name}.width ({}) is not a multiple of 4, which the position table needs", size.width));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_name_resolves_to_its_numbers() {
        let named: Vit = serde_yaml::from_str("base").unwrap();
        let spelled: Vit = serde_yaml::from_str("{ width: 768, depth: 12, heads: 12 }").unwrap();
        assert_eq!(named, spelled);
        assert!(serde_yaml::from_str::<Vit>("bose").unwrap_err().to_string().contains("bose"));
    }

    #[test]
    fn sizes_that_cannot_be_built_are_refused() {
        let decoder = Transformer { width: 64, depth: 1, heads: 2 };
        let config = |image, width, heads| Config { vit: Vit(Transformer { width, depth: 1, heads }), image, patch: 8, decoder };
        assert!(config(64, 96, 3).check().is_ok());
        assert!(config(65, 96, 3).check().unwrap_err().contains("multiple of model.patch"));
        assert!(config(64, 96, 5).check().unwrap_err().contains("heads"));
    }
}
