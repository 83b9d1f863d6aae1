//! Initial values, drawn on the host, so that every device starts from the same numbers.

use crate::rng::Rng;
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

/// Draws initial values. Each tensor has a stream of its own, named by the seed and the tensor's name: a further head
/// does not move the encoder, and methods that share a seed start from the same encoder.
#[derive(Debug, Clone)]
pub struct Init<'a> {
    seed: u64,
    device: &'a Device,
    path: String,
}

impl<'a> Init<'a> {
    /// Draws for one run.
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Init { seed, device, path: String::new() }
    }

    /// Draws for the part of that name.
    pub fn part(&self, name: &str) -> Self {
        Init { path: format!("{}{name}.", self.path), ..self.clone() }
    }

    /// The device that values are put on.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Xavier-uniform for a matrix `[inputs, outputs]`: `U(-a, a)`, `a = sqrt(6 / (inputs + outputs))`.
    pub fn xavier(&self, name: &str, inputs: usize, outputs: usize) -> Param<Tensor<2>> {
        let bound = (6.0 / (inputs + outputs) as f64).sqrt();
        self.drawn(name, [inputs, outputs], |rng| rng.range(-bound, bound))
    }

    /// Uniform in `(-bound, bound)`.
    pub fn uniform<const D: usize>(&self, name: &str, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        self.drawn(name, shape, |rng| rng.range(-bound, bound))
    }

    /// Normal with mean 0.
    pub fn normal<const D: usize>(&self, name: &str, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        self.drawn(name, shape, |rng| std * rng.normal())
    }

    /// One value everywhere.
    pub fn full<const D: usize>(&self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        Param::from_data(TensorData::full(shape, value), self.device)
    }

    fn drawn<const D: usize>(&self, name: &str, shape: [usize; D], draw: impl Fn(&mut Rng) -> f64) -> Param<Tensor<D>> {
        let hash = blake3::hash(format!("{}{name}", self.path).as_bytes());
        let stream = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"));
        let mut rng = Rng::stream(self.seed, &[stream]);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw(&mut rng) as f32).collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }
}
