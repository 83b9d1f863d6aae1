//! Keeps decoded pictures, so that a small data set is decoded once.

use super::picture::{Picture, Skipped};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of pixels that all caches of this process may keep together: 256 MiB.
///
/// Benchmarks of small pictures fit (60 000 at 32 px are 184 MB), and several runs on one machine still do not crowd it.
const BUDGET: usize = 256 << 20;

static LEFT: AtomicUsize = AtomicUsize::new(BUDGET);

type Entry = Result<Arc<Picture>, Skipped>;

/// Pictures by number, kept while the budget lasts; damaged files are remembered always.
///
/// Nothing is thrown out: an epoch visits every picture once in a random order, for which the newest are as good as the oldest,
/// and keeping some forever serves that share of every epoch. What is returned never depends on what is kept.
#[derive(Default)]
pub(super) struct Cache {
    kept: Mutex<HashMap<usize, Entry>>,
    bytes: AtomicUsize,
}

impl Cache {
    /// Returns picture `number`, which is made by `read` when it is not kept.
    pub(super) fn get(&self, number: usize, read: impl FnOnce() -> Entry) -> Entry {
        if let Some(entry) = self.entries().get(&number) {
            return entry.clone();
        }
        let entry = read();
        self.keep(number, &entry);
        entry
    }

    fn keep(&self, number: usize, entry: &Entry) {
        let bytes = entry.as_ref().map_or(0, |picture| picture.rgb.len());
        let mut entries = self.entries();
        // Another thread may have read the same picture in the meantime.
        if entries.contains_key(&number) || !reserve(bytes) {
            return;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        entries.insert(number, entry.clone());
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<usize, Entry>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        LEFT.fetch_add(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

fn reserve(bytes: usize) -> bool {
    LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_once_and_a_damaged_one_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        image::RgbImage::from_raw(1, 1, vec![1, 2, 3]).unwrap().save(&path).unwrap();
        let cache = Cache::default();
        let read = |path: &std::path::Path| Picture::read(path).map(Arc::new);
        let first = cache.get(4, || read(&path)).unwrap();
        assert_eq!(first.rgb[..], [1, 2, 3]);
        let again = cache.get(4, || unreachable!("it is kept")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let missing = cache.get(5, || read(&folder.path().join("b.png"))).unwrap_err();
        assert_eq!(cache.get(5, || unreachable!("it is kept")).unwrap_err(), missing);
    }
}
