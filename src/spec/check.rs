//! Rules over the work of a run that its types cannot say.

use super::source::{Mistake, SourceText};
use super::tree::Part;
use super::work::{Labelled, Pretrain, RandomInit, Transfer, Work};
use crate::data::{Source, pair::Pair};
use crate::objective::{self, Weight, global};
use crate::optimize::{Batch, Optimizer, Schedule};
use crate::transfer::Protocol;

/// A rule that does not hold: a sentence that begins with the path of the key.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    stage: &'static str,
    message: String,
}

type Checked = Result<(), String>;

/// Checks the whole work of a run.
pub(crate) fn check(work: &Work) -> Result<(), Wrong> {
    let (stage, checked) = match work {
        Work::Pretrain(work) => ("pretrain", pretrain(work)),
        Work::RandomInit(RandomInit { model, .. }) => ("random_init", model.check()),
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
    work.data.iter().enumerate().try_for_each(|(at, data)| source(&format!("data.{at}"), data))?;
    work.model.check()?;
    objective(&work.objective)?;
    visible_tokens(work)?;
    optimizer("optimizer", &work.optimizer)?;
    schedule("schedule", &work.schedule)?;
    batch("batch", &work.batch)?;
    if let Some(norm) = work.clip_gradient {
        ensure(norm.is_finite() && norm > 0.0, || format!("clip_gradient ({norm}) must be above 0"))?;
    }
    at_least("cadence.measure_steps", work.cadence.measure_steps, 1)?;
    at_least("cadence.checkpoint_epochs", work.cadence.checkpoint_epochs.into(), 1)
}

fn transfer(work: &Transfer) -> Checked {
    let Labelled { train, eval } = &work.data;
    source("data.train", train)?;
    source("data.eval", eval)?;
    match &work.protocol {
        Protocol::Knn(knn) => {
            ensure(!knn.k.is_empty(), || "protocol.knn.k is empty: give a number of neighbours".into())?;
            ensure(!knn.k.contains(&0), || "protocol.knn.k must be above 0".into())?;
            positive("protocol.knn.temperature", knn.temperature)
        }
        Protocol::LinearProbe(probe) => {
            optimizer("protocol.linear_probe.optimizer", &probe.optimizer)?;
            schedule("protocol.linear_probe.schedule", &probe.schedule)?;
            batch("protocol.linear_probe.batch", &probe.batch)
        }
    }
}

fn source(at: &str, source: &Source) -> Checked {
    match source {
        Source::ImageFolder(_) => Ok(()),
        Source::FrameFolder(config) => pair(&format!("{at}.frame_folder.pair"), config.pair),
        Source::MovingShapes(config) => {
            at_least(&format!("{at}.moving_shapes.clips"), config.clips as u64, 1)?;
            at_least(&format!("{at}.moving_shapes.frames"), config.frames as u64, 1)?;
            at_least(&format!("{at}.moving_shapes.size"), config.size as u64, 1)?;
            pair(&format!("{at}.moving_shapes.pair"), config.pair)
        }
    }
}

fn pair(at: &str, pair: Pair) -> Checked {
    match pair {
        Pair::Distant { segments } => at_least(&format!("{at}.distant.segments"), segments as u64, 2),
        Pair::SameFrame | Pair::Gap(_) => Ok(()),
    }
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
    config.global.as_ref().map_or(Ok(()), global_term)
}

fn global_term(term: &global::Config) -> Checked {
    let (name, projector) = match term {
        global::Config::NtXent(term) => {
            positive("objective.global.nt_xent.temperature", term.temperature)?;
            ("nt_xent", &term.projector)
        }
        global::Config::Vicreg(term) => {
            for (key, weight) in [("invariance", term.invariance), ("variance", term.variance), ("covariance", term.covariance)] {
                not_negative(&format!("objective.global.vicreg.{key}"), weight)?;
            }
            ("vicreg", &term.projector)
        }
        global::Config::SimSiam(term) => {
            at_least("objective.global.sim_siam.predictor", term.predictor as u64, 1)?;
            ("sim_siam", &term.projector)
        }
        global::Config::BarlowTwins(term) => {
            not_negative("objective.global.barlow_twins.lambda", term.lambda)?;
            ("barlow_twins", &term.projector)
        }
        global::Config::Byol(term) => {
            at_least("objective.global.byol.predictor", term.predictor as u64, 1)?;
            share("objective.global.byol.momentum", term.momentum)?;
            ("byol", &term.projector)
        }
    };
    ensure(!projector.is_empty() && !projector.contains(&0), || {
        format!("objective.global.{name}.projector must list at least one width, each above 0")
    })
}

/// The encoder sees at least one patch.
fn visible_tokens(work: &Pretrain) -> Checked {
    let (tokens, ratio) = (work.model.tokens(), work.objective.mask_ratio);
    let visible = (tokens as f64 * (1.0 - ratio)).floor();
    ensure(visible >= 1.0, || {
        format!("objective.mask_ratio ({ratio}) leaves none of the {tokens} patches for the encoder to see")
    })
}

fn optimizer(at: &str, optimizer: &Optimizer) -> Checked {
    match optimizer {
        Optimizer::Adamw(adamw) => {
            not_negative(&format!("{at}.adamw.base_lr"), adamw.base_lr)?;
            not_negative(&format!("{at}.adamw.weight_decay"), adamw.weight_decay)?;
            positive(&format!("{at}.adamw.eps"), adamw.eps)?;
            adamw.betas.iter().try_for_each(|beta| {
                ensure((0.0..1.0).contains(beta), || format!("{at}.adamw.betas ({beta}) must be at least 0 and below 1"))
            })
        }
        Optimizer::Lars(lars) => {
            not_negative(&format!("{at}.lars.base_lr"), lars.base_lr)?;
            not_negative(&format!("{at}.lars.weight_decay"), lars.weight_decay)?;
            not_negative(&format!("{at}.lars.trust"), lars.trust)?;
            share(&format!("{at}.lars.momentum"), lars.momentum)
        }
    }
}

fn schedule(at: &str, schedule: &Schedule) -> Checked {
    at_least(&format!("{at}.epochs"), schedule.epochs.into(), 1)?;
    not_negative(&format!("{at}.warmup_epochs"), schedule.warmup_epochs)?;
    not_negative(&format!("{at}.min_lr"), schedule.min_lr)?;
    let (warmup, epochs) = (schedule.warmup_epochs, schedule.epochs);
    ensure(warmup <= f64::from(epochs), || {
        format!("{at}.warmup_epochs ({warmup}) is longer than the whole training ({epochs} epochs)")
    })
}

fn batch(at: &str, batch: &Batch) -> Checked {
    at_least(&format!("{at}.size"), batch.size as u64, 2)?;
    at_least(&format!("{at}.accumulate"), batch.accumulate as u64, 1)
}

fn at_least(key: &str, value: u64, least: u64) -> Checked {
    ensure(value >= least, || format!("{key} ({value}) must be at least {least}"))
}

fn positive(key: &str, value: f64) -> Checked {
    ensure(value.is_finite() && value > 0.0, || format!("{key} ({value}) must be above 0"))
}

fn not_negative(key: &str, value: f64) -> Checked {
    ensure(value.is_finite() && value >= 0.0, || format!("{key} ({value}) must be a finite number of 0 or more"))
}

fn share(key: &str, value: f64) -> Checked {
    ensure((0.0..=1.0).contains(&value), || format!("{key} ({value}) must lie between 0 and 1"))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
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
        data.0.moving_shapes.clips (0) must be at least 1
        data.0.moving_shapes.pair.distant.segments (1) must be at least 2
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
        schedule.warmup_epochs (3) is longer than the whole training (2 epochs)
        batch.size (1) must be at least 2
        batch.accumulate (0) must be at least 1
        clip_gradient (0) must be above 0
        cadence.measure_steps (0) must be at least 1
        ");
    }
}
