//! Answers of the gateway itself, over HTTP, with the headers AWS puts on them.

use crate::event::trace_id;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;
use sluicegate_endpoint::{Response, empty, rest_json_error};
use sluicegate_protocol::RequestId;

const APIGW_ID: HeaderName = HeaderName::from_static("x-amz-apigw-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// An error with the exception's name in `x-amzn-ErrorType`.
pub(crate) fn error(status: StatusCode, code: &str, body: impl Into<Bytes>) -> Response {
    with_gateway_id(rest_json_error(status, code, body))
}

/// A status and nothing else.
pub(crate) fn status(status: StatusCode) -> Response {
    with_gateway_id(empty(status))
}

pub(crate) fn forbidden() -> Response {
    error(StatusCode::FORBIDDEN, "ForbiddenException", r#"{"message":"Forbidden"}"#)
}

/// Something below a domain of one's own that no mapping leads to.
pub(crate) fn no_route(route: &str, method: &Method) -> Response {
    let message = format!("No method found matching route {route} for http method {method}.");
    error(StatusCode::NOT_FOUND, "NotFoundException", json!({ "message": message }).to_string())
}

/// Errors of an integration have a space behind the colon, unlike those the gateway makes by itself.
pub(crate) fn internal_server_error(status: StatusCode) -> Response {
    error(status, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
}

/// Adds the trace id that answers about a well-formed connection id carry.
pub(crate) fn traced(mut response: Response, now: u64) -> Response {
    if let Ok(trace_id) = HeaderValue::from_str(&trace_id(now)) {
        response.headers_mut().insert(TRACE_ID, trace_id);
    }
    response
}

fn with_gateway_id(mut response: Response) -> Response {
    let id = RequestId::new(fastrand::u128(..)).to_string();
    response.headers_mut().insert(APIGW_ID, HeaderValue::from_str(&id).expect("ids are visible ASCII"));
    response
}
