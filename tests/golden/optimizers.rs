//! Steps of LARS and AdamW with given gradients.

use crate::check::close;
use crate::file::File;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use vicmae::optimize::{AdamW, Gradients, Lars, Moments, Optimizer, Rates};

const PARAMETER: f64 = 1e-5;

/// Two tensors of more than one dimension and one of one, as in the file.
#[derive(Module, Debug)]
struct Parameters {
    p0: Param<Tensor<2>>,
    p1: Param<Tensor<1>>,
    p2: Param<Tensor<3>>,
}

pub fn check(file: &File) {
    let number = |optimizer: &str, key: &str| file.config[optimizer][key].as_f64().unwrap();
    let betas = [0, 1].map(|n| file.config["adamw"]["betas"][n].as_f64().unwrap());
    let adamw = AdamW {
        base_lr: number("adamw", "lr"),
        betas,
        eps: number("adamw", "eps"),
        weight_decay: number("adamw", "weight_decay"),
        // The file's AdamW is PyTorch's, which knows no groups.
        decay_vectors: true,
    };
    let lars = Lars {
        base_lr: number("lars", "lr"),
        momentum: number("lars", "momentum"),
        weight_decay: number("lars", "weight_decay"),
        trust: number("lars", "trust"),
    };
    run(file, "adamw", &Optimizer::Adamw(adamw), number("adamw", "lr"));
    run(file, "lars", &Optimizer::Lars(lars), number("lars", "lr"));
}

fn run(file: &File, name: &str, optimizer: &Optimizer, rate: f64) {
    let device = Device::flex().autodiff();
    let mut parameters = Parameters {
        p0: Param::from_tensor(file.tensor(&format!("{name}.p0.step0"), &device)),
        p1: Param::from_tensor(file.tensor(&format!("{name}.p1.step0"), &device)),
        p2: Param::from_tensor(file.tensor(&format!("{name}.p2.step0"), &device)),
    };
    let mut moments = Moments::new();
    let mut step = 1;
    while file.has(&format!("{name}.p0.grad{step}")) {
        let given = |n: usize| format!("{name}.p{n}.grad{step}");
        // The gradient of sum(p * g) for p is g.
        let loss = (parameters.p0.val() * file.tensor::<2>(&given(0), &device)).sum()
            + (parameters.p1.val() * file.tensor::<1>(&given(1), &device)).sum()
            + (parameters.p2.val() * file.tensor::<3>(&given(2), &device)).sum();
        let gradients = Gradients::take(loss.backward(), &parameters);
        parameters = moments.step(parameters, optimizer, &gradients, &Rates::all(rate));
        let ours = [flat(parameters.p0.val()), flat(parameters.p1.val()), flat(parameters.p2.val())];
        for (n, ours) in ours.iter().enumerate() {
            let reference = format!("{name}.p{n}.step{step}");
            close(&format!("{reference} of {}", file.path.display()), ours, &file.values(&reference), PARAMETER);
        }
        step += 1;
    }
    assert!(step > 1, "{} has no steps of {name}", file.path.display());
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    crate::check::values(tensor)
}
