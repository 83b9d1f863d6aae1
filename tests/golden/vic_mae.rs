//! A whole ViC-MAE: activations, losses, every gradient, and the parameters after some steps of AdamW.

use crate::check::{close, scalar, values};
use crate::file::File;
use burn::tensor::{Device, Tensor};
use vicmae::model::state::{self, StateDict};
use vicmae::model::{self, Init, Mask, Pool, Precision, Transformer, Vit, patch};
use vicmae::objective::{Config, Global, Learner, Losses, Reconstruction, Weight, global, nt_xent};
use vicmae::optimize::{AdamW, Gradients, Moments, Optimizer, Rates};

const LOSS: f64 = 1e-5;
const VALUE: f64 = 1e-4;
const AFTER: f64 = 1e-3;

struct Case<'a> {
    file: &'a File,
    device: Device,
    model: model::Config,
    objective: Config,
    views: [Tensor<4>; 2],
    masks: [Mask; 2],
}

pub fn check(file: &File) {
    let case = Case::new(file);
    case.forward();
    case.gradients();
    case.steps();
}

impl<'a> Case<'a> {
    fn new(file: &'a File) -> Self {
        let device = Device::flex().autodiff();
        let size =
            |width, depth, heads| Transformer { width: file.size(width), depth: file.size(depth), heads: file.size(heads) };
        let model = model::Config {
            vit: Vit(size("width", "depth", "heads")),
            image: file.size("image"),
            patch: file.size("patch"),
            decoder: size("decoder_width", "decoder_depth", "decoder_heads"),
        };
        let hidden = file.size("projector_hidden");
        let term = nt_xent::Config {
            temperature: file.number("temperature"),
            projector: vec![hidden, hidden, file.size("projector_out")],
        };
        let objective = Config {
            mask_ratio: file.number("mask_ratio"),
            reconstruction: Some(Reconstruction {
                norm_pixels: file.config["norm_pix"].as_bool().unwrap(),
                weight: file.number("weight_recon"),
            }),
            global: Some(global::Config::NtXent(term)),
            pool: Pool::Mean,
            weight: Weight::Constant(file.number("weight_contrast")),
        };
        // The reference is channel first.
        let views = ["in.x1", "in.x2"].map(|name| file.tensor::<4>(name, &device).permute([0, 2, 3, 1]));
        let masks =
            ["in.noise1", "in.noise2"].map(|name| Mask::from_noise(&file.floats(name), model.tokens(), objective.mask_ratio));
        Case { file, device, model, objective, views, masks }
    }

    fn learner(&self) -> Learner {
        let names = self.file.names();
        let named = names.iter().filter_map(|name| name.strip_prefix("param."));
        let state: StateDict = named.map(|name| (name.to_owned(), self.file.data(&format!("param.{name}")))).collect();
        let blank = Learner::new(&Init::new(0, &self.device), &self.model, &self.objective, Precision::F32);
        let (learner, leftover) = state::load(blank, self.model.patch, state);
        let statistics = |name: &String| name.contains("running_") || name.contains("num_batches_tracked");
        assert!(leftover.missing.iter().all(statistics), "not in the reference: {:?}", leftover.missing);
        assert!(leftover.unused.is_empty() && leftover.misshapen.is_empty(), "names or shapes differ: {leftover:?}");
        learner
    }

    fn losses(&self, learner: &Learner) -> Losses {
        let weight = self.objective.weight.at(0.0);
        learner.forward(self.views.clone(), &self.masks, &self.objective, self.model.patch, weight)
    }

    fn compare(&self, name: &str, ours: &[f64], tolerance: f64) {
        let what = format!("{}: {name}", self.file.path.display());
        close(&what, ours, &self.file.values(name), tolerance);
    }

    fn forward(&self) {
        let learner = self.learner();
        let losses = self.losses(&learner);
        let single = |tensor: Tensor<1>| values(tensor)[0];
        scalar("loss", single(losses.total), self.file.values("out.loss")[0], LOSS);
        scalar("reconstruction", single(losses.reconstruction.unwrap()), self.file.values("out.recon")[0], LOSS);
        scalar("contrast", single(losses.global.unwrap()), self.file.values("out.contrast")[0], LOSS);
        let Some(Global::NtXent(term)) = &learner.global else { unreachable!() };
        for view in [0, 1] {
            let number = view + 1;
            let mask = &self.masks[view];
            let patches = patch::patchify(self.views[view].clone(), self.model.patch);
            let latent = learner.encoder.forward(patches, mask);
            let features = learner.pool.forward(latent.clone());
            let decoder = learner.decoder.as_ref().unwrap();
            let predicted = decoder.predict(decoder.forward(latent.clone(), mask));
            let restore: Vec<f64> = mask.restore().iter().map(|&place| place as f64).collect();
            let removed: Vec<f64> = mask.removed().into_iter().map(f64::from).collect();
            let outputs = [
                ("z", values(latent)),
                ("h", values(features.clone())),
                ("u", values(term.projector.forward(features))),
                ("pred", values(predicted)),
                ("restore", restore),
                ("mask", removed),
            ];
            let mut compared = 0;
            for (name, ours) in outputs {
                let name = format!("out.{name}{number}");
                if self.file.has(&name) {
                    self.compare(&name, &ours, VALUE);
                    compared += 1;
                }
            }
            assert!(compared > 0, "the reference has no activation of view {number}");
        }
    }

    fn gradients(&self) {
        let learner = self.learner();
        let gradients = Gradients::take(self.losses(&learner).total.backward(), &learner);
        let names = self.file.names();
        let mut compared = 0;
        for name in names.iter().filter_map(|name| name.strip_prefix("grad.")) {
            let reference = format!("grad.{name}");
            match gradients.get(name) {
                Some(ours) => self.compare(&reference, &official(values(ours.clone()), &self.file.shape(&reference)), VALUE),
                None => assert!(self.file.values(&reference).iter().all(|&value| value == 0.0), "{name} has no gradient"),
            }
            compared += 1;
        }
        assert!(compared > 10, "the reference has hardly any gradients");
    }

    fn steps(&self) {
        let adamw = &self.file.config["adamw"];
        let number = |key: &str| adamw[key].as_f64().unwrap();
        let betas = [0, 1].map(|n| adamw["betas"][n].as_f64().unwrap());
        let optimizer = Optimizer::Adamw(AdamW {
            base_lr: number("lr"),
            betas,
            eps: number("eps"),
            weight_decay: number("weight_decay"),
            decay_vectors: false,
        });
        let expected = self.file.values("out.losses_per_step");
        let mut learner = self.learner();
        let mut moments = Moments::new();
        for step in 0..self.file.size("steps") {
            let losses = self.losses(&learner);
            let ours = [losses.total.clone(), losses.reconstruction.unwrap(), losses.global.unwrap()].map(|loss| values(loss)[0]);
            close(
                &format!("losses of step {step}"),
                &ours,
                &expected[3 * step..3 * step + 3],
                if step == 0 { LOSS } else { VALUE },
            );
            let gradients = Gradients::take(losses.total.backward(), &learner);
            learner = moments.step(learner, &optimizer, &gradients, &Rates::all(number("lr")));
        }
        let after = state::save(&learner, self.model.patch);
        let mut compared = 0;
        for name in self.file.names().iter().filter_map(|name| name.strip_prefix("after.")) {
            let ours = after.get(name).unwrap_or_else(|| panic!("we have no `{name}`"));
            let (mut ours, reference) = (ours.iter::<f64>().collect::<Vec<_>>(), self.file.values(&format!("after.{name}")));
            self.settle_rounding(name, &mut ours, &reference);
            self.compare(&format!("after.{name}"), &ours, AFTER);
            compared += 1;
        }
        assert_eq!(compared, after.len(), "the reference and the module have different parameters");
    }
}

impl Case<'_> {
    /// Entries whose true gradient is zero (the bias of the keys, a bias before a BatchNorm) have in 32 bits a gradient of
    /// rounding alone, which AdamW scales up to a step of at most the learning rate: such an entry may be off by that much and
    /// no more, and is then taken out of the comparison. A running mean contains the bias before it, hence the same for it.
    fn settle_rounding(&self, name: &str, ours: &mut [f64], reference: &[f64]) {
        const NO_GRADIENT: f64 = 1e-7;
        let gradient = format!("grad.{name}");
        let gradients = match self.file.has(&gradient) {
            true => self.file.values(&gradient),
            false if name.ends_with("running_mean") => vec![0.0; ours.len()],
            false => return,
        };
        let reach = self.file.config["adamw"]["lr"].as_f64().unwrap() * self.file.number("steps");
        for ((ours, reference), gradient) in ours.iter_mut().zip(reference).zip(gradients) {
            if gradient.abs() < NO_GRADIENT {
                assert!((*ours - reference).abs() <= reach, "{name}: {ours} is not {reference} though it has no gradient");
                *ours = *reference;
            }
        }
    }
}

/// Our flat gradient in the order of the official shape: `[outputs, inputs]`, or `[outputs, 3, patch, patch]` for the patches.
pub fn official(ours: Vec<f64>, shape: &[usize]) -> Vec<f64> {
    match *shape {
        [outputs, inputs] => {
            (0..outputs).flat_map(|o| (0..inputs).map(move |i| (i, o))).map(|(i, o)| ours[i * outputs + o]).collect()
        }
        [outputs, channels, rows, columns] => {
            let place = |o: usize, c: usize, y: usize, x: usize| ((y * columns + x) * channels + c) * outputs + o;
            let mut values = Vec::with_capacity(ours.len());
            for (o, c) in (0..outputs).flat_map(|o| (0..channels).map(move |c| (o, c))) {
                values.extend((0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))).map(|(y, x)| ours[place(o, c, y, x)]));
            }
            values
        }
        _ => ours,
    }
}
