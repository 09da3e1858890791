//! What a destination is told of an event: the event, how it went, and what came of it.

use crate::invocation::Registered;
use crate::outcome::Completed;
use crate::process::LATEST;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// How an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
}

/// An event at its end. `last` is its last attempt, if there was one that ran.
pub(super) struct Ended<'a> {
    pub(super) condition: Condition,
    pub(super) registered: &'a Registered,
    pub(super) request_id: &'a str,
    pub(super) qualifier: Option<&'a str>,
    pub(super) payload: &'a Bytes,
    pub(super) invocations: u32,
    pub(super) last: Option<&'a Completed>,
}

impl Ended<'_> {
    /// The record as JSON text.
    pub(super) fn record(&self) -> String {
        let result = |completed: &Completed| match &completed.result {
            Ok(result) => json_of(result),
            Err(reported) => json_of(&reported.payload),
        };
        let record = Record {
            version: "1.0",
            timestamp: OffsetDateTime::now_utc().format(MILLISECONDS).unwrap_or_default(),
            request_context: RequestContext {
                request_id: self.request_id,
                function_arn: format!("{}:{}", self.registered.arn, self.qualifier.unwrap_or(LATEST)),
                condition: self.condition,
                approximate_invoke_count: self.invocations,
            },
            request_payload: json_of(self.payload),
            response_context: self.last.map(|completed| ResponseContext {
                status_code: 200,
                executed_version: self.registered.version(self.qualifier).unwrap_or(LATEST),
                function_error: completed.result.is_err().then_some("Unhandled"),
            }),
            response_payload: self.last.map(result),
        };
        serde_json::to_string(&record).expect("strings, numbers and JSON text can always be written as JSON")
    }
}

/// Payloads are JSON as they are; a result that is none is told as a string.
fn json_of(bytes: &Bytes) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    RawValue::from_string(text.clone())
        .or_else(|_| to_raw_value(&text))
        .expect("a string can always be written as JSON")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: Condition,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}
