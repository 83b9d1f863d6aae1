//! What transfers spend their time on besides the network: RandAugment, and logistic regression to the optimum.
//!
//! `benches/peers/transfer.py` measures timm and scikit-learn on the same amount of work.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vicmae::data::augment::RandAugment;
use vicmae::rng::Rng;
use vicmae::transfer::logistic::{Options, fit};

/// Side of a picture, in pixels.
const SIDE: usize = 224;

fn rand_augment(criterion: &mut Criterion) {
    let policy = RandAugment::try_from("rand-m9-mstd0.5-inc1".to_owned()).expect("a policy");
    let mut rng = Rng::stream(0, &[]);
    // A picture with edges and gradients, as photographs have.
    let pixel = |at: usize| [at % SIDE, at / SIDE, at % SIDE / 16 * 37 % 256].map(|value| value as u8);
    let picture: Vec<u8> = (0..SIDE * SIDE).flat_map(pixel).collect();
    let mut group = criterion.benchmark_group("rand_augment");
    group.throughput(Throughput::Elements(1));
    group.bench_function("rand-m9-mstd0.5-inc1, 224 px", |bencher| {
        bencher.iter(|| {
            let mut pixels = picture.clone();
            policy.draw(&mut rng).iter().for_each(|operation| operation.apply(&mut pixels, SIDE));
            black_box(pixels)
        });
    });
    group.finish();
}

/// Features around a centre for each class.
fn features(images: usize, width: usize, classes: usize) -> (Vec<f32>, Vec<usize>) {
    let mut rng = Rng::stream(1, &[]);
    let centres: Vec<f64> = (0..classes * width).map(|_| 0.15 * rng.normal()).collect();
    let labels: Vec<usize> = (0..images).map(|image| image % classes).collect();
    let values = labels.iter().flat_map(|label| &centres[label * width..(label + 1) * width]);
    let values = values.map(|centre| (centre + rng.normal()) as f32).collect();
    (values, labels)
}

fn logistic(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("logistic");
    group.sample_size(10);
    for (images, width, classes) in [(2_000, 96, 8), (10_000, 384, 50)] {
        let (values, labels) = features(images, width, classes);
        let options = Options { c: 0.01, ..Options::default() };
        group.bench_function(format!("{images} images, width {width}, {classes} classes"), |bencher| {
            bencher.iter(|| black_box(fit(None, &values, &labels, classes, width, &options, &mut || Ok(()))));
        });
    }
    group.finish();
}

criterion_group!(benches, rand_augment, logistic);
criterion_main!(benches);
