//! A grid of reconstructions, for a person to look at.

use super::{Job, similarity};
use crate::data;
use crate::data::{ImageBatch, eval_batches, titled_sheet};
use crate::model;
use crate::model::Mask;
use crate::model::patch;
use crate::model::pixels;
use crate::model::{Decoder, Encoder};
use crate::objective::{Learner, Reconstruction};
use crate::rng::Rng;
use crate::run_folder::write_atomically;
use crate::spec::work::Pretrain;
use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

/// Pictures in a grid.
const PICTURES: usize = 8;

/// What predicts, and what it is shown.
pub struct Sheet<'a> {
    /// The encoder.
    pub encoder: &'a Encoder,
    /// The decoder.
    pub decoder: &'a Decoder,
    /// Their sizes.
    pub model: &'a model::Config,
    /// Share of the patches that is hidden.
    pub mask_ratio: f64,
    /// Whether the decoder predicts patches normalised by their own mean and deviation.
    pub norm_pixels: bool,
    /// Decides which patches are hidden.
    pub seed: u64,
}

/// The first pictures of a run's first source.
fn batch(config: &Pretrain, job: &Job<'_>) -> Result<ImageBatch> {
    let part = config.data.first().context("a pretraining run has a source")?;
    let clips = data::open(&part.source, job.project)?;
    eval_batches(&clips, config.model.image, PICTURES.min(clips.len()), 1).next().context("no picture to draw")?
}

/// Puts a picture into the run's folder, and returns its path below it.
fn put(name: &str, png: &[u8], job: &Job<'_>) -> Result<String> {
    std::fs::create_dir_all(job.folder.artifacts())?;
    let path = format!("artifacts/{name}.png");
    write_atomically(&job.folder.path().join(&path), png)?;
    Ok(path)
}

/// Draws `artifacts/similarity.png` of a run: how much each patch of a picture is like a marked one, to the encoder.
pub fn similarity(config: &Pretrain, learner: &Learner, job: &Job<'_>) -> Result<String> {
    put("similarity", &similarity::draw(&learner.encoder.valid(), &config.model, &batch(config, job)?)?, job)
}

/// Draws `artifacts/reconstructions.png` of a run: pictures of its first source. Returns the path below the run's folder.
pub fn reconstructions(config: &Pretrain, settings: &Reconstruction, learner: &Learner, job: &Job<'_>) -> Result<String> {
    let decoder = learner.decoder.as_ref().context("an objective with a reconstruction has a decoder")?;
    let batch = batch(config, job)?;
    let (encoder, decoder) = (learner.encoder.valid(), decoder.valid());
    let sheet = Sheet {
        encoder: &encoder,
        decoder: &decoder,
        model: &config.model,
        mask_ratio: config.objective.mask_ratio,
        norm_pixels: settings.norm_pixels,
        seed: config.seed,
    };
    put("reconstructions", &sheet.draw(&batch)?, job)
}

impl Sheet<'_> {
    /// Draws a row for each picture of the batch: the picture, what is visible of it, what is predicted, and the prediction in
    /// the holes of the visible. The result is a PNG.
    ///
    /// A prediction of normalised patches has no mean and no contrast of its own. It is shown twice: with those of the true
    /// patches, which the network never predicted, and with the mean ones of the visible patches, which it could have known.
    ///
    /// # Errors
    /// When the batch does not hold pictures of the model's size.
    pub fn draw(&self, batch: &ImageBatch) -> Result<Vec<u8>> {
        let (side, size) = (self.model.image, self.model.patch);
        let device = self.encoder.device();
        let patches = patch::patchify(pixels::normalised(&batch.pixels, side, &device), size); // [pictures, tokens, values]
        let [count, tokens, values] = patches.dims();
        let mask = Mask::draw(count, tokens, self.mask_ratio, &mut Rng::stream(self.seed, &[]));
        let latent = self.encoder.forward(patches.clone(), &mask);
        let predicted = self.decoder.predict(self.decoder.forward(latent, &mask));
        let removed = Tensor::<3>::from_data(TensorData::new(mask.removed(), [count, tokens, 1]), &device);
        let removed = removed.expand([count, tokens, values]);
        let kept = removed.clone().neg() + 1.0;
        let filled = |predicted: Tensor<3>| patches.clone() * kept.clone() + predicted * removed.clone();
        let mut columns = vec![("picture", patches.clone()), ("visible", patches.clone() * kept.clone())];
        let mut notes = Vec::new();
        if self.norm_pixels {
            let (mean, deviation) = patch::statistics(patches.clone()); // each [pictures, tokens, 1]
            let known = kept.clone().narrow(2, 0, 1);
            let visible = |x: Tensor<3>| (x * known.clone()).sum_dim(1) / known.clone().sum_dim(1); // [pictures, 1, 1]
            let guessed = predicted.clone() * visible(deviation.clone()) + visible(mean.clone());
            let restored = predicted * deviation + mean;
            columns.extend([
                ("predicted (1)", restored.clone()),
                ("filled in (1)", filled(restored)),
                ("filled in (2)", filled(guessed)),
            ]);
            notes.push("The network predicts patches without mean and contrast. They were put back:");
            notes.push("(1) from the true patches, which it never predicted; (2) from the visible patches of the picture.");
        } else {
            columns.extend([("predicted", predicted.clone()), ("filled in", filled(predicted))]);
        }
        let columns: Vec<(&str, Vec<u8>)> = columns
            .into_iter()
            .map(|(title, column)| {
                let image = patch::unpatchify(column, size).into_data();
                (title, pixels::bytes(&image.iter::<f32>().collect::<Vec<f32>>()))
            })
            .collect();
        titled_sheet(&columns, &notes, count, side)
    }
}
