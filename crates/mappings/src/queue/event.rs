//! Messages as functions get them.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluicegate_queues::Received;

/// Where the messages come from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) arn: String,
    pub(super) region: String,
}

impl Source {
    pub(super) fn of(arn: String) -> Self {
        let region = arn.split(':').nth(3).unwrap_or_default().to_owned();
        Self { arn, region }
    }

    pub(super) fn record(&self, message: &Received) -> Value {
        let attributes: Map<String, Value> =
            message.system_attributes().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let mut record = json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": message_attributes(&message.attributes.to_json()),
            "md5OfBody": message.body_digest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": self.region,
        });
        if let Some(digest) = message.attributes.digest() {
            record["md5OfMessageAttributes"] = digest.into();
        }
        record
    }
}

/// The members of events begin in lower case, and there are always lists.
fn message_attributes(written: &Value) -> Value {
    let each = written.as_object().into_iter().flatten().map(|(name, value)| {
        let mut attribute = json!({ "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"] });
        for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
            if let Some(text) = value.get(from) {
                attribute[to] = text.clone();
            }
        }
        (name.clone(), attribute)
    });
    Value::Object(each.collect())
}

/// What filters look at: the record, with a body that is JSON as JSON.
pub(super) fn filtered(record: &Value) -> String {
    let mut record = record.clone();
    let body = record["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
    if let Some(body @ (Value::Object(_) | Value::Array(_))) = body {
        record["body"] = body;
    }
    record.to_string()
}

pub(super) fn payload(records: &[Value]) -> Bytes {
    Bytes::from(json!({ "Records": records }).to_string())
}
