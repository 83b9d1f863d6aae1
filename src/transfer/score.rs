//! Top-1 and top-5 accuracy.

use crate::data::Views;
use crate::event::{Metric, TOP1, TOP5};

/// Right answers among the first and the first five guesses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// Images measured.
    pub images: usize,
    /// Images whose class had the highest score.
    pub first: usize,
    /// Images whose class was among the five highest.
    pub five: usize,
}

impl Accuracy {
    /// Counts one image. Of equal scores the class of the lower number goes first. A score that is no number is behind none: it
    /// never makes an answer right.
    pub fn count(&mut self, scores: &[f32], label: usize) {
        let own = scores[label];
        let behind = |class: usize, score: f32| score < own || (score == own && class > label);
        let rank = scores.iter().enumerate().filter(|&(class, score)| class != label && !behind(class, *score)).count();
        self.images += 1;
        self.first += usize::from(rank < 1);
        self.five += usize::from(rank < 5);
    }

    /// Counts a batch of scores `[images, classes]`.
    pub fn of(scores: &[f32], labels: &[usize], classes: usize) -> Self {
        let mut accuracy = Accuracy::default();
        scores.chunks_exact(classes).zip(labels).for_each(|(scores, &label)| accuracy.count(scores, label));
        accuracy
    }

    /// Top-1 and top-5 by metric. `before` is put before the names; test-time views are put behind them (`top1.2x3`), since a
    /// number means little without them.
    pub fn metrics(&self, before: &str, views: Option<Views>) -> [(Metric, f64); 2] {
        let after = views.map(|views| format!(".{views}")).unwrap_or_default();
        [(TOP1, self.top1()), (TOP5, self.top5())].map(|(name, value)| (Metric::new(format!("{before}{name}{after}")), value))
    }

    /// Top-1 in percent.
    pub fn top1(&self) -> f64 {
        100.0 * self.first as f64 / self.images.max(1) as f64
    }

    /// Top-5 in percent.
    pub fn top5(&self) -> f64 {
        100.0 * self.five as f64 / self.images.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_class_and_never_count_twice() {
        let accuracy = Accuracy::of(&[0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1], &[0, 1], 6);
        assert_eq!((accuracy.first, accuracy.five, accuracy.images), (1, 2, 2));
        assert_eq!(accuracy.top1(), 50.0);
        assert_eq!(Accuracy::of(&[f32::NAN; 12], &[0, 5], 6).first, 0);
        let last = Accuracy::of(&[0.0; 6], &[5], 6);
        assert_eq!((last.first, last.five), (0, 0));
    }
}
