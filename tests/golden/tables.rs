//! Tables that are computed once: positions and learning rates.

use crate::check::close;
use crate::file::File;
use vicmae::model::position::{resized, sin_cos};
use vicmae::optimize::{LayerDecay, Schedule};

#[test]
fn positions_are_those_of_the_reference() {
    let file = File::kept("pos_embed.safetensors");
    for (name, width, grid) in
        [("d48_g4_cls", 48, 4), ("d192_g8_cls", 192, 8), ("d512_g14_cls", 512, 14), ("d768_g14_cls", 768, 14)]
    {
        let ours: Vec<f64> = sin_cos(width, grid).into_iter().map(f64::from).collect();
        close(name, &ours, &file.values(name), 1e-6);
    }
}

#[test]
fn learning_rates_are_those_of_the_reference() {
    let file = File::kept("lr_schedule.safetensors");
    let (epochs, rates) = (file.values("epoch"), file.values("lr"));
    let schedule = Schedule { epochs: 20, warmup_epochs: 5.0, min_lr: 1e-6 };
    let ours: Vec<f64> = epochs.iter().map(|&epoch| schedule.rate(1e-3, epoch)).collect();
    close("learning rate", &ours, &rates, 1e-6);
}

#[test]
fn resized_positions_are_those_of_pytorch() {
    let file = File::kept("pos_embed.safetensors");
    let table = sin_cos(192, 14);
    for grid in [7, 16, 24] {
        let name = format!("interp14to{grid}_bicubic_d192");
        let ours: Vec<f64> = resized(&table, 192, 14, grid).into_iter().skip(192).map(f64::from).collect();
        close(&name, &ours, &file.values(&name), 1e-5);
    }
}

#[test]
fn layer_scales_are_those_of_the_official_code() {
    let file = File::kept("layer_decay.safetensors");
    for (name, factor, depth) in [("scales_065_depth12", 0.65, 12), ("scales_075_depth24", 0.75, 24)] {
        let decay = LayerDecay { factor, depth };
        let blocks = (0..depth).map(|block| format!("blocks.{block}.attn.qkv.weight"));
        let names = std::iter::once("cls_token".to_owned()).chain(blocks).chain(["head.weight".to_owned()]);
        let ours: Vec<f64> = names.map(|name| decay.scale(&name)).collect();
        close(name, &ours, &file.values(name), 1e-6);
    }
}
