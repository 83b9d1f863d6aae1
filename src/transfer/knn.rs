//! Weighted k-nearest-neighbour classification of frozen features, as in DINO.

use super::features::{Features, both};
use super::score::Accuracy;
use super::{Subject, Watch};
use crate::event::{IMAGES, Metric, TOP1, TOP5};
use crate::model::Pool;
use crate::rule::{Checked, ensure, positive};
use anyhow::Result;
use burn::tensor::{Device, Tensor};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Weighted kNN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Numbers of neighbours to report. The first is the one called `top1`; with several, each has a `top1_k<k>` too.
    pub k: Vec<usize>,
    /// Temperature of the vote, or several; with several, each has a `top1_k<k>_t<temperature>`.
    pub temperature: Temperatures,
    /// How patch tokens become one feature.
    pub pool: Pool,
}

/// One temperature or several; one is written as a plain number.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperatures(pub Vec<f64>);

impl Serialize for Temperatures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Temperatures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TemperaturesVisitor;
        impl<'de> Visitor<'de> for TemperaturesVisitor {
            type Value = Temperatures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a temperature, or a list of them")
            }

            fn visit_f64<E>(self, one: f64) -> Result<Temperatures, E> {
                Ok(Temperatures(vec![one]))
            }

            fn visit_i64<E: serde::de::Error>(self, one: i64) -> Result<Temperatures, E> {
                self.visit_f64(one as f64)
            }

            fn visit_u64<E: serde::de::Error>(self, one: u64) -> Result<Temperatures, E> {
                self.visit_f64(one as f64)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Temperatures, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Temperatures)
            }
        }
        deserializer.deserialize_any(TemperaturesVisitor)
    }
}

impl Default for Config {
    fn default() -> Self {
        Config { k: vec![20], temperature: Temperatures(vec![0.07]), pool: Pool::Mean }
    }
}

impl Config {
    /// Says what is wrong with the knobs, if anything is; `at` is the path of the protocol.
    pub fn check(&self, at: &str) -> Checked {
        ensure(!self.k.is_empty(), || format!("{at}.k is empty: give a number of neighbours"))?;
        ensure(!self.k.contains(&0), || format!("{at}.k must be above 0"))?;
        let temperatures = &self.temperature.0;
        ensure(!temperatures.is_empty(), || format!("{at}.temperature is empty: give one, such as 0.07"))?;
        temperatures.iter().try_for_each(|temperature| positive(&format!("{at}.temperature"), *temperature))
    }
}

/// Measures an encoder.
pub fn measure(config: &Config, subject: &Subject<'_>, watch: &mut dyn Watch) -> Result<BTreeMap<Metric, f64>> {
    let [train, eval] = both(subject, config.pool, watch)?;
    watch.features(&eval, subject.eval.classes())?;
    let classes = subject.train.classes().len();
    let temperatures = &config.temperature.0;
    let several = |n: usize| n > 1;
    let mut values = BTreeMap::from([(Metric::new(IMAGES), eval.len() as f64)]);
    let scores = scores(&train, &eval, &config.k, temperatures, classes, subject.device);
    let ways = config.k.iter().flat_map(|k| temperatures.iter().map(move |temperature| (k, temperature)));
    for (n, ((k, temperature), scores)) in ways.zip(&scores).enumerate() {
        let accuracy = Accuracy::of(scores, &eval.labels, classes);
        let mut report = |after: String| {
            values.insert(Metric::new(format!("{TOP1}{after}")), accuracy.top1());
            values.insert(Metric::new(format!("{TOP5}{after}")), accuracy.top5());
        };
        if n == 0 {
            report(String::new());
        }
        if several(temperatures.len()) {
            report(format!("_k{k}_t{temperature}"));
        } else if several(config.k.len()) {
            report(format!("_k{k}"));
        }
    }
    Ok(values)
}

/// The vote of the `k` nearest neighbours for each class: `score_c = sum over neighbours of class c of exp(cosine / t)`,
/// `[eval images, classes]`, for each `k` and each temperature `t`, temperatures running faster. Of equally near neighbours the
/// earlier one goes first.
pub fn scores(
    train: &Features,
    eval: &Features,
    k: &[usize],
    temperatures: &[f64],
    classes: usize,
    device: &Device,
) -> Vec<Vec<f32>> {
    /// Rows of the similarity matrix that are on the host at a time.
    const ROWS: usize = 1024;
    let most = k.iter().copied().max().unwrap_or_default().min(train.len());
    let normal = |x: Tensor<2>| x.clone() / x.square().sum_dim(1).sqrt().clamp_min(1e-12);
    let keys = normal(train.tensor(device)).transpose(); // [width, train images]
    let queries = normal(eval.tensor(device)); // [eval images, width]
    let mut scores = vec![Vec::with_capacity(eval.len() * classes); k.len() * temperatures.len()];
    for start in (0..eval.len()).step_by(ROWS) {
        let rows = queries.clone().narrow(0, start, ROWS.min(eval.len() - start));
        let similarities: Vec<f32> = rows.matmul(keys.clone()).into_data().iter::<f32>().collect();
        for row in similarities.chunks_exact(train.len()) {
            let neighbours = nearest(row, most);
            let ways = k.iter().flat_map(|k| temperatures.iter().map(move |temperature| (*k, *temperature)));
            for ((k, temperature), scores) in ways.zip(&mut scores) {
                let mut votes = vec![0f32; classes];
                for &neighbour in neighbours.iter().take(k) {
                    votes[train.labels[neighbour]] += (row[neighbour] / temperature as f32).exp();
                }
                scores.extend(votes);
            }
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
        let temperatures = |temperature| Config { temperature, ..Config::default() }.check("protocol.knn");
        assert!(temperatures(Temperatures(vec![0.0])).unwrap_err().contains("temperature"));
        assert!(temperatures(Temperatures(vec![])).unwrap_err().contains("temperature"));
        assert!(temperatures(Temperatures(vec![0.07, 0.1])).is_ok());
    }

    #[test]
    fn one_temperature_is_a_number_and_several_are_a_list() {
        let text = |values: Vec<f64>| serde_json::to_string(&Temperatures(values)).unwrap();
        assert_eq!([text(vec![0.07]), text(vec![0.07, 0.1])], ["0.07", "[0.07,0.1]"]);
        assert_eq!(serde_yaml::from_str::<Temperatures>("[0.07, 1]").unwrap(), Temperatures(vec![0.07, 1.0]));
        assert_eq!(serde_yaml::from_str::<Temperatures>("1").unwrap(), Temperatures(vec![1.0]));
    }
}
