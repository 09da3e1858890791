//! Why there was no invocation, in Lambda's words.

use http::StatusCode;
use serde_json::{Value, json};
use sluicegate_endpoint::{Response, rest_json_error, signature};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unsigned(signature::Refusal),
    AccessDenied(String),
    /// The ARN.
    NotFound(String),
    /// A payload above this many bytes.
    TooLarge(usize),
    Content(String),
    Parameter(String),
    Throttled,
}

impl From<signature::Refusal> for Refusal {
    fn from(refusal: signature::Refusal) -> Self {
        Self::Unsigned(refusal)
    }
}

impl Refusal {
    pub(super) fn answer(&self) -> Response {
        let (status, code, body) = self.parts();
        rest_json_error(status, code, body.to_string())
    }

    /// Keys of bodies are spelled as in Lambda's API model, which is not consistent.
    fn parts(&self) -> (StatusCode, &'static str, Value) {
        let user = |message: &str| json!({ "Type": "User", "message": message });
        match self {
            Self::Unsigned(refusal) => (StatusCode::FORBIDDEN, refusal.code(), json!({ "message": unsigned(refusal) })),
            Self::AccessDenied(message) => {
                (StatusCode::FORBIDDEN, "AccessDeniedException", json!({ "Message": message }))
            }
            Self::NotFound(arn) => {
                let version = if arn.split(':').count() > 7 { "" } else { ":$LATEST" };
                let message = format!("Function not found: {arn}{version}");
                let body = json!({ "Type": "User", "Message": message });
                (StatusCode::NOT_FOUND, "ResourceNotFoundException", body)
            }
            Self::TooLarge(limit) => {
                let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", user(&message))
            }
            Self::Content(message) => (StatusCode::BAD_REQUEST, "InvalidRequestContentException", user(message)),
            Self::Parameter(message) => (StatusCode::BAD_REQUEST, "InvalidParameterValueException", user(message)),
            Self::Throttled => {
                let body = json!({
                    "Type": "User",
                    "message": "Rate Exceeded.",
                    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                });
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", body)
            }
        }
    }
}

fn unsigned(refusal: &signature::Refusal) -> &str {
    match refusal {
        signature::Refusal::Missing => "Missing Authentication Token",
        signature::Refusal::UnknownKey => "The security token included in the request is invalid.",
        signature::Refusal::Incomplete(message) | signature::Refusal::Invalid(message) => message,
    }
}
