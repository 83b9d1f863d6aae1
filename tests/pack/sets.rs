//! What is in a packed set: JPEG or raw, images and frames too; used by training, checked by `data verify`.

use super::desk::{Desk, csv, difference, rows};
use std::path::Path;
use std::process::Command;

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data").join(name)
}

#[test]
fn the_encoding_follows_the_budget_and_a_jpeg_is_close_to_the_raw_frame() {
    let desk = Desk::new();
    desk.copy("mdn_rabbit320.mp4", "videos/a/rabbit.mp4");
    let raw = desk.packed(&["--frames", "4", "--short-side", "96"]);
    std::fs::remove_dir_all(desk.path("set")).unwrap();
    let jpeg = desk.packed(&["--frames", "4", "--short-side", "96", "--budget", "100KB"]);
    assert_eq!(raw[0].frames[0].len(), 128 * 96 * 3);
    assert_eq!(jpeg[0].seconds, raw[0].seconds);
    for (jpeg, raw) in jpeg[0].frames.iter().zip(&raw[0].frames) {
        let decoded = image::load_from_memory(jpeg).unwrap().into_rgb8();
        assert_eq!(decoded.dimensions(), (128, 96));
        assert!(difference(&decoded, raw) < 4.0 && jpeg.len() < raw.len() / 4);
    }
}

#[test]
fn images_and_frame_folders_are_packed_too() {
    let desk = Desk::new();
    std::os::unix::fs::symlink(example("sign_digits"), desk.path("signs")).unwrap();
    std::os::unix::fs::symlink(example("exercise_pairs"), desk.path("pairs")).unwrap();
    let said = desk.vicmae(&["pack", "signs", "--out", "s", "--short-side", "32"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let signs = rows(&desk.path("s"));
    assert_eq!(signs.len(), 2062);
    assert!(signs.iter().all(|row| row.frames.len() == 1 && row.width.min(row.height) == 32 && row.stream == "image"));
    assert_eq!(signs.iter().filter(|row| row.split == "val").count(), 510);
    assert!(signs.iter().all(|row| row.path.split('/').nth(1) == Some(&row.class)));
    let said = desk.vicmae(&["pack", "pairs", "--out", "p", "--short-side", "32", "--source-fps", "0.5"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let pairs = rows(&desk.path("p"));
    assert_eq!(pairs.len(), 873);
    assert!(pairs.iter().all(|row| row.seconds == [0.0, 2.0]));
    let inspected = desk.vicmae(&["data", "inspect", "p"]);
    assert!(
        inspected.out.contains("clips           873\n  frames          1,746\n  frames a clip   2\n  length          2.00 s"),
        "{}",
        inspected.out
    );
}

#[test]
fn files_hold_as_many_clips_as_asked_and_a_split_is_given_a_name() {
    let desk = Desk::new();
    for n in 0..5 {
        desk.copy("torchcodec_h265_video.mp4", &format!("videos/a/{n}.mp4"));
    }
    let said = desk.vicmae(&["pack", "videos", "--out", "set", "--frames", "2", "--shard-clips", "2", "--split", "probe"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let files = (0..3).filter(|n| desk.path(&format!("set/probe-{n:05}.arrow")).is_file()).count();
    assert_eq!((files, rows(&desk.path("set")).len()), (3, 5));
    assert!(rows(&desk.path("set")).iter().all(|row| row.split == "probe"));
    let wrong = desk.vicmae(&["pack", "videos", "--out", "other", "--split", "../up"]);
    assert_eq!((wrong.err.as_str(), wrong.code), ("error: `--split ../up` is no name: letters, digits, `-` and `_`\n", 2));
}

#[test]
fn verify_finds_a_flipped_bit_and_a_cut() {
    let desk = Desk::new();
    desk.copy("torchcodec_h265_video.mp4", "videos/a/1.mp4");
    desk.copy("torchcodec_h264_10bits.mp4", "videos/a/2.mp4");
    desk.packed(&["--frames", "3", "--short-side", "32"]);
    let whole = desk.vicmae(&["data", "verify", "set"]);
    assert_eq!((whole.out.as_str(), whole.code), ("set: all 2 clips are whole\n", 0));
    let path = desk.path("set/train-00000.arrow");
    let bytes = std::fs::read(&path).unwrap();
    // In the middle of the pixels of the second clip.
    let last = rows(&desk.path("set"))[1].frames[2].clone();
    let at = bytes.windows(last.len()).position(|window| window == last).unwrap() + last.len() / 2;
    let mut flipped = bytes.clone();
    flipped[at] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let said = desk.vicmae(&["data", "verify", "set"]);
    assert!(said.out.starts_with("train-00000.arrow: a/2.mp4: its frames are not those that were written\n"), "{}", said.out);
    assert_eq!(said.code, 1);
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let said = desk.vicmae(&["data", "verify", "set"]);
        assert_eq!(said.code, 1, "{length} bytes: {}{}", said.out, said.err);
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
}

#[test]
fn bytes_that_are_changed_anywhere_never_bring_the_program_down() {
    let desk = Desk::new();
    desk.copy("torchcodec_h265_video.mp4", "videos/a/1.mp4");
    desk.packed(&["--frames", "2", "--short-side", "16", "--encoding", "raw"]);
    let path = desk.path("set/train-00000.arrow");
    let bytes = std::fs::read(&path).unwrap();
    let data = desk.path("set");
    for n in 0..400 {
        let mut changed = bytes.clone();
        let at = (n as f64 * 0.618_034).fract() * bytes.len() as f64;
        changed[at as usize] ^= [0xff, 0x80, 0x01][n % 3];
        std::fs::write(&path, &changed).unwrap();
        let faults = std::panic::catch_unwind(|| vicmae::data::verify::verify(&data, &|_, _| ()));
        assert!(!faults.unwrap().unwrap().is_empty(), "byte {} was changed and nobody noticed", at as usize);
    }
}

#[test]
fn lists_with_problems_are_refused_above_the_limit() {
    let desk = Desk::new();
    desk.copy("torchcodec_h265_video.mp4", "videos/run/1.mp4");
    desk.copy("torchcodec_h265_video.mp4", "videos/jump/2.mp4");
    let list = "run/1.mp4 run\njump/2.mp4 jump\njump/3.mp4 jump\nrun/1.mp4 run\n";
    desk.write("train.txt", list);
    let args = ["pack", "videos", "--list", "train.txt", "--out", "set"];
    let refused = desk.vicmae(&args);
    insta::assert_snapshot!(refused.err, @"
    error: 2 of 4 entries cannot be used (1 not there, 1 listed twice), read as path and label
    hint: jump/3.mp4: train.txt:3: `jump/3.mp4` is not there
    hint: run/1.mp4: train.txt:4: `run/1.mp4` is listed before, at train.txt:1
    hint: `--max-problems 100%` packs what there is; rejects.csv then lists the rest
    ");
    assert_eq!(refused.code, 2);
    assert!(!desk.path("set.partial").exists());
    let taken = desk.vicmae(&[&args[..], &["--max-problems", "2"]].concat());
    assert_eq!(taken.code, 0, "{}", taken.err);
    let rejects = csv(&desk.path("set/rejects.csv"));
    assert_eq!(rejects.iter().map(|[file, ..]| file.as_str()).collect::<Vec<_>>(), ["jump/3.mp4", "run/1.mp4"]);
    assert_eq!(rows(&desk.path("set")).len(), 2);
}

#[test]
fn a_packed_set_trains_and_its_pairs_can_be_looked_at() {
    let desk = Desk::new();
    for n in 0..8 {
        desk.copy("torchcodec_h264_10bits.mp4", &format!("videos/train/a/{n}.mp4"));
        desk.copy("torchcodec_h265_video.mp4", &format!("videos/train/b/{n}.mp4"));
        desk.copy("torchcodec_h264_10bits.mp4", &format!("videos/val/a/{n}.mp4"));
        desk.copy("torchcodec_h265_video.mp4", &format!("videos/val/b/{n}.mp4"));
    }
    desk.packed(&["--frames", "8", "--short-side", "40"]);
    let template = r#"
pretrain:
  data:
    - packed: { root: set, pair: { gap: { seconds: 0.3 } } }
      weight: 3
      augment: { crop: { scale: [0.5, 1.0] } }
    - moving_shapes: { clips: 16, size: 32 }
      weight: 1
  augment: { jitter: {}, grayscale: 0.2, blur: 0.5 }
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  objective: { mask_ratio: 0.5, reconstruction: {}, global: { nt_xent: { projector: [16, 16] } }, weight: 0.1 }
  optimizer: { adamw: {} }
  schedule: { epochs: 2 }
  cadence: { measure_steps: 1 }
  batch: { size: 12, drop_last: false }
  seed: {{ seed }}
"#;
    desk.write("templates/run/tiny.yaml.j2", template);
    let knn = "{ template: knn, with: { source: packed, train: set, eval: set, k: [3] } }";
    desk.write("lab.yaml", format!("template: tiny\ntransfer: {{ knn: {knn} }}\n"));
    let said = desk.vicmae(&["run", "lab.yaml"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let query = desk.vicmae(&["query", "SELECT count(*) AS n FROM curves WHERE metric = 'loss'", "--json"]);
    // Two epochs of two full batches and one of eight.
    assert!(query.out.contains("\"n\": 6"), "{}", query.out);
    let sample = desk.vicmae(&["data", "sample", "lab.yaml", "--out", "pairs.png", "--pairs", "8"]);
    assert_eq!(sample.code, 0, "{}", sample.err);
    assert_eq!(image::image_dimensions(desk.path("pairs.png")).unwrap(), (8 * 32 + 7 * 4, 2 * 32 + 4));
    assert_eq!(sample.out.lines().filter(|line| line.contains("train/")).count(), 6, "{}", sample.out);
    // Another pack of the same source is the same data: nothing is run again.
    std::fs::rename(desk.path("set"), desk.path("moved")).unwrap();
    desk.packed(&["--frames", "8", "--short-side", "40"]);
    assert!(desk.vicmae(&["run", "lab.yaml"]).out.contains("nothing to do"));
}

#[test]
fn a_set_goes_to_webdataset_and_back() {
    let desk = Desk::new();
    desk.copy("mdn_rabbit320.mp4", "videos/train/rabbit/a.b.mp4");
    desk.copy("torchcodec_h265_video.mp4", "videos/train/other/1.mp4");
    desk.copy("torchcodec_h265_video.mp4", "videos/val/other/2.mp4");
    let there = desk.packed(&["--frames", "5", "--short-side", "40"]);
    let said = desk.vicmae(&["data", "export", "set", "--out", "tars"]);
    assert!(said.out.starts_with("tars: 3 samples in 2 tar files, "), "{}{}", said.out, said.err);
    let said = desk.vicmae(&["pack", "tars", "--out", "back", "--frames", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let back = rows(&desk.path("back"));
    assert_eq!(back.len(), 3);
    for (there, back) in there.iter().zip(&back) {
        assert_eq!((&there.class, &there.split, &there.seconds), (&back.class, &back.split, &back.seconds));
        assert!(there.frames == back.frames, "PNG loses nothing");
    }
    let again = desk.vicmae(&["data", "export", "set", "--out", "tars"]);
    assert!(again.err.starts_with("error: `tars` is there already"), "{}", again.err);
    // Films inside of tar files are decoded as those beside them.
    let film = std::fs::read(desk.path("videos/train/rabbit/a.b.mp4")).unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [("x.mp4", &film[..]), ("x.cls", b"0"), ("y.mp4", b"no film"), ("y.cls", b"0")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    desk.write("films/0.tar", tar.into_inner().unwrap());
    let said = desk.vicmae(&["pack", "films", "--out", "f", "--frames", "5", "--short-side", "40", "--max-rejects", "1"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let rabbit = there.iter().find(|row| row.class == "rabbit").unwrap();
    assert!(rows(&desk.path("f"))[0].frames == rabbit.frames);
    assert_eq!(csv(&desk.path("f/rejects.csv"))[0][0], "0.tar#y");
}

/// One line of pyarrow, of polars, and of webdataset; `{set}` and `{tars}` are folders, `{sum}` is of all bytes of all frames.
const PYTHON: &str = r#"
import sys, io, glob
import numpy as np, pyarrow as pa, polars as pl, webdataset as wds
from PIL import Image
path, tars, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
table = pa.ipc.open_file(pa.memory_map(path)).read_all()
frame = np.frombuffer(table["frames"][0][1].as_py(), np.uint8).reshape(table["height"][0].as_py(), table["width"][0].as_py(), 3)
assert frame.std() > 10, frame.std()
assert sum(np.frombuffer(f, np.uint8).sum(dtype=int) for row in table["frames"].to_pylist() for f in row) == total
frames = pl.read_ipc(path)
assert frames["class"].to_list() == table["class"].to_pylist() and frames["seconds"].list.len().to_list() == [5, 5]
samples = list(wds.WebDataset(sorted(glob.glob(tars + "/train-*.tar")), shardshuffle=False).decode("rgb8"))
assert [s["cls"] for s in samples] == table["label"].to_pylist(), samples
assert (samples[0]["0001.png"] == frame).all() and samples[0]["json"]["seconds"] == table["seconds"][0].as_py()
print("read by pyarrow", pa.__version__, "polars", pl.__version__, "webdataset", wds.__version__)
"#;

#[test]
fn python_reads_a_packed_set() {
    let named = std::env::var("VICMAE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import numpy, pyarrow, polars, webdataset, PIL"]).output();
    if named.is_none() && !has.is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: {python} has not all of numpy, pyarrow, polars, webdataset and pillow; VICMAE_PYTHON names one that has"
        );
        return;
    }
    let desk = Desk::new();
    desk.copy("mdn_rabbit320.mp4", "videos/train/rabbit/1.mp4");
    desk.copy("torchcodec_h265_video.mp4", "videos/train/other/1.mp4");
    let rows = desk.packed(&["--frames", "5", "--short-side", "40"]);
    assert_eq!(desk.vicmae(&["data", "export", "set", "--out", "tars"]).code, 0);
    let total: u64 = rows.iter().flat_map(|row| row.frames.iter().flatten()).map(|byte| u64::from(*byte)).sum();
    let args = [desk.path("set/train-00000.arrow"), desk.path("tars"), total.to_string().into()];
    let output = Command::new(&python).args(["-c", PYTHON]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", String::from_utf8_lossy(&output.stdout));
}
