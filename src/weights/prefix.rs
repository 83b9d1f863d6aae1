//! Where in a checkpoint the ViT is.
//!
//! Checkpoints put the state dict under a key (`model`, `state_dict`, ..) and wrappers put their own name before every
//! parameter (`module.`, `backbone.`, ..). Both are a prefix of the tensor's dotted name, and both end where a name that
//! every ViT has begins.

use super::read::printable;
use crate::failure::Failure;
use std::collections::BTreeSet;

/// A tensor that every ViT has. The first that ends a name decides, so that `vit.` stays with the names of Hugging Face.
const ANCHORS: [&str; 3] = [
    "patch_embed.proj.weight",
    "vit.embeddings.patch_embeddings.projection.weight",
    "embeddings.patch_embeddings.projection.weight",
];

/// Prefixes that are preferred when there are several ViTs in a file, best first. A teacher is what DINO and its kin evaluate.
const PREFERRED: [&str; 7] = ["", "model.", "state_dict.", "module.", "model_state_dict.", "teacher.", "target_encoder."];

/// Names that are written out in a message.
const NAMED: usize = 8;

/// The prefix of the ViT in a checkpoint whose tensors have these dotted names.
///
/// Adds to `notes` which one it took when there are several, and how much is outside of it. An optimizer's state is no loss.
///
/// # Errors
/// When no tensor is one that every ViT has; the failure names the keys that there are at the top.
pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone, notes: &mut Vec<String>) -> Result<String, Failure> {
    let mut found: Vec<&str> = names.clone().filter_map(before_anchor).filter(|prefix| !is_moment(prefix)).collect();
    // Alphabetical order makes the choice the same whatever the order in the file.
    found.sort_unstable();
    found.sort_by_key(|prefix| (rank(prefix), prefix.len()));
    found.dedup();
    let Some(&chosen) = found.first() else { return Err(none_found(names)) };
    let shown = printable(chosen);
    let outside = names.filter(|name| !name.starts_with(chosen) && !is_moment(name)).count();
    if found.len() > 1 {
        let some: Vec<String> = found.iter().take(NAMED).map(|prefix| format!("`{}`", printable(prefix))).collect();
        notes.push(format!("the file holds {} ViTs, under {}; `{shown}` was taken", found.len(), some.join(", ")));
    }
    if outside > 0 {
        notes.push(format!("only what is under `{shown}` was read: {outside} other tensors were left"));
    }
    Ok(chosen.to_owned())
}

fn before_anchor(name: &str) -> Option<&str> {
    let prefix = ANCHORS.iter().find_map(|anchor| name.strip_suffix(anchor))?;
    (prefix.is_empty() || prefix.ends_with('.')).then_some(prefix)
}

/// Optimizers that name their state after the parameters hold tensors that look like a ViT, too.
fn is_moment(prefix: &str) -> bool {
    prefix.split('.').any(|part| part.starts_with("optim"))
}

fn rank(prefix: &str) -> usize {
    let first = prefix.split_inclusive('.').next().unwrap_or_default();
    PREFERRED.iter().position(|known| *known == first).unwrap_or(PREFERRED.len())
}

fn none_found<'a>(names: impl Iterator<Item = &'a str>) -> Failure {
    let keys: BTreeSet<&str> = names.map(|name| name.split('.').next().unwrap_or(name)).collect();
    if keys.is_empty() {
        return Failure::input("there are no tensors in it").hint("give the file with the weights, not its configuration");
    }
    let some: Vec<String> = keys.iter().take(NAMED).map(|key| format!("`{}`", printable(key))).collect();
    let more = if keys.len() > some.len() { format!(" and {} more", keys.len() - some.len()) } else { String::new() };
    Failure::input(format!("there is no ViT in it: no tensor is named `..{}`", ANCHORS[0]))
        .hint(format!("the names at the top are {}{more}", some.join(", ")))
        .hint("names of MAE, ViC-MAE, MAE-ST, timm and Hugging Face's ViTMAE are understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str]) -> (Result<String, Failure>, Vec<String>) {
        let mut notes = Vec::new();
        (of(names.iter().copied(), &mut notes), notes)
    }

    #[test]
    fn keys_and_wrappers_are_one_prefix() {
        for prefix in ["", "model.", "state_dict.module.", "teacher.backbone.", "encoder.", "model.module.encoder."] {
            let name = format!("{prefix}patch_embed.proj.weight");
            assert_eq!(choose(&[&name, "optimizer.state.0.exp_avg"]).0.unwrap(), prefix);
        }
        assert_eq!(choose(&["model.vit.patch_embed.proj.weight"]).0.unwrap(), "model.vit.");
    }

    #[test]
    fn hugging_face_keeps_its_vit_so_that_the_decoder_is_found_beside_it() {
        let name = "vit.embeddings.patch_embeddings.projection.weight";
        assert_eq!(choose(&[name, "decoder.mask_token"]).0.unwrap(), "");
        assert_eq!(choose(&["deit.embeddings.patch_embeddings.projection.weight"]).0.unwrap(), "deit.");
    }

    #[test]
    fn the_teacher_goes_before_the_student_and_it_is_said() {
        let (prefix, notes) = choose(&["student.patch_embed.proj.weight", "teacher.patch_embed.proj.weight"]);
        assert_eq!(prefix.unwrap(), "teacher.");
        insta::assert_snapshot!(notes.join("\n"), @"
        the file holds 2 ViTs, under `teacher.`, `student.`; `teacher.` was taken
        only what is under `teacher.` was read: 1 other tensors were left
        ");
    }

    #[test]
    fn the_moments_of_an_optimizer_are_not_a_vit() {
        assert!(choose(&["optimizer.first.patch_embed.proj.weight"]).0.is_err());
    }

    #[test]
    fn a_file_without_a_vit_says_what_is_there() {
        insta::assert_snapshot!(choose(&["state_dict.layer1.0.conv1.weight", "epoch"]).0.unwrap_err(), @"
        there is no ViT in it: no tensor is named `..patch_embed.proj.weight`
        hint: the names at the top are `epoch`, `state_dict`
        hint: names of MAE, ViC-MAE, MAE-ST, timm and Hugging Face's ViTMAE are understood
        ");
        insta::assert_snapshot!(choose(&[]).0.unwrap_err(), @"
        there are no tensors in it
        hint: give the file with the weights, not its configuration
        ");
    }
}
