//! Statistics of a few numbers: what they come to, and whether two sets of them differ. Pure.

mod bootstrap;
mod compare;
#[cfg(test)]
mod golden;
mod holm;
mod quantile;
mod rounding;
mod summary;
mod wilcoxon;

pub use bootstrap::bootstrap_interval;
pub use compare::{Comparison, Test, paired, welch};
pub use holm::holm;
pub use summary::Summary;
pub use wilcoxon::signed_rank;
