//! One invocation, from its place in the concurrency to its result.

use crate::EventOptions;
use crate::catch_panic::CatchPanic;
use crate::outcome::{Completed, Failed, LogTail, Reported};
use crate::process::{LATEST, Pool, Request};
use bytes::Bytes;
use metrics::{Counter, Histogram, counter, histogram};
use sluicegate_endpoint::RunOn;
use sluicegate_handler::{Clients, Context, Function};
use sluicegate_protocol::limits::INVOCATION_BYTES;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, debug, info_span, warn};
use uuid::Builder;

/// A function and what it takes to run it.
pub(crate) struct Registered {
    pub(crate) name: Arc<str>,
    pub(crate) arn: Arc<str>,
    pub(crate) host: Host,
    pub(crate) timeout: Duration,
    /// How many places there are, taken or not.
    pub(crate) concurrency: usize,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) measures: Measures,
    /// Aliases and versions, each with the version it stands for.
    pub(crate) qualifiers: BTreeMap<String, String>,
    pub(crate) events: EventOptions,
}

/// What every invocation is counted in, looked up once.
pub(crate) struct Measures {
    invocations: Counter,
    duration: Histogram,
}

impl Measures {
    pub(crate) fn of(function: &str) -> Self {
        let name = function.to_owned();
        Self {
            invocations: counter!("sluicegate_function_invocations_total", "function" => name.clone()),
            duration: histogram!("sluicegate_function_duration_seconds", "function" => name),
        }
    }
}

/// Where a function runs.
#[derive(Clone)]
pub(crate) enum Host {
    /// In this process: handlers in Rust, and calls of HTTP endpoints.
    Handler(Function, Clients),
    /// In processes of its own.
    Processes(Arc<Pool>),
}

impl Host {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Handler(one, _), Self::Handler(other, _)) => Arc::ptr_eq(one, other),
            (Self::Processes(one), Self::Processes(other)) => one.plan == other.plan,
            (Self::Handler(..), Self::Processes(_)) | (Self::Processes(_), Self::Handler(..)) => false,
        }
    }

    /// Ends its processes when they have done what they are at. What waits for one is left to the next host.
    pub(crate) fn retire(&self, next: Option<&Self>) {
        match (self, next) {
            (Self::Processes(pool), Some(Self::Processes(next))) if Arc::ptr_eq(pool, next) => {}
            (Self::Processes(pool), Some(Self::Processes(next))) => pool.retire(Some(Arc::clone(next))),
            (Self::Processes(pool), Some(Self::Handler(..)) | None) => pool.retire(None),
            (Self::Handler(..), _) => {}
        }
    }
}

/// One call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The same for every attempt of an event.
    pub(crate) request_id: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qualifier: Option<Arc<str>>,
    pub(crate) client_context: Option<Arc<str>>,
    pub(crate) trace_id: Option<Arc<str>>,
}

/// All places are taken: nothing ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttled;

impl Call {
    pub(crate) fn new(payload: Bytes) -> Self {
        Self { request_id: new_request_id(), payload, qualifier: None, client_context: None, trace_id: None }
    }
}

pub(crate) fn new_request_id() -> Arc<str> {
    // It is no secret, so it need not come from the system's randomness.
    Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string().into()
}

impl Registered {
    /// Whether it does what another one does.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let how = |one: &Self| (one.timeout, one.concurrency);
        self.host.is_like(&other.host)
            && how(self) == how(other)
            && self.qualifiers == other.qualifiers
            && self.events == other.events
    }

    /// This function in the place of an older one, with as much of it as stays the same.
    pub(crate) fn after(mut self, old: &Self) -> Self {
        if self.concurrency == old.concurrency {
            self.places = Arc::clone(&old.places);
        }
        if self.host.is_like(&old.host) {
            self.host = old.host.clone();
        }
        self
    }

    /// The version that a qualifier stands for, if there is such a one.
    pub(crate) fn version(&self, qualifier: Option<&str>) -> Option<&str> {
        match qualifier {
            None | Some(LATEST) => Some(LATEST),
            Some(qualifier) => self.qualifiers.get(qualifier).map(String::as_str),
        }
    }
}

pub(crate) async fn run(registered: Arc<Registered>, call: Call) -> Result<Completed, Throttled> {
    let Ok(place) = Arc::clone(&registered.places).try_acquire_owned() else {
        let name = registered.name.to_string();
        counter!("sluicegate_function_throttles_total", "function" => name).increment(1);
        return Err(Throttled);
    };
    registered.measures.invocations.increment(1);
    let span = info_span!("invocation", function = %registered.name, request_id = %call.request_id);
    let running = async move {
        let result = attempt(&registered, call).await;
        drop(place);
        result
    };
    // As on Lambda, the function runs on when its caller has stopped waiting.
    RunOn::new(running.instrument(span)).await
}

/// Runs the function and records how it went.
async fn attempt(registered: &Registered, call: Call) -> Result<Completed, Throttled> {
    debug!(payload_bytes = call.payload.len(), "START");
    let started = Instant::now();
    let completed = match &registered.host {
        Host::Handler(function, clients) => in_process(registered, function, clients, call).await,
        Host::Processes(pool) => in_processes(registered, pool, call).await?,
    };
    let duration = started.elapsed();
    registered.measures.duration.record(duration.as_secs_f64());
    match &completed.result {
        Ok(result) => debug!(?duration, result_bytes = result.len(), "END"),
        Err(Reported { kind, error, .. }) => {
            warn!(?duration, kind, error_type = error.error_type, message = error.message, "END: the function failed");
            let name = registered.name.to_string();
            counter!("sluicegate_function_errors_total", "function" => name, "kind" => *kind).increment(1);
        }
    }
    Ok(completed)
}

async fn in_processes(registered: &Registered, pool: &Arc<Pool>, call: Call) -> Result<Completed, Throttled> {
    let arn = match &call.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", registered.arn).into(),
        None => Arc::clone(&registered.arn),
    };
    let Call { request_id, payload, client_context, trace_id, .. } = call;
    let invoked = Arc::clone(pool).invoke(Request { request_id, payload, arn, client_context, trace_id }).await;
    invoked.inspect_err(|Throttled| {
        counter!("sluicegate_function_throttles_total", "function" => registered.name.to_string()).increment(1);
    })
}

async fn in_process(registered: &Registered, function: &Function, clients: &Clients, call: Call) -> Completed {
    let started = Instant::now();
    let result = handled(registered, function, clients, call).await.map_err(Reported::from);
    Completed { result, log_tail: LogTail::Timed(started.elapsed()) }
}

async fn handled(registered: &Registered, function: &Function, clients: &Clients, call: Call) -> Result<Bytes, Failed> {
    let Call { request_id, payload, .. } = call;
    let context = Context::new(
        Arc::clone(&request_id),
        Arc::clone(&registered.name),
        deadline_ms(registered.timeout),
        clients.clone(),
    );
    let function = Arc::clone(function);
    // The call itself is inside as well: a handler may panic before its first await.
    let handler = CatchPanic(Box::pin(async move { function(payload, context).await }));
    match timeout(registered.timeout, handler).await {
        Ok(Ok(Ok(result))) if result.len() > INVOCATION_BYTES => Err(Failed::too_large()),
        Ok(Ok(Ok(result))) => Ok(result),
        Ok(Ok(Err(error))) => Err(Failed::returned(error)),
        Ok(Err(panic)) => Err(Failed::panicked(&panic)),
        Err(_elapsed) => Err(Failed::timed_out(&request_id, registered.timeout)),
    }
}

fn deadline_ms(timeout: Duration) -> u64 {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
    deadline.as_millis() as u64
}
