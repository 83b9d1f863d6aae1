//! The official MAE code at 32 pixels: patches, mask, predictions, loss and every gradient.

use crate::check::{close, scalar, values};
use crate::file::File;
use crate::vic_mae::official;
use burn::tensor::{Device, Tensor};
use vicmae::model::state::{self, StateDict};
use vicmae::model::{Config, Init, Mask, Pool, Precision, Transformer, Vit, patch};
use vicmae::objective::{self, Learner, Reconstruction, Weight};
use vicmae::optimize::Gradients;

#[test]
fn a_masked_autoencoder_is_that_of_the_official_code() {
    let file = File::kept("mae_tiny.safetensors");
    let device = Device::flex().autodiff();
    let transformer = |width, depth, heads| Transformer { width, depth, heads };
    let model = Config { vit: Vit(transformer(64, 2, 4)), image: 32, patch: 4, decoder: transformer(32, 1, 2) };
    let reconstruction = Some(Reconstruction { norm_pixels: true, weight: 1.0 });
    let (pool, weight) = (Pool::Mean, Weight::Constant(0.0));
    let objective = objective::Config { mask_ratio: 0.75, reconstruction, global: None, pool, weight };
    let names = file.names();
    let named = names.iter().filter_map(|name| name.strip_prefix("param."));
    let state: StateDict = named.map(|name| (name.to_owned(), file.data(&format!("param.{name}")))).collect();
    let (learner, leftover) =
        state::load(Learner::new(&Init::new(0, &device), &model, &objective, Precision::F32), model.patch, state);
    assert_eq!(leftover, state::Leftover::default());

    let x = file.tensor::<4>("x", &device).permute([0, 2, 3, 1]);
    let patches = patch::patchify(x.clone(), model.patch);
    close("patchify", &values(patches.clone()), &file.values("patchify"), 1e-6);
    let mask = Mask::from_noise(&file.floats("noise"), model.tokens(), 0.75);
    let removed: Vec<f64> = mask.removed().into_iter().map(f64::from).collect();
    close("mask", &removed, &file.values("mask"), 0.0);
    let decoder = learner.decoder.as_ref().unwrap();
    let predicted: Tensor<3> = decoder.predict(decoder.forward(learner.encoder.forward(patches, &mask), &mask));
    close("pred", &values(predicted), &file.values("pred"), 1e-4);

    // Both views are the one picture, under the one mask: the mean of the two losses is the loss.
    let losses = learner.forward([x.clone(), x], &[mask.clone(), mask], &objective, model.patch, 0.0);
    scalar("loss", values(losses.reconstruction.unwrap())[0], file.values("loss")[0], 1e-5);
    let gradients = Gradients::take(losses.total.backward(), &learner);
    let mut compared = 0;
    for name in names.iter().filter_map(|name| name.strip_prefix("grad.")) {
        let reference = format!("grad.{name}");
        let ours = gradients.get(name).unwrap_or_else(|| panic!("{name} has no gradient"));
        close(&reference, &official(values(ours.clone()), &file.shape(&reference)), &file.values(&reference), 1e-4);
        compared += 1;
    }
    assert!(compared > 30, "the reference has hardly any gradients");
}
