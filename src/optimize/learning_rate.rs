//! The learning rate over time.

use super::config::Schedule;

impl Schedule {
    /// The learning rate at a fractional epoch: linear warm-up from 0 to `peak`, then half a cosine down to `min_lr` (MAE).
    pub fn rate(&self, peak: f64, epoch: f64) -> f64 {
        if epoch < self.warmup_epochs {
            return peak * epoch / self.warmup_epochs;
        }
        let share = (epoch - self.warmup_epochs) / (f64::from(self.epochs) - self.warmup_epochs).max(f64::MIN_POSITIVE);
        self.min_lr + (peak - self.min_lr) * 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_recipes_have_their_published_rates() {
        let pretrain = Schedule { epochs: 801, warmup_epochs: 40.0, min_lr: 0.0 };
        let fine_tune = Schedule { epochs: 100, warmup_epochs: 5.0, min_lr: 1e-6 };
        let cases = [
            (&pretrain, 2.4e-3, 0.5, 3.0e-5),
            (&pretrain, 2.4e-3, 40.0, 2.4e-3),
            (&pretrain, 2.4e-3, 100.0, 2.363376e-3),
            (&pretrain, 2.4e-3, 800.0, 1.022542e-8),
            (&fine_tune, 2e-3, 2.5, 1.0e-3),
            (&fine_tune, 2e-3, 52.5, 1.0005e-3),
            (&fine_tune, 2e-3, 99.0, 1.546469e-6),
        ];
        for (schedule, peak, epoch, expected) in cases {
            let rate = schedule.rate(peak, epoch);
            assert!((rate / expected - 1.0).abs() < 1e-6, "epoch {epoch}: {rate} is not {expected}");
        }
    }
}
