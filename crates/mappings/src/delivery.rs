//! Takes a batch to its end: handled, or given up.
//!
//! | the invocation | what follows |
//! |---|---|
//! | succeeds | the checkpoint moves behind its records |
//! | does not take place (throttled, no such function) | wait and repeat; no attempt is counted |
//! | fails, more than one record, bisect is on | both halves are delivered, the first one to its end before the second; the cut costs no attempt |
//! | fails otherwise | wait and repeat until the attempts are used up, then give the records up |

use crate::RetryPace;
use crate::backoff::Backoff;
use crate::batch::{Entry, payload};
use crate::mapping::Mapping;
use metrics::{Counter, counter};
use sluicegate_protocol::{Invocation, Invoke, InvokeError};
use sluicegate_tables::Position;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, error, warn};

/// Invokes the mapping's function.
pub(crate) struct Delivery {
    pub(crate) mapping: Mapping,
    pub(crate) stopped: watch::Receiver<bool>,
    invoke: Arc<dyn Invoke>,
    pace: RetryPace,
    handled_batches: Counter,
    handled_records: Counter,
}

/// How far a batch got: its pieces come to their end in order, so each can be written down at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Everything up to here is handled or given up.
    Reached(Position),
    /// The mapping was told to stop; the rest of the batch is delivered after the next start.
    Stopped,
}

/// How one piece of a batch ended.
enum Piece {
    Done,
    Halve,
    Stopped,
}

/// A batch on its way, cut into pieces as they fail.
pub(crate) struct InDelivery {
    entries: Vec<Entry>,
    /// The pieces still to deliver; the next one is last.
    pieces: Vec<Range<usize>>,
}

impl InDelivery {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let all = 0..entries.len();
        Self { entries, pieces: vec![all] }
    }
}

impl Delivery {
    pub(crate) fn new(
        mapping: Mapping,
        invoke: Arc<dyn Invoke>,
        pace: RetryPace,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let handled_batches = batches(&mapping, "handled");
        let handled_records = counter!("sluicegate_mapping_records_total", "mapping" => Arc::clone(&mapping.label));
        Self { mapping, stopped, invoke, pace, handled_batches, handled_records }
    }

    /// Takes the next piece to its end. `None` when the batch is done.
    pub(crate) async fn step(&mut self, batch: &mut InDelivery) -> Option<Step> {
        while let Some(piece) = batch.pieces.pop() {
            let entries = &batch.entries[piece.clone()];
            match self.deliver(entries).await {
                Piece::Stopped => return Some(Step::Stopped),
                Piece::Done => return entries.last().map(|last| Step::Reached(last.behind)),
                Piece::Halve => {
                    let middle = piece.start + piece.len() / 2;
                    batch.pieces.extend([middle..piece.end, piece.start..middle]);
                }
            }
        }
        None
    }

    async fn deliver(&mut self, entries: &[Entry]) -> Piece {
        let payload = payload(entries);
        let mut failures = 0;
        let mut backoff = Backoff::new(self.pace);
        loop {
            if *self.stopped.borrow() {
                return Piece::Stopped;
            }
            let invocation = Invocation { function: Arc::clone(&self.mapping.function), payload: payload.clone() };
            match self.invoke.invoke(invocation).await {
                Ok(_) => {
                    self.handled_batches.increment(1);
                    self.handled_records.increment(entries.len() as u64);
                    return Piece::Done;
                }
                Err(InvokeError::Function(_)) if self.mapping.bisects && entries.len() > 1 => {
                    debug!(mapping = %self.mapping.id, records = entries.len(), "the batch failed and is halved");
                    batches(&self.mapping, "bisected").increment(1);
                    return Piece::Halve;
                }
                Err(error @ InvokeError::Function(_)) => {
                    failures += 1;
                    if self.mapping.maximum_retry_attempts.is_some_and(|retries| failures > retries) {
                        self.give_up(entries, failures, &error);
                        return Piece::Done;
                    }
                    self.count_retry("function_error", &error);
                }
                Err(error @ (InvokeError::Throttled | InvokeError::NotFound)) => {
                    self.count_retry("not_invoked", &error)
                }
            }
            self.wait(backoff.next(fastrand::f64())).await;
        }
    }

    /// Ends early when the mapping is told to stop.
    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    fn give_up(&self, entries: &[Entry], invocations: u32, error: &InvokeError) {
        error!(
            mapping = %self.mapping.id,
            function = %self.mapping.function,
            records = entries.len(),
            first = entries.first().map(|entry| entry.sequence_number.as_str()),
            last = entries.last().map(|entry| entry.sequence_number.as_str()),
            invocations,
            %error,
            "gave records up: the function failed at every attempt"
        );
        batches(&self.mapping, "discarded").increment(1);
        let mapping = Arc::clone(&self.mapping.label);
        counter!("sluicegate_mapping_discarded_records_total", "mapping" => mapping).increment(entries.len() as u64);
    }

    fn count_retry(&self, reason: &'static str, error: &InvokeError) {
        warn!(mapping = %self.mapping.id, function = %self.mapping.function, %error, "the batch was not handled; trying again");
        let mapping = Arc::clone(&self.mapping.label);
        counter!("sluicegate_mapping_retries_total", "mapping" => mapping, "reason" => reason).increment(1);
    }
}

fn batches(mapping: &Mapping, result: &'static str) -> Counter {
    counter!("sluicegate_mapping_batches_total", "mapping" => Arc::clone(&mapping.label), "result" => result)
}
