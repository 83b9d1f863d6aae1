//! Lines of equal value over a grid.

/// Parts into which the side of a square is divided: the value between four points is bilinear, and its lines of equal value
/// are curves.
const PARTS: usize = 8;

/// A piece of a line: two points, in columns and rows.
pub(super) type Segment = [(f64, f64); 2];

/// Where the values `[row][column]` of a grid, between which they are bilinear, are `level`: marching squares (Lorensen and
/// Cline, 1987, in two dimensions). Squares with a corner that has no value are left out.
pub(super) fn contours(values: &[Vec<Option<f64>>], level: f64) -> Vec<Segment> {
    let mut segments = Vec::new();
    for (row, pair) in values.windows(2).enumerate() {
        for column in 1..pair[0].len() {
            let corners = [pair[0][column - 1], pair[0][column], pair[1][column - 1], pair[1][column]];
            if let [Some(a), Some(b), Some(c), Some(d)] = corners {
                square([a, b, c, d], ((column - 1) as f64, row as f64), level, &mut segments);
            }
        }
    }
    segments
}

/// One square of the grid, in [`PARTS`]² parts.
fn square([a, b, c, d]: [f64; 4], (left, top): (f64, f64), level: f64, segments: &mut Vec<Segment>) {
    let at = |x: f64, y: f64| (a * (1.0 - x) + b * x) * (1.0 - y) + (c * (1.0 - x) + d * x) * y;
    let share = |n: usize| n as f64 / PARTS as f64;
    for (x, y) in (0..PARTS * PARTS).map(|n| (n % PARTS, n / PARTS)) {
        let corner = |dx: usize, dy: usize| {
            let (x, y) = (share(x + dx), share(y + dy));
            (left + x, top + y, at(x, y))
        };
        // Around the part: each edge begins at a corner and ends at the next.
        let around = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
        let crossings: Vec<(f64, f64)> = (0..4).filter_map(|n| crossing(around[n], around[(n + 1) % 4], level)).collect();
        // Four crossings are a saddle: neighbours are joined, which never crosses.
        segments.extend(crossings.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
    }
}

/// Where an edge has the level, if its ends lie on different sides of it.
fn crossing(from: (f64, f64, f64), to: (f64, f64, f64), level: f64) -> Option<(f64, f64)> {
    if (from.2 < level) == (to.2 < level) {
        return None;
    }
    let share = (level - from.2) / (to.2 - from.2);
    Some((from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_has_a_straight_line() {
        let values = vec![vec![Some(0.0), Some(4.0)], vec![Some(0.0), Some(4.0)]];
        let line = contours(&values, 1.0);
        assert_eq!(line.len(), PARTS);
        assert!(line.iter().flatten().all(|(x, _)| (x - 0.25).abs() < 1e-12));
        assert!(contours(&values, 5.0).is_empty());
    }

    #[test]
    fn a_hyperbola_is_where_the_product_is_constant() {
        // Bilinear between these corners is x * y.
        let line = contours(&[vec![Some(0.0), Some(0.0)], vec![Some(0.0), Some(1.0)]], 0.25);
        assert!(line.len() > PARTS / 2);
        assert!(line.iter().flatten().all(|(x, y)| (x * y - 0.25).abs() < 0.01));
    }

    #[test]
    fn nothing_is_drawn_where_a_value_is_missing() {
        assert!(contours(&[vec![Some(0.0), Some(4.0)], vec![None, Some(4.0)]], 1.0).is_empty());
    }
}
