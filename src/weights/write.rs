//! Weights for other programs: the names that they use, in safetensors.

use super::fit::fit;
use super::hugging_face;
use super::shape;
use crate::failure::Failure;
use crate::model::Config;
use crate::model::state::StateDict;
use crate::run_folder::write_atomically;
use anyhow::Result;
use burn::tensor::TensorData;
use safetensors::Dtype;
use safetensors::View;
use safetensors::serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Whose names an export uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The official ones of MAE and ViC-MAE: encoder, and decoder where there is one.
    Mae,
    /// timm's `VisionTransformer`: the encoder alone.
    Timm,
    /// Hugging Face's `ViTMAEForPreTraining`, or `ViTMAEModel` where there is no whole decoder.
    Huggingface,
}

impl Format {
    /// The formats by the names that people give.
    pub const NAMES: [(&'static str, Format); 3] =
        [("mae", Format::Mae), ("timm", Format::Timm), ("huggingface", Format::Huggingface)];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Format::NAMES.iter().find(|(_, format)| format == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Format {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let known = Format::NAMES.iter().find(|(name, _)| *name == text).map(|(_, format)| *format);
        let names = || Format::NAMES.iter().map(|(name, _)| *name);
        known.ok_or_else(|| {
            let all: Vec<&str> = names().collect();
            Failure::input(format!("there is no format `{text}`"))
                .nearest(text, names())
                .hint(format!("formats: {}", all.join(", ")))
        })
    }
}

/// Turns a state dict with official names into that of another program. Projectors and heads stay behind.
///
/// # Errors
/// When the encoder is not whole or does not fit `config`.
pub fn export(state: StateDict, config: &Config, format: Format) -> Result<StateDict, Failure> {
    let fitted = fit(state, config, &mut Vec::new())?;
    let whole = fitted.missing.is_empty();
    let mut state = fitted.state;
    if format == Format::Timm || (format == Format::Huggingface && !whole) {
        for (name, _) in shape::decoder(config) {
            state.remove(&name);
        }
    }
    Ok(match format {
        Format::Mae | Format::Timm => state,
        Format::Huggingface => hugging_face::from_official(state, whole),
    })
}

/// The key in a file's metadata that says which model its weights are of, as JSON.
pub const MODEL: &str = "vicmae.model";

/// The metadata of a file of weights: `format`, which PyTorch's loaders look for, and the sizes of the model.
pub fn metadata(config: &Config) -> BTreeMap<String, String> {
    let model = serde_json::json!(config).to_string();
    BTreeMap::from([("format".to_owned(), "pt".to_owned()), (MODEL.to_owned(), model)])
}

/// Writes tensors as 32-bit safetensors, whole or not at all. `metadata` is kept in the file's header.
///
/// # Errors
/// When the disk refuses; a file that was at `path` before is then still there.
pub fn save(path: &Path, state: &StateDict, metadata: &BTreeMap<String, String>) -> Result<()> {
    let tensors = state.iter().map(|(name, data)| (name.clone(), data));
    write_atomically(path, &to_bytes(tensors, metadata)?)
}

/// Tensors as the bytes of a file of 32-bit safetensors, with `metadata` in its header.
///
/// # Errors
/// When the format cannot hold them.
pub fn to_bytes<'a>(
    tensors: impl Iterator<Item = (String, &'a TensorData)>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let tensors = tensors.map(|(name, data)| (name, Floats { data, shape: data.shape().to_vec() }));
    let header = metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(serialize(tensors, Some(header))?)
}

/// Lets a tensor's bytes be made one tensor at a time.
struct Floats<'a> {
    data: &'a TensorData,
    shape: Vec<usize>,
}

impl View for Floats<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.data.iter::<f32>().flat_map(f32::to_le_bytes).collect())
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * Dtype::F32.bitsize() / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::names::official;
    use crate::weights::read::read;
    use crate::weights::samples::mae_tiny;
    use crate::weights::samples::tensor;
    use crate::weights::samples::tiny;

    fn through_a_file(state: &StateDict) -> StateDict {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        save(&path, state, &metadata(&tiny())).unwrap();
        read(&path, &mut Vec::new()).unwrap()
    }

    #[test]
    fn every_format_comes_back_the_same_bit_for_bit() {
        let mut trained = mae_tiny();
        trained.insert("projector.0.weight".into(), tensor(&[4, 8]));
        for (name, format) in Format::NAMES {
            let state = through_a_file(&export(trained.clone(), &tiny(), format).unwrap());
            let mut expected = mae_tiny();
            if format == Format::Timm {
                expected.retain(|name, _| !name.starts_with("decoder_") && name != "mask_token");
            }
            assert_eq!(official(state, &mut Vec::new()).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn hugging_face_gets_a_whole_decoder_or_none() {
        let mut state = mae_tiny();
        assert!(export(state.clone(), &tiny(), Format::Huggingface).unwrap().contains_key("vit.layernorm.weight"));
        state.remove("decoder_pred.bias");
        let bare = export(state, &tiny(), Format::Huggingface).unwrap();
        assert!(bare.contains_key("layernorm.weight") && bare.keys().all(|name| !name.starts_with("decoder.")));
    }

    #[test]
    fn weights_of_another_model_are_not_exported() {
        let mut state = mae_tiny();
        state.remove("norm.bias");
        assert!(export(state, &tiny(), Format::Timm).unwrap_err().message.contains("norm.bias"));
    }

    #[test]
    fn a_format_is_written_as_it_is_read() {
        for (name, format) in Format::NAMES {
            assert_eq!(name.parse::<Format>().unwrap(), format);
            assert_eq!(format.to_string(), name);
        }
        insta::assert_snapshot!("hugging-face".parse::<Format>().unwrap_err(), @"
        there is no format `hugging-face`
        hint: did you mean `huggingface`?
        hint: formats: mae, timm, huggingface
        ");
    }

    #[test]
    fn the_metadata_tells_the_model() {
        insta::assert_snapshot!(
            metadata(&tiny())["vicmae.model"],
            @r#"{"vit":{"width":8,"depth":1,"heads":2},"image":8,"patch":4,"decoder":{"width":4,"depth":1,"heads":1}}"#
        );
    }
}
