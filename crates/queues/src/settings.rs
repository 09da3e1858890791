//! What can be set about a queue: its attributes, their defaults and ranges.

use crate::limits::{
    DELAY_SECONDS, KEPT_TEXT_BYTES, LEAST_MAXIMUM_BYTES, MAX_RECEIVE_COUNT, MESSAGE_BYTES, RETENTION_SECONDS,
    VISIBILITY_SECONDS, WAIT_SECONDS,
};
use crate::names::Place;
use crate::refusal::{INVALID_ATTRIBUTE_NAME, INVALID_ATTRIBUTE_VALUE, Refusal};
use crate::request::integer;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Attributes that are kept and given back, and mean nothing here.
const KEPT: &[&str] =
    &["Policy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"];
/// Attributes of FIFO queues.
const OF_FIFO: &[&str] = &["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

/// The settings of a queue, with the defaults of AWS. Seconds and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    pub visibility_timeout: i64,
    pub retention: i64,
    pub delay: i64,
    pub maximum_bytes: i64,
    pub receive_wait: i64,
    pub dead_letters: Option<DeadLetters>,
    /// Texts that are given back and have no effect, such as `Policy`.
    pub kept: BTreeMap<String, String>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The name of a queue.
    pub queue: String,
    pub max_receive_count: i64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            visibility_timeout: 30,
            retention: 345_600,
            delay: 0,
            maximum_bytes: MESSAGE_BYTES as i64,
            receive_wait: 0,
            dead_letters: None,
            kept: BTreeMap::new(),
        }
    }
}

impl QueueSettings {
    /// Sets what is written and leaves the rest. Values are text, as on AWS.
    pub(crate) fn set(&mut self, written: &Map<String, Value>, place: &Place) -> Result<(), Refusal> {
        for (name, value) in written {
            let (least, most) = match name.as_str() {
                "VisibilityTimeout" => (0, VISIBILITY_SECONDS),
                "MessageRetentionPeriod" => RETENTION_SECONDS,
                "DelaySeconds" => (0, DELAY_SECONDS),
                "MaximumMessageSize" => (LEAST_MAXIMUM_BYTES, MESSAGE_BYTES as i64),
                "ReceiveMessageWaitTimeSeconds" => (0, WAIT_SECONDS),
                "RedrivePolicy" => {
                    self.dead_letters = redrive(value, place)?;
                    continue;
                }
                _ if KEPT.contains(&name.as_str()) => {
                    self.keep(name, value)?;
                    continue;
                }
                // What says that the queue is none.
                "FifoQueue" if value == "false" => continue,
                _ if OF_FIFO.contains(&name.as_str()) => {
                    let message =
                        format!("Unknown Attribute {name}: FIFO queues do not exist here; use a standard queue.");
                    return Err(Refusal::new(&INVALID_ATTRIBUTE_NAME, message));
                }
                _ => return Err(unknown(name)),
            };
            let number = integer(value).filter(|number| (least..=most).contains(number));
            let number = number.ok_or_else(|| {
                Refusal::new(&INVALID_ATTRIBUTE_VALUE, format!("Invalid value for the parameter {name}."))
            })?;
            match name.as_str() {
                "VisibilityTimeout" => self.visibility_timeout = number,
                "MessageRetentionPeriod" => self.retention = number,
                "DelaySeconds" => self.delay = number,
                "MaximumMessageSize" => self.maximum_bytes = number,
                _ => self.receive_wait = number,
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        let text = value.as_str().filter(|text| text.len() <= KEPT_TEXT_BYTES).ok_or_else(|| {
            let message =
                format!("Invalid value for the parameter {name}: use text of at most {KEPT_TEXT_BYTES} bytes.");
            Refusal::new(&INVALID_ATTRIBUTE_VALUE, message)
        })?;
        match text {
            "" => self.kept.remove(name),
            text => self.kept.insert(name.to_owned(), text.to_owned()),
        };
        Ok(())
    }

    /// As `GetQueueAttributes` gives them: text.
    pub(crate) fn to_attributes(&self, place: &Place) -> BTreeMap<String, String> {
        let mut attributes = self.kept.clone();
        for (name, number) in [
            ("VisibilityTimeout", self.visibility_timeout),
            ("MessageRetentionPeriod", self.retention),
            ("DelaySeconds", self.delay),
            ("MaximumMessageSize", self.maximum_bytes),
            ("ReceiveMessageWaitTimeSeconds", self.receive_wait),
        ] {
            attributes.insert(name.to_owned(), number.to_string());
        }
        if let Some(dead) = &self.dead_letters {
            let policy = json!({
                "deadLetterTargetArn": place.queue_arn(&dead.queue),
                "maxReceiveCount": dead.max_receive_count,
            });
            attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        attributes
    }
}

/// Names that may be asked for besides those that were set.
pub(crate) fn check_asked(name: &str) -> Result<(), Refusal> {
    const OTHERS: &[&str] = &[
        "All",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "DelaySeconds",
        "MaximumMessageSize",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
    ];
    let is_known = [OTHERS, KEPT, OF_FIFO].iter().any(|names| names.contains(&name));
    if is_known { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(&INVALID_ATTRIBUTE_NAME, format!("Unknown Attribute {name}."))
}

/// `{"deadLetterTargetArn": …, "maxReceiveCount": 3}` as text; the number may be text as well. Empty text removes it.
fn redrive(value: &Value, place: &Place) -> Result<Option<DeadLetters>, Refusal> {
    let text = value.as_str().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |reason: &str| Refusal::value(text, "RedrivePolicy", reason);
    let policy: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| refused("Redrive policy is not a valid JSON map"))?;
    let arn = policy.get("deadLetterTargetArn").and_then(Value::as_str);
    let arn = arn.ok_or_else(|| refused("Redrive policy does not contain mandatory attribute: deadLetterTargetArn"))?;
    let queue = place.queue_of_arn(arn).ok_or_else(|| refused("Invalid value for deadLetterTargetArn"))?;
    let count = policy.get("maxReceiveCount");
    let count = count.ok_or_else(|| refused("Redrive policy does not contain mandatory attribute: maxReceiveCount"))?;
    let count = integer(count).filter(|count| (1..=MAX_RECEIVE_COUNT).contains(count));
    let count = count.ok_or_else(|| refused("Invalid value for maxReceiveCount: from 1 to 1000"))?;
    Ok(Some(DeadLetters { queue: queue.to_owned(), max_receive_count: count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_within_the_ranges_of_aws() {
        let place = Place { region: "us-east-1".into(), account: "000000000000".into(), base_url: "http://h".into() };
        let dead =
            |arn: &str, count: Value| json!(json!({"deadLetterTargetArn": arn, "maxReceiveCount": count}).to_string());
        let arn = place.queue_arn("dead");
        for (name, value, accepted) in [
            ("VisibilityTimeout", json!("0"), true),
            ("VisibilityTimeout", json!("43200"), true),
            ("VisibilityTimeout", json!("43201"), false),
            ("VisibilityTimeout", json!("x"), false),
            ("MessageRetentionPeriod", json!("60"), true),
            ("MessageRetentionPeriod", json!("59"), false),
            ("MaximumMessageSize", json!("1048576"), true),
            ("MaximumMessageSize", json!("1023"), false),
            ("ReceiveMessageWaitTimeSeconds", json!("21"), false),
            ("DelaySeconds", json!("901"), false),
            ("RedrivePolicy", dead(&arn, json!(3)), true),
            ("RedrivePolicy", dead(&arn, json!("3")), true),
            ("RedrivePolicy", dead(&arn, json!(0)), false),
            ("RedrivePolicy", dead("arn:aws:sqs:eu-west-1:000000000000:dead", json!(3)), false),
            ("RedrivePolicy", json!("{"), false),
            ("RedrivePolicy", json!(""), true),
            ("Policy", json!("{}"), true),
            ("FifoQueue", json!("true"), false),
            ("FifoQueue", json!("false"), true),
            ("Colour", json!("red"), false),
        ] {
            let written = Map::from_iter([(name.to_owned(), value.clone())]);
            let mut settings = QueueSettings::default();
            let result = settings.set(&written, &place);
            assert_eq!(result.is_ok(), accepted, "{name} {value}: {result:?}");
            let same = name == "FifoQueue" || value == "";
            if accepted && !same && name != "RedrivePolicy" {
                assert_eq!(settings.to_attributes(&place)[name], value.as_str().unwrap(), "{name}");
            }
        }
    }
}
