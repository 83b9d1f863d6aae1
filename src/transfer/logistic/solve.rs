//! Multinomial logistic regression on fixed features, solved to convergence by L-BFGS.

use super::objective::{BLOCK, Objective, Remembering, columns, logits};
use anyhow::Result;
use argmin::core::IterState;
use argmin::core::Problem;
use argmin::core::Solver;
use argmin::core::State;
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a regression is solved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Inverse strength of the penalty, as `C` of scikit-learn.
    pub c: f64,
    /// The fit has converged when no entry of the gradient of the mean objective is larger.
    pub tolerance: f64,
    /// Steps after which it stops anyway.
    pub max_iterations: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { c: 1.0, tolerance: 1e-6, max_iterations: 10_000 }
    }
}

impl Options {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let positive = |name: &str, value: f64| match value.is_finite() && value > 0.0 {
            true => Ok(()),
            false => Err(format!("`{name}` is {value}: it must be above 0")),
        };
        positive("c", self.c)?;
        positive("tolerance", self.tolerance)?;
        match self.max_iterations {
            0 => Err("`max_iterations` is 0: it must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }
}

/// A fitted classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// `[classes, width]`.
    pub weight: Vec<f64>,
    /// `[classes]`.
    pub bias: Vec<f64>,
    /// Steps that were taken.
    pub iterations: usize,
    /// Whether the gradient came under the tolerance, or the objective falls no more in double precision, where features are
    /// large. If not, this is the best point that was found.
    pub converged: bool,
    /// The mean objective: mean cross-entropy + `||weight||^2 / (2 n c)`. Infinite where the features are not finite.
    pub loss: f64,
}

impl Fit {
    /// The logit of each class, `[n, classes]`, for features `[n, width]`.
    pub fn scores(&self, features: &[f32]) -> Vec<f32> {
        let (classes, width) = (self.bias.len(), self.weight.len() / self.bias.len());
        let weight = DMatrixView::from_slice(&self.weight, width, classes).transpose();
        let score = |rows: &[f32]| {
            logits(&weight, &self.bias, &columns(rows, width)).iter().map(|logit| *logit as f32).collect::<Vec<f32>>()
        };
        features.par_chunks(BLOCK * width).flat_map_iter(score).collect()
    }
}

/// Fits features `[n, width]` with their labels, each below `classes`: the minimum of
/// `c * sum of cross-entropies + ||weight||^2 / 2`, where the bias bears no penalty.
///
/// This is the objective of scikit-learn's `LogisticRegression(C=c)`, which for two classes is that of `c / 2` here, because it
/// has one weight vector then. The result does not depend on the number of threads. A class may lack images.
///
/// It begins at an earlier fit of the same shape, if there is one: cheap for the next `c` of a sweep. `each` is called at each
/// step.
///
/// # Errors
/// What `each` says to end it.
pub fn fit(
    start: Option<&Fit>,
    features: &[f32],
    labels: &[usize],
    classes: usize,
    width: usize,
    options: &Options,
    each: &mut dyn FnMut() -> Result<()>,
) -> Result<Fit> {
    assert_eq!(features.len(), labels.len() * width, "features are [n, width]");
    let start = match start {
        Some(fit) => [&fit.weight[..], &fit.bias].concat(),
        None => vec![0.0; classes * (width + 1)],
    };
    assert_eq!(start.len(), classes * (width + 1), "the start is of another shape");
    let penalty = 1.0 / (labels.len() as f64 * options.c);
    let objective = Objective { features, labels, classes, width, penalty };
    let Minimum { at, loss, iterations, converged } = minimise(&objective.remembering(), start, options, each)?;
    let (weight, bias) = at.split_at(classes * width);
    Ok(Fit { weight: weight.to_vec(), bias: bias.to_vec(), iterations, converged, loss })
}

/// Where a descent ended.
struct Minimum {
    at: Vec<f64>,
    loss: f64,
    iterations: usize,
    converged: bool,
}

type Descent = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// L-BFGS, until it has converged, has taken all steps, or a step fails.
///
/// The executor of argmin stops by the 2-norm of the gradient, so its solver is stepped here: what counts is the largest entry,
/// as in scikit-learn.
fn minimise(
    objective: &Remembering<'_>,
    start: Vec<f64>,
    options: &Options,
    each: &mut dyn FnMut() -> Result<()>,
) -> Result<Minimum> {
    /// Steps that are remembered, as in SciPy.
    const MEMORY: usize = 10;
    /// A step that gains less, relative to the objective or to 1, is the last one, as in scikit-learn.
    const GAIN: f64 = 64.0 * f64::EPSILON;
    // Features of thousands need first steps far below the least one of argmin.
    let line_search = MoreThuenteLineSearch::new().with_bounds(0.0, f64::INFINITY).expect("0 is below infinity");
    let mut solver = LBFGS::new(line_search, MEMORY);
    let mut problem = Problem::new(objective);
    let mut step = solver.init(&mut problem, Descent::new().param(start.clone()));
    let mut end = Minimum { at: start, loss: f64::INFINITY, iterations: 0, converged: false };
    // An error is a number that is not finite; after a failed line search the state has no point.
    while let Ok((state, _)) = step
        && let (Some(at), Some(gradient)) = (state.get_param(), state.get_gradient())
        && state.get_cost() <= end.loss
    {
        let gain = end.loss - state.get_cost();
        end.at.clone_from(at);
        end.loss = state.get_cost();
        let flat = gradient.iter().all(|entry| entry.abs() <= options.tolerance);
        end.converged = flat || gain <= GAIN * end.loss.max(1.0);
        if end.converged || end.iterations == options.max_iterations {
            break;
        }
        end.iterations += 1;
        each()?;
        step = solver.next_iter(&mut problem, state).map(|(mut state, log)| {
            state.increment_iter();
            (state, log)
        });
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(features: &[f32], labels: &[usize], classes: usize, width: usize, options: &Options) -> Fit {
        fit_from(None, features, labels, classes, width, options)
    }

    fn fit_from(start: Option<&Fit>, features: &[f32], labels: &[usize], classes: usize, width: usize, options: &Options) -> Fit {
        super::fit(start, features, labels, classes, width, options, &mut || Ok(())).unwrap()
    }

    #[test]
    fn it_can_be_ended_at_any_step() {
        let (features, labels) = clusters(300, 6, 3, 1.0, 1);
        let mut steps = 0;
        let ended = super::fit(None, &features, &labels, 3, 6, &Options::default(), &mut || {
            steps += 1;
            if steps < 4 { Ok(()) } else { Err(anyhow::anyhow!("the time limit is near")) }
        });
        assert!(ended.unwrap_err().to_string().contains("time limit"));
    }

    use crate::rng::Rng;
    use safetensors::SafeTensors;

    /// Clusters in general position: features `[n, width]`, labels.
    fn clusters(n: usize, width: usize, classes: usize, scale: f64, seed: u64) -> (Vec<f32>, Vec<usize>) {
        let mut rng = Rng::stream(seed, &[]);
        let centres: Vec<f64> = (0..classes * width).map(|_| rng.normal()).collect();
        let labels: Vec<usize> = (0..n).map(|image| image % classes).collect();
        let centre = |&label: &usize| centres[label * width..][..width].to_vec();
        let features = labels.iter().flat_map(centre).map(|x| (scale * (x + 2.0 * rng.normal())) as f32).collect();
        (features, labels)
    }

    fn best(scores: &[f32], classes: usize) -> Vec<usize> {
        let highest = |row: &[f32]| (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))).unwrap();
        scores.chunks_exact(classes).map(highest).collect()
    }

    #[test]
    fn coefficients_and_accuracy_are_those_of_scikit_learn() {
        let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/knn_linear.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let bytes = |name: &str| tensors.tensor(name).unwrap().data().to_vec();
        let f32s =
            |name: &str| bytes(name).chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>();
        let f64s =
            |name: &str| bytes(name).chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>();
        let labels = |name: &str| bytes(name).chunks_exact(4).map(|b| b[0] as usize).collect::<Vec<_>>();
        let ours = fit(&f32s("train"), &labels("ytrain"), 5, 12, &Options::default());
        let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(ours.converged);
        assert!(far(&ours.weight, &f64s("sk_logreg_coef")) < 1e-3);
        assert!(far(&ours.bias, &f64s("sk_logreg_intercept")) < 1e-3);
        let right = best(&ours.scores(&f32s("test")), 5).iter().zip(labels("ytest")).filter(|(a, b)| **a == *b).count();
        assert_eq!(right as f32 / 60.0, f32s("sk_logreg_C1_acc")[0]);
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let (features, labels) = clusters(1500, 7, 4, 1.0, 0);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&features, &labels, 4, 7, &Options::default()))
        };
        let one = with(1);
        assert_eq!(one, with(3));
        assert_eq!(one.scores(&features), with(8).scores(&features));
    }

    #[test]
    fn features_of_any_scale_converge_to_what_the_penalty_makes_of_them() {
        let solve = |scale: f64, c| {
            let (features, labels) = clusters(300, 6, 3, scale, 1);
            let fit = fit(&features, &labels, 3, 6, &Options { c, ..Options::default() });
            assert!(fit.converged, "{scale} {c}");
            fit.loss
        };
        for c in [1e-6, 1e-2, 1.0, 1e4] {
            // Larger features need smaller weights, which bear less of the penalty.
            assert!((solve(1.0, c) - solve(1e3, c * 1e-6)).abs() < 1e-6);
            assert!((solve(1.0, c) - solve(1e-1, c * 1e2)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_start_near_the_end_saves_steps() {
        let (features, labels) = clusters(600, 10, 4, 1.0, 2);
        let options = |c| Options { c, ..Options::default() };
        let before = fit(&features, &labels, 4, 10, &options(1.0));
        let cold = fit(&features, &labels, 4, 10, &options(1.5));
        let warm = fit_from(Some(&before), &features, &labels, 4, 10, &options(1.5));
        assert!(warm.converged && warm.iterations < cold.iterations, "{} {}", warm.iterations, cold.iterations);
        assert!((warm.loss - cold.loss).abs() < 1e-9);
        assert_eq!(fit_from(Some(&cold), &features, &labels, 4, 10, &options(1.5)).iterations, 0);
    }

    #[test]
    fn a_class_without_images_is_never_the_answer() {
        let (features, labels) = clusters(300, 6, 3, 1.0, 3);
        let fit = fit(&features, &labels, 5, 6, &Options::default());
        assert!(fit.converged);
        assert!(best(&fit.scores(&features), 5).iter().all(|class| *class < 3));
    }

    #[test]
    fn what_cannot_be_solved_says_so() {
        let (mut features, labels) = clusters(300, 6, 3, 1.0, 4);
        let short = fit(&features, &labels, 3, 6, &Options { max_iterations: 2, ..Options::default() });
        assert_eq!((short.iterations, short.converged), (2, false));
        assert!(short.loss < 3f64.ln());
        features[5] = f32::NAN;
        let lost = fit(&features, &labels, 3, 6, &Options::default());
        assert!(!lost.converged && lost.weight.iter().all(|w| *w == 0.0));
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let bad = Options { c: 0.0, ..Options::default() };
        assert_eq!(bad.check(), Err("`c` is 0: it must be above 0".to_owned()));
        assert!(Options { tolerance: f64::NAN, ..Options::default() }.check().unwrap_err().contains("tolerance"));
        assert!(Options { max_iterations: 0, ..Options::default() }.check().unwrap_err().contains("max_iterations"));
    }
}
