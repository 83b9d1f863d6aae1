//! Weighted k-nearest-neighbour classification of frozen features, as in DINO.

use super::features::{Features, extract};
use super::score::Accuracy;
use super::{Subject, Watch};
use crate::event::{IMAGES, Metric, TOP1, TOP5};
use crate::model::Pool;
use crate::rule::{Checked, ensure, positive};
use anyhow::Result;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Weighted kNN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Numbers of neighbours to report. The first is the one called `top1`; with several, each has a `top1_k<k>` too.
    pub k: Vec<usize>,
    /// Temperature of the vote.
    pub temperature: f64,
    /// How patch tokens become one feature.
    pub pool: Pool,
}

impl Default for Config {
    fn default() -> Self {
        Config { k: vec![20], temperature: 0.07, pool: Pool::Mean }
    }
}

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
    pub fn check(&self, at: &str) -> Checked {
        ensure(!self.k.is_empty(), || format!("{at}.k is empty: give a number of neighbours"))?;
        ensure(!self.k.contains(&0), || format!("{at}.k must be above 0"))?;
        positive(&format!("{at}.temperature"), self.temperature)?;
        frozen_pool(at, self.pool)
    }
}

/// The generalised mean has a learned power, which a frozen encoder does not bring along.
pub(super) fn frozen_pool(at: &str, pool: Pool) -> Checked {
    ensure(pool != Pool::Gem, || format!("{at}.pool (gem) has a learned power, which frozen features lack: use mean, max or cls"))
}

/// Measures an encoder.
pub fn measure(config: &Config, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
    let total = (subject.train.len() + subject.eval.len()) as u64;
    let train = extract(subject, subject.train, config.pool, &mut |done| watch.progressed(done as u64, total))?;
    let before = train.len() as u64;
    let eval = extract(subject, subject.eval, config.pool, &mut |done| watch.progressed(before + done as u64, total))?;
    let classes = subject.train.classes().len();
    let mut values = BTreeMap::from([(Metric::new(IMAGES), eval.len() as f64)]);
    for (n, &k) in config.k.iter().enumerate() {
        let scores = scores(&train, &eval, k, config.temperature, classes, subject.device);
        let accuracy = Accuracy::of(&scores, &eval.labels, classes);
        let mut report = |name: String, value| values.insert(Metric::new(name), value);
        if n == 0 {
            report(TOP1.into(), accuracy.top1());
            report(TOP5.into(), accuracy.top5());
        }
        if config.k.len() > 1 {
            report(format!("{TOP1}_k{k}"), accuracy.top1());
            report(format!("{TOP5}_k{k}"), accuracy.top5());
        }
    }
    Ok(values)
}

/// The vote of the `k` nearest neighbours for each class: `score_c = sum over neighbours of class c of exp(cosine / t)`,
/// `[eval images, classes]`. Of equally near neighbours the earlier one goes first.
pub fn scores(train: &Features, eval: &Features, k: usize, temperature: f64, classes: usize, device: &Device) -> Vec<f32> {
    /// Rows of the similarity matrix that are on the host at a time.
    const ROWS: usize = 1024;
    let k = k.min(train.len());
    let normal = |x: Tensor<2>| x.clone() / x.square().sum_dim(1).sqrt().clamp_min(1e-12);
    let keys = normal(train.tensor(device)).transpose(); // [width, train images]
    let queries = normal(eval.tensor(device)); // [eval images, width]
    let mut scores = Vec::with_capacity(eval.len() * classes);
    for start in (0..eval.len()).step_by(ROWS) {
        let rows = queries.clone().narrow(0, start, ROWS.min(eval.len() - start));
        let similarities: Vec<f32> = rows.matmul(keys.clone()).into_data().iter::<f32>().collect();
        for row in similarities.chunks_exact(train.len()) {
            let mut votes = vec![0f32; classes];
            for neighbour in nearest(row, k) {
                votes[train.labels[neighbour]] += (row[neighbour] / temperature as f32).exp();
            }
            scores.extend(votes);
        }
    }
    scores
}

/// The places of the `k` largest values, largest first.
fn nearest(row: &[f32], k: usize) -> Vec<usize> {
    let order = |&a: &usize, &b: &usize| row[b].total_cmp(&row[a]).then(a.cmp(&b));
    let mut places: Vec<usize> = (0..row.len()).collect();
    if k < places.len() {
        places.select_nth_unstable_by(k, order);
        places.truncate(k);
    }
    places.sort_unstable_by(order);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_the_largest_and_ties_keep_their_order() {
        assert_eq!(nearest(&[0.1, 0.9, 0.9, 0.5], 3), [1, 2, 3]);
        assert_eq!(nearest(&[0.1, 0.9], 2), [1, 0]);
    }

    #[test]
    fn knobs_that_make_no_sense_are_refused() {
        assert!(Config { k: vec![], ..Config::default() }.check("protocol.knn").unwrap_err().contains("knn.k"));
        assert!(Config { temperature: 0.0, ..Config::default() }.check("protocol.knn").unwrap_err().contains("temperature"));
        assert!(Config { pool: Pool::Gem, ..Config::default() }.check("protocol.knn").unwrap_err().contains("gem"));
    }
}
