//! Parameters by the names and in the shapes of the official MAE and ViC-MAE state dicts.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;

/// Tensors by name, in 32 bits, in PyTorch's shapes (a linear weight is `[outputs, inputs]`).
pub type StateDict = BTreeMap<String, TensorData>;

/// Follows a walk through a module and turns the place into the official name.
#[derive(Debug, Default)]
pub struct Names(Vec<(String, bool)>);

impl Names {
    /// The walk enters a part.
    pub fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.to_owned(), container.starts_with("Enum:")));
    }

    /// The walk leaves a part.
    pub fn exit(&mut self) {
        self.0.pop();
    }

    /// The official name of the tensor that the walk is at.
    ///
    /// `encoder`, `decoder`, `global` and the variants of enums are our own grouping; the official names know nothing of them.
    /// A head's layers count as in PyTorch's `Sequential(Linear, BatchNorm, ReLU, Linear, ..)`.
    pub fn official(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut walk = self.0.iter().peekable();
        let mut first = true;
        while let Some((name, variant)) = walk.next() {
            let group = std::mem::take(&mut first) && ["encoder", "decoder", "global"].contains(&name.as_str());
            if group || *variant {
                continue;
            }
            if name == "layers" {
                let number: usize = walk.next().and_then(|(n, _)| n.parse().ok()).unwrap_or_default();
                let norm = walk.next().is_some_and(|(kind, _)| kind == "norm");
                parts.push((3 * number + usize::from(norm)).to_string());
            } else {
                parts.push(name.clone());
            }
        }
        parts.join(".")
    }
}

/// Collects the state dict of a module. `patch` is the side of a patch in pixels.
pub fn save<M: Module>(module: &M, patch: usize) -> StateDict {
    let mut saver = Saver { names: Names::default(), patch, state: StateDict::new() };
    module.visit(&mut saver);
    saver.state
}

/// What a load left over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// In the module, but not in the state dict: these kept their values.
    pub missing: Vec<String>,
    /// In the state dict, but not in the module.
    pub unused: Vec<String>,
    /// In both, with shapes that differ: name, shape in the state dict, shape in the module.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

/// Puts a state dict into a module, and says what did not fit.
pub fn load<M: Module>(module: M, patch: usize, state: StateDict) -> (M, Leftover) {
    let mut loader = Loader { names: Names::default(), patch, state, leftover: Leftover::default() };
    let module = module.map(&mut loader);
    loader.leftover.unused = loader.state.into_keys().collect();
    (module, loader.leftover)
}

/// Moves `slow` towards `fast`: `slow = momentum * slow + (1 - momentum) * fast`, tensor by tensor of the same name.
pub fn average<M: Module>(slow: M, fast: &M, momentum: f64) -> M {
    let mut fast_values = Values::default();
    fast.visit(&mut fast_values);
    slow.map(&mut Averager { values: fast_values.0.into_iter(), momentum })
}

/// Flat tensors of a module in the order of the walk.
#[derive(Default)]
struct Values(Vec<Tensor<1>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().inner();
        let count = value.dims().iter().product::<usize>();
        self.0.push(value.reshape([count]));
    }
}

struct Averager {
    values: std::vec::IntoIter<Tensor<1>>,
    momentum: f64,
}

impl ModuleMapper for Averager {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(fast) = self.values.next() else { return param };
        let (id, slow, mapper) = param.consume();
        let tracked = slow.is_require_grad();
        let autodiff = slow.is_autodiff();
        let slow = slow.inner();
        let moved = slow.clone() * self.momentum + fast.reshape(slow.dims()) * (1.0 - self.momentum);
        let moved = if autodiff { Tensor::from_inner(moved).set_require_grad(tracked) } else { moved };
        Param::from_mapped_value(id, moved, mapper)
    }
}

/// The official shape of a tensor, given ours.
fn official_shape(name: &str, shape: &[usize], patch: usize) -> Vec<usize> {
    match shape {
        [inputs, outputs] if name.ends_with("patch_embed.proj.weight") => match inputs / (3 * patch * patch) {
            1 => vec![*outputs, 3, patch, patch],
            frames => vec![*outputs, 3, frames, patch, patch],
        },
        [inputs, outputs] => vec![*outputs, *inputs],
        [1] if name.ends_with("num_batches_tracked") => vec![],
        _ => shape.to_vec(),
    }
}

/// Ours to official: matrices are transposed, and a patch is channel first.
fn to_official<const D: usize>(name: &str, tensor: Tensor<D>, patch: usize) -> TensorData {
    let shape = official_shape(name, &tensor.dims(), patch);
    let data = match tensor.dims().as_slice() {
        &[inputs, outputs] if shape.len() >= 4 => {
            let frames = inputs / (3 * patch * patch);
            tensor.reshape([frames, patch, patch, 3, outputs]).permute([4, 3, 0, 1, 2]).into_data() // [outputs, 3, frames, patch, patch]
        }
        [_, _] => tensor.swap_dims(0, 1).into_data(),
        _ => tensor.into_data(),
    };
    let values: Vec<f32> = data.iter::<f32>().collect();
    TensorData::new(values, shape)
}

/// Official to ours.
fn from_official<const D: usize>(name: &str, data: TensorData, ours: &Tensor<D>, patch: usize) -> Tensor<D> {
    let device = ours.device();
    let values: Vec<f32> = data.iter::<f32>().collect();
    match *ours.dims().as_slice() {
        [inputs, outputs] if name.ends_with("patch_embed.proj.weight") => {
            let frames = inputs / (3 * patch * patch);
            let conv = Tensor::<5>::from_data(TensorData::new(values, [outputs, 3, frames, patch, patch]), &device);
            conv.permute([2, 3, 4, 1, 0]).reshape([inputs, outputs]).reshape(ours.dims())
        }
        [inputs, outputs] => {
            let matrix = Tensor::<2>::from_data(TensorData::new(values, [outputs, inputs]), &device);
            // The copy makes the rows contiguous again, which the matrix products want.
            let rows: Vec<f32> = matrix.transpose().into_data().iter::<f32>().collect();
            Tensor::from_data(TensorData::new(rows, ours.dims()), &device)
        }
        _ => Tensor::from_data(TensorData::new(values, ours.dims()), &device),
    }
}

struct Saver {
    names: Names,
    patch: usize,
    state: StateDict,
}

impl ModuleVisitor for Saver {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.names.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.names.official();
        let data = to_official(&name, param.val().inner(), self.patch);
        self.state.insert(name, data);
    }
}

struct Loader {
    names: Names,
    patch: usize,
    state: StateDict,
    leftover: Leftover,
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.names.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.names.official();
        let Some(data) = self.state.remove(&name) else {
            self.leftover.missing.push(name);
            return param;
        };
        let want = official_shape(&name, &param.val().dims(), self.patch);
        if data.shape().to_vec() != want {
            self.leftover.misshapen.push((name, data.shape().to_vec(), want));
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        let tracked = tensor.is_require_grad();
        let loaded = from_official(&name, data, &tensor, self.patch).set_require_grad(tracked);
        Param::from_mapped_value(id, loaded, mapper)
    }
}
