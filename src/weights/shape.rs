//! The model that tensors are of, told from their shapes, and the shapes that a model needs.

use super::read::printable;
use crate::failure::Failure;
use crate::model::Config;
use crate::model::Transformer;
use crate::model::Vit;
use crate::model::config::SIZES;
use crate::model::state::StateDict;

/// The decoder that MAE and ViC-MAE have beside every encoder from base on; used where a file has none.
pub const USUAL_DECODER: Transformer = Transformer { width: 512, depth: 8, heads: 16 };

/// Published decoders: width, heads.
const DECODERS: [(usize, usize); 2] = [(512, 16), (256, 8)];

/// The patch embedding, from which width and patch are told.
const PATCH: &str = "patch_embed.proj.weight";

/// Tells the model from the shapes of a state dict with official names.
///
/// The number of heads leaves no trace in a shape: it is `heads` where given, else that of the published encoder of the same
/// width. `notes` gets a sentence when the decoder's heads are a guess, or when there is no decoder.
///
/// # Errors
/// When a tensor that is needed is missing or of a shape that no ViT here has, or when the heads cannot be told.
pub fn model_of(state: &StateDict, heads: Option<usize>, notes: &mut Vec<String>) -> Result<Config, Failure> {
    let shape = shape_of(state, PATCH)?;
    let &[width, 3, patch, side] = shape.as_slice() else { return Err(odd(PATCH, &shape, "[width, 3, patch, patch]")) };
    if patch != side || patch == 0 || width == 0 {
        return Err(odd(PATCH, &shape, "[width, 3, patch, patch]"));
    }
    let grid = grid_of(&shape_of(state, "pos_embed")?, width)?;
    let heads = heads.or_else(|| SIZES.iter().find(|size| size.1 == width).map(|size| size.3)).ok_or_else(|| {
        Failure::input(format!("an encoder of width {width} is not a published one, and shapes do not tell its heads"))
            .hint("say how many attention heads a block has: --heads N (often width / 64)")
    })?;
    let encoder = Transformer { width, depth: depth(state, "blocks"), heads };
    let decoder = decoder_of(state, width, notes)?;
    let config = Config { vit: Vit(encoder), image: grid * patch, patch, decoder };
    let unfit = |cause| Failure::input(format!("its shapes are of no model that can be built: {cause}"));
    config.check().map_err(|cause| unfit(cause).hint("check --heads, or give another file"))?;
    Ok(config)
}

/// Names and shapes of the encoder's tensors.
pub fn encoder(config: &Config) -> Vec<(String, Vec<usize>)> {
    let width = config.vit.0.width;
    let mut all = vec![
        ("cls_token".to_owned(), vec![1, 1, width]),
        ("pos_embed".to_owned(), vec![1, 1 + config.tokens(), width]),
        (PATCH.to_owned(), vec![width, 3, config.patch, config.patch]),
        ("patch_embed.proj.bias".to_owned(), vec![width]),
    ];
    all.extend(blocks("blocks", config.vit.0));
    all.extend(affine("norm", vec![width]));
    all
}

/// Names and shapes of the decoder's tensors.
pub fn decoder(config: &Config) -> Vec<(String, Vec<usize>)> {
    let width = config.decoder.width;
    let mut all =
        vec![("mask_token".to_owned(), vec![1, 1, width]), ("decoder_pos_embed".to_owned(), vec![1, 1 + config.tokens(), width])];
    all.extend(affine("decoder_embed", vec![width, config.vit.0.width]));
    all.extend(blocks("decoder_blocks", config.decoder));
    all.extend(affine("decoder_norm", vec![width]));
    all.extend(affine("decoder_pred", vec![config.patch_values(), width]));
    all
}

fn blocks(stack: &str, size: Transformer) -> Vec<(String, Vec<usize>)> {
    let w = size.width;
    let parts = [
        ("norm1", vec![w]),
        ("attn.qkv", vec![3 * w, w]),
        ("attn.proj", vec![w, w]),
        ("norm2", vec![w]),
        ("mlp.fc1", vec![4 * w, w]),
        ("mlp.fc2", vec![w, 4 * w]),
    ];
    (0..size.depth)
        .flat_map(|number| parts.iter().map(move |(part, shape)| (format!("{stack}.{number}.{part}"), shape.clone())))
        .flat_map(|(name, shape)| affine(&name, shape))
        .collect()
}

/// A weight, and a bias with as many values as the weight has rows.
fn affine(name: &str, shape: Vec<usize>) -> [(String, Vec<usize>); 2] {
    let rows = shape[..1].to_vec();
    [(format!("{name}.weight"), shape), (format!("{name}.bias"), rows)]
}

fn decoder_of(state: &StateDict, encoder: usize, notes: &mut Vec<String>) -> Result<Transformer, Failure> {
    let depth = depth(state, "decoder_blocks");
    if depth == 0 || !state.contains_key("decoder_embed.weight") {
        notes.push("there is no decoder in the file, so it cannot reconstruct pictures".to_owned());
        return Ok(USUAL_DECODER);
    }
    let name = "decoder_embed.weight";
    let shape = shape_of(state, name)?;
    let &[width, from] = shape.as_slice() else { return Err(odd(name, &shape, "[decoder's width, width]")) };
    if from != encoder || width == 0 {
        return Err(odd(name, &shape, &format!("[decoder's width, {encoder}]")));
    }
    let published = DECODERS.iter().find(|known| known.0 == width).map(|known| known.1);
    let heads = published.unwrap_or_else(|| {
        let guess = (1..=(width / 32).max(1)).rev().find(|heads| width.is_multiple_of(*heads)).unwrap_or(1);
        notes.push(format!("a decoder of width {width} is not a published one: its number of heads, {guess}, is a guess"));
        guess
    });
    Ok(Transformer { width, depth, heads })
}

/// Blocks of a stack that stand without a gap from number 0.
fn depth(state: &StateDict, stack: &str) -> usize {
    (0..).take_while(|number| state.contains_key(&format!("{stack}.{number}.norm1.weight"))).count()
}

/// Patches a side, from the shape of the table of positions.
fn grid_of(shape: &[usize], width: usize) -> Result<usize, Failure> {
    let &[1, rows, columns] = shape else { return Err(odd("pos_embed", shape, &format!("[1, 1 + patches, {width}]"))) };
    if columns != width {
        return Err(odd("pos_embed", shape, &format!("[1, 1 + patches, {width}]")));
    }
    let grid = rows.saturating_sub(1).isqrt();
    if grid > 0 && grid * grid + 1 == rows {
        return Ok(grid);
    }
    let failure = Failure::input(format!("`pos_embed` has {rows} rows, which is not a class token and a square of patches"));
    Err(if rows.isqrt().pow(2) == rows && rows > 0 {
        failure.hint("it has no row for the class token, without which the encoder here cannot do")
    } else {
        failure.hint("only square images are supported, and no more tokens than the class token")
    })
}

fn shape_of(state: &StateDict, name: &str) -> Result<Vec<usize>, Failure> {
    let found = state.get(name).map(|data| data.shape().to_vec());
    found.ok_or_else(|| {
        let some: Vec<String> = state.keys().take(4).map(|name| printable(name)).collect();
        Failure::input(format!("`{name}` is missing: the model cannot be told")).hint(format!("there are {}", some.join(", ")))
    })
}

fn odd(name: &str, shape: &[usize], wanted: &str) -> Failure {
    Failure::input(format!("`{name}` has shape {shape:?} where {wanted} is needed"))
        .hint("give the weights of a ViT on RGB images")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples;
    use crate::weights::samples::tensor;
    use std::collections::BTreeMap;

    fn told(state: &StateDict, heads: Option<usize>) -> (Result<Config, Failure>, String) {
        let mut notes = Vec::new();
        (model_of(state, heads, &mut notes), notes.join("\n"))
    }

    #[test]
    fn the_shapes_of_every_published_size_are_those_of_the_official_code() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/state_dict_keys.json"));
        let lists: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
        let mut sizes = 0;
        for (model, list) in lists.iter().filter(|(_, list)| list.is_object()) {
            let mut official: BTreeMap<String, Vec<usize>> = serde_json::from_value(list.clone()).unwrap();
            official.retain(|name, _| !name.starts_with("projector."));
            let size = SIZES.iter().find(|size| model.contains(&format!("_{}_", size.0))).unwrap();
            let mut decoder = USUAL_DECODER;
            if size.0 == "small" {
                decoder = Transformer { width: 256, depth: 8, heads: 8 };
            }
            let config = Config { vit: Vit::named(size.0).unwrap(), image: 224, patch: 16, decoder };
            let ours: BTreeMap<_, _> = encoder(&config).into_iter().chain(super::decoder(&config)).collect();
            assert_eq!(ours, official, "{model}");
            // The others count by their names alone, and need no values.
            let told_from = [PATCH, "pos_embed", "decoder_embed.weight"];
            let shape = |name: &str| if told_from.contains(&name) { ours[name].clone() } else { vec![0] };
            let state = ours.keys().map(|name| (name.clone(), tensor(&shape(name)))).collect();
            assert_eq!(told(&state, None).0.unwrap(), config, "{model}");
            sizes += 1;
        }
        assert_eq!(sizes, 5);
    }

    #[test]
    fn the_model_is_told_from_the_shapes() {
        let decoder = Transformer { width: 256, depth: 8, heads: 8 };
        let small = Config { vit: Vit::named("small").unwrap(), image: 224, patch: 16, decoder };
        let (model, notes) = told(&samples::of(&small), None);
        assert_eq!((model.unwrap(), notes), (small, String::new()));
        let (model, notes) = told(&samples::mae_tiny(), Some(2));
        assert_eq!(model.unwrap(), samples::tiny());
        insta::assert_snapshot!(notes, @"a decoder of width 4 is not a published one: its number of heads, 1, is a guess");
    }

    #[test]
    fn without_a_decoder_the_usual_one_is_taken_and_it_is_said() {
        let mut state = samples::mae_tiny();
        state.retain(|name, _| !name.starts_with("decoder"));
        let (model, notes) = told(&state, Some(2));
        assert_eq!(model.unwrap().decoder, USUAL_DECODER);
        insta::assert_snapshot!(notes, @"there is no decoder in the file, so it cannot reconstruct pictures");
    }

    #[test]
    fn what_cannot_be_told_is_said_with_the_remedy() {
        let refused = |name: &str, shape: &[usize]| {
            let mut state = samples::mae_tiny();
            state.insert(name.to_owned(), tensor(shape));
            told(&state, Some(2)).0.unwrap_err().to_string()
        };
        insta::assert_snapshot!(told(&samples::mae_tiny(), None).0.unwrap_err(), @"
        an encoder of width 8 is not a published one, and shapes do not tell its heads
        hint: say how many attention heads a block has: --heads N (often width / 64)
        ");
        insta::assert_snapshot!(told(&samples::mae_tiny(), Some(3)).0.unwrap_err(), @"
        its shapes are of no model that can be built: model.vit.width (8) is not a multiple of model.vit.heads (3)
        hint: check --heads, or give another file
        ");
        insta::assert_snapshot!(refused("pos_embed", &[1, 4, 8]), @"
        `pos_embed` has 4 rows, which is not a class token and a square of patches
        hint: it has no row for the class token, without which the encoder here cannot do
        ");
        insta::assert_snapshot!(refused("pos_embed", &[1, 7, 8]), @"
        `pos_embed` has 7 rows, which is not a class token and a square of patches
        hint: only square images are supported, and no more tokens than the class token
        ");
        insta::assert_snapshot!(refused(PATCH, &[8, 1, 4, 4]), @"
        `patch_embed.proj.weight` has shape [8, 1, 4, 4] where [width, 3, patch, patch] is needed
        hint: give the weights of a ViT on RGB images
        ");
        for (name, shape) in [(PATCH, &[0, 3, 4, 4][..]), (PATCH, &[8, 3, 0, 0]), ("pos_embed", &[1, 1, 8]), ("pos_embed", &[0])]
        {
            refused(name, shape);
        }
        insta::assert_snapshot!(
            told(&StateDict::new(), None).0.unwrap_err().message,
            @"`patch_embed.proj.weight` is missing: the model cannot be told"
        );
    }
}
