//! Gaussian blur of 8-bit RGB pixels.

use std::cell::RefCell;

/// The widest standard deviation that is drawn, in pixels, at any size of view.
pub(super) const WIDEST: f64 = 2.0;

/// The narrowest one.
pub(super) const NARROWEST: f64 = 0.1;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Buffers that stay from picture to picture.
#[derive(Default)]
struct Scratch {
    /// One row with its ends repeated.
    row: Vec<u8>,
    /// The picture, blurred along its rows.
    across: Vec<u8>,
    /// Sums of one row; 255 x 256 fits.
    sums: Vec<u16>,
}

/// Blurs `[size, size, 3]` in place, along the rows and then along the columns; the border is repeated outwards.
pub(super) fn blur(pixels: &mut [u8], size: usize, sigma: f64) {
    let kernel = kernel(sigma);
    let (radius, stride) = (kernel.len() / 2, size * 3);
    SCRATCH.with_borrow_mut(|Scratch { row, across, sums }| {
        across.clear();
        for line in pixels.chunks_exact(stride) {
            row.clear();
            (0..radius).for_each(|_| row.extend_from_slice(&line[..3]));
            row.extend_from_slice(line);
            (0..radius).for_each(|_| row.extend_from_slice(&line[stride - 3..]));
            weigh(sums, stride, kernel.iter().enumerate().map(|(i, weight)| (&row[i * 3..i * 3 + stride], *weight)));
            across.extend(sums.iter().map(round));
        }
        for (y, line) in pixels.chunks_exact_mut(stride).enumerate() {
            let row = |i: usize| (y + i).saturating_sub(radius).min(size - 1) * stride;
            weigh(sums, stride, kernel.iter().enumerate().map(|(i, weight)| (&across[row(i)..row(i) + stride], *weight)));
            line.iter_mut().zip(sums.iter()).for_each(|(value, sum)| *value = round(sum));
        }
    });
}

/// Sums rows, each times its weight.
fn weigh<'a>(sums: &mut Vec<u16>, length: usize, rows: impl Iterator<Item = (&'a [u8], u16)>) {
    sums.clear();
    sums.resize(length, 0);
    for (row, weight) in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += u16::from(*value) * weight);
    }
}

fn round(sum: &u16) -> u8 {
    ((*sum + 128) >> 8) as u8
}

/// Returns the weights of a Gaussian out to three standard deviations, in 256ths: odd in number, with a sum of exactly 256.
fn kernel(sigma: f64) -> Vec<u16> {
    let radius = (3.0 * sigma).ceil() as i32;
    let bell: Vec<f64> = (-radius..=radius).map(|x| (-f64::from(x * x) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = bell.iter().sum();
    let mut weights: Vec<u16> = bell.iter().map(|weight| (weight / total * 256.0).round() as u16).collect();
    let sides: u16 = weights.iter().enumerate().filter(|(i, _)| *i as i32 != radius).map(|(_, weight)| weight).sum();
    weights[radius as usize] = 256 - sides;
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_a_gaussian_of_sum_256() {
        for sigma in [NARROWEST, 0.5, 1.0, 1.7, WIDEST] {
            let kernel = kernel(sigma);
            assert_eq!(kernel.iter().sum::<u16>(), 256);
            let radius = (kernel.len() / 2) as f64;
            let variance: f64 = kernel.iter().enumerate().map(|(i, w)| f64::from(*w) / 256.0 * (i as f64 - radius).powi(2)).sum();
            if sigma >= 0.5 {
                assert!((variance.sqrt() - sigma).abs() < 0.06, "{sigma} {}", variance.sqrt());
            }
        }
        assert_eq!(kernel(0.1), [0, 256, 0]);
    }

    #[test]
    fn a_point_spreads_the_same_in_both_directions_and_flat_stays_flat() {
        let mut pixels = vec![0; 15 * 15 * 3];
        pixels[(7 * 15 + 7) * 3 + 1] = 255;
        blur(&mut pixels, 15, 1.0);
        let at = |x: usize, y: usize| pixels[(y * 15 + x) * 3 + 1];
        assert_eq!((at(7, 7), at(8, 7), at(7, 8), at(6, 7)), (41, 25, 25, 25));
        assert_eq!(at(0, 0), 0);
        assert!(pixels.iter().step_by(3).all(|red| *red == 0));
        let mut flat = vec![255; 5 * 5 * 3];
        blur(&mut flat, 5, WIDEST);
        assert_eq!(flat, vec![255; 75]);
    }
}
