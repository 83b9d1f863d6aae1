//! For tests: a folder of empty files with lists beside it, and one sample of every format.

use super::{Entry, List, Listing, read};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A root with empty files in it; lists are written beside the root.
pub(super) struct Tree {
    folder: TempDir,
    root: PathBuf,
    classes: Option<PathBuf>,
}

impl Tree {
    pub(super) fn new(files: &[impl AsRef<str>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        for file in files {
            let path = root.join(file.as_ref());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        Tree { folder, root, classes: None }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Names a classes file with the given text.
    pub(super) fn with_classes(mut self, text: &str) -> Self {
        self.classes = Some(self.write("classes.txt", text.as_bytes()));
        self
    }

    /// Writes a file beside the root.
    pub(super) fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn try_read(&self, lists: &[(&str, impl AsRef<[u8]>)]) -> anyhow::Result<Listing> {
        let write = |(name, text): &(&str, _)| List { split: None, path: self.write(name, AsRef::<[u8]>::as_ref(text)) };
        let lists: Vec<List> = lists.iter().map(write).collect();
        read(&self.root, &lists, self.classes.as_deref())
    }

    pub(super) fn read(&self, lists: &[(&str, &str)]) -> Listing {
        self.try_read(lists).unwrap()
    }

    pub(super) fn refused(&self, lists: &[(&str, &str)]) -> String {
        let error = self.try_read(lists).unwrap_err();
        assert!(error.is::<crate::failure::Failure>(), "{error:?}");
        error.to_string()
    }

    /// Returns the problems as `Trouble file: reason`, the folder's name cut off.
    pub(super) fn problems(&self, listing: &Listing) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let line = |problem: &super::Problem| format!("{:?} {}: {}", problem.trouble, problem.file, problem.reason);
        listing.problems.iter().map(|problem| line(problem).replace(&folder, "")).collect()
    }
}

/// Returns the entries as `split class path`.
pub(super) fn lines(listing: &Listing) -> Vec<String> {
    let line = |entry: &Entry| format!("{} {} {}", entry.split, listing.classes[entry.class], entry.path.display());
    listing.entries.iter().map(line).collect()
}

/// A format's name, files, list and classes file.
struct Sample {
    format: &'static str,
    files: &'static [&'static str],
    list: &'static str,
    classes: &'static str,
}

const SAMPLES: [Sample; 15] = [
    Sample {
        format: "path and label",
        files: &["a/1.mp4", "b c/2.mp4"],
        list: "a/1.mp4 0\nb c/2.mp4 1\n",
        classes: "apple\nbear\n",
    },
    Sample {
        format: "path and label with a header",
        files: &["a/1.mp4", "b,c/2.mp4"],
        list: "label,path,split\napple,a/1.mp4,val\nbear,\"b,c/2.mp4\",test\n",
        classes: "{\"bear\": 0, \"apple\": \"1\"}",
    },
    Sample {
        format: "path and label with a header",
        files: &["apple/1.mp4", "bear/2.mp4"],
        list: "path,label,object,frames\napple/1.mp4,apple,1,16\nbear/2.mp4,bear,1,8\n",
        classes: "1 apple\n2 bear\n",
    },
    Sample { format: "path and label", files: &["a/1.mp4", "2.mp4"], list: "a/1.mp4\n2.mp4\n", classes: "[\"apple\"]" },
    Sample {
        format: "Kinetics CSV",
        files: &["riding_a_bike/abcdefghijk_000001_000011.mp4"],
        list: "label,youtube_id,time_start,time_end,split\n\"riding a bike\",abcdefghijk,1,11,train\n",
        classes: "riding a bike\n",
    },
    Sample {
        format: "Kinetics CSV",
        files: &["test/abcdefghijk_000001_000011.mp4"],
        list: "youtube_id,time_start,time_end,split\nabcdefghijk,1,11,test\n",
        classes: "0 riding a bike\n",
    },
    Sample {
        format: "Moments in Time CSV",
        files: &["training/run/a_1.mp4", "training/jump+high/b_2.mp4"],
        list: "run/a_1.mp4,run,3,0\njump+high/b_2.mp4,jump+high,4,1\n",
        classes: "run,0\njump+high,1\n",
    },
    Sample {
        format: "Something-Something JSON",
        files: &["1.webm", "2.webm"],
        list: r#"[{"id":"1","label":"x","template":"Moving [x]"},{"id":2,"template":"Holding [y]"}]"#,
        classes: r#"{"Holding y": "0", "Moving x": "1"}"#,
    },
    Sample {
        format: "UCF-101 list",
        files: &["Run/v_1.avi", "Jump/v_2.avi"],
        list: "Run/v_1.avi 2\nJump/v_2.avi 1\n",
        classes: "1 Jump\n2 Run\n",
    },
    Sample {
        format: "UCF-101 list",
        files: &["Run/v_1.avi", "Jump/v_2.avi"],
        list: "Run/v_1.avi\nJump/v_2.avi\n",
        classes: "1 Jump\n2 Run\n",
    },
    Sample { format: "VideoMAE list", files: &["a/1.mp4"], list: "a/1.mp4 0 -1\n", classes: "run\n" },
    Sample { format: "VideoMAE list", files: &["a/1.jpg", "a/2.jpg", "a/3.jpg"], list: "a 3 0\n", classes: "run\n" },
    Sample { format: "VideoMAE list", files: &["a/1.jpg", "a/2.jpg", "a/3.jpg"], list: "a 1 3\n", classes: "run\n" },
    Sample {
        format: "ImageNet ground truth",
        files: &["val_1.JPEG", "val_2.JPEG"],
        list: "2\n1\n",
        classes: "n00000001 tench, fish\nn00000002 dog\n",
    },
    Sample {
        format: "ImageNet solution CSV",
        files: &["val_1.JPEG", "val_2.JPEG"],
        list: "ImageId,PredictionString\nval_2,n00000001 1 2 3 4 \nval_1,n00000002 5 6 7 8 n00000002 1 2 3 4 \n",
        classes: "n00000001 tench, fish\nn00000002 dog\n",
    },
];

#[test]
fn every_sample_is_told_by_its_content_with_and_without_classes() {
    for sample in &SAMPLES {
        let bare = Tree::new(sample.files).read(&[("list.txt", sample.list)]);
        // Without its classes a UCF list is one of paths and labels, which is read the same way.
        let expected = if sample.format == "UCF-101 list" { "path and label" } else { sample.format };
        assert_eq!((bare.format, bare.problems.len()), (expected, 0), "{}: {bare:?}", sample.list);
        let listing = Tree::new(sample.files).with_classes(sample.classes).read(&[("list.txt", sample.list)]);
        assert_eq!((listing.format, listing.problems.len()), (sample.format, 0), "{}: {listing:?}", sample.list);
        assert_eq!(listing.entries.len(), bare.entries.len());
    }
}

#[test]
fn line_ends_blank_lines_and_a_byte_order_mark_change_nothing() {
    for sample in &SAMPLES {
        let tree = Tree::new(sample.files).with_classes(&format!("\u{feff}{}", sample.classes.replace('\n', "\r\n")));
        let plain = tree.read(&[("list.txt", sample.list)]);
        let dressed = tree.read(&[("list.txt", &format!("\u{feff}{}\r\n", sample.list.replace('\n', "\r\n\r\n")))]);
        assert_eq!(plain, dressed);
    }
}

#[test]
fn a_list_given_twice_is_all_duplicates() {
    for sample in SAMPLES.iter().filter(|sample| sample.format != "ImageNet ground truth") {
        let listing = Tree::new(sample.files).read(&[("train.txt", sample.list), ("val.txt", sample.list)]);
        assert_eq!(listing.count(super::Trouble::Duplicate), listing.entries.len(), "{listing:?}");
        assert_eq!(listing.problems.len(), listing.entries.len());
    }
}

/// Changes a text at one place; the same `dice` give the same change.
fn mutate(text: &[u8], dice: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    const ODD: [&[u8]; 14] =
        [b"\"", b",", b" ", b"\n", b"-", b"\xff", b"/", b"..", b"[", b"{", b"99999999999999999999", b"\0", b"\t", "é".as_bytes()];
    let (from, to) = (dice(text.len() + 1), dice(text.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    match dice(5) {
        0 => [&text[..from], ODD[dice(ODD.len())], &text[from..]].concat(),
        1 => [&text[..from], &text[to..]].concat(),
        2 => [&text[..to], &text[from..to], &text[to..]].concat(),
        3 => text[..from].to_vec(),
        _ => [&text[..from], ODD[dice(ODD.len())], &text[to..]].concat(),
    }
}

#[test]
fn damaged_lists_and_classes_never_panic() {
    let mut state = 1_u64;
    let mut dice = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    for sample in &SAMPLES {
        let mut tree = Tree::new(sample.files);
        for turn in 0..150 {
            let (mut list, mut classes) = (sample.list.as_bytes().to_vec(), sample.classes.as_bytes().to_vec());
            for _ in 0..=dice(3) {
                list = mutate(&list, &mut dice);
            }
            if turn % 2 == 0 {
                classes = mutate(&classes, &mut dice);
            }
            tree.classes = (turn % 3 != 0).then(|| tree.write("classes.txt", &classes));
            if let Ok(listing) = tree.try_read(&[("list.txt", list)]) {
                assert!(listing.entries.iter().all(|entry| entry.class < listing.classes.len()));
                assert!(listing.problems.iter().all(|problem| problem.reason.lines().count() == 1), "{listing:?}");
            }
        }
    }
}
