//! The official names, which MAE, ViC-MAE, timm and DeiT share.

use super::names::Dialect;
use crate::failure::Failure;
use crate::model::state::StateDict;

/// Nothing to rename; a fine-tuned encoder has its last norm after the pooling.
pub const DIALECT: Dialect = Dialect { name: "MAE, ViC-MAE and timm", is_spoken_in, translate };

fn is_spoken_in(state: &StateDict) -> bool {
    state.contains_key("patch_embed.proj.weight")
}

/// A mean-pooled encoder (timm's `global_pool='avg'`, MAE's fine-tuning) has `fc_norm` in the place of `norm`.
fn translate(mut state: StateDict, notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    if state.contains_key("norm.weight") || !state.contains_key("fc_norm.weight") {
        return Ok(state);
    }
    for part in ["weight", "bias"] {
        if let Some(data) = state.remove(&format!("fc_norm.{part}")) {
            state.insert(format!("norm.{part}"), data);
        }
    }
    notes.push("`fc_norm` was taken as `norm`: it was trained on pooled tokens, and is now applied to every token".into());
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::mae_tiny;

    #[test]
    fn the_norm_of_a_fine_tuned_encoder_is_taken_only_in_the_absence_of_the_other() {
        let mut notes = Vec::new();
        let fine_tuned = crate::weights::names::rename(mae_tiny(), |name| match name.strip_prefix("norm.") {
            Some(part) => format!("fc_norm.{part}"),
            None => name.to_owned(),
        });
        assert_eq!(translate(fine_tuned, &mut notes).unwrap(), mae_tiny());
        insta::assert_snapshot!(
            notes.join("\n"),
            @"`fc_norm` was taken as `norm`: it was trained on pooled tokens, and is now applied to every token"
        );
        let mut both = mae_tiny();
        both.insert("fc_norm.weight".into(), both["norm.bias"].clone());
        assert_eq!(translate(both.clone(), &mut Vec::new()).unwrap(), both);
    }
}
