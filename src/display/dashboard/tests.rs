//! The page as it looks, and what keys do to it.

use super::*;
use crate::event::Cause;
use crate::event::Kind;
use jiff::SignedDuration;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

const NAMES: [&str; 6] = [
    "vic_mae,mask_ratio=0.75,seed=0",
    "vic_mae,mask_ratio=0.75,seed=0/linear",
    "mae,mask_ratio=0.75,seed=0",
    "mae,mask_ratio=0.75,seed=0/linear",
    "mae,mask_ratio=0.9,seed=0",
    "random_init,seed=0",
];

fn id(place: usize) -> RunId {
    RunId::of(NAMES[place].as_bytes())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn tell(page: &mut Dashboard, place: usize, second: i64, kind: Kind) {
    page.on(&Event { run: id(place), attempt: 1, seq: 0, at: at(second), kind });
}

fn started(steps: u64) -> Kind {
    Kind::Started { host: "here".into(), device: "cpu".into(), from_step: 0, steps }
}

fn measured(step: u64, values: &[(&str, f64)]) -> Kind {
    Kind::Measured { step, values: values.iter().map(|(name, value)| ((*name).into(), *value)).collect() }
}

/// One run is done, one was done before, one is running, one failed, one was pruned and one waits.
fn story() -> Dashboard {
    let mut page = Dashboard::new("mask_ratio", at(0), false);
    page.begin(Cast { names: (0..6).map(|place| (id(place), NAMES[place].to_owned())).collect(), done: 1 });
    for (place, name) in NAMES.into_iter().enumerate() {
        let stage = if name.ends_with("/linear") { "linear" } else { "pretrain" };
        let finals = BTreeMap::from([("loss".into(), (900, 0.75))]);
        let past = Past { stage: stage.into(), done: place == 5, seconds: 200.0, finals };
        page.recall(id(place), past);
    }
    page.say("process 1234 on lab7 is at results; q leaves, runs go on");
    tell(&mut page, 2, 0, started(900));
    tell(&mut page, 2, 90, measured(900, &[("loss", 0.5)]));
    tell(&mut page, 2, 100, Kind::Finished { seconds: 100.0 });
    tell(&mut page, 3, 100, started(40));
    tell(&mut page, 3, 101, Kind::Failed { cause: Cause::Data, error: "cannot read 7.jpg\nit is no JPEG".into() });
    tell(&mut page, 4, 100, started(900));
    tell(&mut page, 4, 130, Kind::Pruned { step: 90, reason: "loss 3.1 at 10 % is place 5 of 6".into() });
    tell(&mut page, 0, 100, started(900));
    for step in (10..=300).step_by(10) {
        let loss = 1.0 / (step as f64 / 10.0);
        tell(
            &mut page,
            0,
            100 + step as i64 / 5,
            measured(step, &[("loss", loss), ("learning_rate", 3e-5), ("images_per_second", 412.4)]),
        );
    }
    tell(&mut page, 0, 160, Kind::Noticed { message: "3 images were skipped".into() });
    page.tick(at(165));
    page
}

fn drawn(page: &Dashboard, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| page.draw(frame)).unwrap();
    let text = terminal.backend().to_string();
    (0..6).fold(text, |text, place| text.replace(&id(place).short(), &format!("<id of run {place}>")[..12]))
}

fn press(page: &mut Dashboard, keys: &str) {
    assert!(keys.chars().all(|key| page.press(Key::Char(key)) == Flow::Stay));
}

#[test]
fn a_page_of_common_size_shows_the_table_and_one_run() {
    insta::assert_snapshot!(drawn(&story(), 100, 30), @r#"
    "mask_ratio  2 done  1 running  1 failed  1 pruned  1 left                                         3m"
    "id           run                            state       progress step          loss or top1 images/s"
    "<id of run 0 vic_mae,mask_ratio=0.75        running     ━━────── 300/900       loss 0.0333  412     "
    "<id of run 3 mae,mask_ratio=0.75/linear     failed      ──────── 0/40                               "
    "<id of run 1 vic_mae,mask_ratio=0.75/linear waiting     ────────                                    "
    "<id of run 4 mae,mask_ratio=0.9             pruned      ──────── 0/900                              "
    "<id of run 2 mae,mask_ratio=0.75            done        ━━━━━━━━ 900/900       loss 0.5000          "
    "<id of run 5 random_init                    done        ━━━━━━━━               loss 0.7500          "
    " vic_mae,mask_ratio=0.75,seed=0 <id of run 0, pretrain, running ────────────────────────────────────"
    "step 300/900, loss 0.0333, 412 images/s, 2m left                                                    "
    "loss over steps                                              ▸ loss               0.0333            "
    "1.0000│⡇                                                       learning_rate      3.000e-5          "
    "      │⢸                                                       images_per_second  412.4 1/s         "
    "      │⢸                                                     3 images were skipped                  "
    "      │ ⡇                                                                                           "
    "      │ ⡇                                                                                           "
    "      │ ⢸                                                                                           "
    "      │ ⢸                                                                                           "
    "0.5167│  ⡇                                                                                          "
    "      │  ⢱                                                                                          "
    "      │  ⠈⡆                                                                                         "
    "      │   ⠘⢄                                                                                        "
    "      │    ⠈⠢⡀                                                                                      "
    "      │      ⠈⠒⠤⣀                                                                                   "
    "      │          ⠉⠉⠒⠢⠤⢄⣀⣀⣀                                                                          "
    "0.0333│                   ⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀                                         "
    "      └────────────────────────────────────────────────────                                         "
    "     10                                                 300                                         "
    "process 1234 on lab7 is at results; q leaves, runs go on                                            "
    "↑↓ select   tab metric   l log   s smooth   f all   ? help   q leave                                "
    "#);
}

#[test]
fn a_small_page_shows_the_table_alone() {
    insta::assert_snapshot!(drawn(&story(), 60, 15), @r#"
    "mask_ratio  2 done  1 running  1 failed  1 pruned  1 left   "
    "3m                                                          "
    "run,mask_ratio             state       progress loss or top1"
    "vic_mae,0.75               running     ━━────── loss 0.0333 "
    "mae,0.75/linear            failed      ────────             "
    "vic_mae,0.75/linear        waiting     ────────             "
    "mae,0.9                    pruned      ────────             "
    "mae,0.75                   done        ━━━━━━━━ loss 0.5000 "
    "random_init,-              done        ━━━━━━━━ loss 0.7500 "
    "                                                            "
    "                                                            "
    "                                                            "
    "                                                            "
    "process 1234 on lab7 is at results; q leaves, runs go on    "
    "↑↓ select   f all   ? help   q leave                        "
    "#);
}

#[test]
fn a_wide_page_shows_a_failed_run_and_its_log_beside_the_table() {
    let mut page = story();
    press(&mut page, "j");
    page.hear(id(3), vec!["thread main ended".into()]);
    let is_beside = |text: &str| text.lines().any(|line| line.contains("loss or top1") && line.contains("linear, failed"));
    assert!(!is_beside(&drawn(&page, 150, 30)), "names would be cut");
    let text = drawn(&page, 190, 30);
    assert!(is_beside(&text), "{text}");
    for words in [
        "linear, failed",
        "attempt 1 failed (data): cannot read 7.jpg",
        "it is no JPEG",
        "thread main ended",
        "nothing is measured yet",
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
}

#[test]
fn every_size_can_be_drawn_with_every_key_pressed() {
    for keys in ["", "jm", "l", "ls", "?", "f", "ff"] {
        let mut page = story();
        press(&mut page, keys);
        for (width, height) in [(1, 1), (20, 5), (60, 9), (60, 15), (80, 24), (171, 24), (172, 24), (250, 60)] {
            drawn(&page, width, height);
        }
    }
    drawn(&Dashboard::new("empty", at(0), true), 100, 30);
}

#[test]
fn keys_select_runs_and_stop_at_the_ends() {
    let mut page = story();
    let now = |page: &Dashboard| page.selected().unwrap().0;
    assert_eq!(now(&page), id(0));
    press(&mut page, "k");
    assert_eq!(now(&page), id(0));
    page.press(Key::Down);
    assert_eq!(now(&page), id(3));
    press(&mut page, "jjjjjjjjj");
    assert_eq!(now(&page), id(5));
    page.press(Key::Up);
    assert_eq!(now(&page), id(2));
    // The run stays selected when its row moves.
    page.press(Key::Up);
    tell(&mut page, 4, 170, started(900));
    assert_eq!((now(&page), page.rows()[1].0), (id(4), id(4)));
}

#[test]
fn keys_choose_the_metric_the_scale_and_the_runs() {
    let mut page = story();
    let metric = |page: &Dashboard| page.metric(page.selected().unwrap().1).map(|metric| metric.to_string());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.extend(metric(&page));
        page.press(Key::Tab);
    }
    assert_eq!(seen, ["loss", "learning_rate", "images_per_second", "loss"]);
    press(&mut page, "m");
    press(&mut page, "m");
    press(&mut page, "ls");
    assert!(drawn(&page, 100, 30).contains("loss over steps, logarithmic, smoothed"), "{}", drawn(&page, 100, 30));
    press(&mut page, "f");
    assert_eq!(page.rows().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [id(0)]);
    press(&mut page, "f");
    assert_eq!(page.rows().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [id(3)]);
    press(&mut page, "f");
    assert_eq!(page.rows().len(), 6);
}

#[test]
fn keys_leave_and_help_is_left_first() {
    for key in [Key::Char('q'), Key::Esc, Key::CtrlC] {
        assert_eq!(story().press(key), Flow::Leave);
    }
    let mut page = story();
    press(&mut page, "?");
    assert!(drawn(&page, 60, 15).contains("leave; runs go on"));
    assert_eq!(page.press(Key::Esc), Flow::Stay);
    assert!(!drawn(&page, 60, 15).contains("leave; runs go on"));
    assert_eq!(page.press(Key::Esc), Flow::Leave);
}

/// A page of runs of which nothing is known yet.
fn many(count: usize) -> Dashboard {
    let mut page = Dashboard::new("grid", at(0), false);
    let names = (0..count).map(|place| format!("mae,ratio=0.{place},seed=0"));
    page.begin(Cast { names: names.map(|name| (RunId::of(name.as_bytes()), name)).collect(), done: 0 });
    page
}

#[test]
fn keys_go_far_and_the_page_says_which_rows_are_seen() {
    let mut page = many(24);
    for (key, seen) in [
        (Key::Char('g'), "  1-8 of 24"),
        (Key::PageDown, "  5-12 of 24"),
        (Key::End, "  17-24 of 24"),
        (Key::PageUp, "  12-19 of 24"),
        (Key::Home, "  1-8 of 24"),
        (Key::Char('G'), "  17-24 of 24"),
    ] {
        drawn(&page, 60, 12);
        press_key(&mut page, key);
        let text = drawn(&page, 60, 12);
        assert!(text.contains(seen) && text.contains("q leave"), "{key:?} should lead to{seen} in\n{text}");
    }
    assert!(!drawn(&many(8), 60, 12).contains("of 8"));
}

fn press_key(page: &mut Dashboard, key: Key) {
    assert_eq!(page.press(key), Flow::Stay);
}

#[test]
fn a_filter_that_lets_nothing_through_says_how_to_go_on() {
    let mut page = many(3);
    press(&mut page, "f");
    assert!(drawn(&page, 60, 12).contains("no run is running; f shows those that failed, and then all"));
    press(&mut page, "f");
    assert!(drawn(&page, 60, 12).contains("no run failed; f shows all"));
}

#[test]
fn help_is_whole_on_a_small_page() {
    let mut page = story();
    press(&mut page, "?");
    let text = drawn(&page, 60, 9);
    for words in ["a run up, down", "the last run", "all, running, failed", "leave; runs go on", "any key: back"] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
}

#[test]
fn a_long_message_takes_two_lines_where_they_are() {
    let mut page = story();
    page.say("process 1234 on lab7 is at /somewhere/far/away/results; q leaves, runs go on");
    let text = drawn(&page, 60, 15);
    assert!(text.contains("\"leaves, runs go on "), "{text}");
    assert!(drawn(&page, 60, 9).contains('…'));
}

#[test]
fn the_end_is_told_as_it_was() {
    let mut page = story();
    assert_eq!(
        page.ending("x.yaml"),
        "it has ended without a word: nobody is at work any more, and 2 of 6 runs are left; `vicmae run x.yaml` goes on"
    );
    tell(&mut page, 0, 170, Kind::Interrupted { step: 300 });
    assert_eq!(page.ending("x.yaml"), "it has ended: 2 of 6 runs are left, 1 failed; the same `vicmae run x.yaml` goes on");
    let done = || Kind::Finished { seconds: 1.0 };
    [0, 1].into_iter().for_each(|place| tell(&mut page, place, 180, done()));
    assert_eq!(page.ending("FILE"), "it has ended: 1 of 6 runs failed; the same `vicmae run FILE` tries them again");
    tell(&mut page, 3, 190, done());
    assert_eq!(page.ending("FILE"), "it has ended: 5 of 6 runs are done, 1 pruned");
    tell(&mut page, 4, 190, done());
    assert_eq!(page.ending("FILE"), "it has ended: all 6 runs are done");
    tell(&mut page, 4, 195, Kind::Failed { cause: Cause::Lost, error: "the node is gone".into() });
    assert_eq!(page.ending("FILE"), "it has ended: all 6 runs are done", "a result is one, whatever is said after it");
}

#[test]
fn a_run_that_was_done_before_is_read_when_it_is_looked_at() {
    let mut page = story();
    assert_eq!(page.unread(), None);
    press(&mut page, "jjjjj");
    assert_eq!(page.unread(), Some(id(5)));
    let event = |kind| Event { run: id(5), attempt: 1, seq: 0, at: at(0), kind };
    page.read(id(5), &[started(900), measured(1, &[("loss", 2.0)]), measured(900, &[("loss", 0.75)])].map(event));
    assert_eq!((page.unread(), page.count(|state| state == State::Done)), (None, 2));
    let (_, run) = page.selected().unwrap();
    assert_eq!(run.curves[&Metric::from("loss")].points(), [(1, 2.0), (900, 0.75)]);
    assert_eq!(run.stage, "pretrain");
}

#[test]
fn a_done_run_without_a_log_keeps_its_last_numbers() {
    let mut page = story();
    press(&mut page, "jjjjj");
    page.read(id(5), &[]);
    let (_, run) = page.selected().unwrap();
    assert_eq!((page.unread(), run.number(), run.seconds), (None, Some(("loss", 0.75)), 200.0));
}

#[test]
fn time_stands_still_when_it_is_over() {
    let mut page = story();
    page.end();
    page.tick(at(165) + SignedDuration::from_hours(5));
    assert!(drawn(&page, 100, 30).contains("ended after 3m"), "{}", drawn(&page, 100, 30));
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let coloured = |colours| {
        let mut page = story();
        page.colours = colours;
        let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
        terminal.draw(|frame| page.draw(frame)).unwrap();
        let cells = &terminal.backend().buffer().content;
        cells.iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count()
    };
    assert_eq!(coloured(false), 0);
    assert!(coloured(true) > 0);
}
