//! A million measurements into a fresh SQLite record: 1,000 runs of 200 events of 5 numbers.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::collections::BTreeMap;
use vicmae::event::{Event, Kind, Metric};
use vicmae::record::Record;
use vicmae::run_id::RunId;

const METRICS: [&str; 5] = ["loss", "loss.reconstruction", "loss.global", "learning_rate", "gradient_norm"];

/// The events of one run.
fn events(run: u32) -> Vec<Event> {
    let id = RunId::of(&run.to_le_bytes());
    let measured = |seq: u64| {
        let values =
            METRICS.iter().enumerate().map(|(n, name)| (Metric::new(*name), seq as f64 + n as f64)).collect::<BTreeMap<_, _>>();
        Event { run: id, attempt: 1, seq, at: Default::default(), kind: Kind::Measured { step: 10 * seq, values } }
    };
    (0..200).map(measured).collect()
}

fn ingest(criterion: &mut Criterion) {
    let runs: Vec<Vec<Event>> = (0..1_000).map(events).collect();
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    group.bench_function("1,000,000 measurements", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("a folder for the record"),
            |folder| {
                let mut record = Record::open(folder.path()).expect("a fresh record");
                runs.iter().for_each(|events| record.ingest(events).expect("events are kept"));
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
