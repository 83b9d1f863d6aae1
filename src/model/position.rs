//! Fixed two-dimensional sine-cosine positions (MAE).

/// The table for a grid of `grid * grid` patches and a class token: `[1 + grid * grid, width]`, row by row.
///
/// Row 0 (class token) is zero. The patch at row `i` and column `j` has `S(j)` in its first half and `S(i)` in its second, where
/// `S(m) = [sin(m w_0), .., cos(m w_0), ..]` and `w_k = 10000^(-k / (width / 4))`. `width` is a multiple of 4.
pub fn sin_cos(width: usize, grid: usize) -> Vec<f32> {
    let quarter = width / 4;
    let frequency = |k: usize| 10000f64.powf(-(k as f64) / quarter as f64);
    let mut table = vec![0.0; width];
    for row in 0..grid {
        for column in 0..grid {
            for place in [column, row] {
                table.extend((0..quarter).map(|k| (place as f64 * frequency(k)).sin() as f32));
                table.extend((0..quarter).map(|k| (place as f64 * frequency(k)).cos() as f32));
            }
        }
    }
    table
}

/// Fixed positions in time, `[steps, width]`: `sin(t w_k)` in the first half and `cos(t w_k)` in the second, with
/// `w_k = 10000^(-k / (width / 2))`. `width` is even.
pub fn in_time(width: usize, steps: usize) -> Vec<f32> {
    let half = width / 2;
    let angle = |step: usize, k: usize| step as f64 * 10000f64.powf(-(k as f64) / half as f64);
    let row = |step: usize| {
        let sines = (0..half).map(move |k| angle(step, k).sin() as f32);
        sines.chain((0..half).map(move |k| angle(step, k).cos() as f32))
    };
    (0..steps).flat_map(row).collect()
}

/// A table of positions `[1 + from * from, width]`, class token first, resized to `[1 + to * to, width]`.
///
/// Bicubic without antialiasing, corners not aligned, the edge repeated: what `torch.nn.functional.interpolate` does, which the
/// fine-tuning of MAE uses. The class token stays as it is.
pub fn resized(table: &[f32], width: usize, from: usize, to: usize) -> Vec<f32> {
    let (class, places) = table.split_at(width);
    let taps: Vec<[(usize, f32); 4]> = (0..to).map(|place| taps(place, from, to)).collect();
    let mut out = class.to_vec();
    for row in &taps {
        for column in &taps {
            let mut sum = vec![0.0; width];
            for (y, across) in row {
                for (x, along) in column {
                    let place = &places[(y * from + x) * width..][..width];
                    sum.iter_mut().zip(place).for_each(|(sum, value)| *sum += across * along * value);
                }
            }
            out.extend(sum);
        }
    }
    out
}

/// The four places that make the one at `place` of `to`, with their weights (the cubic kernel of Keys, `a` = -0.75).
fn taps(place: usize, from: usize, to: usize) -> [(usize, f32); 4] {
    const A: f64 = -0.75;
    let centre = (place as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let first = centre.floor();
    let weight = |distance: f64| match distance {
        near if near <= 1.0 => ((A + 2.0) * near - (A + 3.0)) * near * near + 1.0,
        far => ((A * far - 5.0 * A) * far + 8.0 * A) * far - 4.0 * A,
    };
    [-1.0, 0.0, 1.0, 2.0].map(|step| {
        let at = first + step;
        (at.clamp(0.0, (from - 1) as f64) as usize, weight((centre - at).abs()) as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_first() {
        let table = sin_cos(8, 2);
        let row = |n: usize| table[n * 8..(n + 1) * 8].iter().map(|x| (x * 1e4).round() / 1e4).collect::<Vec<f32>>();
        assert_eq!(row(0), [0.0; 8]);
        assert_eq!(row(1), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(row(2), [0.8415, 0.01, 0.5403, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(row(3), [0.0, 0.0, 1.0, 1.0, 0.8415, 0.01, 0.5403, 1.0]);
    }
}
