//! Procedural clips: coloured shapes that move over a textured ground. For tests and throughput, not for claims.

use super::pair::Pair;
use super::picture::{Picture, Skipped};
use super::stream::{Draw, stream};
use super::{Clips, Configured};
use crate::rng::Rng;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::f32::consts::TAU;
use std::path::Path;
use std::sync::Arc;

/// Clips of one moving shape each; the class is the shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Number of clips.
    pub clips: usize,
    /// Frames a clip.
    #[serde(default = "eight")]
    pub frames: usize,
    /// Side of a frame, in pixels.
    #[serde(default = "side")]
    pub size: usize,
    /// Which two frames of a clip make a pair.
    #[serde(default = "distant")]
    pub pair: Pair,
    /// Another seed gives other clips.
    #[serde(default)]
    pub seed: u64,
}

fn eight() -> usize {
    8
}

fn side() -> usize {
    64
}

fn distant() -> Pair {
    Pair::Distant { segments: 2 }
}

/// Changes when the pictures that are drawn for a config change.
const VERSION: u32 = 1;

impl Configured for Config {
    fn root(&self) -> Option<&Path> {
        None
    }

    fn check(&self) -> Result<(), String> {
        if self.clips == 0 {
            return Err("`clips` is 0: moving shapes need at least 1".to_owned());
        }
        if self.frames == 0 {
            return Err("`frames` is 0: a clip needs at least 1".to_owned());
        }
        if !(8..=4096).contains(&self.size) {
            return Err(format!("`size` is {}: a frame has a side of 8 to 4096 pixels", self.size));
        }
        self.pair.check_untimed()
    }

    fn fingerprint(&self, _: &Path) -> Result<String> {
        let text = format!("moving_shapes {VERSION} {}", serde_json::to_string(self)?);
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    fn open(&self, _: &Path) -> Result<Arc<dyn Clips>> {
        Ok(Arc::new(MovingShapes::new(self)))
    }
}

/// Signed distance of a point to the outline of a shape, or the like of it.
type Outline = fn(f32, f32) -> f32;

/// The shapes, in the order of their classes.
const SHAPES: [(&str, Outline); 6] = [
    ("circle", |x, y| x.hypot(y) - 1.0),
    ("cross", |x, y| (x.abs().min(y.abs()) - 0.3).max(x.abs().max(y.abs()) - 1.0)),
    ("diamond", |x, y| (x.abs() + y.abs() - 1.2) * 0.7),
    ("ring", |x, y| (x.hypot(y) - 0.75).abs() - 0.25),
    ("square", |x, y| x.abs().max(y.abs()) - 0.9),
    ("triangle", |x, y| (y - 0.8).max(0.87 * x.abs() - 0.5 * y - 0.5)),
];

/// Clips that are drawn when they are asked for: clip and frame decide every pixel.
///
/// The classes take turns. A shape goes straight from one place to another while the clip lasts, over a ground of two gratings
/// that stays as it is.
pub(super) struct MovingShapes {
    config: Config,
    classes: Vec<String>,
}

/// What a clip looks like. Lengths are in units of the frame's side.
struct Scene {
    from: [f32; 2],
    to: [f32; 2],
    radius: f32,
    color: [f32; 3],
    ground: [f32; 3],
    gratings: [Grating; 2],
}

/// A sine wave over the frame.
struct Grating {
    wave: [f32; 2],
    phase: f32,
    color: [f32; 3],
}

impl MovingShapes {
    /// The clips of a config that has been checked.
    pub(super) fn new(config: &Config) -> Self {
        MovingShapes { config: config.clone(), classes: SHAPES.iter().map(|(name, _)| (*name).to_owned()).collect() }
    }

    /// Draws frame `frame` of clip `clip`.
    fn draw(&self, clip: usize, frame: usize) -> Arc<Picture> {
        let size = self.config.size;
        let scene = Scene::of(&mut stream(self.config.seed, Draw::Shapes, [clip as u64, 0, 0]));
        let (_, distance) = SHAPES[self.class(clip)];
        let time = frame as f32 / (self.config.frames.max(2) - 1) as f32;
        let [cx, cy] = [0, 1].map(|axis| scene.from[axis] + (scene.to[axis] - scene.from[axis]) * time);
        let pixel = 1.0 / size as f32;
        let mut rgb = Vec::with_capacity(size * size * 3);
        for row in 0..size {
            let y = (row as f32 + 0.5) * pixel;
            for column in 0..size {
                let x = (column as f32 + 0.5) * pixel;
                let outside = distance((x - cx) / scene.radius, (y - cy) / scene.radius) * scene.radius / pixel;
                let cover = (0.5 - outside).clamp(0.0, 1.0);
                let waves = scene.gratings.each_ref().map(|grating| grating.at(x, y));
                rgb.extend([0, 1, 2].map(|channel| {
                    let texture: f32 = (0..2).map(|i| waves[i] * scene.gratings[i].color[channel]).sum();
                    let ground = scene.ground[channel] + texture;
                    (255.0 * (ground + (scene.color[channel] - ground) * cover) + 0.5) as u8
                }));
            }
        }
        Arc::new(Picture { width: size, height: size, rgb: rgb.into() })
    }
}

impl Scene {
    fn of(rng: &mut Rng) -> Self {
        let mut number = |low, high| rng.range(low, high) as f32;
        let mut color = |low, high| [(); 3].map(|()| number(low, high));
        let (shape, ground) = (color(0.0, 1.0), color(0.3, 0.7));
        let colors = [color(-0.2, 0.2), color(-0.2, 0.2)];
        let gratings = colors.map(|color| {
            let (angle, frequency) = (number(0.0, f64::from(TAU)), number(2.0, 9.0) * TAU);
            Grating { wave: [angle.cos() * frequency, angle.sin() * frequency], phase: number(0.0, f64::from(TAU)), color }
        });
        let mut place = || [number(0.25, 0.75), number(0.25, 0.75)];
        let (from, to) = (place(), place());
        Scene { from, to, radius: number(0.12, 0.28), color: shape, ground, gratings }
    }
}

impl Grating {
    fn at(&self, x: f32, y: f32) -> f32 {
        (self.wave[0] * x + self.wave[1] * y + self.phase).sin()
    }
}

impl Clips for MovingShapes {
    fn len(&self) -> usize {
        self.config.clips
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, clip: usize) -> usize {
        clip % SHAPES.len()
    }

    fn name(&self, clip: usize) -> String {
        format!("{}/{clip:06}", self.classes[self.class(clip)])
    }

    fn pair(&self, clip: usize, rng: &mut Rng) -> Result<[Arc<Picture>; 2], Skipped> {
        Ok(self.config.pair.draw(self.config.frames, rng).map(|frame| self.draw(clip, frame)))
    }

    fn frames(&self, _: usize) -> usize {
        self.config.frames
    }

    fn seconds(&self, _: usize) -> Option<&[f64]> {
        None
    }

    fn frame(&self, clip: usize, frame: usize) -> Result<Arc<Picture>, Skipped> {
        Ok(self.draw(clip, frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(size: usize) -> MovingShapes {
        MovingShapes::new(&Config { clips: 12, frames: 4, size, pair: distant(), seed: 1 })
    }

    fn difference(a: &Picture, b: &Picture) -> f64 {
        a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.rgb.len() as f64
    }

    #[test]
    fn clips_are_fixed_and_differ_and_move() {
        let shapes = shapes(32);
        assert_eq!(shapes.draw(3, 1), shapes.draw(3, 1));
        for clip in 0..12 {
            let [first, last] = [shapes.draw(clip, 0), shapes.draw(clip, 3)];
            let other = shapes.draw((clip + 1) % 12, 0);
            assert!(difference(&first, &last) > 0.1, "clip {clip} stands still");
            assert!(difference(&first, &last) < difference(&first, &other), "clip {clip} is not itself");
        }
    }

    #[test]
    fn every_shape_shows() {
        let inside = |name: &str| {
            let (_, distance) = SHAPES.iter().find(|(shape, _)| *shape == name).unwrap();
            let grid = (0..100).flat_map(|i| (0..100).map(move |j| [i, j].map(|k| k as f32 / 25.0 - 2.0)));
            grid.filter(|[x, y]| distance(*x, *y) < 0.0).count() as f64 / 625.0
        };
        assert!((inside("circle") - std::f64::consts::PI).abs() < 0.1);
        assert!((inside("square") - 3.24).abs() < 0.2);
        assert!((inside("ring") - 2.36).abs() < 0.1);
        assert!((inside("cross") - 2.04).abs() < 0.2);
        assert!((inside("diamond") - 2.88).abs() < 0.2);
        assert!((1.5..3.0).contains(&inside("triangle")));
    }

    #[test]
    fn names_and_classes_take_turns() {
        let shapes = shapes(8);
        assert_eq!((shapes.class(7), shapes.name(7)), (1, "cross/000007".to_owned()));
        assert_eq!(shapes.classes().len(), 6);
    }

    #[test]
    fn shapes_are_their_config() {
        let of = |json: serde_json::Value| {
            let config: Config = serde_json::from_value(json).unwrap();
            config.fingerprint(Path::new("anywhere")).unwrap()
        };
        assert_eq!(of(serde_json::json!({"clips": 3})), of(serde_json::json!({"clips": 3, "size": 64})));
        assert_ne!(of(serde_json::json!({"clips": 3})), of(serde_json::json!({"clips": 4})));
    }

    #[test]
    fn impossible_values_are_refused() {
        let config = shapes(8).config;
        assert_eq!(config.check(), Ok(()));
        insta::assert_snapshot!(Config { size: 4, ..config.clone() }.check().unwrap_err(), @"`size` is 4: a frame has a side of 8 to 4096 pixels");
        assert!(Config { clips: 0, ..config.clone() }.check().is_err());
        assert!(Config { frames: 0, ..config }.check().is_err());
    }
}
