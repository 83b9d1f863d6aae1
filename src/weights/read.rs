//! Reading a checkpoint: safetensors, or what `torch.save` wrote. Nothing in it is ever executed.

use super::floats::floats;
use super::floats::kind;
use super::opening;
use super::opening::Format;
use super::prefix;
use super::write::MODEL;
use crate::failure::Failure;
use crate::model::Config;
use crate::model::state::StateDict;
use anyhow::Result;
use burn::tensor::TensorData;
use pytorch_reader::PytorchError;
use pytorch_reader::PytorchReader;
use safetensors::SafeTensors;
use std::io::Read;
use std::path::Path;

/// A tensor may be a view that repeats what the file holds; more than this many times the file's size is an attack.
const LARGEST_SWELL: u64 = 8;

/// Reads the tensors of the ViT in a checkpoint as 32-bit floats, by name, in the shapes of the file.
///
/// The format is told from the content. The key that the state dict is under and the wrappers' prefixes are taken off the
/// names; what is outside of them (optimizer, arguments) is not read. `notes` gets a sentence where a choice was made.
///
/// # Errors
/// A [`Failure`] with the path when the file cannot be opened, is neither format, is damaged, or holds no ViT.
pub fn read(path: &Path, notes: &mut Vec<String>) -> Result<StateDict> {
    let state = opening::format_of(path).and_then(|format| match format {
        Format::Safetensors => {
            let bytes = std::fs::read(path).map_err(|error| opening::cannot_open(&error))?;
            safetensors(&bytes, notes)
        }
        Format::Torch { length } => torch(path, length, notes),
    });
    Ok(state.map_err(|failure| about(path, failure))?)
}

/// The failure with the path of the file in front.
pub(super) fn about(path: &Path, failure: Failure) -> Failure {
    Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
}

/// The model that a file of our own says it is of.
pub(super) fn said(path: &Path) -> Option<Config> {
    if opening::format_of(path).ok()? != Format::Safetensors {
        return None;
    }
    // The header alone: the weights may be large.
    let mut file = std::fs::File::open(path).ok()?;
    let (mut length, mut header) = ([0; 8], Vec::new());
    file.read_exact(&mut length).ok()?;
    file.take(u64::from_le_bytes(length)).read_to_end(&mut header).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    let model: Config = serde_json::from_str(header["__metadata__"][MODEL].as_str()?).ok()?;
    model.check().is_ok().then_some(model)
}

fn damaged(cause: impl std::fmt::Display) -> Failure {
    let cause = printable(cause.to_string().trim_end_matches('.'));
    Failure::input(format!("the file is damaged or cut off: {cause}")).hint("copy or download it again, and compare its hash")
}

fn safetensors(bytes: &[u8], notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let names = file.names();
    let prefix = prefix::of(names.iter().copied(), notes)?;
    let mut state = StateDict::new();
    for (name, view) in file.iter() {
        let Some(short) = name.strip_prefix(&prefix) else { continue };
        let Some(dtype) = kind(view.dtype()) else {
            let name = printable(name);
            return Err(Failure::input(format!("the tensor `{name}` is of type {}, which is not read", view.dtype()))
                .hint("save it again as 32-bit floats: tensor.float()"));
        };
        state.insert(short.to_owned(), tensor(name, floats(dtype, view.data()), view.shape())?);
    }
    Ok(state)
}

fn torch(path: &Path, length: u64, notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    let file = PytorchReader::new(path).map_err(|error| torch_failure(&error))?;
    let prefix = prefix::of(file.tensors().keys().map(String::as_str), notes)?;
    let wanted = || file.tensors().iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)));
    let claimed = wanted().fold(0u64, |sum, (_, tensor)| sum.saturating_add(tensor.byte_len() as u64));
    if claimed > length.saturating_mul(LARGEST_SWELL) {
        return Err(Failure::input(format!("its tensors claim {claimed} bytes, but the file has only {length}"))
            .hint("the file was made to fill the memory, or is damaged: do not use it"));
    }
    wanted()
        .map(|(name, tensor)| {
            let bytes = tensor.read().map_err(damaged)?;
            Ok((name.to_owned(), self::tensor(name, floats(tensor.dtype(), &bytes), tensor.shape())?))
        })
        .collect()
}

/// With values in every tensor, no side of a shape is larger than the file, and sums of sides cannot overflow.
fn tensor(name: &str, values: Vec<f32>, shape: &[usize]) -> Result<TensorData, Failure> {
    if values.is_empty() {
        let name = printable(name);
        return Err(Failure::input(format!("the tensor `{name}` of shape {shape:?} has no values"))
            .hint("the file is damaged, or its weights were left on another machine (sharded, offloaded): save them whole"));
    }
    Ok(TensorData::new(values, shape.to_vec()))
}

fn torch_failure(error: &PytorchError) -> Failure {
    match error {
        PytorchError::InvalidFormat(_) => Failure::input("this is no checkpoint of a known format").hint(opening::WANTED),
        PytorchError::Pickle(pytorch_reader::PickleError::UnsupportedType(name)) => {
            let resave = "in PyTorch, save the state dict alone: torch.save({\"model\": model.state_dict()}, path)";
            let name = printable(name);
            Failure::input(format!("it holds a Python object with tensors in it, `{name}`, that is not read")).hint(resave)
        }
        other => damaged(other),
    }
}

/// A name or a cause from a file, as it may be shown on a terminal: without control characters, and not without end.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let shown: String = text.chars().take(LONGEST).flat_map(escaped).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{shown}..") } else { shown }
}

fn escaped(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::names::official;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/weights");

    fn sample(name: &str) -> (Result<StateDict>, String) {
        let mut notes = Vec::new();
        (read(&Path::new(SAMPLES).join(name), &mut notes), notes.join("\n"))
    }

    /// What reading these bytes says, with the path left out.
    fn refusal(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let error = read(file.path(), &mut Vec::new()).unwrap_err();
        let failure = error.downcast::<Failure>().unwrap().to_string();
        failure.strip_prefix(&format!("{}: ", file.path().display())).unwrap().to_owned()
    }

    #[test]
    fn both_formats_give_the_same_tensors() {
        let torch = read(&Path::new(GOLDEN).join("vic_mae_a.pth"), &mut Vec::new()).unwrap();
        // The golden file holds gradients, too, under the same names: only its parameters go into a file to read.
        let bytes = std::fs::read(Path::new(GOLDEN).join("vic_mae_a.safetensors")).unwrap();
        let golden = SafeTensors::deserialize(&bytes).unwrap();
        let parameters = golden.iter().filter_map(|(name, view)| Some((name.strip_prefix("param.")?.to_owned(), view)));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), safetensors::serialize(parameters, None).unwrap()).unwrap();
        let safe = read(file.path(), &mut Vec::new()).unwrap();
        assert_eq!(torch.len(), 66);
        assert_eq!(torch, safe);
    }

    #[test]
    fn a_training_checkpoint_is_read_past_its_arguments_and_optimizer() {
        for name in ["training.pth", "training_legacy.pth"] {
            let (state, notes) = sample(name);
            let state = state.unwrap();
            let names: Vec<&str> = state.keys().map(String::as_str).collect();
            let expected = ["head.weight", "norm.weight", "patch_embed.proj.bias", "patch_embed.proj.weight", "position_ids"];
            assert_eq!((names.as_slice(), notes), (expected.as_slice(), String::new()), "{name}");
            let values = |name: &str| state[name].iter::<f32>().collect::<Vec<_>>();
            assert_eq!(values("patch_embed.proj.weight"), (0..96).map(|n| n as f32).collect::<Vec<_>>());
            assert_eq!(values("patch_embed.proj.bias"), [0.5, -0.25]);
            assert_eq!(values("position_ids"), [0.0, 1.0, 2.0]);
            // Saved as a transposed view.
            assert_eq!(values("head.weight"), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
            assert_eq!(state["head.weight"].shape().to_vec(), [2, 3]);
        }
    }

    #[test]
    fn files_that_are_no_checkpoint_are_refused_with_a_remedy() {
        insta::assert_snapshot!(refusal(b"lr: 0.1\n"), @"
        this is no checkpoint of a known format
        hint: give a .safetensors file, or a .pth, .pt or .bin file that torch.save wrote
        ");
        insta::assert_snapshot!(refusal(b"(text that opens as a pickle may"), @"
        the file is damaged or cut off: pickle: invalid data in pickle file: MARK not found on stack
        hint: copy or download it again, and compare its hash
        ");
        insta::assert_snapshot!(refusal(b"\x02\0\0\0\0\0\0\0{}"), @"
        there are no tensors in it
        hint: give the file with the weights, not its configuration
        ");
        let error = read(Path::new("/nowhere/a.pth"), &mut Vec::new()).unwrap_err();
        insta::assert_snapshot!(error, @"
        /nowhere/a.pth: cannot read the file: No such file or directory (os error 2)
        hint: check the path, and whether you may read what is there
        ");
    }

    #[test]
    fn a_tensor_without_values_is_refused() {
        let shape = vec![1 << 31, 1, 0, 1 << 31, 1 << 10];
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &[]).unwrap();
        let bytes = safetensors::serialize([("patch_embed.proj.weight", view)], None).unwrap();
        insta::assert_snapshot!(refusal(&bytes), @"
        the tensor `patch_embed.proj.weight` of shape [2147483648, 1, 0, 2147483648, 1024] has no values
        hint: the file is damaged, or its weights were left on another machine (sharded, offloaded): save them whole
        ");
    }

    #[test]
    fn files_made_to_harm_are_refused() {
        let refused = |name| sample(name).0.unwrap_err().to_string().replace(SAMPLES, "..");
        insta::assert_snapshot!(refused("swollen.pth"), @"
        ../swollen.pth: its tensors claim 3221225472 bytes, but the file has only 1641
        hint: the file was made to fill the memory, or is damaged: do not use it
        ");
        insta::assert_snapshot!(refused("sparse.pth"), @r#"
        ../sparse.pth: it holds a Python object with tensors in it, `torch._utils._rebuild_sparse_tensor`, that is not read
        hint: in PyTorch, save the state dict alone: torch.save({"model": model.state_dict()}, path)
        "#);
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(printable(&"x".repeat(1000)).len(), 202);
    }

    #[test]
    fn a_damaged_file_is_refused_or_read_but_never_ends_the_program() {
        for name in ["vic_mae_a.pth", "vic_mae_a.safetensors"] {
            let whole = std::fs::read(Path::new(GOLDEN).join(name)).unwrap();
            for part in 0..32 {
                let refusal = refusal(&whole[..whole.len() * part / 32]);
                assert!(refusal.contains("hint: ") && refusal.lines().count() < 5, "{refusal}");
            }
            // The last offsets of an archive are its table, the first of the other format are its header.
            let (spread, dense) = (whole.len() / 64, whole.len() - 4096);
            let places = (0..64).flat_map(|n| [n * spread, n * 64, n * 7, dense + n * 64, whole.len() - 1 - n]);
            for place in places {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << (place % 8);
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), bytes).unwrap();
                match read(file.path(), &mut Vec::new()) {
                    Ok(state) => _ = official(state, &mut Vec::new()),
                    Err(error) => assert!(error.downcast::<Failure>().is_ok_and(|failure| !failure.hints.is_empty())),
                }
            }
        }
    }

    #[test]
    fn a_file_says_its_model_and_one_that_cannot_be_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let model = crate::weights::samples::tiny();
        let state = crate::weights::samples::of(&model);
        let save = |text: String| {
            let metadata = std::collections::BTreeMap::from([(MODEL.to_owned(), text)]);
            crate::weights::write::save(&path, &state, &metadata).unwrap();
        };
        let text = serde_json::to_string(&model).unwrap();
        save(text.clone());
        assert_eq!(said(&path), Some(model));
        for (good, bad) in [("\"patch\":4", "\"patch\":0"), ("\"depth\":1", "\"depth\":99999999"), ("\"heads\":2", "\"heads\":3")]
        {
            assert!(text.contains(good), "{text}");
            save(text.replace(good, bad));
            assert_eq!(said(&path), None, "{bad}");
        }
    }
}
