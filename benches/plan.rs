//! From an experiment file to a plan of 10,000 runs: expansion, rendering, checks, ids and merging.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use vicmae::plan::Plan;
use vicmae::spec::{SourceText, read};

/// 2 methods x 5 mask ratios x 10 weights x 50 seeds = 5,000 pretraining runs, and a transfer each.
const EXPERIMENT: &str = "
experiment: wide
question: How long does a wide grid take to plan?
template: quick
axes:
  method: [vic_mae, mae_vicreg]
  mask_ratio: [0.5, 0.6, 0.7, 0.8, 0.9]
  weight: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
seeds: 50
transfer:
  knn: { template: knn }
";

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10).throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 runs", |bencher| {
        bencher.iter(|| {
            let source = SourceText::new("wide.yaml", EXPERIMENT);
            let experiment = read(source, "wide", &[], Path::new(".")).expect("the experiment is right");
            let plan = Plan::make(&experiment, &|_| Ok("fingerprint".into())).expect("the plan is right");
            assert_eq!(plan.runs.len(), 10_000);
            black_box(plan)
        });
    });
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
