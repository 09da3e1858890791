//! A refusal: the error body a caller gets, with the status and the short code beside it.

use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::ApiError;
use std::borrow::Cow;

/// The namespaces AWS puts before an exception's name in `__type`.
const SERVICE: &str = "com.amazonaws.dynamodb.v20120810#";
const CORAL_SERVICE: &str = "com.amazon.coral.service#";
const CORAL_VALIDATE: &str = "com.amazon.coral.validate#";
const CORAL_AVAILABILITY: &str = "com.amazon.coral.availability#";

/// An error answer, as it goes onto the wire.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The exception's short name.
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// The JSON body; some exceptions carry more than type and message.
    pub(crate) body: Bytes,
}

impl Refusal {
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, CORAL_VALIDATE, "ValidationException", message)
    }

    /// A member of the request that breaks the constraint of its model, as the AWS validator words it. `value` is `None`
    /// for a member that is missing.
    pub(crate) fn constraint(value: Option<&str>, member: &str, constraint: &str) -> Self {
        let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        Self::validation(format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// The request cannot be read as its operation's shape. This family spells `Message` with a capital letter, and has
    /// none when the body is no JSON at all.
    pub(crate) fn serialization(message: Option<&str>) -> Self {
        let mut refusal = Self::new(400, CORAL_SERVICE, "SerializationException", message.unwrap_or_default());
        let mut body = json!({ "__type": format!("{CORAL_SERVICE}SerializationException") });
        if let Some(message) = message.filter(|message| !message.is_empty()) {
            body["Message"] = message.into();
        }
        refusal.body = body.to_string().into();
        refusal
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::new(400, CORAL_SERVICE, "UnknownOperationException", "")
    }

    /// One of the exceptions of the framework in front of the service.
    pub(crate) fn coral(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, CORAL_SERVICE, code, message)
    }

    pub(crate) fn too_large() -> Self {
        Self::new(413, CORAL_SERVICE, "RequestEntityTooLargeException", "Request body exceeds the limit of 16 MB")
    }

    pub(crate) fn request_timeout() -> Self {
        Self::new(408, CORAL_SERVICE, "RequestTimeoutException", "The request body did not arrive in time")
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(400, SERVICE, "ResourceNotFoundException", message)
    }

    /// Every SDK retries this one with back-off.
    pub(crate) fn throttled() -> Self {
        Self::new(400, CORAL_AVAILABILITY, "ThrottlingException", "Rate of requests exceeds the allowed throughput.")
    }

    /// The cause belongs into the log, which the caller of this function has written.
    pub(crate) fn internal() -> Self {
        let error = ApiError::internal();
        Self::new(500, SERVICE, "InternalServerError", error.message)
    }

    /// One of the exceptions only the service itself defines.
    pub(crate) fn service(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, SERVICE, code, message)
    }

    /// A body that was framed elsewhere.
    pub(crate) fn framed(status: u16, body: String) -> Self {
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        let text = |key: &str| parsed[key].as_str();
        let code = text("__type").and_then(|kind| kind.rsplit('#').next()).unwrap_or("InternalServerError").to_owned();
        let message = text("message").or(text("Message")).unwrap_or_default().to_owned();
        Self { status, code: code.into(), message, body: body.into() }
    }

    fn new(status: u16, namespace: &str, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut body = json!({ "__type": format!("{namespace}{code}") });
        if !message.is_empty() {
            body["message"] = message.as_str().into();
        }
        Self { status, code: code.into(), message, body: body.to_string().into() }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status, refusal.code, refusal.message)
    }
}
