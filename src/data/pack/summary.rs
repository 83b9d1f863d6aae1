//! What a pack came to, in numbers; and whether the lists are good enough to begin.

use super::Request;
use crate::data::annotation::{Listing, Trouble};
use crate::data::packed::{Encoding, Manifest};
use crate::failure::Failure;
use serde::Serialize;

/// Problems that are shown; the others are counted.
const SHOWN: usize = 5;

/// What a finished pack came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The format of the annotations.
    pub annotations: String,
    /// What was found in every split.
    pub splits: Vec<SplitSummary>,
    /// Number of classes.
    pub classes: usize,
    /// What a frame is stored as.
    pub encoding: Encoding,
    /// Files that could not be decoded.
    pub rejected: usize,
    /// Entries of lists that are missing, unknown, double or unreadable.
    pub problems: usize,
    /// Files that are in it with the frames that could be decoded.
    pub damaged: usize,
    /// Files with several video streams, of which the largest was taken.
    pub with_other_streams: usize,
    /// What a person should know about how the lists were read.
    pub notices: Vec<String>,
    /// Whether the set was there before, packed from the same files with the same options.
    pub was_there: bool,
}

/// One split of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitSummary {
    /// Its name.
    pub split: String,
    /// Clips in it.
    pub clips: usize,
    /// Frames in it.
    pub frames: usize,
    /// Size of its files.
    pub bytes: u64,
    /// Number of its files.
    pub shards: usize,
}

impl Summary {
    pub(super) fn new(manifest: &Manifest, listing: &Listing) -> Self {
        let splits = manifest.splits.iter().map(|(split, cards)| SplitSummary {
            split: split.clone(),
            clips: cards.iter().map(|card| card.clips).sum(),
            frames: cards.iter().map(|card| card.frames).sum(),
            bytes: cards.iter().map(|card| card.bytes).sum(),
            shards: cards.len(),
        });
        Summary {
            annotations: manifest.annotations.clone(),
            splits: splits.collect(),
            classes: manifest.classes.len(),
            encoding: manifest.settings.encoding,
            rejected: manifest.rejected.saturating_sub(listing.problems.len()),
            problems: listing.problems.len(),
            damaged: manifest.damaged,
            with_other_streams: manifest.with_other_streams,
            notices: listing.notices.clone(),
            was_there: false,
        }
    }

    /// Clips in all splits.
    pub fn clips(&self) -> usize {
        self.splits.iter().map(|split| split.clips).sum()
    }
}

/// Refuses lists with too many problems, before any work.
pub(super) fn refuse_problems(listing: &Listing, request: &Request<'_>) -> Result<(), Failure> {
    let (problems, all) = (listing.problems.len(), listing.problems.len() + listing.entries.len());
    if !request.max_problems.is_exceeded(problems, all) {
        return Ok(());
    }
    let kinds = [
        (listing.count(Trouble::Missing), "not there"),
        (listing.count(Trouble::UnknownLabel), "of an unknown class"),
        (listing.count(Trouble::Duplicate), "listed twice"),
        (listing.count(Trouble::Malformed), "not understood"),
    ];
    let kinds: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let message = format!("{problems} of {all} entries cannot be used ({}), read as {}", kinds.join(", "), listing.format);
    let shown = listing.problems.iter().take(SHOWN).map(|problem| format!("{}: {}", problem.file, problem.reason));
    let failure = shown.fold(Failure::input(message), Failure::hint);
    Err(failure.hint("`--max-problems 100%` packs what there is; rejects.csv then lists the rest"))
}
