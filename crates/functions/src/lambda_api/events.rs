//! Invocations of the type `Event`: accepted at once, run when there is room, tried again when they fail.

use super::record::{Condition, Ended};
use crate::Functions;
use crate::invocation::{self, Call, Registered};
use crate::outcome::Completed;
use metrics::{counter, gauge};
use sluicegate_protocol::{Deliver, DeliverError, Destination};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tracing::warn;

/// Events that may wait, and the bytes of their payloads. More are refused.
const MAX_EVENTS: usize = 10_000;
const MAX_EVENT_BYTES: usize = 64 * 1024 * 1024;

/// When an event is tried again. The default is Lambda's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPace {
    /// Before each further attempt after a function error; a function may want fewer.
    pub after_error: [Duration; 2],
    /// Before the first further attempt after throttling; it doubles each time.
    pub after_throttling: Duration,
    /// Up to here.
    pub longest: Duration,
    /// An older event is given up.
    pub max_age: Duration,
}

impl Default for EventPace {
    fn default() -> Self {
        Self {
            after_error: [Duration::from_secs(60), Duration::from_secs(120)],
            after_throttling: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            max_age: Duration::from_secs(6 * 60 * 60),
        }
    }
}

/// There is no room for another event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

/// The function is looked up at each attempt: it may have been replaced since.
pub(super) struct Event {
    pub(super) functions: Arc<Functions>,
    pub(super) function: Arc<str>,
    pub(super) call: Call,
}

pub(super) struct Events {
    pace: EventPace,
    held: Arc<Held>,
    pub(super) destinations: Arc<Destinations>,
}

#[derive(Default)]
struct Held {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

impl Events {
    pub(super) fn new(pace: EventPace) -> Self {
        Self { pace, held: Arc::default(), destinations: Arc::default() }
    }

    pub(super) fn waiting(&self) -> usize {
        self.held.events.load(Ordering::Acquire)
    }

    pub(super) fn accept(&self, event: Event) -> Result<(), Full> {
        let room = Room::take(&self.held, event.call.payload.len()).ok_or(Full)?;
        let (pace, destinations) = (self.pace, Arc::clone(&self.destinations));
        tokio::spawn(async move {
            deliver(event, pace, &destinations).await;
            drop(room);
        });
        Ok(())
    }
}

/// What an event takes of the limits, until it is delivered or given up.
struct Room {
    held: Arc<Held>,
    bytes: usize,
}

impl Room {
    fn take(held: &Arc<Held>, bytes: usize) -> Option<Self> {
        let events = held.events.fetch_add(1, Ordering::AcqRel) + 1;
        let all_bytes = held.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes;
        // What does not fit is given back when it is dropped.
        let room = Self { held: Arc::clone(held), bytes };
        gauge!("sluicegate_function_events_waiting").set(events as f64);
        (events <= MAX_EVENTS && all_bytes <= MAX_EVENT_BYTES).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.held.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        let before = self.held.events.fetch_sub(1, Ordering::AcqRel);
        gauge!("sluicegate_function_events_waiting").set((before - 1) as f64);
    }
}

async fn deliver(Event { functions, function, call }: Event, pace: EventPace, destinations: &Destinations) {
    let accepted = Instant::now();
    let mut invocations = 0;
    let mut after_throttling = pace.after_throttling;
    loop {
        // There is nobody left who could take it once the function is gone.
        let Some(registered) = functions.find(&function) else { break };
        let options = &registered.events;
        let last = invocation::run(Arc::clone(&registered), call.clone()).await.ok();
        let delay = match &last {
            Some(completed) => {
                invocations += 1;
                if completed.result.is_ok() {
                    let ended = ended(Condition::Success, &registered, &call, invocations, last.as_ref());
                    return destinations.tell(options.on_success.as_ref(), &function, || ended.record()).await;
                }
                // Those of the pace are as many as there can be.
                let attempt = invocations as usize - 1;
                pace.after_error.get(attempt).copied().filter(|_| attempt < options.maximum_retry_attempts as usize)
            }
            None => {
                let delay = after_throttling;
                after_throttling = (delay * 2).min(pace.longest);
                Some(delay)
            }
        };
        let condition = match delay {
            Some(delay) if accepted.elapsed() + delay <= pace.max_age.min(options.maximum_age) => {
                sleep(delay).await;
                continue;
            }
            Some(_) => Condition::EventAgeExceeded,
            None => Condition::RetriesExhausted,
        };
        let ended = ended(condition, &registered, &call, invocations, last.as_ref());
        destinations.tell(options.on_failure.as_ref(), &function, || ended.record()).await;
        let event = || String::from_utf8_lossy(&call.payload).into_owned();
        destinations.tell(options.dead_letters.as_ref(), &function, event).await;
        break;
    }
    counter!("sluicegate_function_events_discarded_total", "function" => function.to_string()).increment(1);
    warn!(%function, request_id = %call.request_id, "an event is given up after its last attempt");
}

fn ended<'a>(
    condition: Condition,
    registered: &'a Registered,
    call: &'a Call,
    invocations: u32,
    last: Option<&'a Completed>,
) -> Ended<'a> {
    let Call { request_id, payload, qualifier, .. } = call;
    Ended { condition, registered, request_id, qualifier: qualifier.as_deref(), payload, invocations, last }
}

/// Where records and dead letters go. Whoever delivers may itself hand events to functions, so it is not held here.
#[derive(Default)]
pub(super) struct Destinations(OnceLock<Weak<dyn Deliver>>);

impl Destinations {
    pub(super) fn open(&self, deliver: Weak<dyn Deliver>) {
        // The first one stays.
        let _ = self.0.set(deliver);
    }

    /// One that cannot be told changes nothing for the event.
    async fn tell(&self, destination: Option<&Destination>, function: &str, text: impl FnOnce() -> String) {
        let Some(destination) = destination else { return };
        let result = match self.0.get().and_then(Weak::upgrade) {
            Some(deliver) => deliver.deliver(destination, text()).await,
            None => Err(DeliverError::NoSuchDestination),
        };
        if let Err(error) = result {
            warn!(function, %destination, %error, "the destination of an event was not told of its end");
            let function = function.to_owned();
            counter!("sluicegate_function_destination_failures_total", "function" => function).increment(1);
        }
    }
}
