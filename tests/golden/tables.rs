//! Tables that are computed once: positions and learning rates.

use crate::check::close;
use crate::file::File;
use vicmae::model::position::sin_cos;
use vicmae::optimize::Schedule;

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
