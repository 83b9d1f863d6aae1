//! The names of Hugging Face's ViTMAE and ViT, with and without the `vit.` before the encoder.
//!
//! Source: `transformers/models/vit_mae/convert_vit_mae_to_pytorch.py`. Version 5 of the library has other names inside the
//! model and writes a third kind for the decoder's blocks; all are read, and the first ones, which every version reads from a
//! file, are written.

use super::names::Dialect;
use super::names::rename;
use super::qkv;
use crate::failure::Failure;
use crate::model::state::StateDict;

/// Renamed parts, and query, key and value apart.
pub const DIALECT: Dialect = Dialect { name: "Hugging Face ViTMAE", is_spoken_in, translate };

/// Official name, name there: parts that are there once.
const PARTS: [(&str, &str); 9] = [
    ("cls_token", "embeddings.cls_token"),
    ("pos_embed", "embeddings.position_embeddings"),
    ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
    ("norm", "layernorm"),
    ("mask_token", "decoder.mask_token"),
    ("decoder_pos_embed", "decoder.decoder_pos_embed"),
    ("decoder_embed", "decoder.decoder_embed"),
    ("decoder_norm", "decoder.decoder_norm"),
    ("decoder_pred", "decoder.decoder_pred"),
];

/// Official name, name there: stacks of blocks. The first of several is written.
const STACKS: [(&str, &str); 4] = [
    ("blocks", "encoder.layer"),
    ("decoder_blocks", "decoder.decoder_layers"),
    ("blocks", "layers"),
    ("decoder_blocks", "decoder.decoder_encoder.layer"),
];

/// Official name (but for qkv, which is in parts), name there: parts of a block. The first of several is written.
const BLOCK: [(&str, &str); 14] = [
    ("norm1", "layernorm_before"),
    ("norm2", "layernorm_after"),
    ("attn.q", "attention.attention.query"),
    ("attn.k", "attention.attention.key"),
    ("attn.v", "attention.attention.value"),
    ("attn.proj", "attention.output.dense"),
    ("mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "output.dense"),
    ("attn.q", "attention.q_proj"),
    ("attn.k", "attention.k_proj"),
    ("attn.v", "attention.v_proj"),
    ("attn.proj", "attention.o_proj"),
    ("mlp.fc1", "mlp.fc1"),
    ("mlp.fc2", "mlp.fc2"),
];

fn is_spoken_in(state: &StateDict) -> bool {
    let name = "embeddings.patch_embeddings.projection.weight";
    state.contains_key(name) || state.contains_key(&format!("vit.{name}"))
}

fn translate(state: StateDict, notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    notes.push("the names of Hugging Face were turned into those of MAE".into());
    qkv::join(rename(state, to_official), notes)
}

/// Turns official names into Hugging Face's. With a decoder the encoder is under `vit.` (as in `ViTMAEForPreTraining`), without
/// it is bare (as in `ViTMAEModel`). Every `attn.qkv` must have a number of rows that is a multiple of 3.
pub fn from_official(state: StateDict, decoder: bool) -> StateDict {
    let mut foreign = StateDict::new();
    for (name, data) in state {
        match name.split_once(".attn.qkv.") {
            Some((block, part)) => {
                for (letter, piece) in qkv::PARTS.iter().zip(qkv::split(&data)) {
                    foreign.insert(to_foreign(&format!("{block}.attn.{letter}.{part}"), decoder), piece);
                }
            }
            None => _ = foreign.insert(to_foreign(&name, decoder), data),
        }
    }
    foreign
}

fn to_official(name: &str) -> String {
    let bare = name.strip_prefix("vit.").unwrap_or(name);
    let translated = PARTS.iter().find_map(|(ours, theirs)| swapped(bare, theirs, ours)).or_else(|| {
        let (stack, number, part) = STACKS.iter().find_map(|(ours, theirs)| in_stack(bare, theirs).map(|(n, p)| (ours, n, p)))?;
        // What has no official name keeps its own, inside the block, so that a check can see that the block has more to it.
        let part = BLOCK.iter().find_map(|(ours, theirs)| swapped(part, theirs, ours)).unwrap_or_else(|| part.to_owned());
        Some(format!("{stack}.{number}.{part}"))
    });
    translated.unwrap_or_else(|| name.to_owned())
}

fn to_foreign(name: &str, decoder: bool) -> String {
    let translated = PARTS.iter().find_map(|(ours, theirs)| swapped(name, ours, theirs)).or_else(|| {
        let (stack, number, part) = STACKS.iter().find_map(|(ours, theirs)| in_stack(name, ours).map(|(n, p)| (theirs, n, p)))?;
        let part = BLOCK.iter().find_map(|(ours, theirs)| swapped(part, ours, theirs))?;
        Some(format!("{stack}.{number}.{part}"))
    });
    match translated {
        Some(name) if decoder && !name.starts_with("decoder.") => format!("vit.{name}"),
        Some(name) => name,
        None => name.to_owned(),
    }
}

/// `name` with the whole dotted part `from` at its start replaced by `to`.
fn swapped(name: &str, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('.')).then(|| format!("{to}{rest}"))
}

/// The number of the block, and the rest of the name.
fn in_stack<'a>(name: &'a str, stack: &str) -> Option<(&'a str, &'a str)> {
    name.strip_prefix(stack)?.strip_prefix('.')?.split_once('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::mae_tiny;

    #[test]
    fn there_and_back_is_the_same_bit_for_bit() {
        for decoder in [true, false] {
            let foreign = from_official(mae_tiny(), decoder);
            assert!(is_spoken_in(&foreign));
            assert_eq!(translate(foreign, &mut Vec::new()).unwrap(), mae_tiny());
        }
    }

    #[test]
    fn the_names_are_those_of_the_library() {
        let names: Vec<String> = from_official(mae_tiny(), true).into_keys().filter(|name| !name.ends_with("bias")).collect();
        insta::assert_snapshot!(names.join("\n"), @"
        decoder.decoder_embed.weight
        decoder.decoder_layers.0.attention.attention.key.weight
        decoder.decoder_layers.0.attention.attention.query.weight
        decoder.decoder_layers.0.attention.attention.value.weight
        decoder.decoder_layers.0.attention.output.dense.weight
        decoder.decoder_layers.0.intermediate.dense.weight
        decoder.decoder_layers.0.layernorm_after.weight
        decoder.decoder_layers.0.layernorm_before.weight
        decoder.decoder_layers.0.output.dense.weight
        decoder.decoder_norm.weight
        decoder.decoder_pos_embed
        decoder.decoder_pred.weight
        decoder.mask_token
        vit.embeddings.cls_token
        vit.embeddings.patch_embeddings.projection.weight
        vit.embeddings.position_embeddings
        vit.encoder.layer.0.attention.attention.key.weight
        vit.encoder.layer.0.attention.attention.query.weight
        vit.encoder.layer.0.attention.attention.value.weight
        vit.encoder.layer.0.attention.output.dense.weight
        vit.encoder.layer.0.intermediate.dense.weight
        vit.encoder.layer.0.layernorm_after.weight
        vit.encoder.layer.0.layernorm_before.weight
        vit.encoder.layer.0.output.dense.weight
        vit.layernorm.weight
        ");
    }

    #[test]
    fn the_names_of_version_5_are_read_too() {
        assert_eq!(to_official("vit.layers.0.attention.q_proj.bias"), "blocks.0.attn.q.bias");
        assert_eq!(to_official("layers.11.mlp.fc1.weight"), "blocks.11.mlp.fc1.weight");
        assert_eq!(to_official("decoder.decoder_layers.7.attention.o_proj.weight"), "decoder_blocks.7.attn.proj.weight");
        let written = "decoder.decoder_encoder.layer.0.attention.attention.key.bias";
        assert_eq!(to_official(written), "decoder_blocks.0.attn.k.bias");
    }

    #[test]
    fn a_part_without_an_official_name_stays_visible_in_its_block() {
        assert_eq!(to_official("encoder.layer.3.layer_scale1.lambda1"), "blocks.3.layer_scale1.lambda1");
        assert_eq!(to_official("vit.pooler.dense.weight"), "vit.pooler.dense.weight");
        assert_eq!(to_official("layernormal.weight"), "layernormal.weight");
    }
}
