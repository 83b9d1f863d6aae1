//! Our features and accuracies beside those of timm, transformers and scikit-learn.

#[path = "../python/which.rs"]
mod which;

use crate::lab::{Lab, root};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use which::python;

fn run(python: &str, script: &str, args: &[&Path]) -> String {
    let script = root().join("tests/python").join(script);
    let output = Command::new(python).arg(script).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Pictures whose short side is what the evaluation transform of 32 pixels resizes to.
fn noise(lab: &Lab) {
    for n in 0..12u32 {
        let mut state = n + 1;
        let pixels = (0..36 * 40 * 3).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let path = lab.path(&format!("noise/val/{}/{n}.png", n % 3));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_raw(40, 36, pixels.collect()).unwrap().save(path).unwrap();
    }
}

#[test]
fn timm_and_transformers_compute_the_same_features() {
    let Some(python) = python("timm, transformers, safetensors, PIL") else { return };
    let lab = Lab::new();
    noise(&lab);
    lab.write("vic_mae.pth", &std::fs::read(root().join("tests/golden/vic_mae_a.pth")).unwrap());
    lab.run(&["import", "vic_mae.pth", "--heads", "3", "--name", "vic_mae"]);
    lab.run(&["features", "vic_mae", "--data", "noise", "--split", "val", "--out", "features.safetensors"]);
    for format in ["timm", "huggingface"] {
        let exported = format!("{format}/model.safetensors");
        lab.run(&["export-checkpoint", "vic_mae", "--format", format, "--out", &exported]);
        let args = [Path::new(format), &lab.path(&exported), &lab.path("features.safetensors"), &lab.path("noise/val")];
        println!("{format}: {}", run(&python, "same_features.py", &args));
    }
}

#[test]
fn scikit_learn_finds_the_same_accuracies_in_exported_features() {
    let Some(python) = python("sklearn, safetensors") else { return };
    let lab = Lab::new();
    lab.write("vic_mae.pth", &std::fs::read(root().join("tests/golden/vic_mae_a.pth")).unwrap());
    lab.write(
        "probes.yaml",
        b"template: imported
with: { checkpoint: vic_mae.pth, heads: 3 }
transfer:
  knn: { template: knn, with: { k: [20], knn_temperature: 0.07 } }
  logistic: { template: logistic, with: { c: [0.1] } }
",
    );
    lab.run(&["run", "probes.yaml"]);
    for split in ["train", "val"] {
        let out = format!("{split}.safetensors");
        let run = "SELECT DISTINCT run AS id FROM runs WHERE stage = 'pretrain'";
        let id = lab.query(run, "results")[0]["id"].as_str().unwrap().to_owned();
        lab.run(&["features", &id, "--data", "data/sign_digits", "--split", split, "--out", &out]);
    }
    let (train, eval) = (lab.path("train.safetensors"), lab.path("val.safetensors"));
    let knobs = ["20", "0.07", "0.1"].map(Path::new);
    let said = run(&python, "sklearn_accuracies.py", &[&train, &eval, knobs[0], knobs[1], knobs[2]]);
    let theirs: Value = serde_json::from_str(&said).unwrap();
    for stage in ["knn", "logistic"] {
        let (ours, theirs) = (lab.last(stage, "top1", "results"), theirs[stage].as_f64().unwrap());
        assert!((ours - theirs).abs() < 1e-9, "{stage}: {ours} by us, {theirs} by scikit-learn");
        println!("{stage}: {ours}");
    }
}
