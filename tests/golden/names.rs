//! State-dict names and shapes at published sizes.

use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::Path;
use vicmae::model::{Config, Init, Pool, Precision, Transformer, Vit, state};
use vicmae::objective::{self, Learner, Reconstruction, Weight, global, nt_xent};

type Shapes = BTreeMap<String, Vec<usize>>;

fn official(model: &str) -> Shapes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state_dict_keys.json");
    let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_value(all[model].clone()).unwrap()
}

fn ours(vit: &str, decoder: Transformer, global: Option<global::Config>) -> Shapes {
    let model = Config { vit: Vit::named(vit).unwrap(), image: 224, patch: 16, decoder };
    let objective = objective::Config {
        mask_ratio: 0.75,
        reconstruction: Some(Reconstruction { norm_pixels: true, weight: 1.0 }),
        global,
        pool: Pool::Mean,
        weight: Weight::Constant(0.03),
    };
    let learner = Learner::new(&Init::new(0, &Device::flex()), &model, &objective, Precision::F32);
    state::save(&learner, 16).into_iter().map(|(name, data)| (name, data.shape().to_vec())).collect()
}

#[test]
fn vic_mae_small_has_the_official_names_and_shapes() {
    let term = global::Config::NtXent(nt_xent::Config::default());
    let decoder = Transformer { width: 256, depth: 8, heads: 8 };
    assert_eq!(ours("small", decoder, Some(term)), official("ViC-MAE:vicmae_vit_small_patch16"));
}

#[test]
fn mae_base_has_the_official_names_and_shapes() {
    let decoder = Transformer { width: 512, depth: 8, heads: 16 };
    assert_eq!(ours("base", decoder, None), official("facebookresearch/mae:mae_vit_base_patch16"));
}
