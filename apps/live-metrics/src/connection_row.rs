//! A row of the connections table.

use serde::{Deserialize, Serialize};
use sluicegate_handler::WebSocketEvent;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rows that nobody removed go away after this long.
pub const CONNECTION_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The partition of the index by time: one for all rows, so that one query sees them in order.
const KIND: &str = "connection";

/// The key alone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionKey<'a> {
    pub(crate) connection_id: &'a str,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionRow {
    pub(crate) connection_id: String,
    kind: String,
    /// ISO 8601 in UTC with milliseconds: sorts as it counts.
    connected_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// Seconds since the epoch.
    ttl: u64,
}

impl ConnectionRow {
    pub(crate) fn of(event: &WebSocketEvent) -> Self {
        let context = &event.request_context;
        let connected_at = match context.connected_at {
            // Not in hand-written test events.
            0 => SystemTime::now(),
            milliseconds => UNIX_EPOCH + Duration::from_millis(milliseconds),
        };
        Self {
            connection_id: context.connection_id.clone(),
            kind: KIND.to_owned(),
            connected_at: humantime::format_rfc3339_millis(connected_at).to_string(),
            ip_address: context.identity.source_ip.clone(),
            user_agent: context.identity.user_agent.clone(),
            ttl: (connected_at + CONNECTION_TTL).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_who_connected_and_when_it_may_go() {
        let event = serde_json::from_value(json!({"requestContext": {
            "connectionId": "ahxA0bIfjoECHlw=", "connectedAt": 1772619630117u64,
            "identity": {"sourceIp": "198.51.100.7", "userAgent": "ExampleClient/1.0"}
        }}))
        .unwrap();
        assert_eq!(
            serde_json::to_value(ConnectionRow::of(&event)).unwrap(),
            json!({"connectionId": "ahxA0bIfjoECHlw=", "kind": "connection", "connectedAt": "2026-03-04T10:20:30.117Z",
                   "ipAddress": "198.51.100.7", "userAgent": "ExampleClient/1.0", "ttl": 1772619630u64 + 86_400})
        );
    }
}
