//! How clients are refused, in the words of AWS: 403s of a policy spell `Message` with a capital letter.

use crate::reply;
use http::StatusCode;
use serde_json::json;
use sluicegate_endpoint::Response;

pub(super) fn unauthorized() -> Response {
    reply::error(StatusCode::UNAUTHORIZED, "UnauthorizedException", r#"{"message":"Unauthorized"}"#)
}

/// The authorizer failed, or its answer is none.
pub(super) fn misconfigured() -> Response {
    reply::error(StatusCode::INTERNAL_SERVER_ERROR, "AuthorizerConfigurationException", r#"{"message":null}"#)
}

pub(super) fn quota_exceeded() -> Response {
    reply::error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", r#"{"message":"Limit Exceeded"}"#)
}

pub(super) fn too_many_requests() -> Response {
    reply::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#)
}

pub(crate) fn access_denied(message: &str) -> Response {
    let body = json!({ "Message": message }).to_string();
    reply::error(StatusCode::FORBIDDEN, "AccessDeniedException", body)
}
