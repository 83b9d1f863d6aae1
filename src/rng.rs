//! Random numbers that depend on nothing but the numbers they are named by.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;
use rand_core::SeedableRng;

/// A stream of random numbers, the same on every machine.
///
/// A stream is named by a seed and a path of numbers (purpose, epoch, clip, view, ...). Streams of different names are
/// independent, so work can be done in any order, on any number of threads, and started in the middle.
#[derive(Debug, Clone)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The stream that is named by `seed` and `parts`: ChaCha8, keyed by the blake3 hash of the numbers.
    pub fn stream(seed: u64, parts: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        for part in parts {
            hasher.update(&part.to_le_bytes());
        }
        Rng(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Uniform in `[0, 1)`, with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (-53f64).exp2()
    }

    /// Uniform in `[low, high)`; `low` when the two are equal.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The widening product is biased by at most n / 2^64, which no experiment can see.
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// True with the given probability. Always draws one number, so that what follows does not shift.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Normal with mean 0 and variance 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Beta with parameters `a` and `b`, above 0: in `[0, 1]`, with mean `a / (a + b)`.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        // x / (x + y) of two Gammas, by their logarithms, because small parameters make both too small for a float.
        let (x, y) = (self.log_gamma(a), self.log_gamma(b));
        1.0 / (1.0 + (y - x).exp())
    }

    /// The logarithm of a Gamma variable of the given shape, above 0, and scale 1 (Marsaglia and Tsang, 2000).
    fn log_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.log_gamma(shape + 1.0) + (1.0 - self.unit()).ln() / shape;
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            let log = (1.0 - self.unit()).ln();
            if v > 0.0 && log < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return (d * v).ln();
            }
        }
    }

    /// A uniformly random order of `0..n` (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_name() {
        let draw = |seed, parts: &[u64]| Rng::stream(seed, parts).0.next_u64();
        assert_eq!(draw(1, &[2, 3]), draw(1, &[2, 3]));
        assert_ne!(draw(1, &[2, 3]), draw(1, &[3, 2]));
        assert_ne!(draw(1, &[2, 3]), draw(2, &[2, 3]));
        assert_ne!(draw(1, &[]), draw(1, &[0]));
    }

    #[test]
    fn streams_stay_as_they_are_from_release_to_release() {
        let mut rng = Rng::stream(0, &[1]);
        assert_eq!(rng.permutation(8), [2, 1, 5, 0, 6, 3, 7, 4]);
        assert_eq!(rng.below(1000), 120);
    }

    #[test]
    fn moments_are_right() {
        let mut rng = Rng::stream(7, &[]);
        let n = 20_000;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let units: Vec<f64> = (0..n).map(|_| rng.unit()).collect();
        assert!(units.iter().all(|u| (0.0..1.0).contains(u)));
        assert!((mean(&units) - 0.5).abs() < 0.01);
        let normals: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        assert!(mean(&normals).abs() < 0.03);
        let squares: Vec<f64> = normals.iter().map(|x| x * x).collect();
        assert!((mean(&squares) - 1.0).abs() < 0.04);
        let hits = (0..n).filter(|_| rng.chance(0.25)).count();
        assert!((hits as f64 / n as f64 - 0.25).abs() < 0.015);
    }

    #[test]
    fn beta_has_its_mean_and_variance() {
        let mut rng = Rng::stream(7, &[2]);
        for (a, b) in [(0.01, 0.01), (0.2, 0.2), (0.8, 0.8), (1.0, 1.0), (2.0, 5.0), (0.5, 3.0)] {
            let values: Vec<f64> = (0..20_000).map(|_| rng.beta(a, b)).collect();
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
            let mean = values.iter().sum::<f64>() / 20_000.0;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0;
            assert!((mean - a / (a + b)).abs() < 0.015, "Beta({a}, {b}): mean {mean}");
            let expected = a * b / ((a + b).powi(2) * (a + b + 1.0));
            assert!((variance / expected - 1.0).abs() < 0.05, "Beta({a}, {b}): variance {variance}, not {expected}");
        }
    }

    #[test]
    fn edges() {
        let mut rng = Rng::stream(7, &[1]);
        assert!(!rng.chance(0.0));
        assert!(rng.chance(1.0));
        assert_eq!(rng.below(1), 0);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.range(3.0, 3.0), 3.0);
        assert_eq!(rng.permutation(0), Vec::<usize>::new());
        let mut order = rng.permutation(100);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
