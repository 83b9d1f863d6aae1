//! A folder of its own for a test, the program, and a reader of packed files that shares no code with the program's.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// One row of a packed set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) path: String,
    pub(crate) class: String,
    pub(crate) split: String,
    pub(crate) stream: String,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) seconds: Vec<f64>,
    pub(crate) frames: Vec<Vec<u8>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there, and its folders.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Copies one of the repository's videos there.
    pub(crate) fn copy(&self, video: &str, name: &str) -> PathBuf {
        self.write(name, std::fs::read(videos().join(video)).unwrap())
    }

    /// Makes a video with ffmpeg; the last argument is its name.
    pub(crate) fn make(&self, args: &[&str]) -> PathBuf {
        let path = self.path(args[args.len() - 1]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut command = Command::new("ffmpeg");
        command.current_dir(self.folder.path()).args(["-v", "error", "-nostdin", "-y"]).args(args).stdin(Stdio::null());
        let output = command.output().expect("these tests need ffmpeg: `apt install ffmpeg`");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vicmae"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn vicmae(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    /// Packs `videos` into `set` and reads it.
    pub(crate) fn packed(&self, args: &[&str]) -> Vec<Row> {
        let said = self.vicmae(&[&["pack", "videos", "--out", "set"], args].concat());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        rows(&self.path("set"))
    }
}

/// What the program said, and its exit code.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap() }
    }
}

/// The videos of the repository.
pub(crate) fn videos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/videos")
}

/// All rows of a packed set, file by file.
pub(crate) fn rows(set: &Path) -> Vec<Row> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(set).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "arrow"));
    files.iter().flat_map(|path| rows_of(path)).collect()
}

fn rows_of(path: &Path) -> Vec<Row> {
    let reader = arrow_ipc::reader::FileReader::try_new(File::open(path).unwrap(), None).unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
        let number = |name: &str, row: usize| batch[name].as_primitive::<Int32Type>().value(row) as usize;
        for row in 0..batch.num_rows() {
            let frames = batch["frames"].as_list::<i32>().value(row);
            let frames = frames.as_binary::<i64>();
            let seconds = batch["seconds"].as_list::<i32>().value(row);
            rows.push(Row {
                path: text("path", row),
                class: text("class", row),
                split: text("split", row),
                stream: text("stream", row),
                width: number("width", row),
                height: number("height", row),
                seconds: seconds.as_primitive::<Float64Type>().values().to_vec(),
                frames: frames.iter().map(|frame| frame.unwrap().to_vec()).collect(),
            });
        }
    }
    rows
}

/// The lines of a CSV file without its header.
pub(crate) fn csv(path: &Path) -> Vec<[String; 3]> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(reader.headers().unwrap(), vec!["file", "reason", "frames_decoded"]);
    reader.records().map(|record| std::array::from_fn(|n| record.as_ref().unwrap()[n].to_owned())).collect()
}

/// Mean absolute difference of two pictures.
pub(crate) fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}
