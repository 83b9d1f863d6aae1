//! Probes that learn beside pretraining and never touch it: they show early which encoders go nowhere.

use super::features::Features;
use super::knn;
use super::linear_probe::{Classifier, cross_entropy};
use super::score::Accuracy;
use crate::event::{Metric, ONLINE_KNN, ONLINE_LINEAR};
use crate::model::state;
use crate::model::state::StateDict;
use crate::optimize::{Gradients, Moments, Optimizer, Rates, Sgd};
use crate::rule::{Checked, at_least, ensure, positive};
use anyhow::{Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which probes go along.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A linear classifier that is trained on every batch.
    pub linear: Option<Linear>,
    /// Nearest neighbours among the last batches.
    pub knn: Option<Knn>,
}

/// The linear probe: batch norm without affine, one layer, gradient descent with a momentum of 0.9.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {
    /// Learning rate, the same all the time.
    pub lr: f64,
}

/// The neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knn {
    /// Number of neighbours.
    pub k: usize,
    /// Temperature of the vote.
    pub temperature: f64,
    /// Features that are kept.
    pub queue: usize,
}

impl Default for Linear {
    fn default() -> Self {
        Linear { lr: 0.1 }
    }
}

impl Default for Knn {
    fn default() -> Self {
        Knn { k: 20, temperature: 0.07, queue: 4096 }
    }
}

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is their path.
    pub fn check(&self, at: &str) -> Checked {
        ensure(self.linear.is_some() || self.knn.is_some(), || format!("{at} names no probe: give linear, knn or both"))?;
        self.linear.as_ref().map_or(Ok(()), |linear| positive(&format!("{at}.linear.lr"), linear.lr))?;
        let Some(knn) = &self.knn else { return Ok(()) };
        at_least(&format!("{at}.knn.k"), knn.k as u64, 1)?;
        at_least(&format!("{at}.knn.queue"), knn.queue as u64, knn.k as u64)?;
        positive(&format!("{at}.knn.temperature"), knn.temperature)
    }
}

/// The probes of a run.
pub struct Online {
    config: Config,
    classes: usize,
    device: Device,
    head: Classifier,
    moments: Moments,
    /// The last features, oldest first, with their clips: the last view of each.
    queue: Features,
    clips: Vec<usize>,
    /// Since the last row: right answers and all answers of the linear probe, and of the neighbours.
    tally: [f64; 4],
}

impl Online {
    /// Probes before the first step. `device` keeps track of gradients.
    pub fn new(config: &Config, width: usize, classes: usize, seed: u64, device: &Device) -> Self {
        Online {
            config: config.clone(),
            classes,
            device: device.clone(),
            head: Classifier::new(width, classes, seed, device),
            moments: Moments::new(),
            queue: Features { width, values: Vec::new(), labels: Vec::new() },
            clips: Vec::new(),
            tally: [0.0; 4],
        }
    }

    /// Asks the probes about a batch of features `[batch, width]`, and then lets them learn from it.
    ///
    /// The neighbours are views of other clips: one's own last view would be too near.
    pub fn update(&mut self, features: &Tensor<2>, labels: &[usize], clips: &[usize]) {
        let values: Vec<f32> = features.to_data().iter::<f32>().collect();
        let batch = Features { width: self.queue.width, values, labels: labels.to_vec() };
        if let Some(Linear { lr }) = self.config.linear {
            let logits = self.head.forward(batch.tensor(&self.device));
            let scores: Vec<f32> = logits.clone().inner().into_data().iter::<f32>().collect();
            self.count(0, &scores, labels);
            let gradients = Gradients::take(cross_entropy(logits, labels).backward(), &self.head);
            let optimizer = Optimizer::Sgd(Sgd::default());
            self.head = self.moments.step(self.head.clone(), &optimizer, &gradients, &Rates::all(lr));
        }
        if let Some(Knn { k, temperature, queue }) = self.config.knn {
            self.forget(|_, clip| clips.contains(&clip));
            if self.queue.len() >= k {
                let device = self.device.clone().inner();
                let scores = knn::scores(&self.queue, &batch, &[k], &[temperature], self.classes, &device).remove(0);
                self.count(2, &scores, labels);
            }
            self.queue.values.extend(batch.values);
            self.queue.labels.extend(batch.labels);
            self.clips.extend(clips);
            let old = self.clips.len().saturating_sub(queue);
            self.forget(|at, _| at < old);
        }
    }

    /// Takes features out of the queue, by their place and clip.
    fn forget(&mut self, goes: impl Fn(usize, usize) -> bool) {
        let width = self.queue.width;
        let kept: Vec<usize> = (0..self.clips.len()).filter(|&at| !goes(at, self.clips[at])).collect();
        self.queue.values = kept.iter().flat_map(|at| &self.queue.values[at * width..(at + 1) * width]).copied().collect();
        self.queue.labels = kept.iter().map(|&at| self.queue.labels[at]).collect();
        self.clips = kept.iter().map(|&at| self.clips[at]).collect();
    }

    fn count(&mut self, at: usize, scores: &[f32], labels: &[usize]) {
        let accuracy = Accuracy::of(scores, labels, self.classes);
        self.tally[at] += accuracy.first as f64;
        self.tally[at + 1] += accuracy.images as f64;
    }

    /// The accuracies since they were last taken.
    pub fn take(&mut self) -> BTreeMap<Metric, f64> {
        let [linear, of_linear, neighbours, of_neighbours] = std::mem::take(&mut self.tally);
        let rows = [(ONLINE_LINEAR, linear, of_linear), (ONLINE_KNN, neighbours, of_neighbours)];
        rows.into_iter().filter(|row| row.2 > 0.0).map(|(name, right, all)| (Metric::new(name), 100.0 * right / all)).collect()
    }

    /// Everything, for a checkpoint.
    pub fn save(&self) -> StateDict {
        let named =
            |kind: &'static str, state: StateDict| state.into_iter().map(move |(name, data)| (format!("{kind}.{name}"), data));
        let mut saved: StateDict =
            named("head", state::save(&self.head, 1)).chain(named("moments", self.moments.save())).collect();
        let (count, width) = (self.queue.len(), self.queue.width);
        saved.insert("queue".into(), TensorData::new(self.queue.values.clone(), [count, width]));
        for (name, numbers) in [("labels", &self.queue.labels), ("clips", &self.clips)] {
            // Whole numbers in two halves: a float has room for 16 million only, and there may be more clips.
            let halves = numbers.iter().flat_map(|number| [number >> 16, number & 0xffff].map(|half| half as f32));
            saved.insert(name.into(), TensorData::new(halves.collect::<Vec<f32>>(), [count, 2]));
        }
        saved.insert("tally".into(), TensorData::new(self.tally.map(|number| number as f32).to_vec(), [4]));
        saved
    }

    /// The probes as they were saved.
    ///
    /// # Errors
    /// When the saved ones do not fit.
    pub fn load(mut self, saved: StateDict) -> Result<Self> {
        let part = |kind: &str| -> StateDict {
            let inside = saved.iter().filter_map(|(name, data)| Some((name.strip_prefix(kind)?.strip_prefix('.')?, data)));
            inside.map(|(name, data)| (name.to_owned(), data.clone())).collect()
        };
        let numbers = |name: &str| saved.get(name).map(|data| data.iter::<f32>().collect::<Vec<f32>>()).unwrap_or_default();
        let (head, leftover) = state::load(self.head, 1, part("head"));
        let tally = numbers("tally");
        if leftover != state::Leftover::default() || tally.len() != 4 {
            bail!("the saved online probes do not fit the run: {leftover:?}");
        }
        self.head = head;
        self.moments = Moments::load(part("moments"), &self.device.clone().inner());
        self.queue.values = numbers("queue");
        let whole = |name: &str| -> Vec<usize> {
            numbers(name).chunks_exact(2).map(|halves| ((halves[0] as usize) << 16) | halves[1] as usize).collect()
        };
        (self.queue.labels, self.clips) = (whole("labels"), whole("clips"));
        self.tally.iter_mut().zip(tally).for_each(|(number, saved)| *number = saved.into());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn both() -> Config {
        Config { linear: Some(Linear::default()), knn: Some(Knn { k: 3, queue: 40, ..Knn::default() }) }
    }

    fn online() -> Online {
        Online::new(&both(), 4, 2, 0, &Device::flex().autodiff())
    }

    /// Two classes that a line tells apart.
    fn batch(n: u64) -> (Tensor<2>, Vec<usize>, Vec<usize>) {
        let mut rng = Rng::stream(n, &[]);
        let labels: Vec<usize> = (0..16).map(|image| image % 2).collect();
        let values: Vec<f32> = labels
            .iter()
            .flat_map(|label| [*label as f64 * 2.0 - 1.0, 0.5, 0.0, 0.0].map(|centre| (centre + 0.3 * rng.normal()) as f32))
            .collect();
        let clips = (0..16).map(|clip| (n as usize % 3) * 100_000_000 + clip).collect();
        (Tensor::from_data(TensorData::new(values, [16, 4]), &Device::flex()), labels, clips)
    }

    fn update(probes: &mut Online, n: u64) {
        let (features, labels, clips) = batch(n);
        probes.update(&features, &labels, &clips);
    }

    #[test]
    fn probes_learn_what_can_be_learnt_and_chance_is_chance() {
        let mut probes = online();
        (0..30).for_each(|n| update(&mut probes, n));
        probes.take();
        (30..40).for_each(|n| update(&mut probes, n));
        let row = probes.take();
        assert!(row[&Metric::new(ONLINE_LINEAR)] > 97.0 && row[&Metric::new(ONLINE_KNN)] > 97.0, "{row:?}");
        assert!(probes.take().is_empty());
        let mut probes = online();
        for n in 0..40 {
            let wrong: Vec<usize> = Rng::stream(n, &[7]).permutation(16).into_iter().map(|label| label % 2).collect();
            probes.update(&batch(n).0, &wrong, &batch(n).2);
        }
        let row = probes.take();
        assert!(row.values().all(|top1| (40.0..60.0).contains(top1)), "{row:?}");
    }

    #[test]
    fn a_clip_is_not_its_own_neighbour_and_the_queue_is_no_longer_than_asked() {
        let mut probes = online();
        for n in 0..6 {
            update(&mut probes, n);
            let clips: std::collections::BTreeSet<usize> = probes.clips.iter().copied().collect();
            assert!(clips.len() == probes.clips.len() && clips.len() <= 40);
        }
        let mut probes = online();
        let (features, labels, clips) = batch(0);
        probes.update(&features, &labels, &clips);
        probes.update(&features, &labels, &clips);
        assert!(!probes.take().contains_key(&Metric::new(ONLINE_KNN)), "there is no other clip to be asked");
    }

    #[test]
    fn saved_probes_go_on_to_the_same_numbers() {
        let mut whole = online();
        (0..9).for_each(|n| update(&mut whole, n));
        let mut half = online();
        (0..5).for_each(|n| update(&mut half, n));
        let mut half = online().load(half.save()).unwrap();
        (5..9).for_each(|n| update(&mut half, n));
        assert_eq!(half.save(), whole.save());
        assert_eq!(half.take(), whole.take());
    }
}
