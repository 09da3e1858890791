//! Receivers that wait for messages.

use crate::limits::{BATCH_ENTRIES, REPEATED_LOOKS, WAITING_RECEIVERS};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Who waits at which queue.
pub(crate) struct Waiting {
    /// By name; only of queues that somebody has waited at.
    queues: Mutex<HashMap<String, Arc<Notify>>>,
    places: Arc<Semaphore>,
    looks: Semaphore,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self {
            queues: Mutex::default(),
            places: Arc::new(Semaphore::new(WAITING_RECEIVERS)),
            looks: Semaphore::new(REPEATED_LOOKS),
        }
    }

    /// To be had before the look at the queue that finds nothing: whatever is sent after that look is noticed.
    pub(crate) fn at(&self, queue: &str) -> Arc<Notify> {
        let mut queues = self.queues.lock();
        if let Some(there) = queues.get(queue) {
            return Arc::clone(there);
        }
        Arc::clone(queues.entry(queue.to_owned()).or_default())
    }

    /// `None` when too many wait already.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// To be held by a receiver that has waited while it looks again: many are woken together.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.looks.acquire().await.ok()
    }

    /// There are so many messages more. Each wakes one receiver; a wake-up nobody waits for is kept for the next.
    pub(crate) fn wake(&self, queue: &str, messages: usize) {
        let Some(waiting) = self.queues.lock().get(queue).cloned() else { return };
        for _ in 0..messages.min(BATCH_ENTRIES) {
            waiting.notify_one();
        }
    }

    /// To be had by a receiver that has been woken or has hidden messages, until it leaves.
    pub(crate) fn leaving<'a>(&'a self, queue: &'a str) -> Leaving<'a> {
        Leaving { waiting: self, queue }
    }

    /// Its receivers look once more, and learn that it is gone.
    pub(crate) fn forget(&self, queue: &str) {
        if let Some(waiting) = self.queues.lock().remove(queue) {
            waiting.notify_waiters();
        }
    }
}

/// Takes with it when messages come into sight, so when it is dropped another receiver has to look and see for itself.
pub(crate) struct Leaving<'a> {
    waiting: &'a Waiting,
    queue: &'a str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.waiting.wake(self.queue, 1);
    }
}
