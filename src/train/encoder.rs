//! The encoder that a run or a file holds, ready to be used.

use super::{Halt, checkpoint};
use crate::event::Cause;
use crate::failure::Failure;
use crate::model;
use crate::model::state;
use crate::model::{Decoder, Encoder, Init, Precision};
use crate::run_folder::{RunFile, RunFolder};
use crate::spec::work::{Pretrain, Work};
use crate::weights::load::load;
use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
use std::path::Path;

/// Weights with the sizes of the model that they are of.
pub struct Source {
    /// Its sizes.
    pub model: model::Config,
    /// Weights by official name.
    pub weights: state::StateDict,
    /// Where they are from, for messages.
    pub name: String,
    /// What the decoder predicts, where it is known.
    pub predicts: Option<Predicts>,
    /// What was changed, guessed or left out when a file was read.
    pub notes: Vec<String>,
}

/// What a decoder was trained on.
#[derive(Debug, Clone, Copy)]
pub struct Predicts {
    /// Share of the patches that was hidden.
    pub mask_ratio: f64,
    /// Whether it predicts patches normalised by their own mean and deviation.
    pub norm_pixels: bool,
}

impl Source {
    /// What a run that makes an encoder left behind.
    ///
    /// # Errors
    /// A [`Failure`] when the run makes no encoder; another error when it is not done or its file is damaged.
    pub fn of_run(folder: &RunFolder) -> Result<Source> {
        if !folder.run_yaml().exists() {
            let failure = Failure::input(format!("the folder of the encoder is gone: {}", folder.path().display()));
            return Err(failure.hint("`vicmae reindex` tells the record so, and then the same `run` makes it again").into());
        }
        let file: RunFile<Work> = RunFile::read(folder)?;
        let name = file.name;
        let (known, predicts) = match file.work {
            Work::Pretrain(Pretrain { model, objective, .. }) => {
                let (mask_ratio, reconstruction) = (objective.mask_ratio, objective.reconstruction);
                (Some(model), reconstruction.map(|settings| Predicts { mask_ratio, norm_pixels: settings.norm_pixels }))
            }
            Work::RandomInit(init) => (Some(init.model), None),
            Work::Imported(_) => (None, None),
            Work::Transfer(_) => {
                let failure = Failure::input(format!("{name} is a transfer run, which makes no encoder"));
                return Err(failure
                    .hint("name the pretraining run that it measured: `vicmae show` lists it as its parent")
                    .into());
            }
        };
        if !checkpoint::final_path(folder).is_file() {
            let failure = Failure::input(format!("{name} has no weights yet"));
            return Err(failure.hint("it is not done: `vicmae status` shows where its experiment is").into());
        }
        let (weights, said) = checkpoint::load_final(folder)?;
        let unsaid = || Halt { cause: Cause::Data, message: format!("the weights of {name} do not say which model they are of") };
        let model = known.or(said).ok_or_else(unsaid)?;
        Ok(Source { model, weights, name, predicts, notes: Vec::new() })
    }

    /// What is in a file of any known origin.
    ///
    /// # Errors
    /// A [`Failure`] when it holds no encoder that can be used.
    pub fn of_file(path: &Path, heads: Option<usize>) -> Result<Source> {
        let (fit, notes) = load(path, heads)?;
        Ok(Source { model: fit.model, weights: fit.state, name: path.display().to_string(), predicts: None, notes })
    }

    /// The encoder.
    ///
    /// # Errors
    /// When a weight is missing or of a wrong shape.
    pub fn encoder(&self, device: &Device) -> Result<Encoder> {
        self.filled(Encoder::new(&Init::new(0, device), &self.model, Precision::F32))
    }

    /// The decoder.
    ///
    /// # Errors
    /// When a weight is missing or of a wrong shape: not every encoder comes with its decoder.
    pub fn decoder(&self, device: &Device) -> Result<Decoder> {
        self.filled(Decoder::new(&Init::new(0, device), &self.model, Precision::F32))
    }

    fn filled<M: Module>(&self, blank: M) -> Result<M> {
        let (filled, leftover) = state::load(blank, self.model.patch, self.weights.clone());
        if leftover.missing.is_empty() && leftover.misshapen.is_empty() {
            return Ok(filled);
        }
        let state::Leftover { missing, misshapen, .. } = leftover;
        let message =
            format!("the weights of {} do not fit their model: missing {missing:?}, misshapen {misshapen:?}", self.name);
        Err(Halt { cause: Cause::Data, message }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;

    #[test]
    fn a_folder_that_is_gone_is_told_with_the_remedy() {
        let results = tempfile::tempdir().unwrap();
        let error = Source::of_run(&RunFolder::new(results.path(), RunId::of(b"gone"))).err().unwrap().to_string();
        assert!(error.starts_with("the folder of the encoder is gone: ") && error.contains("`vicmae reindex`"), "{error}");
    }
}
