//! Random choices that are the same each time, so that a failure can be had again.

use std::time::Duration;

/// A stream of numbers that is a function of its name.
pub struct Dice {
    name: String,
    rolls: u64,
}

impl Dice {
    pub fn new(name: &str) -> Self {
        Dice { name: name.to_owned(), rolls: 0 }
    }

    /// A number from 0, less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.rolls += 1;
        let hash = blake3::hash(format!("{} {}", self.name, self.rolls).as_bytes());
        let number = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
        (number % bound as u64) as usize
    }

    /// A time less than `bound`.
    pub fn moment(&mut self, bound: Duration) -> Duration {
        bound.mul_f64(self.below(1_000_000) as f64 / 1e6)
    }
}
