//! Room in the queue. Clusters limit how many jobs a person may have in it; an array counts as many as it has tasks.

use super::{Slurm, Submitted};
use anyhow::{Context, Result};
use std::time::Instant;

/// Whether Slurm refused for want of room: `QOSMaxSubmitJobPerUserLimit`, `AssocMaxSubmitJobLimit`, `AssocGrpSubmitJobsLimit`, ..
pub(super) fn is_full(words: &str) -> bool {
    limit(words).is_some()
}

/// The limit that was met, by Slurm's name.
fn limit(words: &str) -> Option<&str> {
    words.split_whitespace().find(|word| word.contains("SubmitJob"))
}

impl Slurm {
    /// Takes back a batch that found no room. Much is tried again as arrays of half the size; a single task waits until a job
    /// ends.
    pub(super) fn wait_for_room(&mut self, batch: usize, words: &str) -> Result<()> {
        if self.room == usize::MAX {
            let limit = limit(words).unwrap_or_default();
            self.words.push(format!("Slurm takes no more jobs for now ({limit}); the others are submitted as jobs end"));
        }
        let Submitted { folder, batch: refused, orders, .. } = &mut self.batches[batch];
        self.full = refused.tasks.len() == 1;
        self.room = (refused.tasks.len() / 2).max(1);
        if self.full {
            self.submit_at = Instant::now() + self.profile.pauses()[1];
        }
        self.orders.append(orders);
        self.runs.retain(|_, place| place.batch != batch);
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    }

    /// Slurm has taken a batch: the next may be larger.
    pub(super) fn found_room(&mut self) {
        self.room = self.room.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_room_is_told_from_other_refusals() {
        let rest = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, ..)";
        for limit in ["AssocMaxSubmitJobLimit", "QOSMaxSubmitJobPerUserLimit", "QOSGrpSubmitJobsLimit"] {
            assert!(is_full(&format!("sbatch: error: {limit}\n{rest}")), "{limit}");
        }
        assert!(!is_full(rest), "a job that asks for more than it may never finds room");
        assert!(!is_full(&format!("sbatch: error: QOSMaxWallDurationPerJobLimit\n{rest}")));
        assert!(!is_full("sbatch: error: invalid partition specified: nix"));
    }
}
