//! What keeps a step fed, on one core: pairs out of packed sets, and views out of JPEG files.
//!
//! Needs ffmpeg. `VICMAE_BENCH_JPEGS` names a folder of JPEG files to make views of; without it frames of a test video are used.
//! `VICMAE_BENCH_KEEP` names a folder that gets the packed sets, for `benches/peers/data.py` to read the same bytes.

use arrow_array::cast::AsArray;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::fs::{self, File};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use vicmae::data::pack::{Request, pack};
use vicmae::data::packed::{self, Encoding, Frames, Settings};
use vicmae::data::pair::Pair;
use vicmae::data::{Picture, Source, augment, open};
use vicmae::rng::Rng;

/// Clips of a set: copies of three films, 16 frames each.
const CLIPS: usize = 48;

const FILMS: [&str; 3] = ["mdn_rabbit320.mp4", "mdn_frog.webm", "torchcodec_bt709_full_range.mp4"];

/// A folder that stays, or one that goes with the bench.
fn folder() -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("VICMAE_BENCH_KEEP") {
        Some(path) => (path.into(), None),
        None => {
            let folder = tempfile::tempdir().expect("a folder for packed sets");
            (folder.path().to_owned(), Some(folder))
        }
    }
}

/// Packs the films at a short side of 128 pixels, when that was not done before.
fn set(folder: &Path, name: &str, encoding: Encoding, short_side: usize) -> PathBuf {
    let (source, out) = (folder.join("films"), folder.join(name));
    for clip in 0..CLIPS {
        let film = FILMS[clip % FILMS.len()];
        let path = source.join(format!("{clip:02}-{film}"));
        fs::create_dir_all(&source).expect("a folder for films");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/videos").join(film), path).expect("the film is copied");
    }
    let settings = Settings { short_side: Some(short_side), frames: Frames::Even(16), fps: None, encoding, source_fps: 30.0 };
    let request = Request { restart: true, ..Request::new(&source, &out, settings) };
    pack(&request, &AtomicBool::new(false), &mut |_| ()).expect("the films are packed; this bench needs ffmpeg");
    out
}

/// Random pairs of every clip, copied into a batch: what a loader does without augmentation.
fn pairs(criterion: &mut Criterion) {
    let (folder, _goes) = folder();
    let mut group = criterion.benchmark_group("pairs");
    group.throughput(Throughput::Elements(CLIPS as u64));
    for (name, encoding) in [("raw", Encoding::Raw), ("jpeg", Encoding::Jpeg(90))] {
        let root = set(&folder, name, encoding, 128);
        let config = packed::Config { root, split: "train".into(), pair: Pair::Distant { segments: 2 } };
        let source = Source::Packed(config);
        let mut rng = Rng::stream(0, &[]);
        let mut batch = Vec::new();
        group.bench_function(format!("packed {name}, 128 px"), |bencher| {
            bencher.iter_batched(
                // Opened anew, so that no decoded picture is kept from one round to the next.
                || open(&source, Path::new(".")).expect("the set is open"),
                |clips| {
                    batch.clear();
                    for clip in rng.permutation(clips.len()) {
                        for picture in clips.pair(clip, &mut rng).expect("the clip is whole") {
                            batch.extend_from_slice(&picture.rgb);
                        }
                    }
                    black_box(batch.len());
                    clips
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// JPEG files of about the size of an ImageNet picture.
fn jpegs() -> Vec<Vec<u8>> {
    if let Some(named) = std::env::var_os("VICMAE_BENCH_JPEGS") {
        let mut paths: Vec<PathBuf> = fs::read_dir(named).expect("a folder").map(|file| file.expect("a file").path()).collect();
        paths.sort();
        return paths.iter().map(|path| fs::read(path).expect("a JPEG")).collect();
    }
    let (folder, _goes) = folder();
    let set = set(&folder, "large", Encoding::Jpeg(90), 375);
    let file = File::open(set.join("train-00000.arrow")).expect("a packed file");
    let batch = arrow_ipc::reader::FileReader::try_new(file, None).expect("an Arrow file").next().expect("a part").expect("rows");
    let frames = batch.column_by_name("frames").expect("frames").as_list::<i32>().values().clone();
    frames.as_binary::<i64>().iter().flatten().take(96).map(<[u8]>::to_vec).collect()
}

/// Views of 224 pixels out of JPEG files in memory.
fn views(criterion: &mut Criterion) {
    let files = jpegs();
    let jitter = Some(augment::Jitter::default());
    let simclr = augment::Config { jitter, grayscale: 0.2, blur: augment::PerView([1.0, 0.0]), ..augment::Config::default() };
    let decoded: Vec<Picture> = files.iter().map(|file| Picture::decode(file).expect("a JPEG")).collect();
    let mut group = criterion.benchmark_group("views");
    group.throughput(Throughput::Elements(files.len() as u64));
    let mut rng = Rng::stream(0, &[]);
    let mut out = vec![0; 224 * 224 * 3];
    for (name, config) in [("crop and flip", augment::Config::default()), ("SimCLR", simclr)] {
        group.bench_function(format!("jpeg, {name}"), |bencher| {
            bencher.iter(|| {
                for file in &files {
                    let picture = Picture::decode(file).expect("a JPEG");
                    augment::view(&picture, &config, 224, 0, &mut rng, &mut out);
                    black_box(&out);
                }
            });
        });
        group.bench_function(format!("decoded, {name}"), |bencher| {
            bencher.iter(|| {
                for picture in &decoded {
                    augment::view(picture, &config, 224, 0, &mut rng, &mut out);
                    black_box(&out);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pairs, views);
criterion_main!(benches);
