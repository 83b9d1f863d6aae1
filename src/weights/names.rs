//! Foreign names and shapes become those of the official MAE and ViC-MAE.

use super::hugging_face;
use super::mae;
use super::mae_st;
use crate::failure::Failure;
use crate::model::state::StateDict;

/// One project's way of naming the same tensors.
pub struct Dialect {
    /// What people call it.
    pub name: &'static str,
    /// Whether a state dict is written in it.
    pub is_spoken_in: fn(&StateDict) -> bool,
    /// Turns a state dict in it into official names and shapes; adds a sentence to the notes for everything that it changes.
    pub translate: fn(StateDict, &mut Vec<String>) -> Result<StateDict, Failure>,
}

/// All dialects; the first that is spoken is translated. A new one is one line here, and one file.
pub const DIALECTS: [Dialect; 3] = [hugging_face::DIALECT, mae_st::DIALECT, mae::DIALECT];

/// Translates a state dict, in whatever dialect it is, into official names and shapes.
///
/// Tensors that have no official counterpart (heads) keep their names. `notes` gets a sentence for every change.
///
/// # Errors
/// When no dialect is spoken, or when tensors that belong together are not all there or do not go together.
pub fn official(state: StateDict, notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    let Some(dialect) = DIALECTS.iter().find(|dialect| (dialect.is_spoken_in)(&state)) else {
        let known: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name).collect();
        return Err(Failure::input("the names of the tensors are not those of a known ViT")
            .hint(format!("known are the names of {}", known.join(", "))));
    };
    (dialect.translate)(state, notes)
}

/// Renames every tensor.
pub(super) fn rename(state: StateDict, name: impl Fn(&str) -> String) -> StateDict {
    state.into_iter().map(|(old, data)| (name(&old), data)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::mae_tiny;
    use crate::weights::samples::tensor;

    #[test]
    fn official_names_pass_unchanged_and_without_a_note() {
        let mut notes = Vec::new();
        assert_eq!(official(mae_tiny(), &mut notes).unwrap(), mae_tiny());
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn names_of_no_dialect_are_refused_with_the_dialects_that_there_are() {
        let state = StateDict::from([("conv1.weight".to_owned(), tensor(&[2, 2]))]);
        insta::assert_snapshot!(official(state, &mut Vec::new()).unwrap_err(), @"
        the names of the tensors are not those of a known ViT
        hint: known are the names of Hugging Face ViTMAE, MAE-ST, MAE, ViC-MAE and timm
        ");
    }
}
