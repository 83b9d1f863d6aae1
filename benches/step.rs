//! One training step of ViC-MAE on the CPU: forward, backward and AdamW over a batch of pairs.

use burn::tensor::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vicmae::model::{self, Init, Mask, Pool, Precision, Transformer, Vit, pixels};
use vicmae::objective::{Config, Learner, Reconstruction, Weight, global, nt_xent};
use vicmae::optimize::{AdamW, Gradients, Moments, Optimizer, Rates};
use vicmae::rng::Rng;

struct Size {
    name: &'static str,
    model: model::Config,
    batch: usize,
    mask_ratio: f64,
    projector: Vec<usize>,
}

fn sizes() -> [Size; 2] {
    let transformer = |width, depth, heads| Transformer { width, depth, heads };
    [
        Size {
            name: "quick (48 px, width 96, depth 4), 64 pairs",
            model: model::Config { vit: Vit(transformer(96, 4, 3)), image: 48, patch: 8, decoder: transformer(64, 1, 2) },
            batch: 64,
            mask_ratio: 0.75,
            projector: vec![256, 256, 64],
        },
        Size {
            name: "ViT-Tiny (224 px, decoder 128 x 4), 8 pairs",
            model: model::Config { vit: Vit(transformer(192, 12, 3)), image: 224, patch: 16, decoder: transformer(128, 4, 4) },
            batch: 8,
            mask_ratio: 0.75,
            projector: vec![512, 512, 128],
        },
    ]
}

fn step(criterion: &mut Criterion) {
    for size in sizes() {
        let device = Device::flex().autodiff();
        let term = nt_xent::Config { temperature: 0.1, projector: size.projector };
        let objective = Config {
            mask_ratio: size.mask_ratio,
            reconstruction: Some(Reconstruction { norm_pixels: true, weight: 0.97 }),
            global: Some(global::Config::NtXent(term)),
            pool: Pool::Mean,
            weight: Weight::Constant(0.03),
        };
        let optimizer = Optimizer::Adamw(AdamW::default());
        let mut rng = Rng::stream(0, &[]);
        let bytes = size.batch * size.model.image * size.model.image * 3;
        let views: [Vec<u8>; 2] = std::array::from_fn(|_| (0..bytes).map(|_| rng.below(256) as u8).collect());
        let mut learner = Some(Learner::new(&Init::new(0, &device), &size.model, &objective, Precision::F32));
        let mut moments = Moments::new();
        let mut group = criterion.benchmark_group("step");
        group.sample_size(10).throughput(Throughput::Elements(2 * size.batch as u64));
        group.bench_function(size.name, |bencher| {
            bencher.iter(|| {
                let masks = [0, 1].map(|_| Mask::draw(size.batch, size.model.tokens(), size.mask_ratio, &mut rng));
                let inputs = views.each_ref().map(|view| pixels::normalised(view, size.model.image, &device));
                let current = learner.take().expect("every iteration puts the learner back");
                let losses = current.forward(inputs, &masks, &objective, size.model.patch, 0.03);
                let gradients = Gradients::take(losses.total.clone().backward(), &current);
                learner = Some(moments.step(current, &optimizer, &gradients, &Rates::all(1e-4)));
                black_box(losses.total.into_scalar::<f32>())
            });
        });
        group.finish();
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
