//! One invocation, from its place in the concurrency to its result.

use crate::catch_panic::CatchPanic;
use bytes::Bytes;
use metrics::{Counter, Histogram, counter, histogram};
use sluicegate_endpoint::RunOn;
use sluicegate_handler::{Clients, Context, Function};
use sluicegate_protocol::limits::INVOCATION_BYTES;
use sluicegate_protocol::{FunctionError, InvokeError};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, debug, info_span, warn};
use uuid::Builder;

/// A function and what it takes to run it.
pub(crate) struct Registered {
    pub(crate) name: Arc<str>,
    pub(crate) function: Function,
    pub(crate) clients: Clients,
    pub(crate) timeout: Duration,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) measures: Measures,
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

/// How an invocation failed; the name is the label of the metric.
struct Failure {
    kind: &'static str,
    error: FunctionError,
}

pub(crate) async fn run(registered: Arc<Registered>, payload: Bytes) -> Result<Bytes, InvokeError> {
    let Ok(place) = Arc::clone(&registered.places).try_acquire_owned() else {
        let name = registered.name.to_string();
        counter!("sluicegate_function_throttles_total", "function" => name).increment(1);
        return Err(InvokeError::Throttled);
    };
    registered.measures.invocations.increment(1);
    // It is no secret, so it need not come from the system's randomness.
    let request_id = Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string();
    let span = info_span!("invocation", function = %registered.name, %request_id);
    let running = async move {
        let result = attempt(&registered, request_id, payload).await;
        drop(place);
        result
    };
    // As on Lambda, the function runs on when its caller has stopped waiting.
    RunOn::new(running.instrument(span)).await.map_err(InvokeError::Function)
}

/// Runs the handler and records how it went.
async fn attempt(registered: &Registered, request_id: String, payload: Bytes) -> Result<Bytes, FunctionError> {
    debug!(payload_bytes = payload.len(), "START");
    let started = Instant::now();
    let result = call(registered, request_id, payload).await;
    let duration = started.elapsed();
    registered.measures.duration.record(duration.as_secs_f64());
    match result {
        Ok(result) => {
            debug!(?duration, result_bytes = result.len(), "END");
            Ok(result)
        }
        Err(Failure { kind, error }) => {
            warn!(?duration, kind, error_type = error.error_type, message = error.message, "END: the function failed");
            let name = registered.name.to_string();
            counter!("sluicegate_function_errors_total", "function" => name, "kind" => kind).increment(1);
            Err(error)
        }
    }
}

async fn call(registered: &Registered, request_id: String, payload: Bytes) -> Result<Bytes, Failure> {
    let context = Context::new(
        &*request_id,
        Arc::clone(&registered.name),
        deadline_ms(registered.timeout),
        registered.clients.clone(),
    );
    let function = Arc::clone(&registered.function);
    // The call itself is inside as well: a handler may panic before its first await.
    let handler = CatchPanic(Box::pin(async move { function(payload, context).await }));
    match timeout(registered.timeout, handler).await {
        Ok(Ok(Ok(result))) if result.len() > INVOCATION_BYTES => Err(too_large()),
        Ok(Ok(Ok(result))) => Ok(result),
        Ok(Ok(Err(error))) => Err(Failure { kind: "error", error }),
        Ok(Err(panic)) => Err(panicked(&panic)),
        Err(_elapsed) => Err(timed_out(&request_id, registered.timeout)),
    }
}

fn deadline_ms(timeout: Duration) -> u64 {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
    deadline.as_millis() as u64
}

fn too_large() -> Failure {
    let message = format!("Response payload size exceeded maximum allowed payload size ({INVOCATION_BYTES} bytes).");
    failure("response_too_large", "Function.ResponseSizeTooLarge", message)
}

fn panicked(panic: &str) -> Failure {
    failure("panic", "Runtime.Panic", format!("Lambda panicked: {panic}"))
}

fn timed_out(request_id: &str, timeout: Duration) -> Failure {
    let message = format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64());
    failure("timeout", "Sandbox.Timedout", message)
}

fn failure(kind: &'static str, error_type: &str, message: String) -> Failure {
    Failure { kind, error: FunctionError { error_type: error_type.to_owned(), message } }
}
