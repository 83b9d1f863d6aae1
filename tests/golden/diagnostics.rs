//! Measures of collapse.

use crate::check::{scalar, values};
use crate::file::File;
use burn::tensor::Device;
use vicmae::objective::diagnostics::{Rows, alignment, rankme, std_of_normalised, uniformity};
use vicmae::objective::{nt_xent, vicreg};

#[test]
fn measures_of_collapse_are_those_of_the_reference() {
    let file = File::kept("losses_and_diagnostics.safetensors");
    let device = Device::flex();
    let rows = |name: &str| Rows::of(file.tensor(name, &device));
    let known = |name: &str| file.values(name)[0];
    scalar("RankMe", rankme(&rows("diag_z")), known("rankme"), 1e-4);
    scalar("std", std_of_normalised(&rows("diag_z")), known("std_l2norm"), 1e-4);
    scalar("uniformity", uniformity(&rows("z1")), known("uniformity_t2"), 1e-4);
    scalar("alignment", alignment(&rows("z1"), &rows("z2")), known("alignment_a2"), 1e-4);
}

#[test]
fn temperatures_and_parts_are_those_of_the_reference() {
    let file = File::kept("losses_and_diagnostics.safetensors");
    let device = Device::flex();
    let z = |name: &str| file.tensor::<2>(name, &device);
    for temperature in ["0.1", "0.5", "1.0"] {
        let ours = values(nt_xent::loss(z("z1"), z("z2"), temperature.parse().unwrap()))[0];
        scalar(&format!("NT-Xent at {temperature}"), ours, file.values(&format!("ntxent_T{temperature}"))[0], 1e-5);
    }
    let [invariance, ..] = vicreg::parts(z("z1"), z("z2"));
    scalar("invariance", values(invariance)[0], file.values("vicreg_inv")[0], 1e-5);
}
