//! What the destination of a mapping is told of records that were given up: which they are, not what is in them. Who wants them
//! reads them from the stream, as long as that has them.

use crate::batch::Entry;
use serde::Serialize;
use sluicegate_tables::StreamReader;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use uuid::Builder;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Why records are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The function failed at every attempt.
    Failed(FailedBy),
    /// Older than the mapping lets them become.
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedBy {
    /// It threw, timed out, or exited.
    Error,
    /// Its report said so.
    Report,
}

/// The notice as JSON text. `invocations` is how often the records were in one.
pub(crate) fn notice(
    cause: Cause,
    entries: &[Entry],
    invocations: u32,
    function_arn: &str,
    stream: &StreamReader,
) -> String {
    let now = OffsetDateTime::now_utc();
    let (first, last) = (entries.first(), entries.last());
    let arrival = |entry: Option<&Entry>| seconds(entry.map_or(0, |entry| entry.created));
    let number = |entry: Option<&Entry>| entry.map(|entry| entry.sequence_number.clone()).unwrap_or_default();
    let notice = Notice {
        request_context: RequestContext {
            // The port tells no ids of invocations: this one is the notice's own.
            request_id: Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string(),
            function_arn,
            condition: match cause {
                Cause::Failed(_) => "RetryAttemptsExhausted",
                Cause::Expired => "RecordAgeExceeded",
            },
            approximate_invoke_count: invocations.max(1),
        },
        response_context: match cause {
            Cause::Failed(by) => Some(ResponseContext {
                status_code: 200,
                executed_version: "$LATEST",
                function_error: (by == FailedBy::Error).then_some("Unhandled"),
            }),
            Cause::Expired => None,
        },
        version: "1.0",
        timestamp: now.format(MILLISECONDS).unwrap_or_default(),
        batch: BatchInfo {
            shard_id: stream.shard_id(),
            start_sequence_number: number(first),
            end_sequence_number: number(last),
            approximate_arrival_of_first_record: arrival(first),
            approximate_arrival_of_last_record: arrival(last),
            batch_size: entries.len(),
            stream_arn: stream.stream_arn(),
        },
    };
    serde_json::to_string(&notice).expect("strings and numbers can always be written as JSON")
}

fn seconds(since_epoch: u64) -> String {
    let time = i64::try_from(since_epoch).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: BatchInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: String,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: &'static str,
    /// `null` where the function itself reported the failure.
    function_error: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    shard_id: &'a str,
    start_sequence_number: String,
    end_sequence_number: String,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: usize,
    stream_arn: &'a str,
}
