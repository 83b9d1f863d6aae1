//! The names and shapes of MAE-ST (masked autoencoders of video), brought down to one image.
//!
//! Source: `facebookresearch/mae_st`, `models_mae.py` and `models_vit.py`. A clip embeds 2 frames a patch, has separate tables
//! of positions in space and time, and separate query, key and value.

use super::names::Dialect;
use super::qkv;
use super::read::printable;
use crate::failure::Failure;
use crate::model::state::StateDict;
use burn::tensor::TensorData;

/// Time is summed out of the patch embedding and averaged out of the positions.
pub const DIALECT: Dialect = Dialect { name: "MAE-ST", is_spoken_in, translate };

const PATCH: &str = "patch_embed.proj.weight";

fn is_spoken_in(state: &StateDict) -> bool {
    state.get(PATCH).is_some_and(|data| data.shape().to_vec().len() == 5)
}

fn translate(state: StateDict, notes: &mut Vec<String>) -> Result<StateDict, Failure> {
    let mut state = qkv::join(state, notes)?;
    patches(&mut state, notes);
    positions(&mut state, "", notes)?;
    if !decoder_is_of_one_image(&state) {
        state.retain(|name, _| !name.starts_with("decoder_") && name != "mask_token");
        notes.push("the decoder predicts several frames a patch and ours one image: it was left out".into());
    }
    if state.keys().any(|name| name.starts_with("decoder_")) {
        positions(&mut state, "decoder_", notes)?;
    }
    Ok(state)
}

/// Sums `[width, 3, time, p, p]` over time: a still clip then embeds as the image does.
fn patches(state: &mut StateDict, notes: &mut Vec<String>) {
    let Some(data) = state.get_mut(PATCH) else { return };
    let &[width, channels, time, height, side] = data.shape().to_vec().as_slice() else { return };
    let values: Vec<f32> = data.iter::<f32>().collect();
    let area = height * side;
    let summed = (0..width * channels * area).map(|place| {
        let (filter, pixel) = (place / area, place % area);
        (0..time).map(|t| f64::from(values[(filter * time + t) * area + pixel])).sum::<f64>() as f32
    });
    *data = TensorData::new(summed.collect(), vec![width, channels, height, side]);
    notes.push(format!("the patch embedding was summed over its {time} frames, so that a still clip embeds as its image"));
}

/// Turns the tables of space `[1, n, width]`, time `[1, t, width]` and the class token `[1, 1, width]` into one,
/// `[1, 1 + n, width]`: the class token's, then space plus the mean over time.
fn positions(state: &mut StateDict, stack: &str, notes: &mut Vec<String>) -> Result<(), Failure> {
    let name = |table: &str| format!("{stack}pos_embed{table}");
    let Some(space) = state.remove(&name("_spatial")) else { return Ok(()) };
    let mut table = |which: &str| state.remove(&name(which)).ok_or_else(|| missing(&name(which)));
    let (time, class) = (table("_temporal")?, table("_class")?);
    let width = width_of(&name("_spatial"), &space)?;
    for (which, data) in [("_temporal", &time), ("_class", &class)] {
        if width_of(&name(which), data)? != width {
            return Err(misshapen(&name(which), data));
        }
    }
    let mut rows: Vec<f32> = class.iter::<f32>().collect();
    if rows.len() != width {
        return Err(misshapen(&name("_class"), &class));
    }
    let mean = mean_row(&time, width);
    rows.extend(space.iter::<f32>().zip(mean.iter().cycle()).map(|(place, moment)| (f64::from(place) + moment) as f32));
    let shape = vec![1, rows.len() / width, width];
    state.insert(name(""), TensorData::new(rows, shape));
    notes.push(format!("`{}` is that of space plus the mean of that of time", name("")));
    Ok(())
}

/// The mean of the rows of a table; zeros when it has none.
fn mean_row(table: &TensorData, width: usize) -> Vec<f64> {
    let values: Vec<f32> = table.iter::<f32>().collect();
    let mut mean = vec![0.0; width];
    for row in values.chunks_exact(width) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let rows = (values.len() / width).max(1) as f64;
    mean.iter().map(|sum| sum / rows).collect()
}

/// Whether there is no decoder, or one that predicts the pixels of one image: 3 * p * p a patch.
fn decoder_is_of_one_image(state: &StateDict) -> bool {
    let (Some(patch), Some(pred)) = (state.get(PATCH), state.get("decoder_pred.weight")) else { return true };
    let pixels: usize = patch.shape().to_vec().iter().skip(1).product();
    pred.shape().to_vec().first() == Some(&pixels)
}

fn width_of(name: &str, table: &TensorData) -> Result<usize, Failure> {
    match table.shape().to_vec().as_slice() {
        &[1, _, width] if width > 0 => Ok(width),
        _ => Err(misshapen(name, table)),
    }
}

fn missing(name: &str) -> Failure {
    Failure::input(format!("`{}` is missing: MAE-ST has positions in space, time and for the class token", printable(name)))
        .hint("the file is incomplete, or its model has no class token (cls_embed), which the encoder needs")
}

fn misshapen(name: &str, table: &TensorData) -> Failure {
    let shape = table.shape().to_vec();
    Failure::input(format!("`{name}` has shape {shape:?}, which does not go with the other tables of positions"))
        .hint("the file is damaged or not of MAE-ST")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::mae_tiny;
    use crate::weights::samples::tensor;

    /// A MAE inflated over time as MAE-ST does it, `time` (a power of 2) frames a patch; tables of time hold zeros.
    fn inflated(time: usize) -> StateDict {
        let mut state = StateDict::new();
        for (name, data) in mae_tiny() {
            if let Some(block) = name.split_once(".attn.qkv.") {
                let pieces = qkv::PARTS.iter().zip(qkv::split(&data));
                state.extend(pieces.map(|(letter, piece)| (format!("{}.attn.{letter}.{}", block.0, block.1), piece)));
            } else if name == PATCH {
                let shape = data.shape().to_vec();
                let values: Vec<f32> = data.iter::<f32>().collect();
                let area = shape[2] * shape[3];
                let filters = values.chunks(area).map(|filter| filter.iter().map(|v| v / time as f32).collect::<Vec<_>>());
                let repeated = filters.flat_map(|filter| filter.repeat(time)).collect();
                state.insert(name, TensorData::new(repeated, vec![shape[0], shape[1], time, shape[2], shape[3]]));
            } else if name.ends_with("pos_embed") {
                let (width, values) = (data.shape().to_vec()[2], data.iter::<f32>().collect::<Vec<_>>());
                let rows = |values: &[f32]| TensorData::new(values.to_vec(), vec![1, values.len() / width, width]);
                state.insert(format!("{name}_class"), rows(&values[..width]));
                state.insert(format!("{name}_spatial"), rows(&values[width..]));
                state.insert(format!("{name}_temporal"), rows(&vec![0.0; 8 * width]));
            } else {
                state.insert(name, data);
            }
        }
        state
    }

    #[test]
    fn an_inflated_mae_comes_back_bit_for_bit() {
        let mut notes = Vec::new();
        assert!(is_spoken_in(&inflated(2)));
        assert_eq!(translate(inflated(2), &mut notes).unwrap(), mae_tiny());
        insta::assert_snapshot!(notes.join("\n"), @"
        query, key and value were joined to qkv in 4 tensors
        the patch embedding was summed over its 2 frames, so that a still clip embeds as its image
        `pos_embed` is that of space plus the mean of that of time
        `decoder_pos_embed` is that of space plus the mean of that of time
        ");
    }

    #[test]
    fn the_mean_over_time_is_added_to_every_place_but_not_to_the_class_token() {
        let mut state = inflated(1);
        let width = state["pos_embed_class"].shape().to_vec()[2];
        let time: Vec<f32> = std::iter::repeat_n(1.0, width).chain(std::iter::repeat_n(2.0, width)).collect();
        state.insert("pos_embed_temporal".into(), TensorData::new(time, vec![1, 2, width]));
        let (ours, plain) = (translate(state, &mut Vec::new()).unwrap(), mae_tiny());
        let pairs = ours["pos_embed"].iter::<f32>().zip(plain["pos_embed"].iter::<f32>()).enumerate();
        for (place, (with_time, without)) in pairs {
            assert_eq!(with_time, if place < width { without } else { without + 1.5 });
        }
    }

    #[test]
    fn a_decoder_of_several_frames_is_left_out_and_it_is_said() {
        let mut state = inflated(2);
        let shape = state["decoder_pred.weight"].shape().to_vec();
        state.insert("decoder_pred.weight".into(), tensor(&[2 * shape[0], shape[1]]));
        let mut notes = Vec::new();
        let state = translate(state, &mut notes).unwrap();
        assert!(state.keys().all(|name| !name.starts_with("decoder") && name != "mask_token"));
        insta::assert_snapshot!(
            notes.pop().unwrap_or_default(),
            @"the decoder predicts several frames a patch and ours one image: it was left out"
        );
    }

    #[test]
    fn tables_that_are_missing_or_do_not_go_together_are_named() {
        let refused = |change: fn(&mut StateDict)| {
            let mut state = inflated(2);
            change(&mut state);
            translate(state, &mut Vec::new()).unwrap_err().to_string()
        };
        insta::assert_snapshot!(refused(|state| _ = state.remove("pos_embed_class")), @"
        `pos_embed_class` is missing: MAE-ST has positions in space, time and for the class token
        hint: the file is incomplete, or its model has no class token (cls_embed), which the encoder needs
        ");
        insta::assert_snapshot!(refused(|state| _ = state.insert("pos_embed_temporal".into(), tensor(&[1, 8, 4]))), @"
        `pos_embed_temporal` has shape [1, 8, 4], which does not go with the other tables of positions
        hint: the file is damaged or not of MAE-ST
        ");
        assert!(refused(|state| _ = state.insert("pos_embed_spatial".into(), tensor(&[4]))).contains("[4]"));
    }
}
