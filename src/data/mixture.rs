//! Several sources in one batch: each with its weight, its repeats and, where it needs them, its own augmentation.

use super::stream::{Draw, stream};
use super::{Clips, Source, augment};
use crate::failure::Failure;
use anyhow::Result;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One source of a mixture: `packed: { ... }`, and beside it `weight`, `repeat` and `augment` where they are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The source.
    pub source: Source,
    /// Its share of every batch, against the weights of the others. None: shares are proportional to the number of clips.
    pub weight: Option<f64>,
    /// How often an epoch goes through the source. A clip comes again only after all others.
    pub repeat: usize,
    /// How its pictures are augmented, where that differs from the run's `augment`.
    pub augment: Option<augment::Config>,
}

/// An epoch that goes longer through a source is one with a slip of the pen in it.
const MOST_REPEATS: usize = 10_000;

const KEYS: [&str; 3] = ["weight", "repeat", "augment"];

impl From<Source> for Part {
    fn from(source: Source) -> Self {
        Part { source, weight: None, repeat: 1, augment: None }
    }
}

impl Part {
    /// Checks the values; reads no file. The error names the field, its value and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        self.source.check()?;
        if let Some(weight) = self.weight.filter(|weight| !(1e-9..=1e9).contains(weight)) {
            return Err(format!("`weight` is {weight}: a weight is above 0, and at most 1e9; leave the source out instead"));
        }
        if !(1..=MOST_REPEATS).contains(&self.repeat) {
            let repeat = self.repeat;
            return Err(format!("`repeat` is {repeat}: an epoch goes through a source once, or up to {MOST_REPEATS} times"));
        }
        self.augment.as_ref().map_or(Ok(()), |augment| augment.check().map_err(|wrong| format!("`augment`: {wrong}")))
    }
}

/// Checks that parts go together: all of them have a weight, or none.
pub fn check(parts: &[Part]) -> Result<(), String> {
    let weighted = parts.iter().filter(|part| part.weight.is_some()).count();
    if weighted > 0 && weighted < parts.len() {
        return Err(format!("{weighted} of {} sources have a `weight`: give one to every source, or to none", parts.len()));
    }
    Ok(())
}

/// Sources that were opened, with their clips counted through.
pub(super) struct Mixture {
    sources: Vec<Mixed>,
    /// The number of clips before each source.
    starts: Vec<usize>,
    clips: usize,
    /// Whether the places of a batch are shared out by the numbers of `sources`, and not by one permutation of all clips.
    shared_out: bool,
}

pub(super) struct Mixed {
    pub(super) clips: Arc<dyn Clips>,
    pub(super) augment: Arc<augment::Config>,
    /// Pairs of an epoch.
    draws: usize,
}

/// A clip that is drawn in an epoch, and the how-manieth time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) clip: usize,
    pub(super) time: usize,
}

impl Mixture {
    /// Opens the sources. `augment` is for those that have none of their own.
    pub(super) fn open(parts: &[Part], augment: &augment::Config, project: &Path) -> Result<Self> {
        check(parts).map_err(Failure::input)?;
        parts.iter().try_for_each(|part| part.check().map_err(Failure::input))?;
        let augment = Arc::new(augment.clone());
        let mut sources = Vec::with_capacity(parts.len());
        for part in parts {
            let clips = super::open(&part.source, project)?;
            let augment = part.augment.clone().map_or_else(|| augment.clone(), Arc::new);
            sources.push(Mixed { draws: clips.len() * part.repeat, clips, augment });
        }
        let shared_out = parts.iter().any(|part| part.weight.is_some() || part.repeat > 1);
        share_out(parts, &mut sources);
        let mut clips = 0;
        let mut starts = Vec::with_capacity(sources.len());
        for source in &sources {
            starts.push(clips);
            clips += source.clips.len();
        }
        Ok(Mixture { sources, starts, clips, shared_out })
    }

    /// Number of pairs in an epoch.
    pub(super) fn draws(&self) -> usize {
        self.sources.iter().map(|source| source.draws).sum()
    }

    /// The names of the classes of all sources, each once, in alphabetical order.
    pub(super) fn classes(&self) -> Vec<String> {
        self.sources.iter().flat_map(|source| source.clips.classes()).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The source of a clip, and the clip's index in it.
    pub(super) fn place(&self, clip: usize) -> (&Mixed, usize) {
        let source = self.starts.partition_point(|start| *start <= clip) - 1;
        (&self.sources[source], clip - self.starts[source])
    }

    /// What is drawn in an epoch, in order, each as one number for [`Mixture::drawn`]. A function of the arguments alone.
    pub(super) fn order(&self, seed: u64, epoch: u64, batch: usize) -> Vec<usize> {
        if !self.shared_out {
            return stream(seed, Draw::Order, [epoch, 0, 0]).permutation(self.clips);
        }
        let total = self.draws();
        let mut decks: Vec<Deck> = (0..self.sources.len()).map(|source| Deck::open(self, seed, epoch, source, batch)).collect();
        (1..=total)
            .map(|place| {
                // The source that is furthest behind its share of the places so far; of equals, the first.
                let behind = |at: usize| self.sources[at].draws as f64 * place as f64 / total as f64 - decks[at].given as f64;
                let next = (0..decks.len()).fold(0, |best, at| if behind(at) > behind(best) { at } else { best });
                decks[next].next()
            })
            .collect()
    }

    /// What a number of [`Mixture::order`] stands for.
    pub(super) fn drawn(&self, number: usize) -> Drawn {
        Drawn { clip: number % self.clips, time: number / self.clips }
    }
}

/// Where there are weights, the pairs of an epoch (as many as without) are shared out by them.
fn share_out(parts: &[Part], sources: &mut [Mixed]) {
    let total: usize = sources.iter().map(|source| source.draws).sum();
    let weights: Vec<f64> = parts.iter().filter_map(|part| part.weight).collect();
    if weights.len() < sources.len() {
        return;
    }
    let (all, mut sum, mut given) = (weights.iter().sum::<f64>(), 0.0, 0);
    for (source, weight) in sources.iter_mut().zip(weights) {
        sum += weight;
        let until = (total as f64 * sum / all).round() as usize;
        (source.draws, given) = (until - given, until);
    }
}

/// The clips of one source in an epoch: permutation after permutation, going on where the epoch before ended.
struct Deck {
    seed: u64,
    source: usize,
    start: usize,
    clips: usize,
    all_clips: usize,
    round: usize,
    first_round: usize,
    at: usize,
    order: Vec<usize>,
    given: usize,
    /// Places of a batch that are the source's, at most.
    places: usize,
}

impl Deck {
    fn open(mixture: &Mixture, seed: u64, epoch: u64, source: usize, batch: usize) -> Self {
        let (clips, draws) = (mixture.sources[source].clips.len(), mixture.sources[source].draws);
        let before = epoch as usize * draws;
        let round = before / clips;
        let start = mixture.starts[source];
        let mut deck = Deck {
            seed,
            source,
            start,
            clips,
            all_clips: mixture.clips,
            round,
            first_round: round,
            at: before % clips,
            order: Vec::new(),
            given: 0,
            places: (batch * draws).div_ceil(mixture.draws()).max(1),
        };
        deck.shuffle();
        deck
    }

    fn shuffle(&mut self) {
        self.order = self.permutation(self.round);
        if let Some(before) = self.round.checked_sub(1) {
            let before = self.permutation(before);
            keep_apart(&before, &mut self.order, self.places);
        }
    }

    fn permutation(&self, round: usize) -> Vec<usize> {
        // Apart from the streams of a whole mixture, which have 0 here.
        let name = [round as u64, self.source as u64, 1];
        stream(self.seed, Draw::Order, name).permutation(self.clips)
    }

    fn next(&mut self) -> usize {
        if self.at == self.clips {
            (self.round, self.at) = (self.round + 1, 0);
            self.shuffle();
        }
        let clip = self.start + self.order[self.at];
        (self.at, self.given) = (self.at + 1, self.given + 1);
        (self.round - self.first_round) * self.all_clips + clip
    }
}

/// Moves what came at the end of the round before away from the beginning of this one: a clip that stands twice in a batch would
/// be pushed away from itself. The end of the round stays as it is, so that a round depends on one other round only.
///
/// Nothing is left to be moved when a source has three times as many clips as places in a batch.
fn keep_apart(before: &[usize], order: &mut [usize], places: usize) {
    let places = places.min(order.len() / 2);
    let mut recent = vec![false; order.len()];
    before[before.len() - places..].iter().for_each(|clip| recent[*clip] = true);
    let mut free = places..order.len() - places;
    for at in 0..places {
        if recent[order[at]] {
            let Some(other) = free.find(|other| !recent[order[*other]]) else { return };
            order.swap(at, other);
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The source first; what is left at its default is not written, so that runs keep the ids that they had without it.
        let mut map = serializer.serialize_map(None)?;
        let source = serde_json::to_value(&self.source).map_err(serde::ser::Error::custom)?;
        for (name, config) in source.as_object().into_iter().flatten() {
            map.serialize_entry(name, config)?;
        }
        if let Some(weight) = self.weight {
            map.serialize_entry("weight", &weight)?;
        }
        if self.repeat != 1 {
            map.serialize_entry("repeat", &self.repeat)?;
        }
        if let Some(augment) = &self.augment {
            map.serialize_entry("augment", augment)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;
        impl<'de> Visitor<'de> for PartVisitor {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a source ({}), with `weight`, `repeat` and `augment` beside it if wanted", Source::NAMES.join(", "))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let (mut source, mut weight, mut repeat, mut augment) = (None, None, None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "weight" => weight = Some(map.next_value()?),
                        "repeat" => repeat = Some(map.next_value()?),
                        "augment" => augment = Some(map.next_value()?),
                        name if source.is_none() => match Source::read(name, &mut map)? {
                            Some(read) => source = Some(read),
                            None => return Err(serde::de::Error::unknown_field(name, &ALL)),
                        },
                        name => {
                            return Err(serde::de::Error::custom(format!(
                                "`{name}`: one source an entry; begin another with `-`"
                            )));
                        }
                    }
                }
                let source =
                    source.ok_or_else(|| serde::de::Error::custom(format!("no source: one of {}", Source::NAMES.join(", "))))?;
                Ok(Part { source, weight, repeat: repeat.unwrap_or(1), augment })
            }
        }
        deserializer.deserialize_map(PartVisitor)
    }
}

/// Every key that a part may have.
const ALL: [&str; Source::NAMES.len() + KEYS.len()] = {
    let mut all = [""; Source::NAMES.len() + KEYS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < Source::NAMES.len() { Source::NAMES[at] } else { KEYS[at - Source::NAMES.len()] };
        at += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn part(json: &str) -> Part {
        serde_json::from_str(json).unwrap()
    }

    fn shapes(clips: usize, more: &str) -> Part {
        part(&format!(r#"{{"moving_shapes":{{"clips":{clips},"size":8}}{more}}}"#))
    }

    fn mixture(parts: &[Part]) -> Mixture {
        Mixture::open(parts, &augment::Config::default(), Path::new(".")).unwrap()
    }

    /// How often each source has a place among `places` of an epoch.
    fn shares(mixture: &Mixture, places: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; mixture.sources.len()];
        for number in places {
            counts[mixture.starts.partition_point(|start| *start <= mixture.drawn(*number).clip) - 1] += 1;
        }
        counts
    }

    #[test]
    fn without_weights_an_epoch_has_every_clip_once() {
        let mixture = mixture(&[shapes(7, ""), shapes(5, "")]);
        let mut order = mixture.order(3, 4, 5);
        assert_eq!(order, stream(3, Draw::Order, [4, 0, 0]).permutation(12));
        order.sort_unstable();
        assert_eq!(order, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn every_batch_is_shared_out_by_the_weights() {
        let mixture = mixture(&[shapes(90, r#","weight":1"#), shapes(10, r#","weight":3"#)]);
        assert_eq!(mixture.draws(), 100);
        let order = mixture.order(0, 0, 8);
        for batch in order.chunks(8) {
            assert_eq!(shares(&mixture, batch), [batch.len() / 4, batch.len() * 3 / 4]);
        }
    }

    #[test]
    fn over_epochs_every_clip_of_a_source_is_drawn_as_often_as_any_other() {
        let mixture = mixture(&[shapes(9, r#","weight":1"#), shapes(4, r#","weight":2"#)]);
        let mut times = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        for epoch in 0..12 {
            for number in mixture.order(0, epoch, 4) {
                *times.entry(mixture.drawn(number).clip).or_insert(0) += 1;
                assert!(seen.insert((epoch, number)), "{number} twice in epoch {epoch}");
            }
        }
        let range = |clips: std::ops::Range<usize>| {
            let times: Vec<i32> = clips.map(|clip| times[&clip]).collect();
            times.iter().max().unwrap() - times.iter().min().unwrap()
        };
        assert!(range(0..9) <= 1 && range(9..13) <= 1, "{times:?}");
    }

    #[test]
    fn a_repeated_clip_comes_again_after_all_others() {
        let mixture = mixture(&[shapes(6, r#","repeat":3"#)]);
        let order = mixture.order(1, 2, 2);
        assert_eq!(order.len(), 18);
        for (time, round) in order.chunks(6).enumerate() {
            let mut clips: Vec<usize> = round.iter().map(|number| mixture.drawn(*number).clip).collect();
            clips.sort_unstable();
            assert_eq!(clips, (0..6).collect::<Vec<_>>());
            assert!(round.iter().all(|number| mixture.drawn(*number).time == time));
        }
    }

    #[test]
    fn no_batch_has_a_clip_twice_where_rounds_meet() {
        let mixture = mixture(&[shapes(24, r#","repeat":5"#)]);
        for epoch in 0..20 {
            let order = mixture.order(7, epoch, 8);
            // Any 8 places in a row, whichever of them are a batch.
            for window in order.windows(8) {
                let clips: std::collections::BTreeSet<usize> = window.iter().map(|number| mixture.drawn(*number).clip).collect();
                assert_eq!(clips.len(), 8);
            }
        }
    }

    #[test]
    fn what_is_left_out_is_not_written() {
        let text = |part: &Part| serde_json::to_string(part).unwrap();
        let plain = Part::from(shapes(3, "").source);
        assert_eq!(text(&plain), serde_json::to_string(&plain.source).unwrap());
        let full = shapes(3, r#","weight":2.0,"repeat":4,"augment":{"flip":0.0}"#);
        assert_eq!(part(&text(&full)), full);
        assert!(text(&full).contains(r#""weight":2.0,"repeat":4,"augment":{"#));
    }

    #[test]
    fn wrong_parts_are_told() {
        let refused = |json: &str| serde_json::from_str::<Part>(json).unwrap_err().to_string();
        assert!(refused(r#"{"weight":1}"#).starts_with("no source: one of packed, image_folder"));
        assert!(refused(r#"{"image_foldr":{}}"#).contains("expected one of `packed`, `image_folder`"));
        let two = r#"{"moving_shapes":{"clips":1},"image_folder":{"root":"a"}}"#;
        assert!(refused(two).starts_with("`image_folder`: one source an entry"));
        assert_eq!(
            shapes(1, r#","weight":0"#).check().unwrap_err(),
            "`weight` is 0: a weight is above 0, and at most 1e9; leave the source out instead"
        );
        assert!(check(&[shapes(1, r#","weight":1"#), shapes(1, "")]).unwrap_err().starts_with("1 of 2 sources have a `weight`"));
    }
}
