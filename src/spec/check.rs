//! Rules over the work of a run that its types cannot say.

use super::source::{Mistake, SourceText};
use super::tree::Part;
use super::work::{Imported, Labelled, Pretrain, RandomInit, Transfer, Work};
use crate::data::Source;
use crate::data::mixture;
use crate::objective;
use crate::objective::Weight;
use crate::rule::{Checked, at_least, ensure, not_negative, positive};

/// A rule that does not hold: a sentence that begins with the path of the key.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    stage: &'static str,
    message: String,
}

/// Checks the whole work of a run.
pub(crate) fn check(work: &Work) -> Result<(), Wrong> {
    let (stage, checked) = match work {
        Work::Pretrain(work) => ("pretrain", pretrain(work)),
        Work::RandomInit(RandomInit { model, .. }) => ("random_init", model.check()),
        Work::Imported(work) => ("imported", imported(work)),
        Work::Transfer(work) => ("transfer", transfer(work)),
    };
    checked.map_err(|message| Wrong { stage, message })
}

impl Wrong {
    /// The mistake, at the key in the text that the work was parsed from.
    pub(crate) fn mistake(self, source: &SourceText) -> Mistake {
        let path = self.message.split([' ', ':']).next().unwrap_or_default();
        let path: Vec<&str> = [self.stage].into_iter().chain(path.split('.')).collect();
        source.mistake_at(&path, &self.message, "here", Part::Value)
    }
}

fn pretrain(work: &Pretrain) -> Checked {
    ensure(!work.data.is_empty(), || "data is empty, so there is nothing to train on".into())?;
    for (at, part) in work.data.iter().enumerate() {
        part.check().map_err(|wrong| format!("data.{at}: {wrong}"))?;
    }
    mixture::check(&work.data).map_err(|wrong| format!("data: {wrong}"))?;
    work.augment.check().map_err(|wrong| format!("augment: {wrong}"))?;
    work.model.check()?;
    objective(&work.objective)?;
    visible_tokens(work)?;
    work.optimizer.check("optimizer")?;
    work.schedule.check("schedule")?;
    work.batch.check("batch")?;
    work.clip_gradient.map_or(Ok(()), |norm| positive("clip_gradient", norm))?;
    work.online.as_ref().map_or(Ok(()), |online| online.check("online"))?;
    at_least("cadence.measure_steps", work.cadence.measure_steps, 1)?;
    at_least("cadence.checkpoint_epochs", work.cadence.checkpoint_epochs.into(), 1)
}

fn imported(work: &Imported) -> Checked {
    ensure(!work.checkpoint.as_os_str().is_empty(), || "checkpoint is empty: give the path of a file".into())?;
    ensure(work.heads != Some(0), || "heads must be above 0".into())
}

fn transfer(work: &Transfer) -> Checked {
    let Labelled { train, eval, subset } = &work.data;
    source("data.train", train)?;
    source("data.eval", eval)?;
    subset.as_ref().map_or(Ok(()), |subset| subset.check().map_err(|wrong| format!("data.subset: {wrong}")))?;
    work.protocol.check("protocol")
}

fn source(at: &str, source: &Source) -> Checked {
    source.check().map_err(|wrong| format!("{at}: {wrong}"))
}

fn objective(config: &objective::Config) -> Checked {
    config.check()?;
    if let Some(reconstruction) = &config.reconstruction {
        not_negative("objective.reconstruction.weight", reconstruction.weight)?;
    }
    match &config.weight {
        Weight::Constant(weight) => not_negative("objective.weight", *weight)?,
        Weight::Ramp(ramp) => {
            for (key, value) in [("from", ramp.from), ("to", ramp.to), ("epochs", ramp.epochs)] {
                not_negative(&format!("objective.weight.ramp.{key}"), value)?;
            }
        }
    }
    config.global.as_ref().map_or(Ok(()), |global| global.check("objective.global"))
}

/// The encoder sees at least one patch.
fn visible_tokens(work: &Pretrain) -> Checked {
    let (tokens, ratio) = (work.model.tokens(), work.objective.mask_ratio);
    let visible = (tokens as f64 * (1.0 - ratio)).floor();
    ensure(visible >= 1.0, || {
        format!("objective.mask_ratio ({ratio}) leaves none of the {tokens} patches for the encoder to see")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRETRAIN: &str = "pretrain:
  data: [{ moving_shapes: { clips: 4 } }]
  model: { vit: tiny, image: 64, patch: 16, decoder: { width: 64, depth: 1, heads: 2 } }
  objective: { mask_ratio: 0.75, reconstruction: {}, global: { nt_xent: {} }, weight: 0.03 }
  optimizer: { adamw: {} }
  schedule: { epochs: 2 }
  batch: { size: 8 }
  seed: 0
";

    fn said(from: &str, to: &str) -> String {
        assert!(PRETRAIN.contains(from), "{from}");
        let work: Work = SourceText::new("work.yaml", PRETRAIN.replace(from, to)).parse().unwrap();
        check(&work).map_or_else(|wrong| wrong.message, |()| "fine".to_owned())
    }

    #[test]
    fn what_types_cannot_say_is_refused() {
        assert_eq!(said("seed: 0", "seed: 1"), "fine");
        let wrong = [
            ("[{ moving_shapes: { clips: 4 } }]", "[]"),
            ("clips: 4", "clips: 0"),
            ("clips: 4", "clips: 4, pair: { distant: { segments: 1 } }"),
            ("patch: 16", "patch: 15"),
            ("0.75", "0.99"),
            ("reconstruction: {}, global: { nt_xent: {} }", "global: ~"),
            ("nt_xent: {}", "nt_xent: { temperature: 0 }"),
            ("nt_xent: {}", "vicreg: { projector: [] }"),
            ("nt_xent: {}", "byol: { momentum: 1.5 }"),
            ("0.03", "-1"),
            ("adamw: {}", "adamw: { base_lr: .inf }"),
            ("adamw: {}", "adamw: { betas: [0.9, 1.0] }"),
            ("adamw: {}", "lars: { momentum: -0.1 }"),
            ("epochs: 2", "epochs: 0"),
            ("epochs: 2", "epochs: 2, warmup_epochs: 3"),
            ("size: 8", "size: 1"),
            ("size: 8", "size: 8, accumulate: 0"),
            ("seed: 0", "seed: 0\n  clip_gradient: 0"),
            ("seed: 0", "seed: 0\n  cadence: { measure_steps: 0 }"),
        ];
        let all: Vec<String> = wrong.iter().map(|(from, to)| said(from, to)).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        data is empty, so there is nothing to train on
        data.0: `clips` is 0: moving shapes need at least 1
        data.0: `segments` is 1: a pair needs at least 2
        model.image (64) is not a multiple of model.patch (15)
        objective.mask_ratio (0.99) leaves none of the 16 patches for the encoder to see
        objective has neither a reconstruction nor a global term, so there is nothing to learn
        objective.global.nt_xent.temperature (0) must be above 0
        objective.global.vicreg.projector must list at least one width, each above 0
        objective.global.byol.momentum (1.5) must lie between 0 and 1
        objective.weight (-1) must be a finite number of 0 or more
        optimizer.adamw.base_lr (inf) must be a finite number of 0 or more
        optimizer.adamw.betas (1) must be at least 0 and below 1
        optimizer.lars.momentum (-0.1) must lie between 0 and 1
        schedule.epochs (0) must be at least 1
        schedule.warmup_epochs (3) is longer than the whole training (2 epochs): set `warmup_epochs` to less, beside `epochs`
        batch.size (1) must be at least 2
        batch.accumulate (0) must be at least 1
        clip_gradient (0) must be above 0
        cadence.measure_steps (0) must be at least 1
        ");
    }
}
