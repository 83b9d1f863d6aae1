//! Checkpoints: safetensors with a hash beside them, written whole or not at all.

use super::window::Window;
use crate::event::{Event, Kind};
use crate::model::Config;
use crate::model::state::StateDict;
use crate::run_folder::{EventReader, RunFolder, is_unfinished, write_if};
use crate::weights::write::{MODEL, metadata, to_bytes};
use anyhow::{Context, Result, bail};
use burn::tensor::TensorData;
use safetensors::tensor::SafeTensors;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The key in the metadata that says where the run is, as JSON.
const PROGRESS: &str = "progress";

/// Put before the names of the optimizer's tensors, and before those of what learns beside the model.
const OPTIMIZER: &str = "optimizer.";
const BESIDE: &str = "beside.";

/// Checkpoints of an unfinished run that are kept.
const KEPT: usize = 2;

/// Everything that is needed to go on: weights, moments, and where in the schedule the run is.
///
/// Random numbers need no state: order, views and masks are functions of the seed and the step.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<P> {
    /// Weights by official name.
    pub model: StateDict,
    /// Moments of the optimizer.
    pub optimizer: StateDict,
    /// What learns beside the model.
    pub beside: StateDict,
    /// Where the run is.
    pub progress: P,
}

/// Where a run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps of the optimizer that are done.
    pub step: u64,
    /// Numbers of the steps since the last row.
    pub window: Window,
}

/// Saves a checkpoint as `checkpoints/step-<step>.safetensors`, drops old ones, and returns its path below the run's folder.
pub fn save<P: Serialize>(folder: &RunFolder, step: u64, checkpoint: &Checkpoint<P>) -> Result<String> {
    let name = format!("step-{step:08}.safetensors");
    let Checkpoint { model, optimizer, beside, .. } = checkpoint;
    let under = |place: &'static str, tensors| named(tensors).map(move |(name, data)| (format!("{place}{name}"), data));
    let tensors = named(model).chain(under(OPTIMIZER, optimizer)).chain(under(BESIDE, beside));
    let progress = BTreeMap::from([(PROGRESS.to_owned(), serde_json::to_string(&checkpoint.progress)?)]);
    write(folder, &folder.checkpoints().join(&name), tensors, progress)?;
    // Later ones are of an attempt whose record is lost.
    let (mine, lost): (Vec<_>, Vec<_>) =
        steps(folder)?.into_iter().partition(|path| path.file_name().is_some_and(|other| *other <= *OsStr::new(&name)));
    mine.iter().rev().skip(KEPT).chain(&lost).try_for_each(|old| remove(old))?;
    remove_where(folder, is_unfinished)?;
    Ok(format!("checkpoints/{name}"))
}

/// Loads the newest checkpoint that is whole and on record. Others are passed over and named in `notice`.
///
/// The record of a checkpoint is brought to the disk with everything that was measured before it. One that is not on record
/// may know steps whose numbers a power cut has taken from the events.
pub fn load_newest<P: DeserializeOwned>(
    folder: &RunFolder,
    notice: &mut dyn FnMut(String) -> Result<()>,
) -> Result<Option<Checkpoint<P>>> {
    let recorded = recorded(folder)?;
    for path in steps(folder)?.iter().rev() {
        if !path.file_name().is_some_and(|name| recorded.contains(name)) {
            notice(format!("passed over the checkpoint {}, which is not on record", path.display()))?;
            continue;
        }
        match read(path) {
            Ok((tensors, metadata)) => {
                let [mut model, mut optimizer, mut beside] = [(); 3].map(|()| StateDict::new());
                for (name, data) in tensors {
                    if let Some(name) = name.strip_prefix(OPTIMIZER) {
                        optimizer.insert(name.to_owned(), data);
                    } else if let Some(name) = name.strip_prefix(BESIDE) {
                        beside.insert(name.to_owned(), data);
                    } else {
                        model.insert(name, data);
                    }
                }
                let progress = metadata.get(PROGRESS).map_or("", String::as_str);
                let progress = serde_json::from_str(progress).context("the checkpoint does not say where the run is")?;
                return Ok(Some(Checkpoint { model, optimizer, beside, progress }));
            }
            Err(error) => notice(format!("passed over the broken checkpoint {}: {error:#}", path.display()))?,
        }
    }
    Ok(None)
}

/// The names of the checkpoints that the run's events tell of.
fn recorded(folder: &RunFolder) -> Result<HashSet<OsString>> {
    let name = |event: Event| match event.kind {
        Kind::Saved { path, .. } => Path::new(&path).file_name().map(OsStr::to_owned),
        _ => None,
    };
    Ok(EventReader::open(folder).poll()?.into_iter().filter_map(name).collect())
}

/// The final weights of a run: `checkpoints/model.safetensors`.
pub fn final_path(folder: &RunFolder) -> PathBuf {
    folder.checkpoints().join("model.safetensors")
}

/// Saves the final weights. The file says which model it is of, so that it can be used by itself.
pub fn finish(folder: &RunFolder, model: &Config, weights: &StateDict) -> Result<String> {
    let path = "checkpoints/model.safetensors";
    write(folder, &folder.path().join(path), named(weights), metadata(model))?;
    Ok(path.into())
}

/// Saves weights as `checkpoints/<name>.safetensors`, and returns that path below the run's folder.
pub fn keep(folder: &RunFolder, name: &str, weights: &StateDict) -> Result<String> {
    let path = format!("checkpoints/{name}.safetensors");
    write(folder, &folder.path().join(&path), named(weights), BTreeMap::new())?;
    Ok(path)
}

fn named(weights: &StateDict) -> impl Iterator<Item = (String, &TensorData)> {
    weights.iter().map(|(name, data)| (name.clone(), data))
}

/// Drops the checkpoints that led to the result of a run, and what a killed worker was writing.
pub fn clear(folder: &RunFolder) -> Result<()> {
    remove_where(folder, |name| name.as_encoded_bytes().starts_with(b"step-") || is_unfinished(name))
}

/// Removes files by their names. Nobody else writes here: a worker is the only one of its run.
fn remove_where(folder: &RunFolder, unwanted: impl Fn(&OsStr) -> bool) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder.checkpoints()) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if unwanted(&entry.file_name()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Loads the final weights of a run, and the model that they say they are of.
pub fn load_final(folder: &RunFolder) -> Result<(StateDict, Option<Config>)> {
    let path = final_path(folder);
    let (tensors, metadata) = read(&path).with_context(|| format!("the encoder {} cannot be used", path.display()))?;
    let model: Option<Config> = metadata.get(MODEL).and_then(|text| serde_json::from_str(text).ok());
    let model = model.filter(|model| model.check().is_ok());
    Ok((tensors.into_iter().collect(), model))
}

/// The checkpoints of an unfinished run, oldest first.
fn steps(folder: &RunFolder) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder.checkpoints()) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("step-") && name.ends_with(".safetensors") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn hash_path(path: &Path) -> PathBuf {
    path.with_extension("blake3")
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path)?;
    // A person may have removed the hash.
    match std::fs::remove_file(hash_path(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn write<'a>(
    folder: &RunFolder,
    path: &Path,
    tensors: impl Iterator<Item = (String, &'a TensorData)>,
    metadata: BTreeMap<String, String>,
) -> Result<()> {
    let bytes = to_bytes(tensors, &metadata)?;
    std::fs::create_dir_all(folder.checkpoints())?;
    // The hash comes first: whoever is killed in between leaves a hash without a checkpoint, and not the other way round.
    // Who was replaced writes neither: its hash would make another's checkpoint a broken one.
    write_if(&hash_path(path), blake3::hash(&bytes).to_hex().as_bytes(), || folder.check())?;
    write_if(path, &bytes, || folder.check())
}

type Tensors = Vec<(String, TensorData)>;

fn read(path: &Path) -> Result<(Tensors, BTreeMap<String, String>)> {
    let bytes = std::fs::read(path)?;
    let hash = std::fs::read_to_string(hash_path(path)).context("its hash is missing")?;
    if blake3::hash(&bytes).to_hex().as_str() != hash.trim() {
        bail!("its content does not have the hash that was written beside it");
    }
    let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
    let metadata = metadata.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let tensors = SafeTensors::deserialize(&bytes)?
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let values: Vec<f32> = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            (name, TensorData::new(values, view.shape().to_vec()))
        })
        .collect();
    Ok((tensors, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Transformer, Vit};
    use crate::run_folder::EventWriter;
    use crate::run_folder::Fenced;
    use crate::run_folder::Lease;
    use crate::run_id::RunId;

    fn folder(root: &Path) -> RunFolder {
        RunFolder::new(root, RunId::of(b"a run"))
    }

    fn model() -> Config {
        let size = Transformer { width: 8, depth: 1, heads: 2 };
        Config { vit: Vit(size), image: 16, patch: 4, decoder: size }
    }

    fn checkpoint(step: u64) -> Checkpoint<Progress> {
        let tensor = |values: &[f32]| TensorData::new(values.to_vec(), [values.len()]);
        Checkpoint {
            model: StateDict::from([("norm.weight".into(), tensor(&[step as f32, 2.0]))]),
            optimizer: StateDict::from([("first.norm.weight".into(), tensor(&[0.5]))]),
            beside: StateDict::from([("queue".into(), tensor(&[1.5, 2.5, 3.5]))]),
            progress: Progress { step, window: Window::default() },
        }
    }

    /// Saves a checkpoint and puts it on record, as a run does.
    fn save_and_say(folder: &RunFolder, step: u64) -> String {
        let path = save(folder, step, &checkpoint(step)).unwrap();
        let mut events = EventWriter::open(folder, RunId::of(b"a run"), 1).unwrap();
        events.emit(Kind::Saved { step, path: path.clone() }).unwrap();
        path
    }

    #[test]
    fn a_checkpoint_that_is_not_on_record_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        save_and_say(&folder, 10);
        save(&folder, 20, &checkpoint(20)).unwrap();
        let mut notices = Vec::new();
        let loaded: Option<Checkpoint<Progress>> = load_newest(&folder, &mut |notice| {
            notices.push(notice);
            Ok(())
        })
        .unwrap();
        assert_eq!((loaded.unwrap().progress.step, notices.len()), (10, 1));
        assert!(notices[0].ends_with("step-00000020.safetensors, which is not on record"), "{notices:?}");
        save_and_say(&folder, 15);
        assert_eq!(steps(&folder).unwrap().len(), 2, "the one of step 20 is gone");
    }

    #[test]
    fn the_newest_comes_back_and_two_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        for step in [10, 20, 30] {
            save_and_say(&folder, step);
        }
        assert_eq!(steps(&folder).unwrap().len(), 2);
        let loaded = load_newest(&folder, &mut |notice| panic!("{notice}")).unwrap();
        assert_eq!(loaded, Some(checkpoint(30)));
    }

    #[test]
    fn a_broken_checkpoint_is_passed_over_whatever_byte_is_wrong() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        save_and_say(&folder, 10);
        let newest = folder.path().join(save_and_say(&folder, 20));
        let whole = std::fs::read(&newest).unwrap();
        let mut broken: Vec<Vec<u8>> = vec![Vec::new(), whole[..whole.len() / 2].to_vec()];
        broken.extend((0..whole.len()).step_by(whole.len() / 64).map(|offset| {
            let mut bytes = whole.clone();
            bytes[offset] ^= 0x40;
            bytes
        }));
        for bytes in broken {
            std::fs::write(&newest, bytes).unwrap();
            let mut notices = 0;
            let loaded: Checkpoint<Progress> = load_newest(&folder, &mut |_| {
                notices += 1;
                Ok(())
            })
            .unwrap()
            .unwrap();
            assert_eq!((loaded.progress.step, notices), (10, 1));
        }
    }

    #[test]
    fn what_a_killed_worker_was_writing_does_not_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let cut_off = folder.checkpoints().join(".new-a1b2c3");
        std::fs::create_dir_all(folder.checkpoints()).unwrap();
        for tidy in [|folder: &RunFolder| save(folder, 10, &checkpoint(10)).map(drop), clear] {
            std::fs::write(&cut_off, b"half a checkpoint").unwrap();
            tidy(&folder).unwrap();
            assert!(!cut_off.exists());
        }
    }

    #[test]
    fn finishing_leaves_the_weights_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        save(&folder, 10, &checkpoint(10)).unwrap();
        finish(&folder, &model(), &checkpoint(20).model).unwrap();
        clear(&folder).unwrap();
        assert_eq!(load_final(&folder).unwrap(), (checkpoint(20).model, Some(model())));
        assert!(steps(&folder).unwrap().is_empty());
    }

    #[test]
    fn who_was_replaced_leaves_the_weights_and_the_hash_of_another_alone() {
        let root = tempfile::tempdir().unwrap();
        let held = |attempt| folder(root.path()).held_by(Lease::take(&folder(root.path()), attempt).unwrap().0);
        let [replaced, holder] = [1, 2].map(held);
        finish(&holder, &model(), &checkpoint(20).model).unwrap();
        assert!(finish(&replaced, &model(), &checkpoint(10).model).unwrap_err().is::<Fenced>());
        assert_eq!(load_final(&holder).unwrap(), (checkpoint(20).model, Some(model())));
    }
}
