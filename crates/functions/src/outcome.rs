//! How an invocation ended, with all that its caller may want to know.

use crate::process::LATEST;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use sluicegate_protocol::FunctionError;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use std::borrow::Cow;
use std::time::Duration;

/// An invocation that came to its end.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub(crate) result: Result<Bytes, Reported>,
    pub(crate) log_tail: LogTail,
}

/// What is told of an invocation's log.
#[derive(Clone, Debug)]
pub(crate) enum LogTail {
    /// The last 4 KB of what a process wrote.
    Lines(Vec<u8>),
    /// A handler of this process writes to the server's own log: only how long it took is told.
    Timed(Duration),
}

impl LogTail {
    pub(crate) fn text(&self, request_id: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Lines(lines) => Cow::Borrowed(lines),
            Self::Timed(duration) => {
                let milliseconds = duration.as_secs_f64() * 1000.0;
                let billed = milliseconds.ceil();
                let text = format!(
                    "START RequestId: {request_id} Version: {LATEST}\nEND RequestId: {request_id}\nREPORT RequestId: \
                     {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {billed:.0} ms\n",
                );
                Cow::Owned(text.into_bytes())
            }
        }
    }
}

/// A function error.
#[derive(Clone, Debug)]
pub(crate) struct Reported {
    /// The label of the metric.
    pub(crate) kind: &'static str,
    pub(crate) error: FunctionError,
    /// What the caller gets; what the function reported is not changed.
    pub(crate) payload: Bytes,
}

/// A function error that the platform words.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    kind: &'static str,
    error: FunctionError,
}

impl Failed {
    pub(crate) fn new(kind: &'static str, error_type: &str, message: String) -> Self {
        Self { kind, error: FunctionError { error_type: error_type.to_owned(), message } }
    }

    pub(crate) fn too_large() -> Self {
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({INVOCATION_BYTES} bytes).");
        Self::new("response_too_large", "Function.ResponseSizeTooLarge", message)
    }

    pub(crate) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        let message = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
        Self::new("timeout", "Sandbox.Timedout", message)
    }

    pub(crate) fn panicked(panic: &str) -> Self {
        Self::new("panic", "Runtime.Panic", format!("Lambda panicked: {panic}"))
    }

    pub(crate) fn returned(error: FunctionError) -> Self {
        Self { kind: "error", error }
    }
}

impl From<Failed> for Reported {
    fn from(Failed { kind, error }: Failed) -> Self {
        let payload = json!({ "errorType": error.error_type, "errorMessage": error.message }).to_string().into();
        Self { kind, error, payload }
    }
}

impl From<Reported> for Completed {
    fn from(reported: Reported) -> Self {
        Self { result: Err(reported), log_tail: LogTail::Lines(Vec::new()) }
    }
}

impl Reported {
    /// What a runtime has reported; there are many spellings of everything but these two keys.
    pub(crate) fn by_the_function(payload: Bytes) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Report {
            error_type: Option<String>,
            error_message: Option<String>,
        }
        let report: Report = serde_json::from_slice(&payload).unwrap_or_default();
        let error_type = report.error_type.unwrap_or_else(|| "Function.Unknown".to_owned());
        let error = FunctionError { error_type, message: report.error_message.unwrap_or_default() };
        Self { kind: "error", error, payload }
    }
}
