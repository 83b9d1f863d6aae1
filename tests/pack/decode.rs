//! Every kind of video: taken or left out as it should be, and right in size, time and pixels.

use super::desk::{Desk, csv, difference, rows, videos};
use std::path::{Path, PathBuf};

/// What should become of a file.
enum Should {
    /// Frames, width, height, time of the last frame.
    Be(usize, usize, usize, f64),
    /// The same, and it is listed as damaged.
    BeDamaged(usize, usize, usize, f64),
    /// Left out; the reason contains this.
    BeLeftOut(&'static str),
}
use Should::{Be, BeDamaged, BeLeftOut};

/// Sizes are those that a person sees: upright, square pixels. Frames and times agree with `ffprobe -show_frames`.
const TABLE: [(&str, Should); 26] = [
    ("decord_corrupted.mp4", BeDamaged(49, 1280, 720, 4.9)),
    ("decord_unordered.mov", Be(4, 50, 50, 0.09375)),
    ("decord_video_0.mov", Be(3, 568, 320, 2.0 / 30.0)),
    ("decord_video_180.mov", Be(3, 568, 320, 2.0 / 30.0)),
    ("decord_video_270.mov", Be(3, 320, 568, 2.0 / 30.0)),
    ("decord_video_90.mov", Be(3, 320, 568, 2.0 / 30.0)),
    ("intel_bottle.mp4", Be(1189, 640, 360, 39.8212)),
    ("mdn_frog.webm", Be(248, 720, 480, 8.233)),
    ("mdn_rabbit320.mp4", Be(234, 320, 240, 7.7667)),
    ("mdn_rabbit320.webm", Be(234, 320, 240, 7.767)),
    ("moviepy_chaplin.mp4", Be(241, 640, 360, 9.6)),
    ("moviepy_no_duration.webm", Be(74, 1280, 720, 4.872)),
    ("moviepy_test_video.mp4", Be(5, 1, 1, 4.0)),
    ("one_frame.mp4", Be(1, 427, 256, 0.0)),
    ("rotate90_meta.mp4", Be(32, 191, 340, 1.0667)),
    ("text.mp4", BeLeftOut("moov atom not found")),
    ("torchcodec_av1_video.mkv", Be(125, 640, 360, 4.96)),
    ("torchcodec_bt709_full_range.mp4", Be(30, 1280, 720, 0.9667)),
    ("torchcodec_h264_10bits.mp4", Be(30, 200, 200, 0.9667)),
    ("torchcodec_h265_video.mp4", Be(10, 128, 128, 0.9)),
    ("truncated_faststart.mp4", BeDamaged(129, 427, 256, 4.5714)),
    ("truncated_nomoov.mp4", BeLeftOut("moov atom not found")),
    ("vfr_h264.mp4", Be(186, 427, 256, 9.9643)),
    ("vp9_clip.webm", Be(84, 427, 256, 2.964)),
    ("xvid_clip.avi", Be(84, 427, 256, 3.0)),
    ("zero_bytes.mp4", BeLeftOut("moov atom not found")),
];

/// The repository's videos and, where `VICMAE_VIDEOS` names a folder, those there.
fn folders() -> Vec<PathBuf> {
    [Some(videos()), std::env::var_os("VICMAE_VIDEOS").map(PathBuf::from)].into_iter().flatten().collect()
}

#[test]
fn every_file_is_packed_or_left_out_as_it_should_be() {
    for folder in folders() {
        let desk = Desk::new();
        std::os::unix::fs::symlink(std::path::absolute(&folder).unwrap(), desk.path("videos")).unwrap();
        let args = ["pack", "videos", "--out", "set", "--short-side", "full", "--frames", "all", "--encoding", "raw"];
        let said = desk.vicmae(&[&args[..], &["--max-rejects", "100%"]].concat());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let rows = rows(&desk.path("set"));
        let (left_out, damaged) = (csv(&desk.path("set/rejects.csv")), csv(&desk.path("set/damaged.csv")));
        let mut checked = 0;
        for (name, should) in TABLE.iter().filter(|(name, _)| folder.join(name).is_file()) {
            let row = rows.iter().find(|row| row.path == *name);
            let rejected = left_out.iter().find(|[file, ..]| file == name);
            let hurt = damaged.iter().find(|[file, ..]| file == name);
            match should {
                Be(frames, width, height, last) | BeDamaged(frames, width, height, last) => {
                    let row = row.unwrap_or_else(|| panic!("{name} is not there: {rejected:?}"));
                    assert_eq!((row.frames.len(), row.width, row.height), (*frames, *width, *height), "{name}");
                    assert!((row.seconds[frames - 1] - last).abs() < 1e-3, "{name}: {:?}", row.seconds);
                    assert!(row.seconds.is_sorted(), "{name}: {:?}", row.seconds);
                    assert_eq!((hurt.is_some(), rejected.is_some()), (matches!(should, BeDamaged(..)), false), "{name}");
                    assert!(hurt.is_none_or(|[_, _, decoded]| *decoded == frames.to_string()), "{name}: {hurt:?}");
                }
                BeLeftOut(reason) => {
                    assert!(row.is_none() && hurt.is_none(), "{name} is there");
                    let [_, said, decoded] = rejected.unwrap_or_else(|| panic!("{name} is not listed"));
                    assert!(said.contains(reason) && decoded == "0", "{name}: {said}, {decoded}");
                }
            }
            checked += 1;
        }
        assert_eq!(checked, rows.len() + left_out.len(), "a file is missing in the table");
        assert!(checked >= 12, "only {checked} files in {}", folder.display());
    }
}

#[test]
fn frames_are_those_of_torchcodec_to_the_last_bit() {
    let desk = Desk::new();
    for (video, frame) in [("av1_video.mkv", 10), ("h265_video.mp4", 5)] {
        desk.copy(&format!("torchcodec_{video}"), &format!("videos/all/{video}"));
        let reference = std::fs::read(videos().join(format!("reference_frames/{video}.stream0.frame{frame:06}.npy"))).unwrap();
        let _ = std::fs::remove_dir_all(desk.path("set"));
        let rows = desk.packed(&["--short-side", "full", "--frames", "all", "--encoding", "raw"]);
        let row = rows.iter().find(|row| row.path.ends_with(video)).unwrap();
        // The array is what the file ends with.
        let pixels = &reference[reference.len() - row.width * row.height * 3..];
        assert!(row.frames[frame] == pixels, "{video}: off by {}", difference(&row.frames[frame], pixels));
    }
}

/// The mean colour of a part of a frame; the part is given in tenths of the sides.
fn mean(row: &super::desk::Row, frame: usize, x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> [f64; 3] {
    let (w, h) = (row.width, row.height);
    let mut sums = [0.0; 3];
    let mut count = 0.0;
    for line in y.start * h / 10..y.end * h / 10 {
        for column in x.start * w / 10..x.end * w / 10 {
            let at = (line * w + column) * 3;
            (0..3).for_each(|c| sums[c] += f64::from(row.frames[frame][at + c]));
            count += 1.0;
        }
    }
    sums.map(|sum| sum / count)
}

/// A film of 2 s at 30 frames/s, 320x180, red at the left, blue at the right, that brightens over time.
const TEST_FILM: [&str; 4] = ["-f", "lavfi", "-i", "color=red:160x180:r=30:d=2[a];color=blue:160x180:r=30:d=2[b];[a][b]hstack"];

#[test]
fn a_rotated_film_is_upright() {
    let desk = Desk::new();
    let flat = desk.make(&[&TEST_FILM[..], &["-c:v", "libx264", "-pix_fmt", "yuv420p", "flat.mp4"]].concat());
    // The matrix of a telephone held upright: [0 1 0; -1 0 0] is 90 degrees; written into the track header by hand.
    let turned = turn(&std::fs::read(flat).unwrap());
    desk.write("videos/all/turned.mp4", turned);
    let rows = desk.packed(&["--short-side", "full", "--frames", "4"]);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.width, row.height, row.frames.len()), (180, 320, 4));
    // Clockwise by 90 degrees: the left, red, is on top.
    let (top, bottom) = (mean(row, 0, 2..8, 1..4), mean(row, 0, 2..8, 6..9));
    assert!(top[0] > 200.0 && top[2] < 60.0, "{top:?}");
    assert!(bottom[2] > 200.0 && bottom[0] < 60.0, "{bottom:?}");
}

/// Puts a rotation by 90 degrees into the matrix of the video track's header (ISO 14496-12, 8.3.2).
fn turn(film: &[u8]) -> Vec<u8> {
    let one = 0x0001_0000_u32.to_be_bytes();
    let zero = [0; 4];
    let last = 0x4000_0000_u32.to_be_bytes();
    let unit = [one, zero, zero, zero, one, zero, zero, zero, last].concat();
    let minus_one = (-0x0001_0000_i32).to_be_bytes();
    let quarter = [zero, one, zero, minus_one, zero, zero, zero, zero, last].concat();
    let header = film.windows(4).position(|bytes| bytes == b"tkhd").unwrap();
    let at = header + film[header..].windows(36).position(|bytes| bytes == unit).unwrap();
    [&film[..at], &quarter, &film[at + 36..]].concat()
}

#[test]
fn pixels_that_are_not_square_are_made_square() {
    let desk = Desk::new();
    desk.make(
        &[&TEST_FILM[..], &["-vf", "setsar=4/3", "-c:v", "libx264", "-pix_fmt", "yuv420p", "videos/all/wide.mp4"]].concat(),
    );
    let rows = desk.packed(&["--short-side", "90", "--frames", "1"]);
    assert_eq!((rows[0].width, rows[0].height), (213, 90));
}

#[test]
fn every_frame_of_a_film_of_variable_rate_keeps_its_time() {
    let desk = Desk::new();
    // All frames of the first second, every fifth one after that.
    let select = "select='lt(t,1)+not(mod(n,5))'";
    let args = ["-fps_mode", "vfr", "-c:v", "libx264", "-pix_fmt", "yuv420p", "videos/all/vfr.mp4"];
    desk.make(&[&TEST_FILM[..], &["-vf", select], &args].concat());
    let all = desk.packed(&["--frames", "all"]);
    let expected: Vec<f64> = (0..60).filter(|n| *n < 30 || n % 5 == 0).map(|n| f64::from(n) / 30.0).collect();
    assert_eq!(all[0].seconds.len(), expected.len());
    let off = |seconds: &[f64], expected: &[f64]| seconds.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off(&all[0].seconds, &expected) < 1e-4, "{:?}", all[0].seconds);
    // Six of it are even in time, not in number; at two a second the first of every half second.
    std::fs::remove_dir_all(desk.path("set")).unwrap();
    let six = desk.packed(&["--frames", "6"]);
    let distances: Vec<f64> = six[0].seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(distances.iter().all(|distance| (0.15..0.55).contains(distance)), "{:?}", six[0].seconds);
    std::fs::remove_dir_all(desk.path("set")).unwrap();
    let two_a_second = desk.packed(&["--frames", "all", "--fps", "2"]);
    assert!(off(&two_a_second[0].seconds, &[0.0, 0.5, 1.0, 1.5]) < 1e-4, "{:?}", two_a_second[0].seconds);
    assert_eq!(two_a_second[0].seconds.len(), 4);
}

#[test]
fn a_film_that_was_cut_off_keeps_the_frames_before_the_cut() {
    let desk = Desk::new();
    desk.make(&[
        "-i",
        videos().join("mdn_rabbit320.mp4").to_str().unwrap(),
        "-an",
        "-c",
        "copy",
        "-movflags",
        "+faststart",
        "whole.mp4",
    ]);
    let whole = std::fs::read(desk.path("whole.mp4")).unwrap();
    desk.write("videos/all/cut.mp4", &whole[..whole.len() / 2]);
    desk.write("videos/all/whole.mp4", &whole);
    let rows = desk.packed(&["--frames", "all", "--encoding", "raw"]);
    let [cut, whole] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    let kept = cut.frames.len();
    assert!((20..whole.frames.len() - 20).contains(&kept), "{kept} of {}", whole.frames.len());
    assert_eq!(cut.seconds, whole.seconds[..kept]);
    // The last few may lean on frames that are gone.
    assert!(cut.frames[..kept - 3] == whole.frames[..kept - 3]);
    let damaged = csv(&desk.path("set/damaged.csv"));
    assert_eq!((damaged.len(), damaged[0][0].as_str(), &damaged[0][2]), (1, "all/cut.mp4", &kept.to_string()));
}

#[test]
fn of_several_streams_the_largest_is_taken_and_named() {
    let desk = Desk::new();
    let (small, large) = (videos().join("mdn_rabbit320.mp4"), videos().join("mdn_frog.webm"));
    let inputs = ["-t", "0.3", "-i", small.to_str().unwrap(), "-t", "0.3", "-i", large.to_str().unwrap()];
    desk.make(&[&inputs[..], &["-map", "0:v", "-map", "1:v", "-c:v", "libx264", "videos/all/two.mkv"]].concat());
    let said = desk.vicmae(&["pack", "videos", "--out", "set", "--short-side", "full"]);
    assert!(said.out.contains("1 file with several video streams; the largest was taken"), "{}", said.out);
    let rows = rows(&desk.path("set"));
    assert_eq!((rows[0].width, rows[0].height, rows[0].stream.as_str()), (720, 480, "#1 h264 720x480"));
}

#[test]
fn what_is_no_film_is_left_out_with_a_reason() {
    let desk = Desk::new();
    let rabbit = videos().join("mdn_rabbit320.mp4");
    desk.make(&["-i", rabbit.to_str().unwrap(), "-vn", "-c:a", "aac", "-t", "1", "videos/a/sound.mp4"]);
    desk.make(&["-i", rabbit.to_str().unwrap(), "-frames:v", "1", "cover.png"]);
    let cover = ["-map", "0:a", "-map", "1:v", "-c:a", "copy", "-c:v", "copy", "-disposition:v", "attached_pic"];
    desk.make(&[&["-i", "videos/a/sound.mp4", "-i", "cover.png"], &cover[..], &["videos/a/cover.mp4"]].concat());
    desk.write(
        "videos/a/playlist.mp4",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    );
    desk.write("videos/a/concat.mp4", "ffconcat version 1.0\nfile /etc/passwd\n");
    desk.copy("torchcodec_h265_video.mp4", "videos/a/good.mp4");
    let said = desk.vicmae(&["pack", "videos", "--out", "set", "--max-rejects", "4"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let rejects = csv(&desk.path("set/rejects.csv"));
    let names: Vec<&str> = rejects.iter().map(|[file, ..]| file.as_str()).collect();
    assert_eq!(names, ["a/concat.mp4", "a/cover.mp4", "a/playlist.mp4", "a/sound.mp4"]);
    assert_eq!(rejects[1][1], "it holds a cover picture and no video");
    assert!(rejects.iter().all(|[_, reason, _]| !reason.is_empty()), "{rejects:?}");
    let strict = desk.vicmae(&["pack", "videos", "--out", "set", "--strict"]);
    assert_eq!(strict.code, 1, "{}", strict.err);
}

#[test]
fn names_of_files_are_names_and_nothing_else() {
    let desk = Desk::new();
    let names = ["-i.mp4", "a b.mp4", "http:x.mp4", "it's \"q\".mp4", "100%d.mp4", "$(true);.mp4", "ünï.mp4", "[0]:v,scale.mp4"];
    for name in names {
        desk.copy("torchcodec_h265_video.mp4", &format!("videos/c/{name}"));
    }
    let rows = desk.packed(&[]);
    assert_eq!(rows.len(), names.len());
    assert!(names.iter().all(|name| rows.iter().any(|row| row.path == format!("c/{name}"))));
    assert!(rows.iter().all(|row| row.frames == rows[0].frames));
}

#[test]
fn without_ffmpeg_nothing_is_begun_and_the_way_to_get_it_is_told() {
    let desk = Desk::new();
    desk.copy("torchcodec_h265_video.mp4", "videos/c/a.mp4");
    let said = desk.command(&["pack", "videos", "--out", "set"]).env("PATH", "/nowhere").output().unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    insta::assert_snapshot!(text, @"
    error: reading videos needs the program `ffmpeg`, which is not on PATH
    hint: install it: `apt install ffmpeg` (Debian, Ubuntu), `dnf install ffmpeg` (Fedora), `brew install ffmpeg` (macOS)
    hint: without root: `conda install -c conda-forge ffmpeg`
    hint: or set VICMAE_FFMPEG to the path of the program
    ");
    assert_eq!(said.status.code(), Some(2));
    assert!(!desk.path("set").exists() && !desk.path("set.partial").exists());
    let said = desk.command(&["doctor"]).env("PATH", "/nowhere").output().unwrap();
    assert!(String::from_utf8(said.stdout).unwrap().contains("hint: install it: `apt install ffmpeg`"));
    assert_eq!(said.status.code(), Some(0));
    // An old one is refused by its number, and images need none.
    let old = desk.write("old/ffmpeg", "#!/bin/sh\necho ffmpeg version 3.4.11 Copyright\n");
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = desk.command(&["pack", "videos", "--out", "set"]).env("VICMAE_FFMPEG", Path::new(&old)).output().unwrap();
    assert!(String::from_utf8(said.stderr).unwrap().starts_with("error: ffmpeg 3.4.11 is too old: 4.4 or newer is needed\n"));
}
