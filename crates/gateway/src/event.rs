//! Events for the integrations of a stage, from what is known of the client and the moment.

use crate::exchange::{ClientRequest, Exchange, Occasion};
use bytes::Bytes;
use http::request::Parts;
use percent_encoding::percent_decode;
use sluicegate_protocol::event::{
    Authorizer, AuthorizerEvent, ConnectEvent, DisconnectEvent, Identity, MessageEvent, MultiValues, RequestContext,
    SingleValues,
};
use sluicegate_protocol::{CloseReason, RequestId};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::net::SocketAddr;
use std::rc::Rc;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

/// Headers of the handshake that concern only the hop to us; they are not shown to functions.
const HOP_HEADERS: [&str; 3] = ["connection", "upgrade", "content-length"];
const CLF_TIME: &[FormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// The moment of an event: its id and its time in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) request_id: RequestId,
    pub(crate) now: u64,
}

impl Moment {
    pub(crate) fn new(now: u64) -> Self {
        Self { request_id: RequestId::new(fastrand::u128(..)), now }
    }

    /// As in access logs: `04/Mar/2026:10:20:30 +0000`.
    pub(crate) fn clf_time(&self) -> Rc<str> {
        let second = self.now / 1000;
        LAST_CLF_TIME.with_borrow_mut(|(known, text)| {
            if *known != Some(second) {
                let time = OffsetDateTime::from_unix_timestamp(second as i64).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                (*known, *text) = (Some(second), time.format(CLF_TIME).unwrap_or_default().into());
            }
            text.clone()
        })
    }
}

thread_local! {
    /// Seconds since the epoch, and how they are written: many events fall into one.
    static LAST_CLF_TIME: RefCell<(Option<u64>, Rc<str>)> = RefCell::new((None, "".into()));
}

/// How the client reached us, as the gateway tells functions in `X-Forwarded-…`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) remote: SocketAddr,
    pub(crate) local_port: u16,
}

/// The event a function integration is sent.
pub(crate) fn build(exchange: &Exchange<'_>) -> Bytes {
    match exchange.occasion {
        Occasion::Connect(request) => connect(exchange, request),
        Occasion::Message { id, body, is_base64 } => message(exchange, id, body, is_base64),
        Occasion::Disconnect(reason) => disconnect(exchange, reason),
    }
}

fn connect(exchange: &Exchange<'_>, request: &ClientRequest) -> Bytes {
    let query = (!request.query.is_empty()).then_some(request.query.as_slice());
    let request_time = exchange.moment.clf_time();
    let event = ConnectEvent {
        headers: SingleValues(&request.headers),
        multi_value_headers: MultiValues(&request.headers),
        query_string_parameters: query.map(SingleValues),
        multi_value_query_string_parameters: query.map(MultiValues),
        stage_variables: exchange.stage.variables().map(SingleValues),
        request_context: context(exchange, &request_time),
        is_base64_encoded: false,
    };
    written(0, |json| event.write(json))
}

/// The event the function that authorizes `$connect` is sent. Unlike the route's it shows the headers of the upgrade.
pub(crate) fn for_authorizer(
    exchange: &Exchange<'_>,
    request: &ClientRequest,
    method_arn: &str,
    caller: &[(&'static str, String)],
) -> Bytes {
    let upgrade = [("Connection", "upgrade"), ("content-length", "0"), ("Upgrade", "websocket")];
    let mut headers = request.headers.clone();
    headers.extend(upgrade.map(|(name, value)| (name.to_owned(), value.to_owned())));
    headers.sort_by(|(one, _), (two, _)| compare_ignoring_case(one, two));
    let request_time = exchange.moment.clf_time();
    let context = context(exchange, &request_time);
    let event = AuthorizerEvent {
        r#type: "REQUEST",
        method_arn,
        headers: SingleValues(&headers),
        multi_value_headers: MultiValues(&headers),
        query_string_parameters: SingleValues(&request.query),
        multi_value_query_string_parameters: MultiValues(&request.query),
        stage_variables: SingleValues(exchange.stage.variables().unwrap_or_default()),
        request_context: RequestContext { identity: Identity { caller, ..context.identity }, ..context },
    };
    written(0, |json| event.write(json))
}

fn message(exchange: &Exchange<'_>, id: RequestId, body: &str, is_base64_encoded: bool) -> Bytes {
    let request_time = exchange.moment.clf_time();
    let event = MessageEvent {
        stage_variables: exchange.stage.variables().map(SingleValues),
        request_context: RequestContext { message_id: Some(id), ..context(exchange, &request_time) },
        body,
        is_base64_encoded,
    };
    written(body.len(), |json| event.write(json))
}

fn disconnect(exchange: &Exchange<'_>, reason: &CloseReason) -> Bytes {
    let request_time = exchange.moment.clf_time();
    let text = |text: &str| text.to_owned();
    // One that is configured may have a path.
    let host = exchange.peer.domain_name.split('/').next().unwrap_or_default();
    // Exactly these four; AWS leaves the last three empty.
    let headers = [
        (text("Host"), host.to_owned()),
        (text("x-api-key"), String::new()),
        (text("X-Forwarded-For"), String::new()),
        (text("x-restapi"), String::new()),
    ];
    let event = DisconnectEvent {
        headers: SingleValues(&headers),
        multi_value_headers: MultiValues(&headers),
        stage_variables: exchange.stage.variables().map(SingleValues),
        request_context: RequestContext {
            disconnect_status_code: Some(reason.code),
            disconnect_reason: Some(&reason.reason),
            ..context(exchange, &request_time)
        },
        is_base64_encoded: false,
    };
    written(0, |json| event.write(json))
}

/// The request context, which the authorizer of `$connect` sees as well.
fn context<'a>(exchange: &Exchange<'a>, request_time: &'a str) -> RequestContext<'a> {
    let (peer, moment) = (exchange.peer, exchange.moment);
    RequestContext {
        route_key: exchange.route_key,
        message_id: None,
        disconnect_status_code: None,
        authorizer: peer.authorizer.as_deref().map(|authorizer| Authorizer {
            values: &authorizer.values,
            principal_id: &authorizer.principal_id,
            integration_latency: authorizer.integration_latency,
        }),
        event_type: exchange.event_type(),
        extended_request_id: moment.request_id,
        request_time,
        message_direction: "IN",
        disconnect_reason: None,
        stage: &peer.stage.stage,
        connected_at: peer.connected_at,
        request_time_epoch: moment.now,
        identity: Identity {
            caller: peer.identity.as_deref().map_or(&[], |identity| &identity.0),
            user_agent: peer.user_agent.as_deref(),
            source_ip: peer.source_ip,
        },
        request_id: moment.request_id,
        domain_name: &peer.domain_name,
        connection_id: peer.id,
        api_id: &peer.stage.api,
    }
}

/// Reads a handshake request for events and expressions.
pub(crate) fn client_request(
    parts: Parts,
    client_headers: Vec<(String, String)>,
    now: u64,
    arrival: Arrival,
) -> ClientRequest {
    let headers = connect_headers(client_headers.clone(), now, arrival);
    let query = parts.uri.query().map(query_pairs).unwrap_or_default();
    ClientRequest { parts, client_headers, headers, query }
}

/// The client's headers with what the gateway adds, sorted by name without regard to case, as AWS shows them.
fn connect_headers(mut headers: Vec<(String, String)>, now: u64, arrival: Arrival) -> Vec<(String, String)> {
    headers.retain(|(name, _)| !HOP_HEADERS.iter().any(|hop| name.eq_ignore_ascii_case(hop)));
    let forwarded_for = match take(&mut headers, "X-Forwarded-For") {
        Some(earlier) => format!("{earlier}, {}", arrival.remote.ip()),
        None => arrival.remote.ip().to_string(),
    };
    let trace_id = take(&mut headers, "X-Amzn-Trace-Id").unwrap_or_else(|| trace_id(now));
    for name in ["X-Forwarded-Port", "X-Forwarded-Proto"] {
        take(&mut headers, name);
    }
    let added = [
        ("X-Amzn-Trace-Id", trace_id),
        ("X-Forwarded-For", forwarded_for),
        ("X-Forwarded-Port", arrival.local_port.to_string()),
        ("X-Forwarded-Proto", "http".to_owned()),
    ];
    headers.extend(added.map(|(name, value)| (name.to_owned(), value)));
    headers.sort_by(|(one, _), (two, _)| compare_ignoring_case(one, two));
    headers
}

fn compare_ignoring_case(one: &str, two: &str) -> Ordering {
    one.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(two.bytes().map(|byte| byte.to_ascii_lowercase()))
}

fn take(headers: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let mut value = None;
    headers.retain_mut(|(known, text)| {
        let matches = known.eq_ignore_ascii_case(name);
        if matches {
            value = Some(std::mem::take(text));
        }
        !matches
    });
    value
}

pub(crate) fn trace_id(now: u64) -> String {
    format!("Root=1-{:08x}-{:024x}", now / 1000, fastrand::u128(..) >> 32)
}

/// Query parameters, decoded as a form: percent signs and plus.
fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced: Vec<u8> = text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
        percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Room for what is around a body, and for the escapes in an eighth of it, so that an event is not moved as it grows.
const USUAL_CONTEXT_BYTES: usize = 640;

fn written(body_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut json = Vec::with_capacity(USUAL_CONTEXT_BYTES + body_bytes + body_bytes / 8);
    write(&mut json);
    json.into()
}
