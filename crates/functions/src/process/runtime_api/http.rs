//! The Runtime API's wire: `/2018-06-01/runtime/…` over HTTP/1.1.

use super::exchange::{Answer, Exchange, Refusal, Taken};
use crate::process::limits::{API_CONNECTIONS, ERROR_REPORT_BYTES};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What is read of a body that is too large.
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;
const PREFIX: &str = "/2018-06-01/runtime/";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// A socket for the Runtime API of one process.
pub(crate) async fn listen() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// What `AWS_LAMBDA_RUNTIME_API` says.
pub(crate) fn address(listener: &TcpListener) -> std::io::Result<SocketAddr> {
    listener.local_addr()
}

/// Serves until it is dropped, with all its connections. `grace` is the function's timeout.
pub(crate) async fn serve(listener: TcpListener, exchange: Arc<Exchange>, address: SocketAddr, grace: Duration) {
    let places = Arc::new(Semaphore::new(API_CONNECTIONS));
    let mut connections = JoinSet::new();
    let host: Arc<str> = address.to_string().into();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((socket, _)) = listener.accept().await else {
            // Out of descriptors, for a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Only delays small answers if it fails.
        let _ = socket.set_nodelay(true);
        let (exchange, host) = (Arc::clone(&exchange), Arc::clone(&host));
        connections.spawn(async move {
            converse(socket, exchange, host, grace).await;
            drop(place);
        });
    }
}

/// One connection, to its end.
pub(super) async fn converse(
    io: impl AsyncRead + AsyncWrite + Unpin,
    exchange: Arc<Exchange>,
    host: Arc<str>,
    grace: Duration,
) {
    let service = service_fn(move |request| {
        let (exchange, host) = (Arc::clone(&exchange), Arc::clone(&host));
        async move { Ok::<_, Infallible>(respond(&exchange, &host, grace, request).await) }
    });
    // How a connection ends is the process's matter.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
}

/// What a process may ask for.
enum Asked<'a> {
    Next,
    Response(&'a str),
    Error(&'a str),
    InitError,
    /// SnapStart, which there is none of.
    Restore,
    Nothing,
}

fn asked<'a>(method: &Method, path: &'a str) -> Asked<'a> {
    let Some(route) = path.strip_prefix(PREFIX) else { return Asked::Nothing };
    match (method.as_str(), route.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", ["invocation", "next"]) => Asked::Next,
        ("POST", ["invocation", id, "response"]) => Asked::Response(id),
        ("POST", ["invocation", id, "error"]) => Asked::Error(id),
        ("POST", ["init", "error"]) => Asked::InitError,
        (_, ["restore", ..]) => Asked::Restore,
        _ => Asked::Nothing,
    }
}

async fn respond(
    exchange: &Exchange,
    host: &str,
    grace: Duration,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let named = request.headers().get(HOST).map(HeaderValue::as_bytes);
    if named.is_some_and(|named| named != host.as_bytes()) || request.headers().contains_key(ORIGIN) {
        return error(StatusCode::FORBIDDEN, "InvalidHost", "This address serves one function's process only");
    }
    let (parts, body) = request.into_parts();
    match asked(&parts.method, parts.uri.path()) {
        Asked::Next => match exchange.next().await {
            Ok(taken) => event(&taken),
            Err(refusal) => refused(refusal),
        },
        Asked::Response(id) => response(exchange, id, grace, &parts.headers, body).await,
        Asked::Error(id) => match exchange.answering(id) {
            Ok(answering) => match read(body, ERROR_REPORT_BYTES).await {
                Ok((report, _)) => {
                    answering.complete(Answer::Error(report), grace);
                    accepted()
                }
                Err(problem) => problem.answer(),
            },
            Err(refusal) => unread(body, refused(refusal)).await,
        },
        Asked::InitError => match read(body, ERROR_REPORT_BYTES).await {
            Ok((report, _)) => exchange.fail(report).map_or_else(refused, |()| accepted()),
            Err(problem) => problem.answer(),
        },
        Asked::Restore => error(StatusCode::FORBIDDEN, "InvalidStateTransition", "There is no SnapStart here"),
        Asked::Nothing => error(StatusCode::NOT_FOUND, "NotFound", "There is nothing at this path"),
    }
}

/// The result of an invocation, buffered or streamed: either way it is handed on as a whole.
async fn response(
    exchange: &Exchange,
    id: &str,
    grace: Duration,
    headers: &HeaderMap,
    body: Incoming,
) -> Response<Full<Bytes>> {
    let answering = match exchange.answering(id) {
        Ok(answering) => answering,
        Err(refusal) => return unread(body, refused(refusal)).await,
    };
    match headers.get(RESPONSE_MODE).map(HeaderValue::as_bytes) {
        None | Some(b"streaming" | b"buffered") => {}
        Some(_) => {
            let refusal =
                error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", "Invalid function response mode");
            return unread(body, refusal).await;
        }
    }
    match read(body, INVOCATION_BYTES).await {
        Ok((result, trailers)) => {
            answering.complete(streamed_error(&trailers).map_or(Answer::Result(result), Answer::Error), grace);
            accepted()
        }
        Err(Unreadable::TooLarge) => {
            answering.complete(Answer::TooLarge, grace);
            Unreadable::TooLarge.answer()
        }
        Err(Unreadable::Broken) => Unreadable::Broken.answer(),
    }
}

/// The error that a streamed response ends with, if it does: its type, and Base64 of its report.
fn streamed_error(trailers: &HeaderMap) -> Option<Bytes> {
    let error_type = trailers.get(ERROR_TYPE)?;
    let report = trailers.get(ERROR_BODY).and_then(|body| STANDARD.decode(body.as_bytes()).ok());
    Some(report.map_or_else(
        || json!({ "errorType": String::from_utf8_lossy(error_type.as_bytes()) }).to_string().into(),
        Bytes::from,
    ))
}

#[derive(Clone, Copy)]
enum Unreadable {
    TooLarge,
    Broken,
}

impl Unreadable {
    fn answer(self) -> Response<Full<Bytes>> {
        match self {
            Self::TooLarge => error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                &format!("Exceeded maximum allowed payload size ({INVOCATION_BYTES} bytes)."),
            ),
            Self::Broken => error(StatusCode::BAD_REQUEST, "InvalidRequest", "The body did not arrive whole"),
        }
    }
}

/// Reads a body, which may take as long as its invocation, with what follows it.
async fn read(mut body: Incoming, limit: usize) -> Result<(Bytes, HeaderMap), Unreadable> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Unreadable::Broken)?.into_data() {
            Ok(data) if first.len() + rest.len() + data.len() > limit => {
                discard(body).await;
                return Err(Unreadable::TooLarge);
            }
            Ok(data) if first.is_empty() => first = data,
            Ok(data) => rest.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    if rest.is_empty() {
        return Ok((first, trailers));
    }
    Ok(([&*first, &*rest].concat().into(), trailers))
}

/// An answer before the body was read: the next request on the connection begins behind it.
async fn unread(body: Incoming, answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    discard(body).await;
    answer
}

/// Reads on, for a while: a client that is cut off while it sends does not get to read why.
async fn discard(mut body: Incoming) {
    let mut left = DISCARDED_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(less) => left = less,
            None => return,
        }
    }
}

fn event(taken: &Taken) -> Response<Full<Bytes>> {
    let request = &taken.request;
    let mut response = Response::new(Full::new(request.payload.clone()));
    let headers = response.headers_mut();
    // The Python client crashes without it.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-deadline-ms", taken.deadline_ms.into());
    let texts = [
        ("lambda-runtime-aws-request-id", Some(&request.request_id)),
        ("lambda-runtime-invoked-function-arn", Some(&request.arn)),
        ("lambda-runtime-client-context", request.client_context.as_ref()),
        ("lambda-runtime-trace-id", request.trace_id.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn accepted() -> Response<Full<Bytes>> {
    body(StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string())
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    match refusal {
        Refusal::InvalidRequestId => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Refusal::InvalidStateTransition => {
            error(StatusCode::FORBIDDEN, "InvalidStateTransition", "Transition is not allowed in this state")
        }
    }
}

fn error(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    body(status, json!({ "errorMessage": message, "errorType": error_type }).to_string())
}

fn body(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
