//! The names of the random streams that loading uses.

use crate::rng::Rng;

/// Keeps these streams apart from those of other parts of the program that use the same seed.
const DATA: u64 = u64::from_be_bytes(*b"the data");

/// What a stream of random numbers decides.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    /// The order of the clips in an epoch.
    Order = 0,
    /// Which frames of a clip make the pair.
    Pair = 1,
    /// The augmentation of one view.
    View = 2,
    /// The procedural clips themselves.
    Shapes = 3,
    /// What is erased of a training view.
    Erase = 4,
}

/// The stream that decides `draw` for the given numbers (epoch, clip, view, as far as they matter).
pub(super) fn stream(seed: u64, draw: Draw, parts: [u64; 3]) -> Rng {
    let [a, b, c] = parts;
    Rng::stream(seed, &[DATA, draw as u64, a, b, c])
}
