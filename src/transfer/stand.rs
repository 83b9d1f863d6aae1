//! What the tests of protocols that train need: clips that are easily told apart, and a watch that remembers.

use super::{Features, Saved, Watch};
use crate::data::{Clips, Picture, Skipped};
use crate::event::Metric;
use crate::model::state::StateDict;
use crate::model::{Config, Transformer, Vit};
use crate::rng::Rng;
use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Clips of 4 frames of one colour each, which is their class; a little noise makes them differ.
pub struct Colours {
    clips: usize,
    classes: Vec<String>,
}

impl Colours {
    pub fn clips(clips: usize) -> Arc<dyn Clips> {
        Arc::new(Colours { clips, classes: ["red", "green", "blue"].map(str::to_owned).to_vec() })
    }
}

impl Clips for Colours {
    fn len(&self) -> usize {
        self.clips
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, clip: usize) -> usize {
        clip % 3
    }

    fn name(&self, clip: usize) -> String {
        clip.to_string()
    }

    fn pair(&self, clip: usize, _: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        Ok([self.frame(clip, 0)?, self.frame(clip, 1)?])
    }

    fn frames(&self, _: usize) -> usize {
        4
    }

    fn seconds(&self, _: usize) -> Option<&[f64]> {
        None
    }

    fn frame(&self, clip: usize, frame: usize) -> Result<Arc<Picture>, Skipped> {
        let mut rng = Rng::stream(9, &[clip as u64, frame as u64]);
        let value = |at: usize| if at % 3 == clip % 3 { 140 } else { 60 } + rng.below(60) as u8;
        let rgb: Vec<u8> = (0..20 * 20 * 3).map(value).collect();
        Ok(Arc::new(Picture { width: 20, height: 20, rgb: rgb.into() }))
    }
}

/// A small encoder.
pub fn model() -> Config {
    let size = Transformer { width: 16, depth: 2, heads: 2 };
    Config { vit: Vit(size), image: 16, patch: 8, decoder: size }
}

/// Remembers the last row and the kept weights.
#[derive(Default)]
pub struct Witness {
    pub row: BTreeMap<Metric, f64>,
    pub kept: BTreeMap<String, StateDict>,
    /// Features that were shown.
    pub shown: usize,
}

impl Watch for Witness {
    fn measured(&mut self, _: u64, values: BTreeMap<Metric, f64>) -> Result<()> {
        self.row.extend(values);
        Ok(())
    }

    fn skipped(&mut self, _: &[Skipped]) {}

    fn progressed(&mut self, _: u64, _: u64) -> Result<()> {
        Ok(())
    }

    fn stopping(&mut self) -> bool {
        false
    }

    fn resume(&mut self) -> Result<Option<Saved>> {
        Ok(None)
    }

    fn save_due(&self, _: u64) -> bool {
        false
    }

    fn save(&mut self, _: Saved) -> Result<()> {
        Ok(())
    }

    fn features(&mut self, eval: &Features, _: &[String]) -> Result<()> {
        self.shown = eval.len();
        Ok(())
    }

    fn keep(&mut self, name: &str, weights: &StateDict) -> Result<()> {
        self.kept.insert(name.to_owned(), weights.clone());
        Ok(())
    }
}
