//! A small experiment with everything in it that a report meets: seeds, a conditional axis, failures and missing runs.

use super::question::Question;
use crate::event::{Cause, Kind};
use crate::record::scripted::{Lab, measured, started};
use crate::run_id::RunId;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const EXPERIMENT: &str = "mask-ratio";

/// What becomes of a run.
#[derive(Clone, Copy)]
enum Fate {
    Top1(f64),
    Fails,
    Waits,
}

/// `linear` and `pretrain` for two methods and two mask ratios, three seeds each, and for `mae`, which has no weight.
pub(super) fn lab() -> Lab {
    use Fate::{Fails, Top1, Waits};
    let asked: [(&str, f64, Option<f64>, [Fate; 3]); 5] = [
        ("vic_mae", 0.5, Some(0.03), [Top1(63.0), Top1(64.0), Top1(66.5)]),
        ("vic_mae", 0.75, Some(0.03), [Top1(70.25), Fails, Top1(71.75)]),
        ("mae_simsiam", 0.5, Some(0.03), [Fails, Fails, Fails]),
        ("mae_simsiam", 0.75, Some(0.03), [Waits, Waits, Waits]),
        ("mae", 0.5, None, [Top1(60.0), Waits, Waits]),
    ];
    let mut cells = Vec::new();
    for (method, ratio, weight, fates) in asked {
        for (seed, fate) in fates.into_iter().enumerate() {
            let mut axes = json!({"method": method, "mask_ratio": ratio, "weight": weight, "seed": seed});
            if weight.is_none() {
                axes.as_object_mut().unwrap().shift_remove("weight");
            }
            for stage in ["pretrain", "linear"] {
                cells.push((format!("{method} {ratio} s{seed} {stage}"), stage, axes.clone(), fate));
            }
        }
    }
    let mut lab = Lab::new();
    let cards: Vec<(&str, &str, Value)> =
        cells.iter().map(|(name, stage, axes, _)| (name.as_str(), *stage, axes.clone())).collect();
    lab.admit(EXPERIMENT, &cards);
    for (name, stage, _, fate) in &cells {
        play(&mut lab, RunId::of(name.as_bytes()), stage, *fate);
    }
    lab
}

fn play(lab: &mut Lab, run: RunId, stage: &str, fate: Fate) {
    let top1 = match fate {
        Fate::Waits => return,
        Fate::Fails if stage == "linear" => {
            return lab.say(run, 1, [started(0), Kind::Failed { cause: Cause::Error, error: "no".into() }]);
        }
        Fate::Fails => 50.0,
        Fate::Top1(top1) => top1,
    };
    lab.say(run, 1, [started(0)]);
    if stage == "pretrain" {
        lab.say(run, 1, (0..=4).map(|n| measured(n * 25, 1.0 / (1.0 + n as f64) + (70.0 - top1) / 100.0)));
        lab.say(run, 1, [Kind::Produced { name: "reconstructions".into(), path: "artifacts/100.png".into() }]);
    } else {
        let values = BTreeMap::from([("top1".into(), top1), ("top5".into(), (top1 + 100.0) / 2.0)]);
        lab.say(run, 1, [Kind::Measured { step: 10, values }]);
    }
    lab.say(run, 1, [Kind::Finished { seconds: 1.0 }]);
}

pub(super) fn question() -> Question {
    Question::read(&lab().record, EXPERIMENT).unwrap()
}

/// A question whose cells have the given axes, stage and final top-1.
pub(super) fn question_of(rows: &[(Value, &str, f64)]) -> Question {
    let mut lab = Lab::new();
    let names: Vec<String> = (0..rows.len()).map(|n| format!("run {n}")).collect();
    let cards: Vec<_> = names.iter().zip(rows).map(|(name, (axes, stage, _))| (name.as_str(), *stage, axes.clone())).collect();
    lab.admit("small", &cards);
    for (name, (_, _, value)) in names.iter().zip(rows) {
        let values = BTreeMap::from([("top1".into(), *value), ("loss".into(), *value / 100.0)]);
        let steps = [Kind::Measured { step: 10, values: values.clone() }, Kind::Measured { step: 20, values }];
        lab.say(RunId::of(name.as_bytes()), 1, std::iter::once(started(0)).chain(steps).chain([Kind::Finished { seconds: 1.0 }]));
    }
    let question = Question::read(&lab.record, "small").unwrap();
    let loss =
        |stage: String| (super::question::Quantity { stage: stage.clone(), metric: "loss".into() }, question.runs_of(&stage));
    let wanted = question.stages().into_iter().map(loss).collect();
    question.with_curves(&lab.record, wanted).unwrap()
}
