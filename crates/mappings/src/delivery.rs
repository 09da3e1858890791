//! Takes a batch to its end: handled, or given up.
//!
//! | the invocation | what follows |
//! |---|---|
//! | succeeds | the checkpoint moves behind its records |
//! | reports how far it came | the checkpoint moves to there; the rest is delivered anew, with all its attempts |
//! | does not take place (throttled, no such function) | wait and repeat; no attempt is counted |
//! | fails, more than one record, bisect is on | both halves are delivered, the first one to its end before the second; the cut costs no attempt |
//! | fails otherwise | wait and repeat until the attempts are used up, then give the records up |
//!
//! Before each invocation records that have become too old are given up, one by one. Of what is given up the mapping's
//! destination is told; if that cannot be, the stream goes on all the same.

use crate::RetryPace;
use crate::backoff::Backoff;
use crate::batch::{Entry, payload};
use crate::mapping::{Mapping, OnFailure};
use crate::mappings::Ports;
use crate::notice::{Cause, FailedBy, notice};
use crate::report::{self, Report};
use metrics::{Counter, counter};
use sluicegate_protocol::{Invocation, InvokeError};
use sluicegate_tables::{Position, StreamReader};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tracing::{debug, error, warn};

/// Invokes the mapping's function.
pub(crate) struct Delivery {
    pub(crate) mapping: Mapping,
    pub(crate) stopped: watch::Receiver<bool>,
    ports: Ports,
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
    /// So many of its records are done with; the rest is a piece of its own.
    DoneBefore(usize),
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
    pub(crate) fn new(mapping: Mapping, ports: Ports, pace: RetryPace, stopped: watch::Receiver<bool>) -> Self {
        let handled_batches = batches(&mapping, "handled");
        let handled_records = counter!("sluicegate_mapping_records_total", "mapping" => Arc::clone(&mapping.label));
        Self { mapping, stopped, ports, pace, handled_batches, handled_records }
    }

    /// Takes the next piece to its end. `None` when the batch is done.
    pub(crate) async fn step(&mut self, batch: &mut InDelivery, stream: &StreamReader) -> Option<Step> {
        while let Some(piece) = batch.pieces.pop() {
            let entries = &batch.entries[piece.clone()];
            match self.deliver(entries, stream).await {
                Piece::Stopped => return Some(Step::Stopped),
                Piece::Done => return entries.last().map(|last| Step::Reached(last.behind)),
                Piece::DoneBefore(done) => {
                    batch.pieces.push(piece.start + done..piece.end);
                    return entries[..done].last().map(|last| Step::Reached(last.behind));
                }
                Piece::Halve => {
                    let middle = piece.start + piece.len() / 2;
                    batch.pieces.extend([middle..piece.end, piece.start..middle]);
                }
            }
        }
        None
    }

    async fn deliver(&mut self, piece: &[Entry], stream: &StreamReader) -> Piece {
        let mut entries = piece;
        let mut event = payload(entries);
        let (mut invocations, mut failures) = (0, 0);
        let mut backoff = Backoff::new(self.pace);
        loop {
            if *self.stopped.borrow() {
                return Piece::Stopped;
            }
            let expired = self.expired(entries);
            if expired > 0 {
                let (old, young) = entries.split_at(expired);
                self.give_up(
                    old,
                    invocations,
                    Cause::Expired,
                    "they are older than the mapping lets them become",
                    stream,
                )
                .await;
                if young.is_empty() {
                    return Piece::Done;
                }
                entries = young;
                event = payload(entries);
            }
            let invocation = Invocation { function: Arc::clone(&self.mapping.function), payload: event.clone() };
            let outcome = self.ports.invoke.invoke(invocation).await;
            let (by, error) = match outcome {
                Ok(result) => match self.report(&result, entries) {
                    Report::Handled => {
                        self.count_handled(entries);
                        return Piece::Done;
                    }
                    Report::HandledBefore(handled) => {
                        self.count_handled(&entries[..handled]);
                        return Piece::DoneBefore(piece.len() - entries.len() + handled);
                    }
                    Report::Failed => (FailedBy::Report, "the function reported its batch as failed".to_owned()),
                },
                Err(error @ InvokeError::Function(_)) => (FailedBy::Error, error.to_string()),
                Err(error @ (InvokeError::Throttled | InvokeError::NotFound)) => {
                    self.count_retry("not_invoked", &error.to_string());
                    self.wait(backoff.next(fastrand::f64())).await;
                    continue;
                }
            };
            invocations += 1;
            if self.mapping.bisects && entries.len() > 1 {
                debug!(mapping = %self.mapping.id, records = entries.len(), "the batch failed and is halved");
                batches(&self.mapping, "bisected").increment(1);
                // What has expired before is not to come again.
                return if entries.len() == piece.len() {
                    Piece::Halve
                } else {
                    Piece::DoneBefore(piece.len() - entries.len())
                };
            }
            failures += 1;
            if self.mapping.maximum_retry_attempts.is_some_and(|retries| failures > retries) {
                self.give_up(entries, failures, Cause::Failed(by), &error, stream).await;
                return Piece::Done;
            }
            self.count_retry("function_error", &error);
            self.wait(backoff.next(fastrand::f64())).await;
        }
    }

    /// How many of the records, from the first on, are too old.
    fn expired(&self, entries: &[Entry]) -> usize {
        let Some(age) = self.mapping.maximum_record_age else { return 0 };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        entries.iter().take_while(|entry| now.saturating_sub(entry.created) > age.as_secs()).count()
    }

    fn report(&self, result: &[u8], entries: &[Entry]) -> Report {
        match self.mapping.reports_batch_item_failures {
            true => report::read(result, entries),
            false => Report::Handled,
        }
    }

    fn count_handled(&self, entries: &[Entry]) {
        self.handled_batches.increment(1);
        self.handled_records.increment(entries.len() as u64);
    }

    /// Ends early when the mapping is told to stop.
    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    async fn give_up(&self, entries: &[Entry], invocations: u32, cause: Cause, reason: &str, stream: &StreamReader) {
        error!(
            mapping = %self.mapping.id,
            function = %self.mapping.function,
            records = entries.len(),
            first = entries.first().map(|entry| entry.sequence_number.as_str()),
            last = entries.last().map(|entry| entry.sequence_number.as_str()),
            invocations,
            reason,
            "gave records up"
        );
        batches(&self.mapping, "discarded").increment(1);
        let mapping = Arc::clone(&self.mapping.label);
        counter!("sluicegate_mapping_discarded_records_total", "mapping" => mapping).increment(entries.len() as u64);
        if let Some(OnFailure { destination, function_arn }) = &self.mapping.on_failure {
            let notice = notice(cause, entries, invocations, function_arn, stream);
            if let Err(error) = self.ports.deliver.deliver(destination, notice).await {
                error!(mapping = %self.mapping.id, %destination, %error, "the destination was not told of records given up");
                let mapping = Arc::clone(&self.mapping.label);
                counter!("sluicegate_mapping_destination_failures_total", "mapping" => mapping).increment(1);
            }
        }
    }

    fn count_retry(&self, reason: &'static str, error: &str) {
        warn!(mapping = %self.mapping.id, function = %self.mapping.function, error, "the batch was not handled; trying again");
        let mapping = Arc::clone(&self.mapping.label);
        counter!("sluicegate_mapping_retries_total", "mapping" => mapping, "reason" => reason).increment(1);
    }
}

fn batches(mapping: &Mapping, result: &'static str) -> Counter {
    counter!("sluicegate_mapping_batches_total", "mapping" => Arc::clone(&mapping.label), "result" => result)
}

#[cfg(test)]
mod tests;
