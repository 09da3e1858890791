//! Why a client is refused, and how AWS words it: 403s of a policy spell `Message` with a capital letter.

use crate::reply;
use http::StatusCode;
use serde_json::json;
use sluicegate_endpoint::{Response, signature};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No identity, or one that the authorizer does not accept.
    Unauthorized,
    /// The authorizer failed, or its answer is none.
    Misconfigured,
    /// The origin or the API key is none of those that are allowed.
    Forbidden,
    /// The API key's rate is used up for now.
    TooManyRequests,
    /// The API key's quota is used up for its period.
    QuotaExceeded,
    Unsigned(signature::Refusal),
    /// A policy forbids it, or none permits it; in the words for the caller.
    AccessDenied(String),
}

impl Refusal {
    pub(crate) fn answer(&self) -> Response {
        let message = |text: &str| json!({ "message": text }).to_string();
        let (status, exception, body) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "UnauthorizedException", message("Unauthorized")),
            Self::Misconfigured => {
                let body = json!({ "message": null }).to_string();
                (StatusCode::INTERNAL_SERVER_ERROR, "AuthorizerConfigurationException", body)
            }
            Self::Forbidden => return reply::forbidden(),
            Self::TooManyRequests => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", message("Too Many Requests"))
            }
            Self::QuotaExceeded => (StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message("Limit Exceeded")),
            Self::Unsigned(refusal) => (StatusCode::FORBIDDEN, refusal.code(), message(unsigned(refusal))),
            Self::AccessDenied(text) => {
                (StatusCode::FORBIDDEN, "AccessDeniedException", json!({ "Message": text }).to_string())
            }
        };
        reply::error(status, exception, body)
    }
}

fn unsigned(refusal: &signature::Refusal) -> &str {
    match refusal {
        signature::Refusal::Missing => "Missing Authentication Token",
        signature::Refusal::UnknownKey => "The security token included in the request is invalid.",
        signature::Refusal::Incomplete(message) | signature::Refusal::Invalid(message) => message,
    }
}

impl From<signature::Refusal> for Refusal {
    fn from(refusal: signature::Refusal) -> Self {
        Self::Unsigned(refusal)
    }
}
