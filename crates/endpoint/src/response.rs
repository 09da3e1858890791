//! Answers as AWS frames them. The two error styles differ in where SDKs look for the code: REST-JSON services put it into
//! a header, AWS JSON services into the body's `__type`.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http_body_util::Full;
use serde_json::json;
use sluicegate_protocol::ApiError;

pub type Response = http::Response<Full<Bytes>>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// A fresh value for `x-amzn-RequestId`: a UUID.
pub fn request_id() -> HeaderValue {
    // It is no secret, so it need not come from the system's randomness.
    let id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
    HeaderValue::from_str(&id.to_string()).expect("a UUID is visible ASCII")
}

/// An answer without content.
pub fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response.headers_mut().insert(REQUEST_ID, request_id());
    response
}

/// An answer with JSON text as its content.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = empty(status);
    *response.body_mut() = Full::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error of a REST-JSON service: the code in `x-amzn-ErrorType`, `body` as the service words it (it may be empty).
pub fn rest_json_error(status: StatusCode, code: &str, body: impl Into<Bytes>) -> Response {
    let mut response = json(status, body);
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert(ERROR_TYPE, code);
    }
    response
}

/// An error of an AWS JSON service: the code, behind `namespace`, in the body's `__type`.
pub fn aws_json_error(error: &ApiError, namespace: &str) -> Bytes {
    let mut body = json!({ "__type": format!("{namespace}{}", error.code) });
    if !error.message.is_empty() {
        body["message"] = error.message.as_ref().into();
    }
    body.to_string().into()
}
