//! The answer of a handler behind a route.

use serde::Serialize;
use std::borrow::Cow;

/// The proxy result a WebSocket API understands: `{"statusCode":200,"body":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'static, str>>,
}

impl Response {
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// On `$connect`, anything but 2xx refuses the connection.
    pub fn status(status_code: u16) -> Self {
        Self { status_code, body: None }
    }

    pub fn with_body(self, body: impl Into<Cow<'static, str>>) -> Self {
        Self { body: Some(body.into()), ..self }
    }
}
