//! Weights that come from elsewhere and go elsewhere.

use crate::lab::{Lab, root};
use safetensors::SafeTensors;

/// The tiny ViC-MAE of the golden files, as PyTorch saved it.
fn imported() -> Lab {
    let lab = Lab::new();
    let file = std::fs::read(root().join("tests/golden/vic_mae_a.pth")).unwrap();
    lab.write("weights/vic_mae.pth", &file);
    let said = lab.run(&["import", "weights/vic_mae.pth", "--heads", "3", "--name", "vic_mae"]);
    assert!(said.contains("encoder: ViT/8, 32 px, 48 x 2 x 3") && said.contains("unused: projector."), "{said}");
    lab
}

fn tensor(lab: &Lab, file: &str, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(lab.path(file)).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec()
}

#[test]
fn an_imported_checkpoint_is_a_run_that_experiments_find_done() {
    let lab = imported();
    lab.write(
        "public.yaml",
        b"template: imported
with: { checkpoint: weights/vic_mae.pth, heads: 3 }
transfer: { knn: { template: knn, with: { shots: 5 } } }
",
    );
    let plan = lab.run(&["plan", "public.yaml"]);
    assert!(plan.contains("= ") && plan.contains("+ "), "{plan}");
    lab.run(&["run", "public.yaml"]);
    assert!(lab.last("knn", "top1", "results") > 0.0);
    // The same weights at another place are the same run.
    std::fs::rename(lab.path("weights"), lab.path("elsewhere")).unwrap();
    let text = std::fs::read_to_string(lab.path("public.yaml")).unwrap().replace("weights/", "elsewhere/");
    lab.write("public.yaml", text.as_bytes());
    assert!(lab.run(&["run", "public.yaml"]).contains("nothing to do"));
}

#[test]
fn every_format_comes_back_with_the_same_features() {
    let lab = imported();
    let data = ["--data", "data/sign_digits", "--split", "val"];
    let features = |encoder: &str, out: &str| {
        lab.run(&[&["features", encoder, "--out", out], &data[..]].concat());
        tensor(&lab, out, "features")
    };
    let ours = features("vic_mae", "ours.safetensors");
    assert_eq!(ours.len(), 4 * 510 * 48);
    let paths = String::from_utf8(tensor(&lab, "ours.safetensors", "paths")).unwrap();
    assert_eq!(paths.lines().count(), 510);
    assert!(paths.lines().all(|path| path.contains('/')), "{paths}");
    for format in ["mae", "timm", "huggingface"] {
        let out = format!("{format}/model.safetensors");
        lab.run(&["export-checkpoint", "vic_mae", "--format", format, "--out", &out]);
        assert!(features(&out, "again.safetensors") == ours, "{format}");
        let card = std::fs::read_to_string(lab.path(&format!("{format}/README.md"))).unwrap();
        assert!(card.starts_with("---\n") && card.contains("## Loading"), "{card}");
    }
    assert!(lab.path("huggingface/config.json").is_file());
}

#[test]
fn a_card_has_what_was_measured() {
    let lab = imported();
    lab.write(
        "public.yaml",
        b"template: imported
with: { checkpoint: weights/vic_mae.pth, heads: 3 }
transfer: { knn: { template: knn, with: { shots: 5 } } }
",
    );
    lab.run(&["run", "public.yaml"]);
    let id = lab.query("SELECT run AS id FROM runs WHERE stage = 'pretrain'", "results")[0]["id"].as_str().unwrap().to_owned();
    lab.run(&["export-checkpoint", &id, "--format", "timm", "--out", "model.safetensors"]);
    let again = lab.vicmae(&["export-checkpoint", &id, "--format", "timm", "--out", "model.safetensors"]);
    assert_eq!(again.code, Some(2));
    insta::assert_snapshot!(again.text, @"
    error: model.safetensors is there already
    hint: an export comes with a README.md: give it a folder of its own, or --force to replace
    ");
    let card = std::fs::read_to_string(lab.path("README.md")).unwrap();
    let top1 = lab.last("knn", "top1", "results");
    assert!(
        card.contains("knn.top1")
            && card.contains("experiments/data/sign_digits/val, learnt from 5 a class")
            && card.contains(&top1.to_string()[..5]),
        "{card}"
    );
}

#[test]
fn reconstructions_are_drawn_with_a_title_on_every_column() {
    let lab = imported();
    let args = ["reconstruct", "vic_mae", "--data", "data/sign_digits", "--pictures", "3", "--mask-ratio", "0.5"];
    let said = lab.run(&[&args[..], &["--out", "a.png"]].concat());
    assert!(said.contains("a.png: 3 pictures, 0.5 of the patches hidden"), "{said}");
    let normalised = image::open(lab.path("a.png")).unwrap();
    lab.run(&[&args[..], &["--out", "raw.png", "--raw-pixels"]].concat());
    let raw = image::open(lab.path("raw.png")).unwrap();
    assert!(normalised.width() > raw.width(), "normalised predictions are shown in two ways");
    let without = lab.run(&["export-checkpoint", "vic_mae", "--format", "timm", "--out", "t/model.safetensors"]);
    assert!(without.contains("README.md"), "{without}");
    let said = lab.vicmae(&["reconstruct", "t/model.safetensors", "--data", "data/sign_digits", "--out", "b.png"]);
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(said.text, @"
    error: the weights of t/model.safetensors have no decoder, so nothing can be reconstructed
    hint: give a pretraining run with a reconstruction, or a file that holds the decoder too
    ");
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let lab = Lab::new();
    lab.write("text.pth", b"not a checkpoint");
    let said = lab.vicmae(&["import", "text.pth"]);
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(said.text, @"
    error: text.pth: this is no checkpoint of a known format
    hint: give a .safetensors file, or a .pth, .pt or .bin file that torch.save wrote
    ");
    lab.write("vic_mae.pth", &std::fs::read(root().join("tests/golden/vic_mae_a.pth")).unwrap());
    let said = lab.vicmae(&["import", "vic_mae.pth"]);
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(said.text, @"
    error: vic_mae.pth: an encoder of width 48 is not a published one, and shapes do not tell its heads
    hint: say how many attention heads a block has: --heads N (often width / 64)
    ");
    assert!(!lab.path("results").exists(), "nothing is left behind");
}
