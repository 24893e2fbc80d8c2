//! How many builds and commands run at the same time, and who is next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Gives out jobs: first to those who are in front of the longest way to the end, of these to who has asked first.
#[derive(Clone)]
pub(super) struct Jobs(Arc<Mutex<Queue>>);

struct Queue {
    free: usize,
    asked: u64,
    waiting: BinaryHeap<Waiting>,
}

struct Waiting {
    order: (usize, Reverse<u64>),
    turn: oneshot::Sender<Job>,
}

/// The right to do one thing, up to its end.
pub(super) struct Job {
    /// `None`: it was passed on.
    from: Option<Jobs>,
}

impl Jobs {
    pub(super) fn new(count: NonZeroUsize) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: count.get(), asked: 0, waiting: BinaryHeap::new() })))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change is complete when the lock is given back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn job(&self) -> Job {
        Job { from: Some(self.clone()) }
    }

    /// Waits for a job; `behind` is how many steps there are at least behind what is to be done.
    pub(super) async fn take(&self, behind: usize) -> Job {
        let turn = {
            let mut queue = self.queue();
            if queue.free > 0 {
                queue.free -= 1;
                return self.job();
            }
            let (turn, its_turn) = oneshot::channel();
            queue.asked += 1;
            let order = (behind, Reverse(queue.asked));
            queue.waiting.push(Waiting { order, turn });
            its_turn
        };
        turn.await.expect("the queue lives as long as who waits in it")
    }

    /// Passes a job on to the next who still waits.
    fn give_back(&self) {
        loop {
            let next = {
                let mut queue = self.queue();
                let next = queue.waiting.pop();
                queue.free += usize::from(next.is_none());
                next
            };
            let Some(next) = next else { return };
            match next.turn.send(self.job()) {
                Ok(()) => return,
                // Who has given up waiting leaves the job to the next.
                Err(mut job) => job.from = None,
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(jobs) = self.from.take() {
            jobs.give_back();
        }
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn one() -> Jobs {
        Jobs::new(NonZeroUsize::MIN)
    }

    #[tokio::test]
    async fn the_longest_way_is_first_and_then_who_has_asked_first() {
        let jobs = one();
        let first = jobs.take(0).await;
        let mut waiting: Vec<_> = [1, 5, 5, 0].map(|behind| Box::pin(jobs.take(behind))).into();
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let found = waiting.iter_mut().position(|turn| {
                turn.now_or_never().is_some_and(|job| {
                    drop(job);
                    true
                })
            });
            let at = found.expect("somebody has a job");
            order.push(at);
            drop(waiting.remove(at));
        }
        assert_eq!(order, [1, 1, 0, 0], "places in what is left of 1, 5, 5, 0");
    }

    #[tokio::test]
    async fn a_job_is_not_lost_with_who_gave_up_waiting() {
        let jobs = one();
        let first = jobs.take(0).await;
        let mut told = Box::pin(jobs.take(2));
        let mut untold = Box::pin(jobs.take(1));
        assert!((&mut told).now_or_never().is_none() && (&mut untold).now_or_never().is_none());
        drop(first);
        // It has the job by now, and has not looked.
        drop(told);
        drop(untold);
        assert!(jobs.take(0).now_or_never().is_some());
    }
}
