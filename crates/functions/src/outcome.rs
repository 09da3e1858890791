//! How an invocation ended, with all that its caller may want to know.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use sluicegate_protocol::FunctionError;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use std::time::Duration;

/// An invocation that came to its end.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub(crate) result: Result<Bytes, Reported>,
    /// The last 4 KB of its log.
    pub(crate) log_tail: Vec<u8>,
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
        Self { result: Err(reported), log_tail: Vec::new() }
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
