//! `@connections`: post to, look up and drop a connection over HTTP, as the SDKs do.

use crate::authorizer::{Refusal, denied};
use crate::gateway::Inner;
use crate::reply;
use crate::stage::Stage;
use crate::throttle::Asking;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use hyper::body::Body;
use serde_json::json;
use sluicegate_endpoint::signature::{self, Scope, is_unsigned, verify};
use sluicegate_endpoint::{BodyError, Caller, Decision, Response, json as json_response, read_body};
use sluicegate_protocol::{ConnectionDetails, ConnectionId, Connections, PostError, limits};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

/// What a caller must be permitted.
const ACTION: &str = "execute-api:ManageConnections";

const ISO_MS: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Answers `{method} /{stage}/@connections/{id}`; `stage` is `None` when the address names none that is served.
pub(crate) async fn respond<B>(inner: &Inner, stage: Option<&Stage>, id: &str, request: Request<B>) -> Response
where
    B: Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    // Unsigned requests are refused before a byte of their body is read.
    if is_unsigned(&inner.credentials, &parts) {
        return Refusal::from(signature::Refusal::Missing).answer();
    }
    let body = match read_body(body, limits::MESSAGE_BYTES).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return too_large(),
        Err(BodyError::TimedOut | BodyError::Broken) => return bad_body(),
    };
    let scope = Scope { region: &inner.account.region, service: "execute-api" };
    let caller = match verify(&inner.credentials, scope, &parts, &body, inner.clock.now_ms()) {
        Ok(caller) => caller,
        Err(refusal) => return Refusal::from(refusal).answer(),
    };
    let Some(stage) = stage else { return reply::forbidden() };
    if let Err(refusal) = check_permission(inner, stage, &caller, &parts.method, id) {
        return refusal.answer();
    }
    let Some(id) = ConnectionId::parse(id) else { return invalid_id(id) };
    if !inner.throttle.allows(&stage.traffic().throttle, Asking::Callback, inner.clock.now_ms()) {
        return reply::traced(limit_exceeded(), inner.clock.now_ms());
    }
    let response = match parts.method {
        Method::POST => post(inner, stage, id, body).await,
        Method::GET => get(inner, stage, id).await,
        Method::DELETE => delete(inner, stage, id).await,
        _ => return reply::forbidden(),
    };
    reply::traced(response, inner.clock.now_ms())
}

/// Policies name connections in three ways: by id, by the placeholder that AWS's messages show, or not at all.
fn check_permission(inner: &Inner, stage: &Stage, caller: &Caller, method: &Method, id: &str) -> Result<(), Refusal> {
    if let Caller::Anyone { .. } = caller {
        return Ok(());
    }
    let arn = |rest: &str| inner.account.execute_api_arn(&stage.id, &format!("{method}/@connections{rest}"));
    let names = [arn(&format!("/{id}")), arn("/{connectionId}"), arn("")];
    match caller.may(ACTION, &names.each_ref().map(String::as_str)) {
        Decision::Allowed => Ok(()),
        decision => {
            let shown = inner.account.masked_arn(&stage.id, &format!("{method}/@connections/{{connectionId}}"));
            Err(denied(caller, ACTION, &shown, decision))
        }
    }
}

async fn post(inner: &Inner, stage: &Stage, id: ConnectionId, message: Bytes) -> Response {
    match inner.hub.post(&stage.id, id, message).await {
        Ok(()) => json_response(StatusCode::OK, Bytes::new()),
        Err(PostError::Gone) => gone(),
        Err(PostError::QueueFull) => limit_exceeded(),
        Err(PostError::TooLarge) => too_large(),
    }
}

async fn get(inner: &Inner, stage: &Stage, id: ConnectionId) -> Response {
    match inner.hub.get(&stage.id, id).await {
        Some(details) => json_response(StatusCode::OK, describe(&details)),
        None => gone(),
    }
}

async fn delete(inner: &Inner, stage: &Stage, id: ConnectionId) -> Response {
    if inner.hub.delete(&stage.id, id).await { reply::status(StatusCode::NO_CONTENT) } else { gone() }
}

/// The body of a GET, laid out to the space as AWS does.
fn describe(details: &ConnectionDetails) -> String {
    let user_agent = details.user_agent.as_deref().map_or(json!(null), |agent| json!(agent));
    format!(
        "{{\n  \"identity\" : {{\n    \"sourceIp\" : {},\n    \"userAgent\" : {user_agent}\n  }},\n  \
         \"connectedAt\" : \"{}\",\n  \"lastActiveAt\" : \"{}\"\n}}",
        json!(&*details.source_ip),
        iso(details.connected_at),
        iso(details.last_active_at),
    )
}

fn iso(epoch_ms: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(epoch_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(ISO_MS).ok())
        .unwrap_or_default()
}

fn gone() -> Response {
    reply::error(StatusCode::GONE, "GoneException", Bytes::new())
}

fn limit_exceeded() -> Response {
    reply::error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", Bytes::new())
}

fn too_large() -> Response {
    reply::error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "PayloadTooLargeException",
        r#"{"message":"Message too long: at most 131072 bytes"}"#,
    )
}

fn bad_body() -> Response {
    reply::error(StatusCode::BAD_REQUEST, "BadRequestException", r#"{"message":"The body did not arrive whole"}"#)
}

fn invalid_id(id: &str) -> Response {
    let body = json!({ "message": format!("Invalid connectionId: {id}") }).to_string();
    reply::error(StatusCode::BAD_REQUEST, "BadRequestException", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_described_to_the_space() {
        let details = ConnectionDetails {
            connected_at: 1_772_619_630_117,
            last_active_at: 1_772_619_665_401,
            source_ip: "198.51.100.7".into(),
            user_agent: None,
        };
        let expected = "{\n  \"identity\" : {\n    \"sourceIp\" : \"198.51.100.7\",\n    \"userAgent\" : null\n  },\n  \
                        \"connectedAt\" : \"2026-03-04T10:20:30.117Z\",\n  \"lastActiveAt\" : \"2026-03-04T10:21:05.401Z\"\n}";
        assert_eq!(describe(&details), expected);
    }
}
