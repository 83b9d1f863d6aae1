//! What is minimised: masked reconstruction plus at most one global term on pooled features.

use super::global;
use crate::model::Pool;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The training objective: `reconstruction.weight * L_reconstruction + weight * L_global`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of the patches that the encoder does not see, in each view independently.
    pub mask_ratio: f64,
    /// Masked reconstruction of both views (MAE), or nothing.
    #[serde(default)]
    pub reconstruction: Option<Reconstruction>,
    /// The global term on the pooled features of the two views, or nothing.
    #[serde(default)]
    pub global: Option<global::Config>,
    /// How visible patch tokens become one feature.
    #[serde(default)]
    pub pool: Pool,
    /// Weight of the global term.
    #[serde(default = "Weight::default")]
    pub weight: Weight,
}

/// Masked reconstruction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconstruction {
    /// Whether the target is each patch normalised by its own mean and variance.
    #[serde(default = "yes")]
    pub norm_pixels: bool,
    /// Weight of this term.
    #[serde(default = "one")]
    pub weight: f64,
}

/// A weight that may change during training: a number, or `{ ramp: { from, to, epochs, shape } }`.
#[derive(Debug, Clone, PartialEq)]
pub enum Weight {
    /// Always the same.
    Constant(f64),
    /// Goes from one value to another over the first epochs.
    Ramp(Ramp),
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Weight::Constant(weight) => weight.serialize(serializer),
            Weight::Ramp(ramp) => serializer.collect_map([("ramp", ramp)]),
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Changing {
            Ramp(Ramp),
        }
        struct WeightVisitor;
        impl<'de> Visitor<'de> for WeightVisitor {
            type Value = Weight;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or { ramp: { from, to, epochs, shape } }")
            }

            fn visit_f64<E: serde::de::Error>(self, weight: f64) -> Result<Weight, E> {
                Ok(Weight::Constant(weight))
            }

            fn visit_i64<E: serde::de::Error>(self, weight: i64) -> Result<Weight, E> {
                Ok(Weight::Constant(weight as f64))
            }

            fn visit_u64<E: serde::de::Error>(self, weight: u64) -> Result<Weight, E> {
                Ok(Weight::Constant(weight as f64))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Weight, A::Error> {
                Changing::deserialize(MapAccessDeserializer::new(map)).map(|Changing::Ramp(ramp)| Weight::Ramp(ramp))
            }
        }
        deserializer.deserialize_any(WeightVisitor)
    }
}

/// A weight that goes from one value to another over the first `epochs`, and stays there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// At the first step.
    pub from: f64,
    /// After `epochs`.
    pub to: f64,
    /// How long it takes.
    pub epochs: f64,
    /// How it goes.
    #[serde(default)]
    pub shape: Shape,
}

/// The course of a ramp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// In a straight line.
    #[default]
    Linear,
    /// Slow at both ends.
    Cosine,
}

impl Default for Weight {
    fn default() -> Self {
        Weight::Constant(0.0)
    }
}

impl Weight {
    /// The weight at a fractional epoch.
    pub fn at(&self, epoch: f64) -> f64 {
        match self {
            Weight::Constant(weight) => *weight,
            Weight::Ramp(ramp) => {
                let done = if ramp.epochs > 0.0 { (epoch / ramp.epochs).clamp(0.0, 1.0) } else { 1.0 };
                let share = match ramp.shape {
                    Shape::Linear => done,
                    Shape::Cosine => 0.5 * (1.0 - (std::f64::consts::PI * done).cos()),
                };
                ramp.from + (ramp.to - ramp.from) * share
            }
        }
    }
}

impl Config {
    /// Says what is wrong with the objective, if anything is.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.mask_ratio) {
            return Err(format!("objective.mask_ratio ({}) must be at least 0 and below 1", self.mask_ratio));
        }
        if self.reconstruction.is_some() && self.mask_ratio == 0.0 {
            return Err(
                "objective.mask_ratio is 0, so there is nothing to reconstruct: raise it, or leave out objective.reconstruction"
                    .into(),
            );
        }
        if self.reconstruction.is_none() && self.global.is_none() {
            return Err("objective has neither a reconstruction nor a global term, so there is nothing to learn".into());
        }
        Ok(())
    }
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_starts_ends_and_stays() {
        for shape in [Shape::Linear, Shape::Cosine] {
            let weight = Weight::Ramp(Ramp { from: 0.1, to: 0.3, epochs: 4.0, shape });
            assert_eq!(weight.at(0.0), 0.1);
            assert!((weight.at(2.0) - 0.2).abs() < 1e-12);
            assert!((weight.at(4.0) - 0.3).abs() < 1e-12);
            assert!((weight.at(9.0) - 0.3).abs() < 1e-12);
        }
    }

    #[test]
    fn a_weight_is_a_number_or_a_ramp() {
        assert_eq!(serde_yaml::from_str::<Weight>("0.03").unwrap(), Weight::Constant(0.03));
        assert_eq!(serde_yaml::from_str::<Weight>("1").unwrap(), Weight::Constant(1.0));
        let ramp: Weight = serde_yaml::from_str("{ ramp: { from: 0, to: 0.03, epochs: 40, shape: cosine } }").unwrap();
        assert_eq!(ramp, Weight::Ramp(Ramp { from: 0.0, to: 0.03, epochs: 40.0, shape: Shape::Cosine }));
        assert_eq!(serde_json::from_str::<Weight>(&serde_json::to_string(&ramp).unwrap()).unwrap(), ramp);
    }

    #[test]
    fn an_objective_with_nothing_in_it_is_refused() {
        let nothing = Config { mask_ratio: 0.5, reconstruction: None, global: None, pool: Pool::Mean, weight: Weight::default() };
        assert!(nothing.check().unwrap_err().contains("nothing to learn"));
    }
}
