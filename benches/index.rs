//! Memory that the index of a set of 100,000 clips of 16 frames takes.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use vicmae::data::pack::{Request, pack};
use vicmae::data::packed::{self, Encoding, Frames, Settings};
use vicmae::data::pair::Pair;
use vicmae::data::{Source, open};

const CLIPS: usize = 100_000;
const FRAMES: usize = 16;

/// A tar file of 100,000 samples of 16 pictures of 8x8 pixels: frames are small, and the index is as it always is.
fn tar(path: &Path) {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).expect("a picture");
    let mut tar = tar::Builder::new(BufWriter::new(File::create(path).expect("a file")));
    for clip in 0..CLIPS {
        for frame in 0..FRAMES {
            let mut header = tar::Header::new_gnu();
            header.set_size(png.get_ref().len() as u64);
            tar.append_data(&mut header, format!("{clip:06}.{frame:02}.png"), png.get_ref().as_slice()).expect("a picture");
        }
    }
    tar.finish().expect("a tar file");
}

/// A number of /proc/self/status, in MB.
fn megabytes(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with(key)).expect("the number is there");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok()).expect("a number") / 1024.0
}

/// With `open FOLDER`, opens the set there and tells the memory that it took; else makes the set and starts that as a process of its
/// own, whose memory nothing else has touched.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, root] = arguments.as_slice()
        && verb == "open"
    {
        return opened(Path::new(root));
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("tars")).expect("a folder");
    tar(&folder.path().join("tars/train.tar"));
    let (source, out) = (folder.path().join("tars"), folder.path().join("set"));
    let settings = Settings { short_side: None, frames: Frames::All, fps: None, encoding: Encoding::Raw, source_fps: 30.0 };
    let request = Request::new(&source, &out, settings);
    pack(&request, &AtomicBool::new(false), &mut |_| ()).expect("the set is packed");
    let program = std::env::current_exe().expect("this program");
    let status = std::process::Command::new(program).arg("open").arg(&out).status().expect("it starts");
    assert!(status.success());
}

fn opened(root: &Path) {
    let config = packed::Config { root: root.into(), split: "train".into(), pair: Pair::Distant { segments: 2 } };
    let (before, began) = (megabytes("RssAnon"), Instant::now());
    let clips = open(&Source::Packed(config), Path::new(".")).expect("the set is open");
    assert_eq!(clips.len(), CLIPS);
    println!("index of {CLIPS} clips x {FRAMES} frames, opened in {:.2} s", began.elapsed().as_secs_f64());
    println!("  its own memory: {:.1} MB", megabytes("RssAnon") - before);
    println!("  pages of the mapped files: {:.1} MB", megabytes("RssFile"));
    println!("  peak of the process: {:.1} MB", megabytes("VmHWM"));
}
