//! One step of an optimizer over a module.

use super::config::{AdamW, Lars, Optimizer, Sgd};
use super::gradients::Gradients;
use super::layer_decay::LayerDecay;
use crate::model::state::{Names, StateDict};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;

/// The moments of an optimizer, by the name of their parameter.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Steps taken.
    steps: u64,
    first: BTreeMap<String, Tensor<1>>,
    second: BTreeMap<String, Tensor<1>>,
}

/// The learning rate and the decay of each parameter.
pub struct Rates<'a> {
    /// For all but the following.
    pub rate: f64,
    /// Beginnings of the names of parameters with a rate of their own.
    pub constant: &'a [&'static str],
    /// That rate.
    pub constant_rate: f64,
    /// Scales the rate by the depth of the parameter.
    pub layers: Option<LayerDecay>,
    /// Beginnings of the names of further parameters that are treated as those of one dimension: no weight decay (and no scaling by
    /// LARS).
    pub undecayed: &'a [&'static str],
}

impl Rates<'_> {
    /// One rate for everything.
    pub fn all(rate: f64) -> Self {
        Rates { rate, constant: &[], constant_rate: rate, layers: None, undecayed: &[] }
    }

    fn of(&self, name: &str) -> f64 {
        if self.constant.iter().any(|start| name.starts_with(start)) {
            return self.constant_rate;
        }
        self.layers.map_or(self.rate, |layers| self.rate * layers.scale(name))
    }

    fn decayed(&self, name: &str) -> bool {
        !self.undecayed.iter().any(|start| name.starts_with(start))
    }
}

impl Moments {
    /// Before the first step.
    pub fn new() -> Self {
        Moments { steps: 0, first: BTreeMap::new(), second: BTreeMap::new() }
    }

    /// Moves the parameters of a module along their gradients.
    pub fn step<M: Module>(&mut self, module: M, optimizer: &Optimizer, gradients: &Gradients, rates: &Rates<'_>) -> M {
        self.steps += 1;
        module.map(&mut Stepper { names: Names::default(), moments: self, optimizer, gradients, rates })
    }

    /// The moments as tensors to save: `first.<name>`, `second.<name>`, `steps`.
    pub fn save(&self) -> StateDict {
        let named = |kind: &'static str, tensors: &BTreeMap<String, Tensor<1>>| {
            tensors.iter().map(|(name, tensor)| (format!("{kind}.{name}"), tensor.to_data())).collect::<Vec<_>>()
        };
        let mut state: StateDict = named("first", &self.first).into_iter().chain(named("second", &self.second)).collect();
        state.insert("steps".into(), TensorData::new(vec![self.steps as f32], [1]));
        state
    }

    /// Moments as they were saved.
    pub fn load(state: StateDict, device: &Device) -> Self {
        let mut moments = Moments::new();
        for (name, data) in state {
            if let Some(name) = name.strip_prefix("first.") {
                moments.first.insert(name.to_owned(), Tensor::from_data(data, device));
            } else if let Some(name) = name.strip_prefix("second.") {
                moments.second.insert(name.to_owned(), Tensor::from_data(data, device));
            } else {
                moments.steps = data.iter::<f64>().next().unwrap_or_default() as u64;
            }
        }
        moments
    }

    /// AdamW: `p -= rate * (weight_decay * p + m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps))`.
    fn adamw(&mut self, name: &str, p: Tensor<1>, g: &Tensor<1>, config: &AdamW, decay: bool, rate: f64) -> Tensor<1> {
        let [b1, b2] = config.betas;
        let mix = |old: Option<Tensor<1>>, new: Tensor<1>, beta: f64| match old {
            Some(old) => old * beta + new * (1.0 - beta),
            None => new * (1.0 - beta),
        };
        let m = mix(self.first.remove(name), g.clone(), b1);
        let v = mix(self.second.remove(name), g.clone().square(), b2);
        let [c1, c2] = [b1, b2].map(|beta| 1.0 - beta.powf(self.steps as f64));
        let direction = m.clone() / ((v.clone() / c2).sqrt() + config.eps);
        self.first.insert(name.to_owned(), m);
        self.second.insert(name.to_owned(), v);
        let kept = if decay { p * (1.0 - rate * config.weight_decay) } else { p };
        kept - direction * (rate / c1)
    }

    /// LARS as in MAE's linear probe: `m = momentum * m + q * (g + wd * p); p -= rate * m`, with
    /// `q = trust * |p| / |g + wd * p|` (1 where either is 0); one-dimensional tensors have `q = 1` and no decay.
    fn lars(&mut self, name: &str, p: Tensor<1>, g: &Tensor<1>, config: &Lars, matrix: bool, rate: f64) -> Tensor<1> {
        let mut update = g.clone();
        if matrix {
            update = update + p.clone() * config.weight_decay;
            let norm = |x: &Tensor<1>| x.clone().square().sum().sqrt();
            let both = Tensor::cat(vec![norm(&p), norm(&update)], 0).into_data().iter::<f64>().collect::<Vec<_>>();
            if both[0] > 0.0 && both[1] > 0.0 {
                update = update * (config.trust * both[0] / both[1]);
            }
        }
        let m = match self.first.remove(name) {
            Some(m) => m * config.momentum + update,
            None => update,
        };
        self.first.insert(name.to_owned(), m.clone());
        p - m * rate
    }

    /// SGD as in PyTorch: `m = momentum * m + g + wd * p; p -= rate * m`.
    fn sgd(&mut self, name: &str, p: Tensor<1>, g: &Tensor<1>, config: &Sgd, rate: f64) -> Tensor<1> {
        let update = g.clone() + p.clone() * config.weight_decay;
        let m = match self.first.remove(name) {
            Some(m) => m * config.momentum + update,
            None => update,
        };
        self.first.insert(name.to_owned(), m.clone());
        p - m * rate
    }
}

impl Default for Moments {
    fn default() -> Self {
        Self::new()
    }
}

struct Stepper<'a> {
    names: Names,
    moments: &'a mut Moments,
    optimizer: &'a Optimizer,
    gradients: &'a Gradients,
    rates: &'a Rates<'a>,
}

impl ModuleMapper for Stepper<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.names.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.names.official();
        let Some(gradient) = self.gradients.get(&name) else { return param };
        let (id, tensor, mapper) = param.consume();
        let shape = tensor.dims();
        let count = shape.iter().product::<usize>();
        let flat = tensor.inner().reshape([count]);
        let rate = self.rates.of(&name);
        // Biases and other one-dimensional tensors (norms) are not decayed unless asked for, and never scaled.
        let matrix = D > 1;
        let moved = match self.optimizer {
            Optimizer::Adamw(config) => {
                let decay = (matrix || config.decay_vectors) && self.rates.decayed(&name);
                self.moments.adamw(&name, flat, gradient, config, decay, rate)
            }
            Optimizer::Lars(config) => {
                self.moments.lars(&name, flat, gradient, config, matrix && self.rates.decayed(&name), rate)
            }
            Optimizer::Sgd(config) => {
                let decay = if self.rates.decayed(&name) { config.weight_decay } else { 0.0 };
                self.moments.sgd(&name, flat, gradient, &Sgd { weight_decay: decay, ..config.clone() }, rate)
            }
        };
        Param::from_mapped_value(id, Tensor::from_inner(moved.reshape(shape)).require_grad(), mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn sgd_is_that_of_pytorch() {
        // torch.optim.SGD([p], lr=0.1, momentum=0.9, weight_decay=0.5), p = [1, -2], gradients [1, 1], [0.5, 0], [0, -1]
        let device = Device::flex();
        let tensor = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
        let config = Sgd { base_lr: 0.1, momentum: 0.9, weight_decay: 0.5 };
        let (mut moments, mut p) = (Moments::new(), tensor([1.0, -2.0]));
        let mut path = Vec::new();
        for gradient in [[1.0, 1.0], [0.5, 0.0], [0.0, -1.0]] {
            p = moments.sgd("p", p, &tensor(gradient), &config, 0.1);
            path.extend(p.to_data().iter::<f32>());
        }
        let expected = [0.85, -2.0, 0.6225, -1.9, 0.38663, -1.615];
        assert!(path.iter().zip(expected).all(|(ours, theirs)| (ours - theirs).abs() < 1e-4), "{path:?}");
    }
}
