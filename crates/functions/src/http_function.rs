//! Functions that are HTTP endpoints: the event is posted to them, and what they answer is the result.
//!
//! Any language with an HTTP server can be a backend this way. The contract is Lambda's own, carried over HTTP: 200 and a
//! body of JSON is a result; another status, or the header `X-Amz-Function-Error`, is a function error whose body may name
//! `errorType` and `errorMessage`.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use sluicegate_handler::{Context, Function};
use sluicegate_protocol::FunctionError;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// A backend that does not take a connection by then is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// Why an address cannot be a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("`{0}` is no address; write it like http://127.0.0.1:9000/path")]
    Malformed(String),
    #[error("`{0}` does not begin with http://; functions are called over plain HTTP")]
    Scheme(String),
}

/// A function that is run by posting its event to `url`.
pub fn http_function(url: &str) -> Result<Function, UrlError> {
    let uri: Uri = url.parse().map_err(|_| UrlError::Malformed(url.to_owned()))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(_)) => {}
        (None, _) | (_, None) => return Err(UrlError::Malformed(url.to_owned())),
        (Some(_), _) => return Err(UrlError::Scheme(url.to_owned())),
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let client = Client::builder(TokioExecutor::new()).build(connector);
    Ok(Arc::new(move |event, context| {
        let (client, uri) = (client.clone(), uri.clone());
        Box::pin(async move { call(&client, uri, event, &context).await })
    }))
}

async fn call(
    client: &Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    event: Bytes,
    context: &Context,
) -> Result<Bytes, FunctionError> {
    let mut request = Request::post(uri).header(CONTENT_TYPE, "application/json");
    if let Ok(request_id) = HeaderValue::from_str(context.request_id()) {
        request = request.header(REQUEST_ID, request_id);
    }
    let request = request.header(DEADLINE, context.deadline_ms()).body(Full::new(event));
    let request = request.map_err(|error| failed("Function.InvalidRequest", &error))?;
    let response = client.request(request).await.map_err(|error| failed("Function.Unreachable", &error))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, INVOCATION_BYTES).collect().await;
    let body = body.map_err(|error| failed("Function.ResponseUnreadable", &*error))?.to_bytes();
    if head.status == StatusCode::OK && !head.headers.contains_key(FUNCTION_ERROR) {
        return Ok(if body.is_empty() { Bytes::from_static(b"null") } else { body });
    }
    Err(reported(head.status, &body))
}

/// What the endpoint says of its own failure, as far as it says anything.
fn reported(status: StatusCode, body: &[u8]) -> FunctionError {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Report {
        error_type: Option<String>,
        error_message: Option<String>,
    }
    let report: Report = serde_json::from_slice(body).unwrap_or_default();
    FunctionError {
        error_type: report.error_type.unwrap_or_else(|| "Function.Failed".to_owned()),
        message: report.error_message.unwrap_or_else(|| format!("the endpoint answered {status}")),
    }
}

fn failed(error_type: &str, cause: &(dyn Error + 'static)) -> FunctionError {
    // The outer error of an HTTP client says little; its source says what happened.
    let message = cause.source().map_or_else(|| cause.to_string(), |source| format!("{cause}: {source}"));
    FunctionError { error_type: error_type.to_owned(), message }
}
