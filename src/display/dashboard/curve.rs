//! A curve that is thinned while it grows, so that a long run takes no more memory than a short one.

/// The most points that are kept, the last one not counted. A wide terminal shows two dots a column, so more would not be seen.
const MOST: usize = 240;

/// The values of one metric of one run over its steps.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    kept: Vec<(u64, f64)>,
    last: Option<(u64, f64)>,
    /// The least distance of two kept points, in steps.
    spacing: u64,
}

impl Default for Curve {
    fn default() -> Self {
        Curve { kept: Vec::new(), last: None, spacing: 1 }
    }
}

impl Curve {
    /// Takes in a value. Where a run went back to a checkpoint, its new values take the place of the old ones.
    pub(super) fn push(&mut self, step: u64, value: f64) {
        let before = self.kept.partition_point(|(known, _)| *known < step);
        self.kept.truncate(before);
        self.last = Some((step, value));
        if self.kept.last().is_none_or(|(known, _)| step - known >= self.spacing) {
            self.kept.push((step, value));
        }
        while self.kept.len() > MOST {
            self.thin();
        }
    }

    /// Doubles the distance of the points; the first one stays.
    fn thin(&mut self) {
        self.spacing *= 2;
        let mut next = 0;
        self.kept.retain(|(step, _)| {
            let stays = *step >= next;
            if stays {
                next = step + self.spacing;
            }
            stays
        });
    }

    /// The value of the last step.
    pub(super) fn latest(&self) -> Option<f64> {
        self.last.map(|(_, value)| value)
    }

    /// The points that are kept and the last one, by step.
    pub(super) fn points(&self) -> Vec<(u64, f64)> {
        let last = self.last.filter(|last| self.kept.last().is_none_or(|kept| kept.0 < last.0));
        self.kept.iter().copied().chain(last).collect()
    }
}

/// The weight of what came before in the moving average.
const MEMORY: f64 = 0.8;

/// The exponential moving average m_t = a m_(t-1) + (1 - a) x_t, divided by 1 - a^t because m_0 is 0, with a = 0.8.
pub(super) fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (mut mean, mut weight) = (0.0, 0.0);
    let average = |(x, y): &(f64, f64)| {
        mean = MEMORY * mean + (1.0 - MEMORY) * y;
        weight = MEMORY * weight + (1.0 - MEMORY);
        (*x, mean / weight)
    };
    points.iter().map(average).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(points: &[(u64, f64)]) -> Curve {
        let mut curve = Curve::default();
        points.iter().for_each(|(step, value)| curve.push(*step, *value));
        curve
    }

    #[test]
    fn a_short_curve_is_kept_whole_and_a_long_one_evenly() {
        let points = |most: u64| (0..most).map(|step| (step, step as f64)).collect::<Vec<_>>();
        assert_eq!(curve(&points(240)).points(), points(240));
        let long = curve(&points(10_001)).points();
        assert_eq!((long[0], long[1], long[long.len() - 1]), ((0, 0.0), (64, 64.0), (10_000, 10_000.0)));
        assert_eq!(long.len(), 10_000 / 64 + 2);
    }

    #[test]
    fn what_comes_after_a_checkpoint_takes_the_place_of_what_was() {
        let again = curve(&[(0, 0.0), (10, 1.0), (20, 2.0), (30, 3.0), (20, 9.0)]);
        assert_eq!(again.points(), [(0, 0.0), (10, 1.0), (20, 9.0)]);
        assert_eq!(again.latest(), Some(9.0));
    }

    #[test]
    fn the_average_of_a_constant_is_the_constant_and_a_jump_is_met_by_a_fifth() {
        let flat: Vec<_> = (0..5).map(|x| (f64::from(x), 3.0)).collect();
        assert!(smoothed(&flat).iter().all(|(_, y)| (y - 3.0).abs() < 1e-12));
        let jump = smoothed(&[(0.0, 0.0), (1.0, 1.0)]);
        assert!((jump[1].1 - 0.2 / 0.36).abs() < 1e-12, "{jump:?}");
    }

    proptest! {
        #[test]
        fn points_are_those_that_came_few_and_in_order(steps in prop::collection::btree_set(0u64..1_000_000, 1..2000)) {
            let came: Vec<(u64, f64)> = steps.iter().map(|step| (*step, (*step as f64).sin())).collect();
            let kept = curve(&came).points();
            prop_assert!(kept.len() <= MOST + 1);
            prop_assert_eq!((kept.first(), kept.last()), (came.first(), came.last()));
            prop_assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(kept.iter().all(|point| came.contains(point)));
        }
    }
}
