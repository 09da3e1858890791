//! One mapping at work: receive, collect, hand over, again.

use super::delivery::Delivery;
use sluicegate_queues::limits::VISIBILITY_SECONDS;
use sluicegate_queues::{Queues, Receive, Received, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

/// How long one receive waits for a first message; there is nothing between two of them.
const WAIT: Duration = Duration::from_secs(20);
/// Between attempts to receive from a queue that cannot be received from.
const RECEIVE_RETRY: Duration = Duration::from_secs(5);
/// Between receives that bring nothing and come back at once.
const EMPTY_PAUSE: Duration = Duration::from_millis(100);
/// A batch of so many bytes waits for no more messages, so that its payload seldom has to be cut.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

struct Batch {
    messages: Vec<Received>,
    /// When its first message comes into sight again.
    hidden_until: Instant,
}

pub(super) struct Poller {
    pub(super) queues: Queues,
    pub(super) delivery: Arc<Delivery>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Poller {
    /// Ends when the mapping is told to stop and its invocations are done.
    pub(super) async fn run(mut self) {
        let places = Arc::new(Semaphore::new(self.delivery.mapping.concurrency));
        let mut deliveries = JoinSet::new();
        while !*self.stopped.borrow() {
            let place = tokio::select! {
                biased;
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            while let Some(ended) = deliveries.try_join_next() {
                tell(ended);
            }
            let asked_at = Instant::now();
            match self.collect().await {
                Ok(Some(Batch { messages, hidden_until })) => {
                    let delivery = Arc::clone(&self.delivery);
                    deliveries.spawn(async move {
                        delivery.deliver(messages, hidden_until).await;
                        drop(place);
                    });
                }
                // One that waits for nothing, because the queues are being closed, must not be asked at once again.
                Ok(None) if asked_at.elapsed() < EMPTY_PAUSE => self.pause(EMPTY_PAUSE).await,
                Ok(None) => {}
                Err(refusal) => {
                    let mapping = &self.delivery.mapping;
                    warn!(mapping = %mapping.id, queue = %mapping.queue, %refusal, "the queue cannot be received from; trying again");
                    self.pause(RECEIVE_RETRY).await;
                }
            }
        }
        while let Some(ended) = deliveries.join_next().await {
            tell(ended);
        }
    }

    /// Ends early when the mapping is told to stop.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
            () = sleep(pause) => {}
        }
    }

    /// A batch is closed by the first of: it is full, it is large, or its window, which began with its first message, is over.
    async fn collect(&mut self) -> Result<Option<Batch>, Refusal> {
        let (size, window) = (self.delivery.mapping.batch_size, self.delivery.mapping.batch_window);
        let mut batch = self.receive(size, WAIT).await?;
        if batch.is_empty() {
            return Ok(None);
        }
        let received_at = Instant::now();
        let end = received_at + window;
        while batch.len() < size && bytes(&batch) < BATCH_BYTES && !*self.stopped.borrow() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.receive(size - batch.len(), left).await {
                Ok(more) => batch.extend(more),
                // What is there is delivered; the next receive tells the trouble.
                Err(_) => break,
            }
        }
        Ok(Some(Batch { messages: batch, hidden_until: received_at + self.hidden() }))
    }

    /// For how long messages are hidden: their batch may only begin its visibility timeout when the window is over.
    fn hidden(&self) -> Duration {
        let longest = Duration::from_secs(VISIBILITY_SECONDS.unsigned_abs());
        (self.delivery.visibility + self.delivery.mapping.batch_window).min(longest)
    }

    async fn receive(&mut self, most: usize, wait: Duration) -> Result<Vec<Received>, Refusal> {
        // Without a window the queue's own, which may have changed.
        let visibility_timeout =
            (!self.delivery.mapping.batch_window.is_zero()).then(|| self.hidden().as_secs_f64().ceil() as i64);
        let receive = Receive { most, most_bytes: BATCH_BYTES, visibility_timeout, wait: Some(wait) };
        self.queues.receive_unless(&self.delivery.mapping.queue, receive, &mut self.stopped).await
    }
}

fn bytes(batch: &[Received]) -> usize {
    batch.iter().map(|message| message.body.len()).sum()
}

fn tell(ended: Result<(), JoinError>) {
    if ended.is_err() {
        error!("the delivery of a batch ended in a panic; its messages come into sight again");
    }
}
