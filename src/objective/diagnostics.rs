//! Is the representation alive? Measures of collapse on the pooled features of a batch of pairs.

use burn::tensor::Tensor;

/// Measures of collapse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diagnostics {
    /// Mean over dimensions of the standard deviation of the l2-normalised features; `1 / sqrt(width)` when healthy, 0 when
    /// collapsed (SimSiam).
    pub std: f64,
    /// RankMe: `exp` of the entropy of the normalised singular values; from 1 (collapsed) to the width.
    pub rankme: f64,
    /// Mean squared distance of the two normalised views of a clip (Wang and Isola, alpha 2).
    pub alignment: f64,
    /// `log` of the mean of `exp(-2 d^2)` over all pairs of the batch (Wang and Isola, t 2).
    pub uniformity: f64,
}

/// Measures the features of two views, each `[batch, width]`.
pub fn diagnose(first: Tensor<2>, second: Tensor<2>) -> Diagnostics {
    let [first, second] = [Rows::of(first), Rows::of(second)];
    Diagnostics {
        std: std_of_normalised(&first),
        rankme: rankme(&first),
        alignment: alignment(&first, &second),
        uniformity: uniformity(&first),
    }
}

/// A matrix on the host, in 64 bits.
pub struct Rows {
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    /// Brings a tensor `[rows, width]` to the host.
    pub fn of(tensor: Tensor<2>) -> Self {
        Rows { width: tensor.dims()[1], values: tensor.into_data().iter::<f64>().collect() }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width)
    }

    fn normalised(&self) -> Vec<Vec<f64>> {
        self.rows()
            .map(|row| {
                let length = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
                row.iter().map(|x| x / length).collect()
            })
            .collect()
    }
}

/// Mean over dimensions of the (unbiased) standard deviation of the l2-normalised rows.
pub fn std_of_normalised(rows: &Rows) -> f64 {
    let normal = rows.normalised();
    let count = normal.len() as f64;
    let deviation = |column: usize| {
        let mean = normal.iter().map(|row| row[column]).sum::<f64>() / count;
        (normal.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
    };
    (0..rows.width).map(deviation).sum::<f64>() / rows.width as f64
}

/// RankMe (Garrido et al.): `exp(-sum p log p)` with `p = s / sum s + 1e-7` over the singular values `s`.
pub fn rankme(rows: &Rows) -> f64 {
    let singular = singular_values(rows);
    let total: f64 = singular.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    (-singular.iter().map(|s| s / total + 1e-7).map(|p| p * p.ln()).sum::<f64>()).exp()
}

/// Mean squared distance between equal rows of two matrices, both l2-normalised.
pub fn alignment(first: &Rows, second: &Rows) -> f64 {
    let (first, second) = (first.normalised(), second.normalised());
    first.iter().zip(&second).map(|(a, b)| squared_distance(a, b)).sum::<f64>() / first.len() as f64
}

/// `log` of the mean of `exp(-2 d^2)` over all pairs of different l2-normalised rows.
pub fn uniformity(rows: &Rows) -> f64 {
    let normal = rows.normalised();
    let pairs = (0..normal.len()).flat_map(|i| (i + 1..normal.len()).map(move |j| (i, j)));
    let (count, sum) = pairs.fold((0.0, 0.0), |(count, sum), (i, j)| {
        (count + 1.0, sum + (-2.0 * squared_distance(&normal[i], &normal[j])).exp()) //
    });
    (sum / count).ln()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Singular values: the smaller of the two dimensions, any order.
fn singular_values(rows: &Rows) -> Vec<f64> {
    let count = rows.values.len() / rows.width;
    nalgebra::DMatrix::from_row_slice(count, rows.width, &rows.values).singular_values().iter().copied().collect()
}
