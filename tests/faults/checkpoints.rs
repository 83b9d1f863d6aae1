//! Checkpoints that are damaged: noticed, named, and never used.

use super::lab::{GRID, Lab, PAIR};
use super::references::{CALM, INTERRUPTED, checkpoints};
use super::{times, witness};
use std::fs;
use std::path::Path;

#[test]
fn a_broken_checkpoint_is_passed_over_and_the_one_before_it_is_used() {
    let lab = Lab::with(PAIR, &INTERRUPTED);
    let newest = checkpoints(&lab.run_folder("pretrain")).pop().unwrap();
    let (whole, hash) = (fs::read(&newest).unwrap(), newest.with_extension("blake3"));
    let flips = times(8, 64);
    let mut damages = vec![Vec::new(), whole[..whole.len() / 2].to_vec(), whole[..whole.len() - 1].to_vec()];
    damages.extend((0..flips).map(|flip| flipped(&whole, flip * (whole.len() - 1) / (flips - 1))));
    for damage in &damages {
        INTERRUPTED.put(&lab.results());
        fs::write(&newest, damage).unwrap();
        goes_on_without(&lab, &[&newest]);
    }
    let hashes: [fn(&Path); 3] =
        [|hash| fs::remove_file(hash).unwrap(), |hash| fs::write(hash, "").unwrap(), |hash| fs::write(hash, [0; 64]).unwrap()];
    for damage in hashes {
        INTERRUPTED.put(&lab.results());
        damage(&hash);
        goes_on_without(&lab, &[&newest]);
    }
    println!(
        "figure: broken checkpoints: {flips} flipped bytes, 3 lengths, 3 hashes; {} of {0} noticed, named and passed over; \
        numbers bitwise equal",
        damages.len() + hashes.len()
    );
}

#[test]
fn a_run_whose_checkpoints_are_all_broken_begins_again() {
    let lab = Lab::with(PAIR, &INTERRUPTED);
    let both = checkpoints(&lab.run_folder("pretrain"));
    for path in &both {
        fs::write(path, flipped(&fs::read(path).unwrap(), 1000)).unwrap();
    }
    goes_on_without(&lab, &both.iter().map(|path| path.as_path()).collect::<Vec<_>>());
    println!("figure: all checkpoints broken: both named, begun again from step 0, numbers bitwise equal");
}

/// The run is done from the newest checkpoint that is whole, or from nothing, and what is broken is told.
fn goes_on_without(lab: &Lab, broken: &[&Path]) {
    let whole = checkpoints(&lab.run_folder("pretrain")).len() - broken.len();
    lab.finish();
    let notices = format!("{:?}", lab.query("SELECT message FROM notices"));
    for path in broken {
        assert!(notices.contains(path.file_name().unwrap().to_str().unwrap()), "{notices}");
    }
    let last = lab.query("SELECT from_step, steps FROM attempts WHERE steps > 1 ORDER BY attempt DESC LIMIT 1").remove(0);
    let (from, steps) = (last["from_step"].as_u64().unwrap(), last["steps"].as_u64().unwrap());
    // There is one after each quarter.
    assert_eq!(from, whole as u64 * steps / 4, "{last}");
    witness::done_once(lab);
    witness::sound(lab);
    witness::calm(lab);
    witness::no_panic(lab);
}

#[test]
fn an_encoder_whose_file_is_broken_is_not_transferred() {
    let lab = Lab::with(GRID, &CALM.results);
    let runs: Vec<_> = fs::read_dir(lab.results().join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let says = |run: &Path, text: &str| fs::read_to_string(run.join("run.yaml")).unwrap().contains(text);
    for transfer in runs.iter().filter(|run| says(run, "\nstage: knn\n")) {
        fs::remove_dir_all(transfer).unwrap();
    }
    let pretraining = runs.iter().find(|run| run.exists() && says(run, "name: vic_mae,seed=1\n")).unwrap();
    let model = pretraining.join("checkpoints/model.safetensors");
    let whole = fs::read(&model).unwrap();
    lab.must(&["reindex"]);
    for damage in [flipped(&whole, whole.len() / 2), whole[..whole.len() / 2].to_vec(), Vec::new()] {
        fs::write(&model, damage).unwrap();
        let said = lab.run();
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.text.contains("model.safetensors") && said.text.contains("cannot be used"), "{said:?}");
        assert_eq!(witness::results(&lab).len(), GRID.runs - 1, "the others are done");
    }
    fs::write(&model, whole).unwrap();
    lab.finish();
    witness::judge(&lab);
    println!("figure: broken encoder of a finished run: 3 damages, 3 transfers failed and named the file, 5 siblings each done");
}

/// A file with one byte changed.
fn flipped(whole: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[at] ^= 0x40;
    bytes
}
