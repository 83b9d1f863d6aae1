//! What the runs of a stage measure, as far as it is known before they ran.

use crate::data::Views;
use crate::event::{
    BEST_TOP1, EMA_TOP1, EMA_TOP5, FEATURES_ALIGNMENT, FEATURES_RANKME, FEATURES_STD, FEATURES_UNIFORMITY, GRADIENT_NORM, IMAGES,
    IMAGES_PER_SECOND, LEARNING_RATE, LOSS, LOSS_GLOBAL, LOSS_RECONSTRUCTION, Metric, ONLINE_KNN, ONLINE_LINEAR, SECONDS, TOP1,
    TOP5, TRAIN_TOP1, WAITED_SHARE, WEIGHT_GLOBAL,
};
use crate::spec::work::Work;
use crate::transfer::Protocol;
use indexmap::IndexSet;

/// The metrics of a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Those that are told to a person.
    pub names: IndexSet<String>,
    /// Those that more may follow, as in `top1_k20` and `loss.global.variance`.
    open: IndexSet<&'static str>,
    /// Whether there may be others, of which nothing is known yet.
    more: bool,
    /// Whether runs keep features, which can be drawn.
    features: bool,
}

impl Measured {
    /// Adds what a run measures that does this work.
    pub fn add(&mut self, work: &Work) {
        self.put(&[SECONDS]);
        self.add_work(work);
    }

    /// Whether a run may measure it.
    pub fn has(&self, metric: &Metric) -> bool {
        let open = || metric.known().is_some_and(|known| self.open.contains(known.name));
        self.more || self.names.contains(metric.as_str()) || open()
    }

    /// Whether a run may keep its features.
    pub fn keeps_features(&self) -> bool {
        self.more || self.features
    }

    /// Whether only the time is known that a run took.
    pub fn is_nothing(&self) -> bool {
        !self.more && self.names.len() == 1
    }

    fn put(&mut self, names: &[&str]) {
        self.names.extend(names.iter().map(|name| (*name).to_owned()));
    }

    fn put_open(&mut self, names: &[&'static str]) {
        self.put(names);
        self.open.extend(names);
    }

    fn add_work(&mut self, work: &Work) {
        match work {
            Work::Pretrain(_) => {
                self.put(&[
                    LOSS,
                    LOSS_RECONSTRUCTION,
                    WEIGHT_GLOBAL,
                    LEARNING_RATE,
                    GRADIENT_NORM,
                    IMAGES_PER_SECOND,
                    WAITED_SHARE,
                ]);
                self.put(&[FEATURES_STD, FEATURES_RANKME, FEATURES_ALIGNMENT, FEATURES_UNIFORMITY, ONLINE_LINEAR, ONLINE_KNN]);
                self.put_open(&[LOSS_GLOBAL]);
            }
            Work::RandomInit(_) | Work::Imported(_) => {}
            Work::Transfer(work) => self.add_protocol(&work.protocol),
        }
    }

    /// A protocol that is added needs no line here: what it measures is then known when it has run.
    fn add_protocol(&mut self, protocol: &Protocol) {
        if let Protocol::Knn(_) = protocol {
            self.features = true;
            self.put_open(&[TOP1, TOP5, IMAGES]);
        } else if let Protocol::Logistic(_) = protocol {
            self.put_open(&[TOP1, TOP5, TRAIN_TOP1, IMAGES]);
        } else if let Protocol::LinearProbe(_) = protocol {
            self.put(&[TOP1, TOP5, IMAGES, LOSS, TRAIN_TOP1, LEARNING_RATE]);
        } else if let Protocol::AttentiveProbe(config) = protocol {
            self.add_course(&config.views, config.sampling.is_some());
        } else if let Protocol::FineTune(config) = protocol {
            self.add_course(&config.views, config.clip.is_some());
        } else {
            self.more = true;
        }
    }

    /// Accuracy on clips is named after its views.
    fn add_course(&mut self, views: &[Views], of_clips: bool) {
        for views in views {
            let after = if of_clips { format!(".{views}") } else { String::new() };
            self.names.extend([TOP1, TOP5, EMA_TOP1, EMA_TOP5].map(|name| format!("{name}{after}")));
        }
        self.put(&[BEST_TOP1, IMAGES, LOSS, LEARNING_RATE, GRADIENT_NORM, IMAGES_PER_SECOND]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SourceText;

    fn has(protocol: &str, metrics: &[&str]) -> Vec<bool> {
        let data = "data: { train: { moving_shapes: { clips: 4 } }, eval: { moving_shapes: { clips: 4 } } }";
        let text = format!("transfer: {{ {data}, protocol: {protocol} }}");
        let work: Work = SourceText::new("work.yaml", text).parse().unwrap();
        let mut measured = Measured::default();
        measured.add(&work);
        metrics.iter().map(|metric| measured.has(&Metric::new(*metric))).collect()
    }

    #[test]
    fn what_a_protocol_measures_is_known_before_it_ran() {
        let metrics = ["top1", "top1_k5", "top3", "loss", "seconds"];
        assert_eq!(has("{ knn: { k: [5, 20] } }", &metrics), [true, true, false, false, true]);
        assert_eq!(has("{ logistic: { c: [1.0, 10.0] } }", &["top1", "train_top1", "loss"]), [true, true, false]);
    }

    #[test]
    fn numbers_of_clips_have_their_views() {
        let schedule = "optimizer: { adamw: {} }, schedule: { epochs: 1 }, batch: { size: 4 }";
        let clips =
            format!("{{ fine_tune: {{ clip: {{ sampling: {{ segments: {{ frames: 4 }} }} }}, views: [2x3], {schedule} }} }}");
        assert_eq!(has(&clips, &["top1.2x3", "top1", "top1.1x1", "ema.top5.2x3", "loss"]), [true, false, false, true, true]);
        assert_eq!(has(&format!("{{ fine_tune: {{ {schedule} }} }}"), &["top1", "top1.2x3"]), [true, false]);
    }
}
