//! Takes a batch to its end.
//!
//! | the invocation | what follows |
//! |---|---|
//! | succeeds | its messages are deleted, but for those that the function reports as not handled |
//! | fails, or its report cannot be understood | nothing: the messages come into sight again |
//! | does not take place (throttled, no such function) | wait and repeat while the messages are out of sight, then nothing |

use super::event::{Source, filtered, payload};
use super::outcome::failures;
use super::settings::QueueMapping;
use crate::RetryPace;
use crate::backoff::Backoff;
use bytes::Bytes;
use metrics::counter;
use serde_json::Value;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use sluicegate_protocol::{Invocation, Invoke, InvokeError};
use sluicegate_queues::{Queues, Received};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

pub(super) struct Delivery {
    pub(super) mapping: QueueMapping,
    pub(super) queues: Queues,
    pub(super) source: Source,
    pub(super) visibility: Duration,
    pub(super) invoke: Arc<dyn Invoke>,
    pub(super) pace: RetryPace,
    pub(super) stopped: watch::Receiver<bool>,
}

/// A message and its record in the event.
struct Item {
    message_id: String,
    receipt_handle: String,
    record: Value,
}

/// What became of an invocation.
enum Invoked {
    Answered(Bytes),
    Failed,
    /// It did not take place while the messages were ours.
    OutOfTime,
}

impl Delivery {
    /// `hidden_until` is when others can receive the messages.
    pub(super) async fn deliver(&self, batch: Vec<Received>, hidden_until: Instant) {
        let mut items: Vec<Item> = batch
            .into_iter()
            .map(|message| Item {
                record: self.source.record(&message),
                message_id: message.message_id,
                receipt_handle: message.receipt_handle,
            })
            .collect();
        self.drop_filtered(&mut items).await;
        let mut pieces = vec![items];
        while let Some(mut piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            let records: Vec<Value> = piece.iter().map(|item| item.record.clone()).collect();
            let event = payload(&records);
            if event.len() > INVOCATION_BYTES && piece.len() > 1 {
                let rest = piece.split_off(piece.len() / 2);
                pieces.extend([rest, piece]);
                continue;
            }
            self.deliver_piece(&piece, event, hidden_until).await;
        }
    }

    /// What the filter does not let pass is deleted, as on AWS.
    async fn drop_filtered(&self, items: &mut Vec<Item>) {
        let Some(filter) = &self.mapping.filter else { return };
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(items)
            .into_iter()
            .partition(|item| filter.matches(&filtered(&item.record)).unwrap_or(false));
        *items = kept;
        if !dropped.is_empty() {
            let label = Arc::clone(&self.mapping.label);
            counter!("sluicegate_mapping_filtered_records_total", "mapping" => label).increment(dropped.len() as u64);
            self.delete(dropped.iter().map(|item| item.receipt_handle.clone()).collect()).await;
        }
    }

    async fn deliver_piece(&self, items: &[Item], event: Bytes, hidden_until: Instant) {
        let ids: Vec<&str> = items.iter().map(|item| item.message_id.as_str()).collect();
        let failed = match self.invoke(event, hidden_until).await {
            Invoked::Answered(answer) if self.mapping.reports_item_failures => match failures(&answer, &ids) {
                Ok(failed) => failed,
                Err(_) => {
                    warn!(mapping = %self.mapping.id, "the function's report of failures cannot be understood; all messages count as not handled");
                    return self.count("failed", 0);
                }
            },
            Invoked::Answered(_) => HashSet::new(),
            Invoked::Failed => {
                debug!(mapping = %self.mapping.id, messages = items.len(), "the batch failed");
                return self.count("failed", 0);
            }
            Invoked::OutOfTime => return,
        };
        let handled: Vec<String> = items
            .iter()
            .filter(|item| !failed.contains(&item.message_id))
            .map(|item| item.receipt_handle.clone())
            .collect();
        self.count(if failed.is_empty() { "handled" } else { "partly_handled" }, handled.len());
        self.delete(handled).await;
    }

    /// Waits for a place as long as nobody else can receive the messages.
    async fn invoke(&self, payload: Bytes, until: Instant) -> Invoked {
        let mut backoff = Backoff::new(self.pace);
        loop {
            let invocation = Invocation { function: Arc::clone(&self.mapping.function), payload: payload.clone() };
            let error = match self.invoke.invoke(invocation).await {
                Ok(answer) => return Invoked::Answered(answer),
                Err(InvokeError::Function(_)) => return Invoked::Failed,
                Err(error @ (InvokeError::Throttled | InvokeError::NotFound)) => error,
            };
            let reason = if error == InvokeError::NotFound { "not_found" } else { "throttled" };
            let label = Arc::clone(&self.mapping.label);
            counter!("sluicegate_mapping_retries_total", "mapping" => label, "reason" => reason).increment(1);
            let delay = backoff.next(fastrand::f64());
            if Instant::now() + delay >= until {
                return Invoked::OutOfTime;
            }
            let mut stopped = self.stopped.clone();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return Invoked::OutOfTime,
                () = sleep(delay) => {}
            }
        }
    }

    /// Messages that cannot be deleted are delivered once more, like everything that is delivered at least once.
    async fn delete(&self, handles: Vec<String>) {
        if let Err(refusal) = self.queues.delete(&self.mapping.queue, handles).await {
            warn!(mapping = %self.mapping.id, %refusal, "handled messages were not deleted and will be delivered again");
        }
    }

    fn count(&self, result: &'static str, handled: usize) {
        let label = || Arc::clone(&self.mapping.label);
        counter!("sluicegate_mapping_batches_total", "mapping" => label(), "result" => result).increment(1);
        counter!("sluicegate_mapping_records_total", "mapping" => label()).increment(handled as u64);
    }
}
