//! Global terms on given features: loss, parts, and the gradient for each input.

use crate::check::{close, scalar, values};
use crate::file::File;
use burn::tensor::{Device, Tensor};
use vicmae::objective::{barlow_twins, byol, nt_xent, sim_siam, vicreg};

const LOSS: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;

/// A loss of `a`, `b` and the two predictions.
type Loss<'a> = &'a dyn Fn(&[Tensor<2>; 4]) -> Tensor<1>;

pub fn check(file: &File) {
    let temperature = file.number("temperature");
    let lambda = file.number("barlow_lambda");
    let weights: Vec<f64> = file.config["vicreg"].as_array().unwrap().iter().map(|weight| weight.as_f64().unwrap()).collect();
    let pair = |x: &[Tensor<2>; 4], first: usize| [x[first].clone(), x[first + 1].clone()];
    compare(file, "nt_xent", &["in.a", "in.b"], &|x| nt_xent::loss(x[0].clone(), x[1].clone(), temperature));
    compare(file, "barlow_twins", &["in.a", "in.b"], &|x| barlow_twins::loss(x[0].clone(), x[1].clone(), lambda));
    compare(file, "vicreg", &["in.a", "in.b"], &|x| {
        let [invariance, variance, covariance] = vicreg::parts(x[0].clone(), x[1].clone());
        invariance * weights[0] + variance * weights[1] + covariance * weights[2]
    });
    compare(file, "simsiam", &["in.p1", "in.p2", "in.a", "in.b"], &|x| sim_siam::loss(pair(x, 0), pair(x, 2)));
    compare(file, "byol", &["in.p1", "in.p2", "in.a", "in.b"], &|x| byol::loss(pair(x, 0), pair(x, 2)));
    parts(file);
}

fn parts(file: &File) {
    let device = Device::flex();
    let ours = vicreg::parts(file.tensor("in.a", &device), file.tensor("in.b", &device)).map(|part| values(part)[0]);
    for (n, (ours, reference)) in ours.iter().zip(file.values("vicreg.parts")).enumerate() {
        scalar(&format!("vicreg part {n}"), *ours, reference, LOSS);
    }
}

fn compare(file: &File, name: &str, inputs: &[&str], loss: Loss<'_>) {
    let device = Device::flex().autodiff();
    let named = |n: usize| file.tensor::<2>(inputs.get(n).copied().unwrap_or(inputs[0]), &device).require_grad();
    let x = [0, 1, 2, 3].map(named);
    let value = loss(&x);
    scalar(
        &format!("{name} of {}", file.path.display()),
        values(value.clone())[0],
        file.values(&format!("{name}.loss"))[0],
        LOSS,
    );
    let gradients = value.backward();
    for (n, x) in x.iter().enumerate().take(inputs.len()) {
        let reference = file.values(&format!("{name}.grad{}", n + 1));
        // A stopped gradient is no gradient at all.
        let ours = x.grad(&gradients).map_or_else(|| vec![0.0; reference.len()], values);
        close(&format!("{name}.grad{} of {}", n + 1, file.path.display()), &ours, &reference, GRADIENT);
    }
}
