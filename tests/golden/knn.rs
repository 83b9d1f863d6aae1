//! The weighted kNN of DINO: scores and accuracies.

use crate::check::{close, scalar};
use crate::file::File;
use burn::tensor::Device;
use vicmae::transfer::{Accuracy, Features, knn};

pub fn check(file: &File) {
    let classes = file.size("classes");
    let (train, eval) = (features(file, "train_features", "train_labels"), features(file, "eval_features", "eval_labels"));
    let (k, temperature) = ([file.size("k")], [file.number("temperature")]);
    let scores = knn::scores(&train, &eval, &k, &temperature, classes, &Device::flex()).remove(0);
    let ours: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
    close(&format!("scores of {}", file.path.display()), &ours, &file.values("scores"), 1e-4);
    let accuracy = Accuracy::of(&scores, &eval.labels, classes);
    scalar("top-1", accuracy.top1() / 100.0, file.values("top1")[0], 1e-5);
    scalar("top-5", accuracy.top5() / 100.0, file.values("top5")[0], 1e-5);
}

fn features(file: &File, values: &str, labels: &str) -> Features {
    Features {
        width: file.shape(values)[1],
        values: file.floats(values),
        labels: file.values(labels).iter().map(|&l| l as usize).collect(),
    }
}

#[test]
fn several_k_and_temperatures_rank_classes_as_the_reference_does() {
    let file = File::kept("knn_linear.safetensors");
    let (train, eval) = (features(&file, "train", "ytrain"), features(&file, "test", "ytest"));
    let classes = 5;
    let all = knn::scores(&train, &eval, &[20, 5, 200], &[0.07, 0.1], classes, &Device::flex());
    for (k, temperature, scores) in [(20, 0.07, &all[0]), (5, 0.1, &all[3]), (200, 0.1, &all[5])] {
        let accuracy = Accuracy::of(scores, &eval.labels, classes);
        scalar("top-1", accuracy.top1() / 100.0, file.values(&format!("acc1_k{k}_T{temperature}"))[0], 1e-5);
        let first: Vec<f64> = scores
            .chunks_exact(classes)
            .map(|row| (0..classes).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as f64)
            .collect();
        let reference: Vec<f64> =
            file.values(&format!("pred_k{k}_T{temperature}")).chunks_exact(classes).map(|row| row[0]).collect();
        assert_eq!(first, reference, "k {k}, temperature {temperature}");
    }
}
