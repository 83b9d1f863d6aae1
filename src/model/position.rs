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
