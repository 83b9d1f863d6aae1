//! Makes things ahead on worker threads and hands them out in order.

use crate::failure::words_of;
use anyhow::{Result, anyhow};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// The results of `make(0)`, `make(1)`, ... in that order, made on worker threads.
///
/// Job `n` belongs to worker `n % workers`, and every worker has a queue of its own with room for one result. So the order is
/// kept without sorting, at most two results a worker exist at a time, and nobody can wait for anybody but the reader. Dropping
/// this closes the queues, at which every worker ends after the job it is at.
pub(super) struct Ordered<T> {
    jobs: Range<usize>,
    workers: Vec<Worker<T>>,
    make: Arc<dyn Fn(usize) -> T + Send + Sync>,
}

struct Worker<T> {
    results: Receiver<T>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Ordered<T> {
    /// Starts the workers. With none, every job is done by the reader when it asks.
    pub(super) fn new(jobs: usize, workers: usize, make: impl Fn(usize) -> T + Send + Sync + 'static) -> Self {
        let make: Arc<dyn Fn(usize) -> T + Send + Sync> = Arc::new(make);
        let count = workers.min(jobs);
        let start = |first: usize| {
            let (sender, results) = sync_channel(1);
            let make = make.clone();
            let thread = thread::spawn(move || {
                let _ = (first..jobs).step_by(count).try_for_each(|job| sender.send(make(job)));
            });
            Worker { results, thread }
        };
        let workers = (0..count).map(start).collect();
        Ordered { jobs: 0..jobs, workers, make }
    }

    /// Hands out nothing more.
    pub(super) fn end(&mut self) {
        self.jobs.start = self.jobs.end;
    }
}

impl<T: Send + 'static> Iterator for Ordered<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let job = self.jobs.next()?;
        if self.workers.is_empty() {
            return Some(Ok((self.make)(job)));
        }
        let worker = job % self.workers.len();
        match self.workers[worker].results.recv() {
            Ok(result) => Some(Ok(result)),
            Err(_) => {
                self.end();
                Some(Err(panicked(self.workers.swap_remove(worker))))
            }
        }
    }
}

impl<T> Drop for Ordered<T> {
    fn drop(&mut self) {
        // Every queue is closed before the first thread is waited for, so that all of them end at the same time.
        let threads: Vec<JoinHandle<()>> = self.workers.drain(..).map(|worker| worker.thread).collect();
        for thread in threads {
            // A panic of a thread was told to whoever read its queue; here nobody waits for the result any more.
            let _ = thread.join();
        }
    }
}

fn panicked<T>(worker: Worker<T>) -> anyhow::Error {
    let panic = worker.thread.join().err();
    anyhow!("a data worker panicked: {}", panic.as_ref().map_or("no words", |panic| words_of(panic.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn order_is_kept_with_any_number_of_workers() {
        for workers in [0, 1, 2, 3, 7, 100] {
            let squares: Vec<usize> = Ordered::new(20, workers, |n| n * n).map(Result::unwrap).collect();
            assert_eq!(squares, (0..20).map(|n| n * n).collect::<Vec<_>>(), "{workers} workers");
        }
        assert_eq!(Ordered::new(0, 3, |n| n).count(), 0);
    }

    #[test]
    fn no_more_is_made_than_the_queues_hold_and_dropping_ends_the_workers() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let mut ordered = Ordered::new(1000, 2, move |n| {
            counter.fetch_add(1, Ordering::SeqCst);
            n
        });
        assert_eq!(ordered.next().unwrap().unwrap(), 0);
        drop(ordered);
        // One was read; each worker had one in its queue, one in its hands, and could begin another when its queue was emptied.
        assert!(made.load(Ordering::SeqCst) <= 1 + 2 * 2, "{made:?}");
        assert_eq!(Arc::strong_count(&made), 1);
    }

    #[test]
    fn a_panic_is_an_error_and_the_end() {
        let ordered = Ordered::new(10, 3, |n| if n == 4 { panic!("job {n} is bad") } else { n });
        let results: Vec<Result<usize>> = ordered.collect();
        assert_eq!(results.len(), 5);
        assert_eq!(results[4].as_ref().unwrap_err().to_string(), "a data worker panicked: job 4 is bad");
    }
}
