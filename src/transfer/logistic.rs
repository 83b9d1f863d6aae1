//! Logistic regression on frozen features, solved to the optimum: the linear probe of large sweeps.

mod objective;
mod solve;

pub use solve::{Fit, Options, fit};

use super::features::{Features, both};
use super::score::Accuracy;
use super::{Subject, Watch};
use crate::event::{IMAGES, Metric, TOP1, TOP5, TRAIN_TOP1};
use crate::model::Pool;
use crate::rule::{Checked, at_least, ensure, positive};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Multinomial logistic regression with an L2 penalty, scikit-learn's: `c * sum of cross-entropies + |W|^2 / 2`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Inverse strengths of the penalty. The first is the one called `top1`; with several, each has a `top1.c<c>` too.
    pub c: Vec<f64>,
    /// How patch tokens become one feature.
    pub pool: Pool,
    /// The largest entry that the gradient of the mean objective may have at the end.
    pub tolerance: f64,
    /// Steps after which the solver stops anyway.
    pub max_iterations: usize,
}

impl Default for Config {
    fn default() -> Self {
        let Options { c, tolerance, max_iterations } = Options::default();
        Config { c: vec![c], pool: Pool::Mean, tolerance, max_iterations }
    }
}

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
    pub fn check(&self, at: &str) -> Checked {
        ensure(!self.c.is_empty(), || format!("{at}.c is empty: give one, such as 1.0"))?;
        self.c.iter().try_for_each(|c| positive(&format!("{at}.c"), *c))?;
        positive(&format!("{at}.tolerance"), self.tolerance)?;
        at_least(&format!("{at}.max_iterations"), self.max_iterations as u64, 1)
    }
}

/// Measures an encoder.
pub fn measure(config: &Config, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
    let [train, eval] = both(subject, config.pool, watch)?;
    let classes = subject.train.classes().len();
    let mut values = BTreeMap::from([(Metric::new(IMAGES), eval.len() as f64)]);
    let mut last: Option<Fit> = None;
    for (n, &c) in config.c.iter().enumerate() {
        let options = Options { c, tolerance: config.tolerance, max_iterations: config.max_iterations };
        let mut each = || watch.progressed(n as u64, config.c.len() as u64);
        let fit = fit(last.as_ref(), &train.values, &train.labels, classes, train.width, &options, &mut each)?;
        if !fit.converged {
            bail!(
                "logistic regression with c = {c} did not converge in {} steps: raise max_iterations or tolerance",
                fit.iterations
            );
        }
        let [accuracy, seen] = [&eval, &train].map(|features| accuracy(&fit, features, classes));
        let mut report = |after: &str| {
            let named = [(TOP1, accuracy.top1()), (TOP5, accuracy.top5()), (TRAIN_TOP1, seen.top1())];
            values.extend(named.map(|(name, value)| (Metric::new(format!("{name}{after}")), value)));
        };
        if n == 0 {
            report("");
        }
        if config.c.len() > 1 {
            report(&format!(".c{c}"));
        }
        watch.progressed(n as u64 + 1, config.c.len() as u64)?;
        last = Some(fit);
    }
    Ok(values)
}

/// Counts block by block: the scores of all images at once may be gigabytes.
fn accuracy(fit: &Fit, features: &Features, classes: usize) -> Accuracy {
    const IMAGES: usize = 4096;
    let blocks = features.values.chunks(IMAGES * features.width).zip(features.labels.chunks(IMAGES));
    let mut accuracy = Accuracy::default();
    for (values, labels) in blocks {
        fit.scores(values).chunks_exact(classes).zip(labels).for_each(|(scores, &label)| accuracy.count(scores, label));
    }
    accuracy
}
