//! The Lambda `Invoke` operation: `POST /2015-03-31/functions/{name}/invocations`.
//!
//! Every function can be invoked, wherever it runs, by name, by ARN or by a part of one, with a qualifier in either place.

mod address;
mod events;
mod record;
mod refusal;

pub use events::EventPace;

use crate::invocation::{self, Call, Registered, Throttled};
use crate::{Functions, outcome::Completed};
use address::Address;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use events::{Event, Events};
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Body;
use refusal::Refusal;
use serde::de::IgnoredAny;
use sluicegate_endpoint::signature::{Refusal as Unsigned, Scope, is_unsigned, verify};
use sluicegate_endpoint::{BodyError, Credentials, Decision, Response, empty, json, read_body};
use sluicegate_protocol::Deliver;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a caller must be permitted.
const ACTION: &str = "lambda:InvokeFunction";
/// The payload of an invocation nobody waits for: 1 MB.
const EVENT_BYTES: usize = 1024 * 1024;
/// Of the header, in Base64.
const CLIENT_CONTEXT_BYTES: usize = 3_583;

const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const LOG_TYPE: &str = "x-amz-log-type";
const CLIENT_CONTEXT: &str = "x-amz-client-context";
const TRACE_ID: &str = "x-amzn-trace-id";
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Answers invocations over HTTP. Cloning shares it.
#[derive(Clone)]
pub struct LambdaApi(Arc<Inner>);

struct Inner {
    functions: Arc<Functions>,
    options: LambdaOptions,
    events: Events,
}

#[derive(Clone, Debug)]
pub struct LambdaOptions {
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Whose signatures are accepted.
    pub credentials: Credentials,
    /// When events are tried again.
    pub event_pace: EventPace,
}

/// Why an event was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    NoSuchFunction,
    /// More than 1 MB.
    TooLarge,
    /// There is no room for another event.
    TooManyEvents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

impl LambdaApi {
    pub fn new(functions: Arc<Functions>, options: LambdaOptions) -> Self {
        let events = Events::new(options.event_pace);
        Self(Arc::new(Inner { functions, options, events }))
    }

    /// Whether a request is for this surface.
    pub fn claims<B>(request: &Request<B>) -> bool {
        request.method() == Method::POST && Address::segment(request.uri().path()).is_some()
    }

    /// Answers a request that [`claims`](Self::claims) accepted.
    pub async fn respond<B>(&self, request: Request<B>) -> Response
    where
        B: Body<Data = Bytes>,
    {
        self.0.respond(request).await.unwrap_or_else(|refusal| refusal.answer())
    }

    /// Accepts an event for a function, named by its ARN, as the invocation type `Event` does.
    pub fn invoke_later(&self, arn: &str, payload: Bytes) -> Result<(), NotAccepted> {
        let address = Address::of_arn(arn);
        let registered = self.0.functions.find(&address.name).ok_or(NotAccepted::NoSuchFunction)?;
        registered.version(address.qualifier.as_deref()).ok_or(NotAccepted::NoSuchFunction)?;
        if payload.len() > EVENT_BYTES {
            return Err(NotAccepted::TooLarge);
        }
        let call = Call { qualifier: address.qualifier.as_deref().map(Arc::from), ..Call::new(payload) };
        self.0.accept(&registered, call).map(drop).map_err(|_| NotAccepted::TooManyEvents)
    }

    /// Says through what the destinations of events are reached.
    pub fn deliver_through(&self, deliver: Weak<dyn Deliver>) {
        self.0.events.destinations.open(deliver);
    }

    /// Events that wait to be tried, or tried again. They are lost when the server stops.
    pub fn events_waiting(&self) -> usize {
        self.0.events.waiting()
    }
}

impl Inner {
    async fn respond<B>(&self, request: Request<B>) -> Result<Response, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        // Unsigned requests are refused before a byte of their body is read.
        if is_unsigned(&self.options.credentials, &parts) {
            return Err(Unsigned::Missing.into());
        }
        let payload = match read_body(body, INVOCATION_BYTES).await {
            Ok(payload) => payload,
            Err(BodyError::TooLarge) => return Err(Refusal::TooLarge(INVOCATION_BYTES)),
            Err(BodyError::TimedOut | BodyError::Broken) => {
                return Err(Refusal::Content("The body did not arrive whole".to_owned()));
            }
        };
        let address = Address::parse(parts.uri.path(), parts.uri.query().unwrap_or_default())?;
        let arn = address.arn(&self.options.region, &self.options.account);
        self.check_caller(&parts, &payload, &arn)?;
        let invocation_type = invocation_type(&parts.headers)?;
        let call = call(&parts.headers, &address, payload)?;
        let registered = self.functions.find(&address.name).ok_or_else(|| Refusal::NotFound(arn.clone()))?;
        let version = registered.version(address.qualifier.as_deref()).ok_or(Refusal::NotFound(arn))?;
        match invocation_type {
            InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
            InvocationType::Event if call.payload.len() > EVENT_BYTES => Err(Refusal::TooLarge(EVENT_BYTES)),
            InvocationType::Event => self.accept(&registered, call),
            InvocationType::RequestResponse => {
                let request_id = Arc::clone(&call.request_id);
                let tail = parts.headers.get(LOG_TYPE).is_some_and(|value| value == "Tail");
                match invocation::run(Arc::clone(&registered), call).await {
                    Ok(completed) => Ok(answer(completed, version, &request_id, tail)),
                    Err(Throttled) => Err(Refusal::Throttled),
                }
            }
        }
    }

    fn check_caller(&self, parts: &Parts, payload: &[u8], arn: &str) -> Result<(), Refusal> {
        let LambdaOptions { region, credentials, .. } = &self.options;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let caller = verify(credentials, Scope { region, service: "lambda" }, parts, payload, now_ms)?;
        match caller.may(ACTION, &[arn]) {
            Decision::Allowed => Ok(()),
            Decision::ImplicitlyDenied | Decision::ExplicitlyDenied => {
                Err(Refusal::AccessDenied(format!("User is not authorized to perform: {ACTION} on resource: {arn}")))
            }
        }
    }

    fn accept(&self, registered: &Arc<Registered>, call: Call) -> Result<Response, Refusal> {
        let request_id = Arc::clone(&call.request_id);
        let (functions, function) = (Arc::clone(&self.functions), Arc::clone(&registered.name));
        self.events.accept(Event { functions, function, call }).map_err(|_| Refusal::Throttled)?;
        Ok(identified(empty(StatusCode::ACCEPTED), &request_id))
    }
}

fn invocation_type(headers: &HeaderMap) -> Result<InvocationType, Refusal> {
    match headers.get(INVOCATION_TYPE).map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => Ok(InvocationType::RequestResponse),
        Some(b"Event") => Ok(InvocationType::Event),
        Some(b"DryRun") => Ok(InvocationType::DryRun),
        Some(other) => Err(Refusal::Parameter(format!(
            "Value '{}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, \
             RequestResponse, DryRun]",
            String::from_utf8_lossy(other)
        ))),
    }
}

fn call(headers: &HeaderMap, address: &Address, payload: Bytes) -> Result<Call, Refusal> {
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&payload) {
        return Err(Refusal::Content(format!("Could not parse request body into json: {error}")));
    }
    let trace_id = headers.get(TRACE_ID).and_then(|value| value.to_str().ok()).map(Arc::from);
    Ok(Call {
        qualifier: address.qualifier.as_deref().map(Arc::from),
        client_context: client_context(headers)?,
        trace_id,
        ..Call::new(payload)
    })
}

fn client_context(headers: &HeaderMap) -> Result<Option<Arc<str>>, Refusal> {
    let Some(value) = headers.get(CLIENT_CONTEXT) else { return Ok(None) };
    if value.len() > CLIENT_CONTEXT_BYTES {
        return Err(Refusal::Content(format!("The client context has more than {CLIENT_CONTEXT_BYTES} bytes")));
    }
    let decoded = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let json = decoded.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    json.map(|text| Some(text.into()))
        .ok_or_else(|| Refusal::Content("Client context must be a valid Base64-encoded JSON object.".to_owned()))
}

fn answer(completed: Completed, version: &str, request_id: &str, tail: bool) -> Response {
    let (body, failed) = match completed.result {
        Ok(result) => (result, false),
        Err(reported) => (reported.payload, true),
    };
    let mut response = identified(json(StatusCode::OK, body), request_id);
    let headers = response.headers_mut();
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    if let Ok(version) = HeaderValue::from_str(version) {
        headers.insert(EXECUTED_VERSION, version);
    }
    if let (true, Ok(log)) = (tail, HeaderValue::from_str(&STANDARD.encode(completed.log_tail.text(request_id)))) {
        headers.insert(LOG_RESULT, log);
    }
    response
}

/// The request id is that of the invocation.
fn identified(mut response: Response, request_id: &str) -> Response {
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}
