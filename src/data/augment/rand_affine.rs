//! Turning, shearing and moving a picture as Pillow does it: every pixel is taken, bicubically, from where it comes from.

/// What is shown where the picture does not reach: the mean of ImageNet, rounded (timm's `img_mean`).
const FILL: [u8; 3] = [124, 116, 104];

/// Where a point of the result comes from, in pixels from the top left corner: `x = a x' + b y' + c`, `y = d x' + e y' + f`,
/// as `[[a, b, c], [d, e, f]]`.
pub(super) type Matrix = [[f64; 3]; 2];

/// The turn by an angle in degrees, counterclockwise, about the middle of a picture of `side` by `side` pixels.
pub(super) fn rotation(degrees: f64, side: usize) -> Matrix {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let middle = side as f64 / 2.0;
    [[cos, sin, -cos * middle - sin * middle + middle], [-sin, cos, sin * middle - cos * middle + middle]]
}

/// The values of a pixel. The fourth is always 0: with it the processor computes two channels at a time.
type Texel = [f64; 4];

/// Maps `[side, side, 3]`.
pub(super) fn transform(pixels: &mut [u8], side: usize, matrix: Matrix) {
    let texel = |pixel: &[u8]| [pixel[0].into(), pixel[1].into(), pixel[2].into(), 0.0];
    let source: Vec<Texel> = pixels.chunks_exact(3).map(texel).collect();
    let inside = 0.0..side as f64;
    let from = |row: [f64; 3], x: usize, y: usize| row[0] * (x as f64 + 0.5) + row[1] * (y as f64 + 0.5) + row[2];
    for (y, line) in pixels.chunks_exact_mut(side * 3).enumerate() {
        for (x, out) in line.chunks_exact_mut(3).enumerate() {
            let [at_x, at_y] = matrix.map(|row| from(row, x, y));
            let known = inside.contains(&at_x) && inside.contains(&at_y);
            out.copy_from_slice(&if known { bicubic(&source, side, at_x - 0.5, at_y - 0.5) } else { FILL });
        }
    }
}

/// The colour at a point in pixels from the centre of the first one. The picture's border goes on outside.
fn bicubic(source: &[Texel], side: usize, x: f64, y: f64) -> [u8; 3] {
    let ((columns, along), (lines, down)) = (neighbours(x, side), neighbours(y, side));
    let lines = lines.map(|line| {
        let line = &source[line * side..][..side];
        cubic(columns.map(|column| line[column]), along)
    });
    let [r, g, b, _] = cubic(lines, down);
    // The cast limits to 0..=255 and rounds down, as Pillow does.
    [r as u8, g as u8, b as u8]
}

/// The four places about a point, two on either side, and how far the point is from the second to the third.
fn neighbours(at: f64, side: usize) -> ([usize; 4], f64) {
    let second = at.floor();
    ([-1, 0, 1, 2].map(|step| (second as isize + step).clamp(0, side as isize - 1) as usize), at - second)
}

/// The cubic through the middle two of four texels (the kernel of a = -1), at `t` in `[0, 1)` between them.
fn cubic([before, first, second, after]: [Texel; 4], t: f64) -> Texel {
    std::array::from_fn(|channel| {
        let [before, first, second, after] = [before[channel], first[channel], second[channel], after[channel]];
        let slope = second - before;
        let square = 2.0 * (before - first) + second - after;
        let cube = first - before - second + after;
        first + t * (slope + t * (square + t * cube))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 8;

    fn ramp() -> Vec<u8> {
        (0..SIDE * SIDE).flat_map(|i| [(i % SIDE * 10) as u8, (i / SIDE * 10) as u8, 90]).collect()
    }

    fn moved(matrix: Matrix) -> Vec<u8> {
        let mut pixels = ramp();
        transform(&mut pixels, SIDE, matrix);
        pixels
    }

    #[test]
    fn no_turn_and_no_move_change_nothing() {
        assert_eq!(moved(rotation(0.0, SIDE)), ramp());
        assert_eq!(moved([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), ramp());
    }

    #[test]
    fn a_move_of_whole_pixels_copies_and_fills() {
        let pixels = moved([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]]);
        assert_eq!(pixels[..15], ramp()[9..24]);
        assert_eq!(pixels[15..24], FILL.repeat(3));
    }

    #[test]
    fn half_a_pixel_along_a_ramp_is_half_a_step() {
        let pixels = moved([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]);
        assert_eq!(pixels[9..12], [35, 0, 90]);
    }

    #[test]
    fn a_turn_is_counterclockwise() {
        let middle = |pixels: &[u8]| i32::from(pixels[(4 * SIDE + 6) * 3 + 1]);
        // What was at the lower right comes to the right: the rows, larger further down, grow there.
        assert!(middle(&moved(rotation(30.0, SIDE))) > middle(&ramp()));
        assert!(middle(&moved(rotation(-30.0, SIDE))) < middle(&ramp()));
    }
}
