//! The four operations of the DynamoDB Streams API.

use super::iterator::{Iterators, LIFETIME_MS, ShardIterator};
use super::position::{Position, SequenceNumber};
use super::store::{MAX_RECORDS, Remainder, Stream, StreamError, StreamStore};
use crate::refusal::Refusal;
use crate::surface::operation::Operation;
use serde::Serialize;
use serde_json::{Value, json};

/// ListStreams and DescribeStream page by at most this many.
const MAX_PAGE: usize = 100;

/// Lengths that the service model sets.
const ARN_CHARS: (usize, usize) = (37, 1024);
const SHARD_ID_CHARS: (usize, usize) = (28, 65);
const ITERATOR_CHARS: (usize, usize) = (1, 2048);
const SEQUENCE_NUMBER_CHARS: (usize, usize) = (21, 40);

pub(crate) struct Streams<'a> {
    pub(crate) store: &'a StreamStore,
    pub(crate) iterators: &'a Iterators,
}

impl Streams<'_> {
    /// Runs one of the four; `request` has passed the check of its shape.
    pub(crate) fn run(&self, operation: Operation, request: &Value) -> Result<String, Refusal> {
        match operation {
            Operation::ListStreams => self.list_streams(request),
            Operation::DescribeStream => self.describe_stream(request),
            Operation::GetShardIterator => self.get_shard_iterator(request),
            Operation::GetRecords => self.get_records(request),
            _ => Err(Refusal::unknown_operation()),
        }
    }

    fn list_streams(&self, request: &Value) -> Result<String, Refusal> {
        let limit = limit(request, MAX_PAGE)?;
        let start = text(request, "ExclusiveStartStreamArn", ARN_CHARS)?;
        if let Some(start) = start
            && self.store.arns().parse_stream(start).is_none()
        {
            return Err(invalid_arn(start));
        }
        let streams = self.store.streams(request["TableName"].as_str()).map_err(refusal)?;
        let mut after = streams.iter().filter(|stream| start.is_none_or(|start| *stream.arn > *start));
        let page: Vec<&Stream> = after.by_ref().take(limit).collect();
        let mut answer = json!({
            "Streams": page.iter().map(|stream| json!({
                "StreamArn": *stream.arn, "StreamLabel": stream.label, "TableName": stream.table,
            })).collect::<Vec<_>>(),
        });
        if let (Some(_), Some(last)) = (after.next(), page.last()) {
            answer["LastEvaluatedStreamArn"] = (*last.arn).into();
        }
        Ok(answer.to_string())
    }

    fn describe_stream(&self, request: &Value) -> Result<String, Refusal> {
        limit(request, MAX_PAGE)?;
        let start = text(request, "ExclusiveStartShardId", SHARD_ID_CHARS)?;
        let children_only = asks_for_children(&request["ShardFilter"])?;
        let stream = self.stream(request)?;
        let shard_id = stream.shard_id();
        // One shard, and it has no children.
        let shown = !children_only && start.is_none_or(|start| start < shard_id.as_str());
        let mut range = json!({ "StartingSequenceNumber": SequenceNumber(stream.after + 1).to_string() });
        if let Some(last) = stream.last {
            range["EndingSequenceNumber"] = SequenceNumber(last.max(stream.after + 1)).to_string().into();
        }
        let shards =
            if shown { vec![json!({ "ShardId": shard_id, "SequenceNumberRange": range })] } else { Vec::new() };
        let key_schema: Value = serde_json::from_str(&stream.key_schema).unwrap_or_default();
        let description = json!({
            "StreamArn": *stream.arn,
            "StreamLabel": stream.label,
            "StreamStatus": if stream.is_enabled() { "ENABLED" } else { "DISABLED" },
            "StreamViewType": stream.view_type.name(),
            "CreationRequestDateTime": stream.created_at_ms as f64 / 1000.0,
            "TableName": stream.table,
            "KeySchema": key_schema,
            "Shards": shards,
        });
        Ok(json!({ "StreamDescription": description }).to_string())
    }

    fn get_shard_iterator(&self, request: &Value) -> Result<String, Refusal> {
        let kind = request["ShardIteratorType"].as_str();
        let shard_id = required(text(request, "ShardId", SHARD_ID_CHARS)?, "shardId")?;
        let number = text(request, "SequenceNumber", SEQUENCE_NUMBER_CHARS)?;
        let kind = required(kind, "shardIteratorType")?;
        if !["TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"].contains(&kind) {
            return Err(Refusal::constraint(
                Some(kind),
                "shardIteratorType",
                "Member must satisfy enum value set: \
                 [AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON, AT_TIMESTAMP]",
            ));
        }
        let stream = self.stream(request)?;
        if shard_id != stream.shard_id() {
            return Err(Refusal::not_found(format!(
                "Requested resource not found: Shard does not exist: {shard_id} in stream {}",
                stream.arn
            )));
        }
        let position = self.requested_position(&stream, kind, number, &request["Timestamp"])?;
        Ok(json!({ "ShardIterator": self.iterator(&stream, position) }).to_string())
    }

    fn requested_position(
        &self,
        stream: &Stream,
        kind: &str,
        number: Option<&str>,
        timestamp: &Value,
    ) -> Result<Position, Refusal> {
        let by_number = matches!(kind, "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER");
        if number.is_some() && !by_number {
            return Err(Refusal::validation(
                "One or more parameter values were invalid: SequenceNumber should not be passed for this iterator type",
            ));
        }
        if !timestamp.is_null() && kind != "AT_TIMESTAMP" {
            return Err(Refusal::validation(
                "One or more parameter values were invalid: Timestamp should not be passed for this iterator type",
            ));
        }
        match kind {
            "TRIM_HORIZON" => Ok(Position::TrimHorizon),
            "LATEST" => self.store.newest(stream).map_err(refusal),
            "AT_TIMESTAMP" => {
                let seconds = timestamp.as_f64().ok_or_else(|| {
                    Refusal::validation("One or more parameter values were invalid: Timestamp cannot be null")
                })?;
                let time_ms = (seconds * 1000.0).round() as i64;
                if time_ms > self.store.clock().now_ms() {
                    return Err(Refusal::validation(
                        "One or more parameter values were invalid: Timestamp should not be in the future",
                    ));
                }
                self.store.at_time(stream, time_ms).map_err(refusal)
            }
            _ => {
                let number = number.ok_or_else(|| {
                    Refusal::validation("One or more parameter values were invalid: SequenceNumber cannot be null")
                })?;
                let number = SequenceNumber::parse(number)
                    .filter(|number| {
                        number.0 > stream.after && stream.last.is_none_or(|last| number.0 <= last.max(stream.after + 1))
                    })
                    .ok_or_else(|| out_of_range(number, stream))?;
                let at = kind == "AT_SEQUENCE_NUMBER";
                if stream.has_trimmed(number.0) {
                    return Err(trimmed());
                }
                Ok(Position::after(if at { number.0 - 1 } else { number.0 }))
            }
        }
    }

    fn get_records(&self, request: &Value) -> Result<String, Refusal> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer<R> {
            records: Vec<R>,
            #[serde(skip_serializing_if = "Option::is_none")]
            next_shard_iterator: Option<String>,
        }
        let limit = limit(request, MAX_RECORDS)?;
        let iterator = required(text(request, "ShardIterator", ITERATOR_CHARS)?, "shardIterator")?;
        let iterator = self.iterators.read(iterator).ok_or_else(|| Refusal::validation("Invalid ShardIterator"))?;
        if self.store.clock().now_ms() - iterator.issued_at_ms > LIFETIME_MS {
            return Err(Refusal::service(
                "ExpiredIteratorException",
                "Iterator expired. The iterator was created more than 15 minutes ago",
            ));
        }
        let stream = self.stream_of(&iterator.stream_arn)?;
        let batch = self.store.read(&stream, iterator.position, limit).map_err(refusal)?;
        let answer = Answer {
            records: batch.records.iter().map(|record| record.for_streams_api()).collect(),
            next_shard_iterator: (batch.remainder != Remainder::Nothing).then(|| self.iterator(&stream, batch.next)),
        };
        serde_json::to_string(&answer).map_err(|error| refusal(error.into()))
    }

    fn iterator(&self, stream: &Stream, position: Position) -> String {
        self.iterators.write(&ShardIterator {
            stream_arn: stream.arn.to_string(),
            position,
            issued_at_ms: self.store.clock().now_ms(),
        })
    }

    fn stream(&self, request: &Value) -> Result<Stream, Refusal> {
        self.stream_of(required(text(request, "StreamArn", ARN_CHARS)?, "streamArn")?)
    }

    fn stream_of(&self, arn: &str) -> Result<Stream, Refusal> {
        if !arn.starts_with("arn:") || !arn.contains(":table/") {
            return Err(invalid_arn(arn));
        }
        let found = match self.store.arns().parse_stream(arn) {
            Some((table, label)) => self.store.find(table, label).map_err(refusal)?,
            None => None,
        };
        found.ok_or_else(|| no_such_stream(arn))
    }
}

/// What a failed read of the stream is on the wire.
pub(crate) fn refusal(error: StreamError) -> Refusal {
    match error {
        StreamError::Trimmed => trimmed(),
        StreamError::Gone => Refusal::not_found("Requested resource not found: Stream not found"),
        StreamError::Storage(cause) => {
            tracing::error!(%cause, "a stream could not be read");
            Refusal::internal()
        }
    }
}

fn trimmed() -> Refusal {
    Refusal::service(
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard",
    )
}

fn no_such_stream(arn: &str) -> Refusal {
    Refusal::not_found(format!("Requested resource not found: Stream: {arn} not found"))
}

fn invalid_arn(arn: &str) -> Refusal {
    Refusal::validation(format!("Invalid StreamArn: {arn}"))
}

fn out_of_range(number: &str, stream: &Stream) -> Refusal {
    Refusal::validation(format!("Invalid SequenceNumber: {number} is not of shard {}", stream.shard_id()))
}

/// Whether a shard filter is given; the one kind there is asks for the children of a shard.
fn asks_for_children(filter: &Value) -> Result<bool, Refusal> {
    if filter.is_null() {
        return Ok(false);
    }
    let kind = required(filter["Type"].as_str(), "shardFilter.type")?;
    if kind != "CHILD_SHARDS" {
        let allowed = "Member must satisfy enum value set: [CHILD_SHARDS]";
        return Err(Refusal::constraint(Some(kind), "shardFilter.type", allowed));
    }
    let shard_id = required(filter["ShardId"].as_str(), "shardFilter.shardId")?;
    within(shard_id, "shardFilter.shardId", SHARD_ID_CHARS).map(|()| true)
}

fn required<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, Refusal> {
    value.ok_or_else(|| Refusal::constraint(None, member, "Member must not be null"))
}

/// A text member within its length.
fn text<'a>(request: &'a Value, member: &str, length: (usize, usize)) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = request[member].as_str() else { return Ok(None) };
    within(value, &crate::engine::dispatch::lower_camel(member), length).map(|()| Some(value))
}

fn within(value: &str, member: &str, (min, max): (usize, usize)) -> Result<(), Refusal> {
    let length = value.chars().count();
    let bound = if length < min {
        format!("greater than or equal to {min}")
    } else if length > max {
        format!("less than or equal to {max}")
    } else {
        return Ok(());
    };
    Err(Refusal::constraint(Some(value), member, &format!("Member must have length {bound}")))
}

fn limit(request: &Value, max: usize) -> Result<usize, Refusal> {
    let Some(limit) = request["Limit"].as_i64() else { return Ok(max) };
    let bound = match usize::try_from(limit) {
        Ok(limit) if (1..=max).contains(&limit) => return Ok(limit),
        Ok(limit) if limit > max => format!("less than or equal to {max}"),
        _ => "greater than or equal to 1".to_owned(),
    };
    Err(Refusal::constraint(Some(&limit.to_string()), "limit", &format!("Member must have value {bound}")))
}
