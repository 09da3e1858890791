//! The HTTP surface: AWS JSON 1.0 for SQS, and the older query protocol, a form in and XML out, for both.
//!
//! | request | protocol |
//! |---|---|
//! | `X-Amz-Target: AmazonSQS.SendMessage`, a JSON body | JSON |
//! | `Action=…` in a form body or in the query, at `/` or at `/{account}/{queue}` | query |
//!
//! What has no signature is refused before its body is read, and JSON is parsed after its signature was verified.
//!
//! No answer carries CORS headers, and a signature must be in a header unless it is verified: forms are what a page from
//! elsewhere, open in a developer's browser, can send without being asked.

mod authorization;
mod form;
mod xml;

use crate::dialled::Dialled;
use crate::limits::BODY_BYTES;
use crate::queues::{Inner, Queues};
use crate::refusal::{MISSING_TOKEN, Refusal, SERIALIZATION, UNKNOWN_OPERATION, UNSUPPORTED};
use crate::{sns, sqs};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Body;
use metrics::counter;
use serde_json::{Map, Value, json};
use sluicegate_endpoint::{BodyError, Caller, Response, read_body, request_id};
use sluicegate_protocol::AwsService;
use std::sync::Arc;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";
const FORM: &str = "application/x-www-form-urlencoded";
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const XML: HeaderValue = HeaderValue::from_static("text/xml");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// The older code of an error, for SDKs that still show it.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const ACCOUNT_DIGITS: usize = 12;

/// A request that was understood.
struct Call {
    operation: Operation,
    members: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Sqs(sqs::Operation),
    Sns(sns::Operation),
}

/// Where a request came from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// The network: its signature says who asks.
    Http,
    /// This process, which knows who asks, and whose endpoint it would have gone to.
    Here(AwsService, &'a Caller),
}

/// How an answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Json,
    Query(AwsService),
}

impl Queues {
    /// Whether a request is for this surface.
    pub fn claims<B>(request: &Request<B>) -> bool {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !header(TARGET).is_empty() {
            return header(TARGET).starts_with(TARGET_PREFIX);
        }
        let is_place = request.uri().path() == "/" || queue_path(request.uri().path()).is_some();
        let has_action =
            || request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")));
        match *request.method() {
            Method::POST => is_place && (is_form(header(CONTENT_TYPE.as_str())) || has_action()),
            Method::GET => is_place && has_action(),
            _ => false,
        }
    }

    /// Answers a request of the SQS or the SNS API.
    pub async fn respond<B>(&self, request: Request<B>) -> Response
    where
        B: Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        if authorization::is_unsigned(self.inner(), &parts) {
            return Self::refused(protocol(&parts, None), &unsigned());
        }
        match read_body(body, BODY_BYTES).await {
            Ok(body) => self.answer(&parts, &body, Origin::Http).await,
            Err(error) => Self::refused(protocol(&parts, None), &unread(error)),
        }
    }

    /// Answers a request of this process. `service` is whose endpoint it would have gone to.
    pub async fn call(&self, service: AwsService, request: Request<Bytes>, caller: &Caller) -> Response {
        let (parts, body) = request.into_parts();
        if body.len() > BODY_BYTES {
            return Self::refused(protocol(&parts, Some(service)), &unread(BodyError::TooLarge));
        }
        self.answer(&parts, &body, Origin::Here(service, caller)).await
    }

    async fn answer(&self, parts: &Parts, body: &Bytes, origin: Origin<'_>) -> Response {
        let inner = self.inner();
        let (protocol, understood) = understand(inner, parts, body, origin);
        let (caller, Call { operation, members }) = match understood {
            Ok(understood) => understood,
            Err(refusal) => return Self::refused(protocol, &refusal),
        };
        let answer = match authorization::check(inner, &caller, operation, &members) {
            Ok(()) => {
                let dialled = match origin {
                    Origin::Http => Dialled::of(parts),
                    Origin::Here(..) => Dialled::Own,
                };
                run(inner, operation, &members, authorization::sender(&caller), dialled).await
            }
            Err(refusal) => Err(refusal),
        };
        let code = answer.as_ref().map_or_else(|refusal| refusal.fault.code, |_| "OK");
        counter!("sluicegate_queue_requests_total", "operation" => operation.name(), "code" => code).increment(1);
        match answer {
            Ok(answer) => framed(protocol, operation.name(), &answer),
            Err(refusal) => Self::refused(protocol, &refusal),
        }
    }

    fn refused(protocol: Protocol, refusal: &Refusal) -> Response {
        let fault = refusal.fault;
        let side = if refusal.is_server_fault() { "Receiver" } else { "Sender" };
        match protocol {
            Protocol::Json => {
                let body = json!({ "__type": fault.shape, "message": refusal.message });
                // This protocol knows no other statuses.
                let status = if refusal.is_server_fault() { fault.status } else { 400 };
                let mut response = http_answer(status, AMZ_JSON, body.to_string());
                if let Ok(value) = HeaderValue::from_str(&format!("{};{side}", fault.code)) {
                    response.headers_mut().insert(QUERY_ERROR, value);
                }
                response
            }
            Protocol::Query(service) => {
                let id = request_id();
                let body = xml::error(service, fault.code, &refusal.message, side, id.to_str().unwrap_or_default());
                identified(http_answer(fault.status, XML, body), id)
            }
        }
    }
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Sqs(operation) => operation.name(),
            Self::Sns(operation) => operation.name(),
        }
    }
}

async fn run(
    inner: &Inner,
    operation: Operation,
    members: &Map<String, Value>,
    sender: Arc<str>,
    dialled: Dialled<'_>,
) -> Result<Value, Refusal> {
    match operation {
        Operation::Sqs(operation) => sqs::run(inner, operation, members, sender, dialled).await,
        Operation::Sns(operation) => sns::run(inner, operation, members, sender).await,
    }
}

fn protocol(parts: &Parts, service: Option<AwsService>) -> Protocol {
    match parts.headers.contains_key(TARGET) {
        true => Protocol::Json,
        false => Protocol::Query(service.unwrap_or(AwsService::Sqs)),
    }
}

/// Who asks, and for what.
fn understand(
    inner: &Inner,
    parts: &Parts,
    body: &Bytes,
    origin: Origin<'_>,
) -> (Protocol, Result<(Caller, Call), Refusal>) {
    let caller = |service| match origin {
        Origin::Http => authorization::caller(inner, parts, body, service),
        Origin::Here(_, caller) => Ok(caller.clone()),
    };
    if let Some(target) = parts.headers.get(TARGET) {
        // Small values take many times their text in memory, so strangers get none parsed.
        let understood = caller(AwsService::Sqs).and_then(|caller| Ok((caller, parse_json(target, body)?)));
        return (Protocol::Json, understood);
    }
    // Whose signature it must be stands in the form, whose parameters are limited.
    let form = form::Form::read(parts, body);
    let service = match (origin, &form) {
        (Origin::Here(service, _), _) => service,
        (Origin::Http, Ok(form)) => form.service(),
        (Origin::Http, Err(_)) => AwsService::Sqs,
    };
    let understood = form.and_then(|form| Ok((caller(service)?, parse_form(parts, form, service)?)));
    (Protocol::Query(service), understood)
}

fn parse_json(target: &HeaderValue, body: &Bytes) -> Result<Call, Refusal> {
    let name = target.to_str().ok().and_then(|target| target.strip_prefix(TARGET_PREFIX)).unwrap_or_default();
    let operation = sqs::Operation::named(name).ok_or_else(|| unknown(name))?;
    let members = match body.as_ref() {
        b"" => Map::new(),
        body => serde_json::from_slice(body)
            .map_err(|error| Refusal::new(&SERIALIZATION, format!("The body is no JSON object: {error}")))?,
    };
    Ok(Call { operation: Operation::Sqs(operation), members })
}

fn parse_form(parts: &Parts, form: form::Form, service: AwsService) -> Result<Call, Refusal> {
    let name = form.action().ok_or_else(|| Refusal::missing("Action"))?;
    match service {
        AwsService::Sqs => {
            let operation = sqs::Operation::named(name).ok_or_else(|| unknown(name))?;
            let mut members = form.into_sqs()?;
            // The address of the request says which queue, unless the form does.
            if let (Some(path), false) = (queue_path(parts.uri.path()), members.contains_key("QueueUrl")) {
                members.insert("QueueUrl".to_owned(), path.into());
            }
            Ok(Call { operation: Operation::Sqs(operation), members })
        }
        AwsService::Sns => {
            let operation = sns::Operation::named(name).ok_or_else(|| unknown(name))?;
            Ok(Call { operation: Operation::Sns(operation), members: form.into_sns()? })
        }
        AwsService::DynamoDb => Err(unknown(name)),
    }
}

/// What AWS knows and this server does not is told apart from what nobody knows.
fn unknown(name: &str) -> Refusal {
    const OF_AWS: &[&str] = &[
        "AddPermission",
        "RemovePermission",
        "TagQueue",
        "UntagQueue",
        "ListQueueTags",
        "ListDeadLetterSourceQueues",
        "StartMessageMoveTask",
        "CancelMessageMoveTask",
        "ListMessageMoveTasks",
        "SetTopicAttributes",
        "SetSubscriptionAttributes",
        "ConfirmSubscription",
        "TagResource",
        "UntagResource",
        "ListTagsForResource",
    ];
    if OF_AWS.contains(&name) {
        return Refusal::new(&UNSUPPORTED, format!("{name} is not served here."));
    }
    let shown: String = name.chars().take(100).collect();
    Refusal::new(&UNKNOWN_OPERATION, format!("The action {shown} is not valid for this endpoint."))
}

fn unread(error: BodyError) -> Refusal {
    Refusal::new(
        &SERIALIZATION,
        match error {
            BodyError::TooLarge => format!("The body has more than {BODY_BYTES} bytes."),
            BodyError::TimedOut | BodyError::Broken => "The body did not arrive whole.".to_owned(),
        },
    )
}

/// A path that names a queue: `/{account}/{queue}`.
fn queue_path(path: &str) -> Option<&str> {
    let (account, name) = path.strip_prefix('/')?.split_once('/')?;
    let is_account = account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
    (is_account && !name.is_empty()).then_some(path)
}

fn is_form(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM)
}

fn framed(protocol: Protocol, operation: &str, answer: &Value) -> Response {
    match protocol {
        Protocol::Json => http_answer(200, AMZ_JSON, answer.to_string()),
        Protocol::Query(service) => {
            let id = request_id();
            let body = xml::answer(service, operation, answer, id.to_str().unwrap_or_default());
            identified(http_answer(200, XML, body), id)
        }
    }
}

fn http_answer(status: u16, content_type: HeaderValue, body: String) -> Response {
    let mut response = http::Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    identified(response, request_id())
}

fn identified(mut response: Response, id: HeaderValue) -> Response {
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn unsigned() -> Refusal {
    Refusal::new(&MISSING_TOKEN, "Request is missing Authentication Token")
}
