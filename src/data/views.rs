//! Test-time views of a video: several clips in time, one or three crops in space, whose answers are averaged.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How many views a video is tested on, written as clips by crops: `2x3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Views {
    /// Clips, evenly spread over the video: 1 to 100.
    pub clips: usize,
    /// Crops of each clip: 1 (the centre) or 3 (both ends of the long side as well).
    pub crops: usize,
}

impl Views {
    /// Views of a video, all in all.
    pub fn count(&self) -> usize {
        self.clips * self.crops
    }

    /// Checks the values. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Views { clips: 0 | 101.., .. } => Err(format!("`clips` is {}: 1 to 100 are allowed", self.clips)),
            Views { crops: 0 | 2 | 4.., .. } => Err(format!("`crops` is {}: 1 or 3 are allowed", self.crops)),
            _ => Ok(()),
        }
    }
}

impl FromStr for Views {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is no number of views: write clips by crops, as in 2x3");
        let (clips, crops) = text.split_once('x').ok_or_else(form)?;
        let number = |digits: &str| digits.parse().map_err(|_| form());
        let views = Views { clips: number(clips)?, crops: number(crops)? };
        views.check().map(|()| views)
    }
}

impl fmt::Display for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.clips, self.crops)
    }
}

impl TryFrom<String> for Views {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Views> for String {
    fn from(views: Views) -> String {
        views.to_string()
    }
}

/// The left upper corners `[x, y]` of square crops of `side` in a frame of `width` by `height`, whose short side was resized to
/// `side` (or more) before.
///
/// One crop is the centre. Three lie along the long side: left, centre and right, or top, centre and bottom of a portrait.
/// The centre is rounded up, as in `uniform_crop` of MAE-ST.
pub fn crop_offsets(width: usize, height: usize, side: usize, crops: usize) -> Vec<[usize; 2]> {
    let [right, bottom] = [width, height].map(|length| length.saturating_sub(side));
    let [x, y] = [right, bottom].map(|room| room.div_ceil(2));
    match crops {
        1 => vec![[x, y]],
        _ if height > width => vec![[x, 0], [x, y], [x, bottom]],
        _ => vec![[0, y], [x, y], [right, y]],
    }
}

/// The mean of the softmax over the views of a video: logits `[views, classes]` to probabilities `[classes]`.
pub fn average(logits: &[f32], classes: usize) -> Vec<f32> {
    let views = logits.len() / classes;
    let mut mean = vec![0.0; classes];
    for view in logits.chunks_exact(classes) {
        let largest = view.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares: Vec<f64> = view.iter().map(|logit| f64::from(logit - largest).exp()).collect();
        let sum: f64 = shares.iter().sum();
        mean.iter_mut().zip(shares).for_each(|(mean, share)| *mean += share / sum / views as f64);
    }
    mean.into_iter().map(|probability| probability as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn views_are_written_as_they_are_read() {
        for text in ["1x1", "2x3", "100x3"] {
            assert_eq!(text.parse::<Views>().unwrap().to_string(), text);
        }
        let views: Views = serde_json::from_str(r#""7x3""#).unwrap();
        assert_eq!((views, views.count()), (Views { clips: 7, crops: 3 }, 21));
        assert_eq!(serde_json::to_string(&views).unwrap(), r#""7x3""#);
    }

    #[test]
    fn other_views_are_refused() {
        let refused = |text: &str| text.parse::<Views>().unwrap_err();
        for text in ["", "3", "2x", "x3", "2x3x1", "2 x 3", "-1x3", "two by three"] {
            assert_eq!(refused(text), format!("`{text}` is no number of views: write clips by crops, as in 2x3"));
        }
        assert_eq!(refused("0x3"), "`clips` is 0: 1 to 100 are allowed");
        assert_eq!(refused("101x3"), "`clips` is 101: 1 to 100 are allowed");
        assert_eq!(refused("2x2"), "`crops` is 2: 1 or 3 are allowed");
        assert!(serde_json::from_str::<Views>(r#""2x5""#).unwrap_err().to_string().contains("`crops` is 5"));
    }

    #[test]
    fn crops_lie_along_the_long_side_as_in_mae_st() {
        assert_eq!(crop_offsets(299, 224, 224, 3), [[0, 0], [38, 0], [75, 0]]);
        assert_eq!(crop_offsets(224, 299, 224, 3), [[0, 0], [0, 38], [0, 75]]);
        assert_eq!(crop_offsets(299, 224, 224, 1), [[38, 0]]);
        assert_eq!(crop_offsets(224, 224, 224, 3), [[0, 0]; 3]);
        // The centre crop of a frame that was resized to 256.
        assert_eq!(crop_offsets(341, 256, 224, 1), [[59, 16]]);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        assert_eq!(average(&[1e30, -1e30, f32::MIN, 0.0], 2), [0.5, 0.5]);
    }

    /// Up to six views of four classes.
    fn logits() -> impl Strategy<Value = Vec<f32>> {
        (1..7usize).prop_flat_map(|views| prop::collection::vec(-20f32..20.0, views * 4))
    }

    fn far(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    proptest! {
        #[test]
        fn crops_are_inside_the_frame(width in 1..400usize, height in 1..400usize, portion in 0.01..=1.0) {
            let side = ((width.min(height) as f64 * portion) as usize).max(1);
            for [x, y] in [1, 3].iter().flat_map(|&crops| crop_offsets(width, height, side, crops)) {
                prop_assert!(x + side <= width && y + side <= height);
            }
        }

        #[test]
        fn one_view_is_its_softmax(view in prop::collection::vec(-20f32..20.0, 4)) {
            let sum: f64 = view.iter().map(|logit| f64::from(*logit).exp()).sum();
            let softmax: Vec<f32> = view.iter().map(|logit| (f64::from(*logit).exp() / sum) as f32).collect();
            prop_assert!(far(&average(&view, 4), &softmax) < 1e-6);
        }

        #[test]
        fn the_order_of_views_does_not_matter(logits in logits()) {
            let reversed: Vec<f32> = logits.chunks(4).rev().flatten().copied().collect();
            prop_assert!(far(&average(&logits, 4), &average(&reversed, 4)) < 1e-6);
        }

        #[test]
        fn equal_views_change_nothing(view in prop::collection::vec(-20f32..20.0, 4), views in 1..7usize) {
            prop_assert!(far(&average(&view.repeat(views), 4), &average(&view, 4)) < 1e-6);
        }

        #[test]
        fn probabilities_add_up_to_one(logits in logits()) {
            let probabilities = average(&logits, 4);
            prop_assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
