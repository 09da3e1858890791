//! The errors AWS defines, with the three things every surface needs: status, code and message.

use std::borrow::Cow;
use std::fmt;

/// An error as an AWS client sees it. How it is framed (header, `__type`, body keys) is the surface's matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    /// The exception's short name, such as `GoneException`.
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
}

impl ApiError {
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "ResourceNotFoundException", message)
    }

    /// The cause belongs into the log; the caller learns only that it was not its fault.
    pub fn internal() -> Self {
        Self::new(500, "InternalServerError", "The request processing has failed because of an unknown error.")
    }

    pub fn is_server_fault(&self) -> bool {
        self.status >= 500
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
