//! A pack that is killed, stopped or started twice ends with the bytes of one that was not disturbed.

use super::desk::{Desk, rows};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Two splits of real videos, enough for some files of each.
fn clips(desk: &Desk) {
    for n in 0..6 {
        desk.copy("torchcodec_h265_video.mp4", &format!("videos/train/a/{n}.mp4"));
        desk.copy("torchcodec_h264_10bits.mp4", &format!("videos/train/b/{n}.mp4"));
        desk.copy("decord_video_90.mov", &format!("videos/val/a/{n}.mov"));
    }
    desk.write("videos/train/b/broken.mp4", "no film");
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().display().to_string(), std::fs::read(&path).unwrap())).collect()
}

const PACK: [&str; 6] = ["pack", "videos", "--short-side", "48", "--out", "set"];

#[test]
fn killed_at_twenty_random_points_it_ends_with_the_same_bytes() {
    let desk = Desk::new();
    clips(&desk);
    let began = Instant::now();
    assert_eq!(desk.vicmae(&[&PACK[..5], &["calm"]].concat()).code, 0);
    let calm = began.elapsed();
    let expected = files(&desk.path("calm"));
    // A fixed sequence of moments, spread over the time that an undisturbed pack takes.
    let mut moment = 0.1_f64;
    let mut killed = 0;
    let mut rounds = 0;
    while killed < 20 {
        rounds += 1;
        assert!(rounds < 200, "only {killed} of {rounds} packs could be killed");
        let mut packer = desk.command(&PACK).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        moment = (moment + 0.618_034).fract();
        std::thread::sleep(calm.mul_f64(moment * 0.9));
        let ended = packer.try_wait().unwrap().is_some();
        kill(Pid::from_raw(packer.id() as i32), Signal::SIGKILL).ok();
        packer.wait().unwrap();
        killed += usize::from(!ended);
        if desk.path("set").exists() {
            assert_eq!(files(&desk.path("set")), expected, "what is visible is whole");
            std::fs::remove_dir_all(desk.path("set")).unwrap();
        }
    }
    let said = desk.vicmae(&PACK);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(files(&desk.path("set")), expected);
    assert!(!desk.path("set.partial").exists());
    assert_eq!(rows(&desk.path("set")).len(), 18);
}

#[test]
fn any_number_of_jobs_gives_the_same_bytes_and_a_second_pack_has_nothing_to_do() {
    let desk = Desk::new();
    clips(&desk);
    assert_eq!(desk.vicmae(&[&PACK[..], &["--jobs", "1"]].concat()).code, 0);
    let alone = files(&desk.path("set"));
    std::fs::remove_dir_all(desk.path("set")).unwrap();
    assert_eq!(desk.vicmae(&[&PACK[..], &["--jobs", "5"]].concat()).code, 0);
    assert_eq!(files(&desk.path("set")), alone);
    let again = desk.vicmae(&PACK);
    assert!(again.out.starts_with("nothing to do: set holds these 18 clips"), "{}{}", again.out, again.err);
    assert_eq!(again.code, 0);
    let other = desk.vicmae(&[&PACK[..], &["--frames", "3"]].concat());
    assert!(other.err.starts_with("error: `set` is there already"), "{}", other.err);
    assert_eq!(other.code, 2);
}

#[test]
fn ctrl_c_stops_it_and_other_options_are_refused_until_it_is_restarted() {
    let desk = Desk::new();
    clips(&desk);
    desk.copy("mdn_frog.webm", "videos/train/b/long.webm");
    let mut packer = desk.command(&[&PACK[..], &["--jobs", "1"]].concat()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !desk.path("set.partial/plan.json").exists() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    kill(Pid::from_raw(packer.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(packer.wait().unwrap().code(), Some(130));
    assert!(!desk.path("set").exists());
    let other = desk.vicmae(&[&PACK[..], &["--frames", "3"]].concat());
    insta::assert_snapshot!(other.err, @"
    error: set.partial was begun with other options
    hint: give the same command to go on with it, or `--restart` to throw it away and begin again
    ");
    let restarted = desk.vicmae(&[&PACK[..], &["--frames", "3", "--restart"]].concat());
    assert_eq!(restarted.code, 0, "{}", restarted.err);
    assert!(rows(&desk.path("set")).iter().all(|row| row.frames.len() == 3));
}

#[test]
fn a_second_packer_is_refused() {
    let desk = Desk::new();
    clips(&desk);
    let held = std::fs::File::create(desk.path("set.partial.lock")).unwrap();
    held.lock().unwrap();
    let said = desk.vicmae(&PACK);
    assert!(said.err.starts_with("error: another process is packing into set.partial"), "{}", said.err);
    assert_eq!(said.code, 75);
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let desk = Desk::new();
    clips(&desk);
    desk.write("set.partial/diary.txt", "dear diary");
    for more in [&[][..], &["--restart"]] {
        let said = desk.vicmae(&[&PACK[..], more].concat());
        assert!(said.err.starts_with("error: set.partial is there, and no pack was begun in it"), "{}", said.err);
        assert_eq!(said.code, 2);
    }
    assert!(desk.path("set.partial/diary.txt").is_file() && !desk.path("set").exists());
}
