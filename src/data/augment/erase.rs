//! Random erasing (Zhong and others, 2017), as timm does it: noise in place of a part of the picture.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// Random erasing: one rectangle, at most, is replaced by noise, a value of its own for each pixel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Erase {
    /// Probability that a rectangle is erased.
    pub probability: f64,
    /// Smallest and largest share of the picture's area.
    pub area: [f64; 2],
    /// Lowest and highest ratio of height to width, drawn log-uniformly.
    pub ratio: [f64; 2],
}

/// A rectangle of whole pixels inside a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Rows above it.
    pub top: usize,
    /// Columns to the left of it.
    pub left: usize,
    /// Rows in it.
    pub height: usize,
    /// Columns in it.
    pub width: usize,
}

impl Default for Erase {
    fn default() -> Self {
        Erase { probability: 0.25, area: [0.02, 1.0 / 3.0], ratio: [0.3, 1.0 / 0.3] }
    }
}

impl Erase {
    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("`erase.probability` is {}: a probability is between 0 and 1", self.probability));
        }
        let [smallest, largest] = self.area;
        if !(0.0 < smallest && smallest <= largest && largest <= 1.0) {
            return Err(format!("`erase.area` is [{smallest}, {largest}]: two shares of the area, above 0, up to 1, in order"));
        }
        let [lowest, highest] = self.ratio;
        if !(0.0 < lowest && lowest <= highest && highest.is_finite()) {
            return Err(format!("`erase.ratio` is [{lowest}, {highest}]: two ratios of height to width, above 0, in order"));
        }
        Ok(())
    }

    /// Draws the rectangle to erase in a picture of `side` by `side` pixels, if any: up to ten tries of a size that fits.
    pub fn draw(&self, side: usize, rng: &mut Rng) -> Option<Rect> {
        if !rng.chance(self.probability) {
            return None;
        }
        (0..10).find_map(|_| {
            let share = rng.range(self.area[0], self.area[1]);
            let ratio = rng.range(self.ratio[0].ln(), self.ratio[1].ln()).exp();
            let [height, width] = sides(share, ratio, side)?;
            Some(Rect { top: rng.below(side - height + 1), left: rng.below(side - width + 1), height, width })
        })
    }
}

/// Height and width of a share of the picture, if both are shorter than its side.
fn sides(share: f64, ratio: f64, side: usize) -> Option<[usize; 2]> {
    let area = share * (side * side) as f64;
    let sides = [area * ratio, area / ratio].map(|square| square.sqrt().round_ties_even() as usize);
    sides.iter().all(|length| *length < side).then_some(sides)
}

/// What a rectangle is filled with, `[height, width, 3]`: standard normal, in the space of normalised pixels.
pub fn noise(rect: &Rect, rng: &mut Rng) -> Vec<f32> {
    (0..rect.height * rect.width * 3).map(|_| rng.normal() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    fn always() -> Erase {
        Erase { probability: 1.0, ..Erase::default() }
    }

    #[test]
    fn sizes_are_those_of_timm() {
        let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/erase.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let values: Vec<f64> =
            tensors.tensor("sides").unwrap().data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(values.len(), 48 * 5);
        for row in values.chunks_exact(5) {
            let ours = sides(row[1], row[2], row[0] as usize).unwrap_or([0, 0]);
            assert_eq!(ours.map(|length| length as f64), row[3..], "{row:?}");
        }
    }

    #[test]
    fn rectangles_keep_to_area_and_ratio() {
        let mut rng = Rng::stream(1, &[]);
        let rects: Vec<Rect> = (0..3000).filter_map(|_| always().draw(224, &mut rng)).collect();
        assert_eq!(rects.len(), 3000);
        for rect in &rects {
            assert!(rect.top + rect.height <= 224 && rect.left + rect.width <= 224);
            assert!(rect.height < 224 && rect.width < 224);
            let area = (rect.height * rect.width) as f64 / (224.0 * 224.0);
            assert!((0.019..0.34).contains(&area), "{area}");
            let ratio = rect.height as f64 / rect.width as f64;
            assert!((0.29..3.45).contains(&ratio), "{ratio}");
        }
        let taller = rects.iter().filter(|rect| rect.height > rect.width).count();
        assert!(taller.abs_diff(1500) < 150, "{taller}");
        assert!(rects.iter().any(|rect| rect.top > 150) && rects.iter().any(|rect| rect.left == 0));
    }

    #[test]
    fn the_probability_is_kept_and_a_rectangle_is_its_stream() {
        let drawn: Vec<_> = (0..4000).map(|i| Erase::default().draw(224, &mut Rng::stream(0, &[i]))).collect();
        assert_eq!(drawn, (0..4000).map(|i| Erase::default().draw(224, &mut Rng::stream(0, &[i]))).collect::<Vec<_>>());
        assert!(drawn.iter().flatten().count().abs_diff(1000) < 110);
        assert_eq!(Erase { probability: 0.0, ..Erase::default() }.draw(224, &mut Rng::stream(0, &[])), None);
    }

    #[test]
    fn what_never_fits_is_not_erased() {
        let whole = Erase { area: [1.0, 1.0], ..always() };
        assert_eq!(whole.draw(224, &mut Rng::stream(0, &[])), None);
        assert_eq!(always().draw(1, &mut Rng::stream(0, &[])).filter(|rect| rect.height * rect.width > 0), None);
    }

    #[test]
    fn noise_is_normal_and_its_stream() {
        let rect = Rect { top: 3, left: 2, height: 50, width: 40 };
        let values = noise(&rect, &mut Rng::stream(4, &[]));
        assert_eq!(values.len(), 50 * 40 * 3);
        assert_eq!(values, noise(&rect, &mut Rng::stream(4, &[])));
        let mean = values.iter().sum::<f32>() / 6000.0;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / 6000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.08, "{mean} {variance}");
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = |erase: Erase| erase.check().unwrap_err();
        assert_eq!(Erase::default().check(), Ok(()));
        insta::assert_snapshot!(refused(Erase { probability: -0.1, ..always() }), @"`erase.probability` is -0.1: a probability is between 0 and 1");
        insta::assert_snapshot!(refused(Erase { area: [0.0, 0.5], ..always() }), @"`erase.area` is [0, 0.5]: two shares of the area, above 0, up to 1, in order");
        insta::assert_snapshot!(refused(Erase { ratio: [2.0, 1.0], ..always() }), @"`erase.ratio` is [2, 1]: two ratios of height to width, above 0, in order");
        assert!(serde_yaml::from_str::<Erase>("areas: [0.1, 0.2]").is_err());
        assert_eq!(serde_yaml::from_str::<Erase>("{probability: 0.5}").unwrap(), Erase { probability: 0.5, ..always() });
    }
}
