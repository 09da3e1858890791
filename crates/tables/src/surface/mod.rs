//! The HTTP surface: AWS JSON 1.0, the operation named by `X-Amz-Target`.
//!
//! The checks run in the order AWS has them, so a request with two faults is told the same one: content type, JSON, target,
//! authentication, and only then what the operation makes of the body.
//!
//! No answer carries CORS headers: a page from elsewhere, open in a developer's browser, must not read the tables of the
//! developer's machine.

pub(crate) mod authentication;
pub(crate) mod description;
pub(crate) mod expression_depth;
pub(crate) mod operation;
pub(crate) mod permission;
pub(crate) mod shapes;

use crate::core::Core;
use crate::refusal::Refusal;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Body;
use operation::Operation;
use serde::de::IgnoredAny;
use sluicegate_endpoint::{BodyError, Response, read_body};
use std::sync::Arc;

/// AWS's limit for a request's body.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const PLAIN_JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// AWS's request ids for DynamoDB have this length and these characters.
const REQUEST_ID_CHARS: usize = 52;
const REQUEST_ID_ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What AWS sends where it does not take the request for one of the JSON API.
const NOT_THE_API: &str = "<UnknownOperationException/>\n";

pub(crate) async fn respond<B>(core: &Arc<Core>, request: Request<B>) -> Response
where
    B: Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    match parts.method {
        _ if parts.uri.path() != "/" => return framed(StatusCode::NOT_FOUND, None, NOT_THE_API.into()),
        Method::POST => {}
        Method::GET => {
            let healthy = format!("healthy: dynamodb.{}.amazonaws.com ", core.arns().region());
            return framed(StatusCode::OK, None, healthy.into());
        }
        _ => return framed(StatusCode::NOT_FOUND, None, NOT_THE_API.into()),
    }
    let Some(content_type) = answered_content_type(&parts.headers) else {
        return framed(StatusCode::NOT_FOUND, None, NOT_THE_API.into());
    };
    match answer(core, &parts, body).await {
        Ok(body) => framed(StatusCode::OK, Some(content_type), body),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            framed(status, Some(content_type), refusal.body)
        }
    }
}

async fn answer<B>(core: &Arc<Core>, parts: &http::request::Parts, body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
{
    let body = read_body(body, MAX_BODY_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::too_large(),
        BodyError::TimedOut => Refusal::request_timeout(),
        BodyError::Broken => Refusal::serialization(None),
    })?;
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(Operation::of_target).ok_or_else(Refusal::unknown_operation);
    let admitted = operation
        .and_then(|operation| authentication::check(parts).map(|()| operation))
        .and_then(|operation| permission::check(core, parts, operation, &body).map(|()| operation));
    match admitted {
        Ok(operation) => core.call(operation, body).await,
        // Bad JSON is reported first. The bodies of admitted requests are parsed where their operation runs.
        Err(_) if !body.is_empty() && is_malformed(&body) => Err(Refusal::serialization(None)),
        Err(refusal) => Err(refusal),
    }
}

pub(crate) async fn answer_trusted(core: &Arc<Core>, request: Request<Bytes>) -> http::Response<Bytes> {
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let answer = match target.and_then(Operation::of_target) {
        _ if body.len() > MAX_BODY_BYTES => Err(Refusal::too_large()),
        Some(operation) => core.call(operation, body).await,
        None => Err(Refusal::unknown_operation()),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => {
            (StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), refusal.body)
        }
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, AMZ_JSON);
    response.headers_mut().insert(REQUEST_ID, request_id());
    response
}

fn is_malformed(body: &[u8]) -> bool {
    let parsed: Result<IgnoredAny, _> = serde_json::from_slice(body);
    parsed.is_err_and(|error| !error.to_string().starts_with("recursion limit exceeded"))
}

/// The content type of the answer, which repeats the request's; `None` for one that is not of this API. A request without
/// any is taken for plain JSON.
fn answered_content_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Some(PLAIN_JSON) };
    let base = given.to_str().ok()?.split(';').next().unwrap_or_default().trim();
    [AMZ_JSON, PLAIN_JSON].into_iter().find(|known| base.eq_ignore_ascii_case(known.to_str().unwrap_or_default()))
}

fn framed(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Response {
    let mut response = http::Response::new(http_body_util::Full::new(body.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    // This very word is AWS's.
    headers.insert(SERVER, HeaderValue::from_static("Server"));
    headers.insert(REQUEST_ID, request_id());
    headers.insert(CRC32, HeaderValue::from(crc32fast::hash(&body)));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}

fn request_id() -> HeaderValue {
    let id: Vec<u8> =
        (0..REQUEST_ID_CHARS).map(|_| REQUEST_ID_ALPHABET[fastrand::usize(..REQUEST_ID_ALPHABET.len())]).collect();
    HeaderValue::from_bytes(&id).expect("digits and capital letters are visible ASCII")
}
