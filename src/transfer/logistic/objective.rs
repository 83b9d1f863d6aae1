//! The objective of logistic regression: its value and its gradient, the same on any number of threads.

use argmin::core::CostFunction;
use argmin::core::Error;
use argmin::core::Gradient;
use nalgebra::DMatrix;
use nalgebra::DMatrixView;
use rayon::prelude::*;
use std::cell::RefCell;

/// Rows that are multiplied at a time: they stay in the cache.
pub(super) const BLOCK: usize = 256;

/// The mean objective over the images: `mean cross-entropy + penalty * ||weight||^2 / 2`, with its gradient.
///
/// A point is the weight `[classes, width]` followed by the bias `[classes]`.
pub(super) struct Objective<'a> {
    pub features: &'a [f32],
    pub labels: &'a [usize],
    pub classes: usize,
    pub width: usize,
    pub penalty: f64,
}

/// An objective that remembers the last point: a line search asks for the value and the gradient one after the other.
pub(super) struct Remembering<'a> {
    objective: Objective<'a>,
    last: RefCell<Evaluation>,
}

#[derive(Default)]
struct Evaluation {
    at: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Remembering<'_> {
    /// What `take` makes of the evaluation at a point; an error where it is not finite, at which a line search would never end.
    fn with<T>(&self, at: &[f64], take: impl FnOnce(&Evaluation) -> T) -> Result<T, Error> {
        if self.last.borrow().at != at {
            self.last.replace(self.objective.evaluate(at));
        }
        let last = self.last.borrow();
        if last.loss.is_finite() { Ok(take(&last)) } else { Err(Error::msg("the objective is not finite")) }
    }
}

impl<'a> Objective<'a> {
    pub fn remembering(self) -> Remembering<'a> {
        Remembering { objective: self, last: RefCell::default() }
    }

    fn evaluate(&self, at: &[f64]) -> Evaluation {
        /// Partial sums: enough for the threads of a machine, few enough to be held at once.
        const CHUNKS: usize = 32;
        let images = self.labels.len();
        let rows = images.div_ceil(CHUNKS).max(BLOCK);
        let (weight, bias) = at.split_at(self.classes * self.width);
        let matrix = DMatrixView::from_slice(weight, self.width, self.classes).transpose();
        let chunks = self.features.par_chunks(rows * self.width).zip(self.labels.par_chunks(rows));
        let parts: Vec<_> = chunks.map(|(features, labels)| self.part(&matrix, bias, features, labels)).collect();
        let mut loss = self.penalty * weight.iter().map(|w| w * w).sum::<f64>() / 2.0;
        let mut gradient: Vec<f64> = weight.iter().map(|w| self.penalty * w).collect();
        gradient.resize(at.len(), 0.0);
        for (part_loss, part_gradient) in parts {
            loss += part_loss / images as f64;
            gradient.iter_mut().zip(part_gradient).for_each(|(sum, part)| *sum += part / images as f64);
        }
        Evaluation { at: at.to_vec(), loss, gradient }
    }

    /// The cross-entropies of some rows, summed, and the gradient of the sum; `weight` is a matrix `[classes, width]`.
    fn part(&self, weight: &DMatrix<f64>, bias: &[f64], features: &[f32], labels: &[usize]) -> (f64, Vec<f64>) {
        let mut loss = 0.0;
        let mut gradient = DMatrix::zeros(self.width, self.classes);
        let mut bias_gradient = vec![0.0; self.classes];
        for (features, labels) in features.chunks(BLOCK * self.width).zip(labels.chunks(BLOCK)) {
            let rows = columns(features, self.width);
            let mut errors = logits(weight, bias, &rows);
            for (row, &label) in errors.as_mut_slice().chunks_exact_mut(self.classes).zip(labels) {
                loss += cross_entropy(row, label);
                bias_gradient.iter_mut().zip(&*row).for_each(|(sum, error)| *sum += error);
            }
            gradient.gemm(1.0, &rows, &errors.transpose(), 1.0);
        }
        let mut gradient = Vec::<f64>::from(gradient.data);
        gradient.append(&mut bias_gradient);
        (loss, gradient)
    }
}

impl CostFunction for &Remembering<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, Error> {
        self.with(at, |evaluation| evaluation.loss)
    }
}

impl Gradient for &Remembering<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, at: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.with(at, |evaluation| evaluation.gradient.clone())
    }
}

/// Rows of features as the columns of a matrix, `[width, n]`: nalgebra keeps columns together.
pub(super) fn columns(features: &[f32], width: usize) -> DMatrix<f64> {
    DMatrix::from_iterator(width, features.len() / width, features.iter().copied().map(f64::from))
}

/// `[classes, n]` for a weight `[classes, width]` and rows `[width, n]`.
pub(super) fn logits(weight: &DMatrix<f64>, bias: &[f64], rows: &DMatrix<f64>) -> DMatrix<f64> {
    // Whole matrices, not transposed views: nalgebra 0.35 runs past the end where a small left factor has strides.
    let mut logits = DMatrix::from_fn(bias.len(), rows.ncols(), |class, _| bias[class]);
    logits.gemm(1.0, weight, rows, 1.0);
    logits
}

/// The cross-entropy of one row of logits, which becomes its gradient: `softmax - one hot`.
fn cross_entropy(row: &mut [f64], label: usize) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let own = row[label] - largest;
    row.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|share| *share /= sum);
    row[label] -= 1.0;
    sum.ln() - own
}
