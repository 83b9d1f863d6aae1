//! Which tensors a model takes, and the report of an import.

use super::read::printable;
use super::shape;
use crate::failure::Failure;
use crate::model::Config;
use crate::model::Transformer;
use crate::model::config::SIZES;
use crate::model::state::StateDict;
use std::fmt::Write;

/// Names that are written out in a message before the rest is only counted.
const NAMED: usize = 3;

/// Tensors that change what an encoder computes. A file that has others of that kind than ours is of another network.
const INSIDE: [&str; 8] = ["blocks.", "patch_embed.", "norm.", "norm_pre.", "reg_token", "dist_token", "embeddings.", "rel_pos"];

/// A state dict that was held against a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The model.
    pub model: Config,
    /// What is used: the whole encoder, and what there is of the decoder; official names, shapes that are right.
    pub state: StateDict,
    /// What the model has and the state dict does not, by name (of the decoder only).
    pub missing: Vec<String>,
    /// What the state dict has and the model does not take, by name: heads, projectors, a decoder that does not fit.
    pub unused: Vec<String>,
}

/// Holds a state dict with official names against a model.
///
/// A decoder that does not fit is left out as a whole, with a sentence in `notes`.
///
/// # Errors
/// When a tensor of the encoder is missing or has a wrong shape, or when the file's encoder has parts that ours has not.
pub fn fit(mut state: StateDict, model: &Config, notes: &mut Vec<String>) -> Result<Fit, Failure> {
    let mut fit = Fit { model: model.clone(), state: StateDict::new(), missing: Vec::new(), unused: Vec::new() };
    let encoder = shape::encoder(model);
    let absent: Vec<&str> = encoder.iter().map(|(name, _)| name.as_str()).filter(|name| !state.contains_key(*name)).collect();
    if !absent.is_empty() {
        return Err(Failure::input(format!("the encoder is not whole: {} missing", listed(&absent)))
            .hint("give a file with all weights of the encoder, or check which model it is of"));
    }
    if let Some((name, found, needed)) = misshapen(&state, &encoder) {
        return Err(Failure::input(format!("`{name}` has shape {found:?} where {needed:?} is needed"))
            .hint("the file is of another kind of ViT, or was put together from several"));
    }
    let decoder = shape::decoder(model);
    let wrong = misshapen(&state, &decoder);
    if let Some((name, found, needed)) = &wrong {
        notes.push(format!("the decoder was left out: `{name}` has shape {found:?} where {needed:?} is needed"));
    }
    let takes_decoder = wrong.is_none();
    fit.state.extend(encoder.into_iter().filter_map(|(name, _)| state.remove_entry(&name)));
    for (name, _) in decoder {
        match takes_decoder.then(|| state.remove_entry(&name)).flatten() {
            Some((name, data)) => _ = fit.state.insert(name, data),
            None => fit.missing.push(name),
        }
    }
    fit.unused = state.into_keys().collect();
    match foreign(&fit.unused) {
        Some(failure) => Err(failure),
        None => Ok(fit),
    }
}

/// The report that a person reads after an import: what there is, what is not used, what was changed. Sizes are width x depth
/// x heads.
pub fn describe(fit: &Fit, notes: &[String]) -> String {
    let count = |decoder: bool| parameters(fit, |name| is_decoder(name) == decoder);
    let (name, image, encoder) = (called(&fit.model), fit.model.image, sizes(fit.model.vit.0));
    let mut text = format!("encoder: {name}, {image} px, {encoder}, {} parameters\n", count(false));
    let what = match (fit.state.keys().any(|name| is_decoder(name)), fit.missing.len()) {
        (false, _) => "none".to_owned(),
        (true, 0) => format!("{}, {} parameters", sizes(fit.model.decoder), count(true)),
        (true, _) => format!("in part; {} missing", listed(&fit.missing)),
    };
    _ = writeln!(text, "decoder: {what}");
    if !fit.unused.is_empty() {
        _ = writeln!(text, "unused: {}", listed(&fit.unused));
    }
    for note in notes {
        _ = writeln!(text, "note: {note}");
    }
    text
}

fn is_decoder(name: &str) -> bool {
    name.starts_with("decoder_") || name == "mask_token"
}

/// `ViT-B/16` for a published size, `ViT/16` for another.
pub(super) fn called(model: &Config) -> String {
    let (vit, patch) = (model.vit.0, model.patch);
    match SIZES.iter().find(|size| (size.1, size.2, size.3) == (vit.width, vit.depth, vit.heads)) {
        Some(("tiny", ..)) => format!("ViT-Ti/{patch}"),
        Some((name, ..)) => format!("ViT-{}/{patch}", name[..1].to_uppercase()),
        None => format!("ViT/{patch}"),
    }
}

/// `768 x 12 x 12`: width, depth, heads.
fn sizes(size: Transformer) -> String {
    format!("{} x {} x {}", size.width, size.depth, size.heads)
}

fn parameters(fit: &Fit, counts: impl Fn(&str) -> bool) -> String {
    let sizes =
        fit.state.iter().filter(|(name, _)| counts(name)).map(|(_, data)| data.shape().to_vec().iter().product::<usize>());
    match sizes.sum::<usize>() {
        few @ ..1_000_000 => format!("{few}"),
        many => format!("{:.0} M", many as f64 / 1e6),
    }
}

/// The first of the tensors whose shape is not the needed one: name, shape, shape needed.
fn misshapen(state: &StateDict, needed: &[(String, Vec<usize>)]) -> Option<(String, Vec<usize>, Vec<usize>)> {
    needed.iter().find_map(|(name, needed)| {
        let found = state.get(name)?.shape().to_vec();
        (found != *needed).then(|| (name.clone(), found, needed.clone()))
    })
}

/// Scales of layers, register tokens and the like change the features: without them the weights mean something else.
fn foreign(unused: &[String]) -> Option<Failure> {
    let inside: Vec<&str> =
        unused.iter().map(String::as_str).filter(|name| INSIDE.iter().any(|part| name.starts_with(part))).collect();
    (!inside.is_empty()).then(|| {
        Failure::input(format!("the encoder in the file has parts that a plain ViT has not: {}", listed(&inside)))
            .hint("layer scale, register tokens, relative positions and the like are not supported")
    })
}

/// The first few names, and how many there are.
fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let some: Vec<String> = names.iter().take(NAMED).map(|name| printable(name.as_ref())).collect();
    let more = if names.len() > NAMED { ", .." } else { "" };
    let tensors = if names.len() == 1 { "tensor" } else { "tensors" };
    format!("{}{more} ({} {tensors})", some.join(", "), names.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vit;
    use crate::weights::samples::mae_tiny;
    use crate::weights::samples::tensor;
    use crate::weights::samples::tiny;

    fn changed(change: fn(&mut StateDict)) -> (Result<Fit, Failure>, Vec<String>) {
        let (mut state, mut notes) = (mae_tiny(), Vec::new());
        change(&mut state);
        (fit(state, &tiny(), &mut notes), notes)
    }

    #[test]
    fn heads_and_projectors_are_unused_and_the_rest_is_taken() {
        let (fit, notes) = changed(|state| {
            for name in ["head.weight", "head.bias", "projector.0.weight", "fc_norm.weight"] {
                state.insert(name.into(), tensor(&[2]));
            }
        });
        let fit = fit.unwrap();
        assert_eq!((&fit.state, &fit.missing, notes), (&mae_tiny(), &vec![], vec![]));
        insta::assert_snapshot!(describe(&fit, &["the names were changed".into()]), @"
        encoder: ViT/4, 8 px, 8 x 1 x 2, 1328 parameters
        decoder: 4 x 1 x 1, 552 parameters
        unused: fc_norm.weight, head.bias, head.weight, .. (4 tensors)
        note: the names were changed
        ");
    }

    #[test]
    fn a_file_without_a_decoder_is_described_so() {
        let model = Config { vit: Vit::named("tiny").unwrap(), image: 224, patch: 16, decoder: tiny().decoder };
        let mut state = crate::weights::samples::of(&model);
        state.retain(|name, _| !is_decoder(name));
        let fit = fit(state, &model, &mut Vec::new()).unwrap();
        assert_eq!(fit.missing.len(), shape::decoder(&model).len());
        insta::assert_snapshot!(describe(&fit, &[]), @"
        encoder: ViT-Ti/16, 224 px, 192 x 12 x 3, 6 M parameters
        decoder: none
        ");
    }

    #[test]
    fn a_decoder_in_part_is_taken_and_one_that_does_not_fit_is_left_out() {
        let (fit, _) = changed(|state| _ = state.remove("decoder_pred.bias"));
        assert_eq!(fit.unwrap().missing, ["decoder_pred.bias"]);
        let (fit, notes) = changed(|state| _ = state.insert("decoder_pred.weight".into(), tensor(&[96, 4])));
        let fit = fit.unwrap();
        assert!(fit.state.keys().all(|name| !is_decoder(name)));
        assert_eq!((fit.missing.len(), fit.unused.len()), (20, 20));
        insta::assert_snapshot!(
            notes.join("\n"),
            @"the decoder was left out: `decoder_pred.weight` has shape [96, 4] where [48, 4] is needed"
        );
    }

    #[test]
    fn an_encoder_that_is_not_whole_or_not_ours_is_refused() {
        let (fit, _) = changed(|state| state.retain(|name, _| !name.contains("mlp.")));
        insta::assert_snapshot!(fit.unwrap_err(), @"
        the encoder is not whole: blocks.0.mlp.fc1.weight, blocks.0.mlp.fc1.bias, blocks.0.mlp.fc2.weight, .. (4 tensors) missing
        hint: give a file with all weights of the encoder, or check which model it is of
        ");
        let (fit, _) = changed(|state| _ = state.insert("blocks.0.mlp.fc1.weight".into(), tensor(&[16, 8])));
        insta::assert_snapshot!(fit.unwrap_err(), @"
        `blocks.0.mlp.fc1.weight` has shape [16, 8] where [32, 8] is needed
        hint: the file is of another kind of ViT, or was put together from several
        ");
        let (fit, _) = changed(|state| _ = state.insert("blocks.0.ls1.gamma".into(), tensor(&[8])));
        insta::assert_snapshot!(fit.unwrap_err(), @"
        the encoder in the file has parts that a plain ViT has not: blocks.0.ls1.gamma (1 tensor)
        hint: layer scale, register tokens, relative positions and the like are not supported
        ");
    }
}
