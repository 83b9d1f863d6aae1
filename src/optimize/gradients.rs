//! The gradients of a module, by official name.

use crate::model::state::Names;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients as Backward, Tensor};
use std::collections::BTreeMap;

/// Flat gradients by the official name of their parameter.
#[derive(Debug, Default, Clone)]
pub struct Gradients(BTreeMap<String, Tensor<1>>);

impl Gradients {
    /// Takes the gradients of `module` out of a backward pass.
    pub fn take<M: Module>(backward: Backward, module: &M) -> Self {
        let mut taker = Taker { names: Names::default(), backward, taken: BTreeMap::new() };
        module.visit(&mut taker);
        Gradients(taker.taken)
    }

    /// Adds further gradients (accumulation over forward passes).
    pub fn add(&mut self, more: Gradients) {
        for (name, gradient) in more.0 {
            let sum = match self.0.remove(&name) {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            self.0.insert(name, sum);
        }
    }

    /// The norm over all gradients together.
    pub fn norm(&self) -> f64 {
        let squares = self.0.values().map(|gradient| gradient.clone().square().sum()).collect::<Vec<_>>();
        if squares.is_empty() {
            return 0.0;
        }
        // One read from the device for all of them.
        Tensor::cat(squares, 0).into_data().iter::<f64>().sum::<f64>().sqrt()
    }

    /// Multiplies every gradient.
    pub fn scale(&mut self, factor: f64) {
        for gradient in self.0.values_mut() {
            *gradient = gradient.clone() * factor;
        }
    }

    /// The flat gradient of the parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor<1>> {
        self.0.get(name)
    }
}

struct Taker {
    names: Names,
    backward: Backward,
    taken: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Taker {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.names.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if let Some(gradient) = param.val().grad_remove(&mut self.backward) {
            let count = gradient.dims().iter().product::<usize>();
            self.taken.insert(self.names.official(), gradient.reshape([count]));
        }
    }
}
