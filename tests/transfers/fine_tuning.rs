//! Fine-tuning and the other protocols, on photographs and on moving shapes.

use crate::lab::Lab;
use serde_json::Value;
use std::time::{Duration, Instant};

const RUN: &str = "
random_init:
  model: { vit: { width: 16, depth: 2, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  seed: {{ seed }}
";

/// Clips of moving shapes, which need no files.
const SHAPES: &str = "
transfer:
  data:
    train: { moving_shapes: { clips: 24, frames: 8, size: 40, seed: 1 } }
    eval: { moving_shapes: { clips: 12, frames: 8, size: 40, seed: 2 } }
  protocol:
    {{ protocol }}:
      {% if protocol == 'fine_tune' %}
      clip: { sampling: { segments: { frames: 4 } } }
      drop_path: 0.2
      dropout: 0.1
      mix: { mode: elem }
      label_smoothing: 0.1
      layer_decay: 0.75
      ema: 0.9
      {% else %}
      sampling: { stride: { frames: 2, stride: 2 } }
      {% endif %}
      views: [2x3, 1x1]
      augment: { rand_augment: rand-m7-mstd0.5-inc1, erase: { probability: 0.5 }, repeats: 2 }
      optimizer: { adamw: { base_lr: 1.0e-2 } }
      schedule: { epochs: 2, warmup_epochs: 1 }
      batch: { size: 6, accumulate: 2 }
  seed: {{ seed }}
";

fn shapes() -> Lab {
    let lab = Lab::new();
    lab.write("templates/run/blank.yaml.j2", RUN.as_bytes());
    lab.write("templates/transfer/shapes.yaml.j2", SHAPES.as_bytes());
    lab.write(
        "shapes.yaml",
        b"template: blank
transfer:
  video: { template: shapes, with: { protocol: fine_tune } }
  attentive: { template: shapes, with: { protocol: attentive_probe } }
",
    );
    lab
}

#[test]
fn numbers_of_clips_carry_their_views_and_are_the_same_with_any_number_of_jobs() {
    let lab = shapes();
    lab.run(&["run", "shapes.yaml", "--results", "a", "--jobs", "2"]);
    lab.run(&["run", "shapes.yaml", "--results", "b", "--jobs", "1"]);
    let numbers = lab.numbers("a");
    assert_eq!(numbers, lab.numbers("b"));
    let metrics = |stage: &str| -> Vec<String> {
        let sql = format!("SELECT metric FROM final WHERE stage = '{stage}' AND metric LIKE '%top1%' ORDER BY metric");
        lab.query(&sql, "a").iter().map(|row| row["metric"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(metrics("video"), ["ema.top1.1x1", "ema.top1.2x3", "top1.1x1", "top1.2x3"]);
    assert_eq!(metrics("attentive"), ["top1.1x1", "top1.2x3"]);
    let kept = std::fs::read_dir(lab.path("a/runs"))
        .unwrap()
        .flatten()
        .flat_map(|run| std::fs::read_dir(run.path().join("checkpoints")));
    let mut files: Vec<String> = kept.flatten().flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    files.retain(|file| file.ends_with(".safetensors"));
    files.sort();
    assert_eq!(files, ["best", "best", "ema", "last", "last", "model"].map(|name| format!("{name}.safetensors")));
}

const PHOTOGRAPHS: &str = "template: blank
transfer:
  tuned:
    template: fine_tune
    with: { shots: 20, image: 40, epochs: 4, warmup_epochs: 1, batch: 16, base_lr: 1.0e-2, repeats: 2, ema: 0.9, evaluate_epochs: 1 }
";

#[test]
fn fine_tuning_that_is_stopped_goes_on_to_the_same_bits() {
    let lab = Lab::new();
    lab.write("templates/run/blank.yaml.j2", RUN.as_bytes());
    lab.write("tuned.yaml", PHOTOGRAPHS.as_bytes());
    lab.run(&["run", "tuned.yaml", "--results", "whole"]);
    let whole = lab.numbers("whole");
    assert!(whole.iter().any(|row| row["metric"] == "best.top1"), "{whole:?}");
    let mut child = lab.start(&["run", "tuned.yaml", "--results", "parts"]);
    wait_for_epoch(&lab, "parts");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    lab.run(&["run", "tuned.yaml", "--results", "parts"]);
    let attempts = lab.query("SELECT attempt, from_step FROM attempts WHERE from_step > 0", "parts");
    assert_eq!(attempts.len(), 1, "it went on in the middle: {attempts:?}");
    let last = |numbers: Vec<Value>| -> Vec<Value> { numbers.into_iter().filter(|row| row["stage"] == "tuned").collect() };
    assert_eq!(last(lab.numbers("parts")), last(whole));
}

/// Waits until a fine-tuning has written the row of an epoch.
fn wait_for_epoch(lab: &Lab, results: &str) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        let runs = std::fs::read_dir(lab.path(results).join("runs")).into_iter().flatten().flatten();
        let logs = runs.filter_map(|run| std::fs::read_to_string(run.path().join("events.jsonl")).ok());
        if logs.into_iter().any(|log| log.contains("learning_rate") && !log.contains("\"finished\"")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("fine-tuning did not begin");
}

#[test]
fn a_block_measures_several_data_sets_and_the_report_has_their_mean() {
    let lab = Lab::new();
    lab.write("templates/run/blank.yaml.j2", RUN.as_bytes());
    lab.write(
        "several.yaml",
        b"template: blank
seeds: 2
transfer:
  small:
    template: knn
    with: { transfer_pool: gem }
    datasets:
      five: { shots: 5 }
      share: { fraction: 0.1 }
report:
  tables: [ { rows: seed_free, columns: dataset, cell: small.top1, mean: dataset } ]
",
    );
    let text = std::fs::read_to_string(lab.path("several.yaml")).unwrap().replace("rows: seed_free", "rows: []");
    lab.write("several.yaml", text.as_bytes());
    let said = lab.run(&["run", "several.yaml", "--results", "a"]);
    assert!(said.contains("dataset=five") && said.contains("dataset=share") && said.contains("mean over dataset"), "{said}");
    let sql = "SELECT json_extract(c.axes, '$.dataset') AS dataset, f.value AS top1 FROM cells c JOIN final f ON f.run = c.run \
               WHERE c.stage = 'small' AND f.metric = 'top1' ORDER BY dataset";
    let rows = lab.query(sql, "a");
    let mean = rows.iter().map(|row| row["top1"].as_f64().unwrap()).sum::<f64>() / rows.len() as f64;
    assert_eq!(rows.len(), 4);
    assert!(said.contains(&format!("{mean:.2} ±")), "{mean}: {said}");
}
