//! A grid of reconstructions, for a person to look at.

use super::Job;
use crate::data;
use crate::data::contact_sheet;
use crate::data::eval_batches;
use crate::model::Mask;
use crate::model::patch;
use crate::model::pixels;
use crate::objective::{Learner, Reconstruction};
use crate::rng::Rng;
use crate::run_folder::write_atomically;
use crate::spec::work::Pretrain;
use anyhow::{Context, Result};
use burn::tensor::{Tensor, TensorData};

/// Pictures in a grid.
const PICTURES: usize = 8;

/// Draws `artifacts/reconstructions.png`: one row a picture; original, masked, reconstruction, reconstruction with the visible
/// patches put back. Returns the path below the run's folder.
///
/// Where the target is normalised, each predicted patch is given back the mean and the deviation of the true patch, which the
/// network never predicted; without them there is no picture to show.
pub fn reconstructions(config: &Pretrain, settings: &Reconstruction, learner: &Learner, job: &Job<'_>) -> Result<String> {
    let decoder = learner.decoder.as_ref().context("an objective with a reconstruction has a decoder")?;
    let part = config.data.first().context("a pretraining run has a source")?;
    let clips = data::open(&part.source, job.project)?;
    let batch = eval_batches(&clips, config.model.image, PICTURES.min(clips.len()), 1).next().context("no picture to draw")??;
    let side = config.model.image;
    let device = learner.encoder.device();
    let images = pixels::normalised(&batch.pixels, side, &device);
    let patches = patch::patchify(images, config.model.patch); // [pictures, tokens, patch values]
    let [count, tokens, values] = patches.dims();
    let mask = Mask::draw(count, tokens, config.objective.mask_ratio, &mut Rng::stream(config.seed, &[]));

    let latent = learner.encoder.forward(patches.clone(), &mask);
    let predicted = decoder.predict(decoder.forward(latent, &mask)).detach();
    let predicted = if settings.norm_pixels {
        let (mean, deviation) = patch::statistics(patches.clone());
        predicted * deviation + mean
    } else {
        predicted
    };
    let removed =
        Tensor::<3>::from_data(TensorData::new(mask.removed(), [count, tokens, 1]), &device).expand([count, tokens, values]);
    let kept = removed.clone().neg() + 1.0;
    let columns = [
        patches.clone(),
        patches.clone() * kept.clone(),
        predicted.clone(),
        patches * kept + predicted * removed, //
    ];
    let columns = columns.map(|column| {
        let image = patch::unpatchify(column, config.model.patch).into_data();
        pixels::bytes(&image.iter::<f32>().collect::<Vec<f32>>())
    });
    let path = "artifacts/reconstructions.png";
    std::fs::create_dir_all(job.folder.artifacts())?;
    write_atomically(&job.folder.path().join(path), &contact_sheet(&columns, count, side)?)?;
    Ok(path.into())
}
