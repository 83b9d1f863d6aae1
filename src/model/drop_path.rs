//! Stochastic depth: which residual branches of which samples are left out in a step of training.

use crate::rng::Rng;
use burn::tensor::{Device, Tensor, TensorData};

/// The branches that are kept, drawn on the host, so that every device drops the same ones.
#[derive(Debug, Clone)]
pub struct Paths {
    /// For each block what its attention and its MLP are multiplied by, `[batch, 1, 1]` each; none where nothing is dropped.
    factors: Vec<Option<[Tensor<3>; 2]>>,
}

impl Paths {
    /// Every branch.
    pub fn all() -> Self {
        Paths { factors: Vec::new() }
    }

    /// Drops with a probability that grows evenly from 0 in the first block to `rate` in the last; what is kept is scaled up by
    /// `1 / (1 - probability)` (timm).
    pub fn draw(batch: usize, depth: usize, rate: f64, rng: &mut Rng, device: &Device) -> Self {
        let block = |n: usize| {
            let probability = rate * n as f64 / (depth - 1).max(1) as f64;
            (probability > 0.0).then(|| [(); 2].map(|()| branch(batch, probability, rng, device)))
        };
        Paths { factors: (0..depth).map(block).collect() }
    }

    /// The factors of a block.
    pub(super) fn of(&self, block: usize) -> Option<&[Tensor<3>; 2]> {
        self.factors.get(block)?.as_ref()
    }
}

fn branch(batch: usize, probability: f64, rng: &mut Rng, device: &Device) -> Tensor<3> {
    let kept = (1.0 / (1.0 - probability)) as f32;
    let factors: Vec<f32> = (0..batch).map(|_| if rng.chance(probability) { 0.0 } else { kept }).collect();
    Tensor::from_data(TensorData::new(factors, [batch, 1, 1]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_grows_with_depth_and_the_mean_stays() {
        let paths = Paths::draw(4000, 3, 0.4, &mut Rng::stream(0, &[]), &Device::flex());
        assert!(paths.of(0).is_none());
        for (block, rate) in [(1, 0.2), (2, 0.4)] {
            for factors in paths.of(block).unwrap() {
                let factors: Vec<f32> = factors.to_data().iter::<f32>().collect();
                let dropped = factors.iter().filter(|factor| **factor == 0.0).count() as f64 / 4000.0;
                let mean = factors.iter().sum::<f32>() / 4000.0;
                assert!((dropped - rate).abs() < 0.03 && (mean - 1.0).abs() < 0.05, "{dropped} {mean}");
            }
        }
        assert!(Paths::all().of(2).is_none());
    }
}
