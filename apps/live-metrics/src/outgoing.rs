//! The messages dashboards get for changes.
//!
//! `timestamp` is when the table took the change (its stream's creation time, whole seconds on AWS), not when it was
//! sent: a change that is delivered again after a crash keeps the time at which it happened.

use crate::packing::Packer;
use bytes::Bytes;
use serde::Serialize;
use sluicegate_handler::limits::MESSAGE_BYTES;
use sluicegate_handler::{EventName, Item, StreamRecord};
use std::time::{SystemTime, UNIX_EPOCH};

const OPENING: &str = r#"{"type":"METRICS_UPDATE","updates":["#;
const CLOSING: &str = "]}";
/// What the largest message has left for updates.
const ROOM: usize = MESSAGE_BYTES - OPENING.len() - CLOSING.len();

/// The messages for a batch of changes, in order; none is larger than a WebSocket message may be.
pub(crate) fn metrics_updates(records: &[StreamRecord]) -> Vec<Bytes> {
    let mut packer = Packer::new(ROOM);
    let mut packed: Vec<String> = records.iter().filter_map(|record| packer.push(&update(record))).collect();
    packed.push(packer.finish());
    packed.retain(|updates| !updates.is_empty());
    packed.iter().map(|updates| Bytes::from([OPENING, updates, CLOSING].concat())).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Update<Data> {
    event_type: &'static str,
    /// Milliseconds since the epoch.
    timestamp: u64,
    /// The row's data would not fit into any message: these are its keys only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    data: Data,
}

fn update(record: &StreamRecord) -> String {
    let whole = update_with(record, image(record), false);
    if whole.len() <= ROOM {
        return whole;
    }
    // Keys are at most 3 KB, so this always fits.
    update_with(record, &record.dynamodb.keys, true)
}

fn update_with(record: &StreamRecord, data: &Item, truncated: bool) -> String {
    let update = Update {
        event_type: record.event_name.as_str(),
        timestamp: timestamp_ms(record),
        truncated,
        data: data.plain(),
    };
    serde_json::to_string(&update).expect("text keys and plain values are always JSON")
}

/// The row as it is now or, once removed, as it was. A stream that carries keys only still says which row.
fn image(record: &StreamRecord) -> &Item {
    let change = &record.dynamodb;
    let image = match record.event_name {
        EventName::Insert | EventName::Modify => &change.new_image,
        EventName::Remove => &change.old_image,
    };
    image.as_ref().unwrap_or(&change.keys)
}

fn timestamp_ms(record: &StreamRecord) -> u64 {
    match record.dynamodb.approximate_creation_date_time {
        Some(seconds) => (seconds * 1000.0).round() as u64,
        None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn record(name: &str, image: Value) -> StreamRecord {
        let mut change = json!({
            "ApproximateCreationDateTime": 1699123456.0, "Keys": {"entity_id": {"S": "stream-001"}},
            "SequenceNumber": "100000000000000000042", "SizeBytes": 30, "StreamViewType": "NEW_AND_OLD_IMAGES"
        });
        for (key, image) in image.as_object().unwrap() {
            change[key] = image.clone();
        }
        serde_json::from_value(json!({"eventID": "1", "eventName": name, "dynamodb": change})).unwrap()
    }

    fn row(value: &str) -> Value {
        json!({"entity_id": {"S": "stream-001"}, "metric_value": {"N": value}})
    }

    fn parsed(messages: &[Bytes]) -> Vec<Value> {
        messages.iter().map(|message| serde_json::from_slice(message).unwrap()).collect()
    }

    #[test]
    fn changes_become_the_message_dashboards_know() {
        let messages = metrics_updates(&[
            record("INSERT", json!({"NewImage": row("1234")})),
            record("MODIFY", json!({"NewImage": row("0.5"), "OldImage": row("1234")})),
            record("REMOVE", json!({"OldImage": row("0.5")})),
            record("INSERT", json!({})),
        ]);
        let data = |value: Value| json!({"entity_id": "stream-001", "metric_value": value});
        let update =
            |event: &str, data: Value| json!({"eventType": event, "timestamp": 1699123456000u64, "data": data});
        assert_eq!(
            parsed(&messages),
            [json!({"type": "METRICS_UPDATE", "updates": [
                update("INSERT", data(json!(1234))),
                update("MODIFY", data(json!(0.5))),
                update("REMOVE", data(json!(0.5))),
                update("INSERT", json!({"entity_id": "stream-001"})),
            ]})]
        );
        assert!(messages[0].starts_with(br#"{"type":"METRICS_UPDATE","updates":[{"eventType":"INSERT","timestamp":"#));
    }

    #[test]
    fn nothing_changed_is_no_message() {
        assert_eq!(metrics_updates(&[]), Vec::<Bytes>::new());
    }

    #[test]
    fn large_batches_are_split_in_order_and_no_message_is_too_large() {
        let text = "x".repeat(50_000);
        let records: Vec<_> = (0..7)
            .map(|n| record("INSERT", json!({"NewImage": {"entity_id": {"S": text}, "n": {"N": n.to_string()}}})))
            .collect();
        let messages = metrics_updates(&records);
        assert_eq!(messages.len(), 4);
        assert!(messages.iter().all(|message| message.len() <= MESSAGE_BYTES));
        let order: Vec<_> = parsed(&messages)
            .iter()
            .flat_map(|message| message["updates"].as_array().unwrap().clone())
            .map(|update| update["data"]["n"].clone())
            .collect();
        assert_eq!(Value::from(order), json!([0, 1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn a_row_too_large_for_any_message_is_named_without_its_data() {
        let text = "x".repeat(200_000);
        let messages = metrics_updates(&[
            record("MODIFY", json!({"NewImage": {"entity_id": {"S": "stream-001"}, "text": {"S": text}}})),
            record("MODIFY", json!({"NewImage": row("1")})),
        ]);
        let updates = &parsed(&messages)[0]["updates"];
        assert_eq!(updates[0]["data"], json!({"entity_id": "stream-001"}));
        assert_eq!(updates[0]["truncated"], json!(true));
        assert_eq!(updates[1]["data"]["metric_value"], 1);
        assert_eq!(updates[1].get("truncated"), None);
    }
}
