//! Means over the steps between two rows of training numbers.

use crate::event::Metric;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sums since the last row. Saved in checkpoints, so that a resumed run writes the same rows as one that never stopped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    steps: u64,
    sums: BTreeMap<Metric, f64>,
}

impl Window {
    /// Adds the numbers of one step.
    pub fn add(&mut self, values: impl IntoIterator<Item = (Metric, f64)>) {
        self.steps += 1;
        for (metric, value) in values {
            *self.sums.entry(metric).or_default() += value;
        }
    }

    /// The means, and an empty window again.
    pub fn take(&mut self) -> BTreeMap<Metric, f64> {
        let window = std::mem::take(self);
        window.sums.into_iter().map(|(metric, sum)| (metric, sum / window.steps as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_window_goes_on_to_the_same_bits() {
        let step = |n: u64| [(Metric::new("loss"), 1.0 / n as f64)];
        let mut whole = Window::default();
        (1..=7).for_each(|n| whole.add(step(n)));
        let mut half = Window::default();
        (1..=3).for_each(|n| half.add(step(n)));
        let mut half: Window = serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        (4..=7).for_each(|n| half.add(step(n)));
        assert_eq!(half.take(), whole.take());
        assert_eq!(half, Window::default());
    }
}
