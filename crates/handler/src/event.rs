//! The events handlers read. Forgiving where the writer may differ: fields may be missing, unknown, or `null`, as
//! older recordings have them.

use crate::Item;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// What a WebSocket API sends for `$connect`, a message or `$disconnect`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebSocketEvent {
    pub request_context: RequestContext,
    #[serde(default, deserialize_with = "null_is_default")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub query_string_parameters: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub multi_value_query_string_parameters: BTreeMap<String, Vec<String>>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub stage_variables: BTreeMap<String, String>,
    /// The message, as the client wrote it. Only messages have one.
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_base64_encoded: bool,
}

impl WebSocketEvent {
    pub fn connection_id(&self) -> &str {
        &self.request_context.connection_id
    }

    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let entry = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        entry.map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    pub connection_id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub route_key: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub event_type: String,
    #[serde(default)]
    pub message_id: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub request_id: String,
    /// When the connection was made: milliseconds since the epoch.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connected_at: u64,
    /// When this event was made: milliseconds since the epoch.
    #[serde(default, deserialize_with = "null_is_default")]
    pub request_time_epoch: u64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub identity: Identity,
    /// What a custom authorizer said about the connection.
    #[serde(default, deserialize_with = "null_is_default")]
    pub authorizer: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub disconnect_status_code: Option<u16>,
    #[serde(default)]
    pub disconnect_reason: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub domain_name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub stage: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub api_id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    #[serde(default)]
    pub source_ip: Option<String>,
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// A batch of changes from one shard of a table's stream, in order.
#[derive(Clone, Debug, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    pub records: Vec<StreamRecord>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRecord {
    /// The same on every delivery of the same change.
    #[serde(rename = "eventID", default, deserialize_with = "null_is_default")]
    pub event_id: String,
    pub event_name: EventName,
    #[serde(rename = "eventSourceARN", default, deserialize_with = "null_is_default")]
    pub event_source_arn: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub aws_region: String,
    pub dynamodb: Change,
    /// Present when the service made the change: an expired item was removed.
    #[serde(default)]
    pub user_identity: Option<UserIdentity>,
}

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventName {
    Insert,
    Modify,
    Remove,
}

impl EventName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// Seconds since the epoch, usually whole ones.
    #[serde(default)]
    pub approximate_creation_date_time: Option<f64>,
    pub keys: Item,
    /// The item after the change, if it exists and the stream's view type includes it.
    #[serde(default)]
    pub new_image: Option<Item>,
    /// The item before the change, likewise.
    #[serde(default)]
    pub old_image: Option<Item>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub sequence_number: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub size_bytes: u64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub stream_view_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub principal_id: String,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_connect_event_is_read_as_it_is_written_today() {
        let event: WebSocketEvent = serde_json::from_value(json!({
            "headers": {"Host": "h", "User-Agent": "ExampleClient/1.0"},
            "multiValueHeaders": {"Host": ["h"]},
            "queryStringParameters": {"room": "42"},
            "multiValueQueryStringParameters": {"room": ["41", "42"]},
            "requestContext": {
                "routeKey": "$connect", "authorizer": {"principalId": "u1", "integrationLatency": 21}, "eventType": "CONNECT",
                "connectedAt": 1772619630117u64, "requestTimeEpoch": 1772619630119u64,
                "identity": {"userAgent": "ExampleClient/1.0", "sourceIp": "198.51.100.7"},
                "connectionId": "ahxA0bIfjoECHlw=", "stage": "prod", "apiId": "a1b2c3d4e5"
            },
            "isBase64Encoded": false
        }))
        .unwrap();
        assert_eq!(event.connection_id(), "ahxA0bIfjoECHlw=");
        assert_eq!(event.header("user-agent"), Some("ExampleClient/1.0"));
        assert_eq!(event.request_context.connected_at, 1_772_619_630_117);
        assert_eq!(event.request_context.identity.source_ip.as_deref(), Some("198.51.100.7"));
        assert_eq!(event.request_context.authorizer["principalId"], "u1");
        assert_eq!(event.multi_value_query_string_parameters["room"], ["41", "42"]);
    }

    #[test]
    fn missing_unknown_and_null_fields_are_forgiven() {
        for event in [
            json!({"requestContext": {"connectionId": "a"}}),
            json!({"headers": null, "body": null, "isBase64Encoded": null, "stageVariables": null, "newField": 1,
                   "requestContext": {"connectionId": "a", "messageId": null, "disconnectReason": null, "authorizer": null,
                                      "connectedAt": null, "identity": {"userAgent": null, "sourceIp": null, "user": null}}}),
        ] {
            let read: WebSocketEvent = serde_json::from_value(event).unwrap();
            assert_eq!(read.connection_id(), "a");
            assert_eq!(read.body, None);
        }
    }

    #[test]
    fn an_event_without_a_connection_is_refused() {
        assert!(serde_json::from_value::<WebSocketEvent>(json!({"requestContext": {}})).is_err());
    }

    #[test]
    fn a_stream_record_is_read_with_what_its_view_type_includes() {
        let event: StreamEvent = serde_json::from_value(json!({"Records": [{
            "eventID": "0f3c", "eventName": "REMOVE", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
            "dynamodb": {"ApproximateCreationDateTime": 1790000000.0, "Keys": {"pk": {"S": "room#1"}},
                         "OldImage": {"pk": {"S": "room#1"}, "n": {"N": "1"}},
                         "SequenceNumber": "100000000000000000042", "SizeBytes": 30, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/Rooms/stream/2026-09-21T14:13:20.000"
        }]}))
        .unwrap();
        let record = &event.records[0];
        assert_eq!(record.event_name, EventName::Remove);
        assert!(record.dynamodb.new_image.is_none());
        assert_eq!(record.dynamodb.old_image.as_ref().unwrap().to_json(), json!({"pk": "room#1", "n": 1}));
        assert_eq!(record.user_identity.as_ref().unwrap().principal_id, "dynamodb.amazonaws.com");
    }
}
