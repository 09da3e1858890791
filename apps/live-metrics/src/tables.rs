//! The two tables.

use serde_json::{Value, json};

/// Metric rows, one per entity. Its stream is what the dashboards see.
pub const METRICS_TABLE: &str = "iops-dashboard-metrics";
/// One row per connected dashboard.
pub const CONNECTIONS_TABLE: &str = "iops-dashboard-websocket-connections";
/// Connections by time: "who connected since", newest first.
pub const CONNECTED_AT_INDEX: &str = "ConnectedAtIndex";

/// `CreateTable` requests.
pub fn tables() -> Vec<Value> {
    vec![
        json!({
            "TableName": METRICS_TABLE,
            "AttributeDefinitions": [{"AttributeName": "entity_id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "entity_id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        }),
        json!({
            "TableName": CONNECTIONS_TABLE,
            "AttributeDefinitions": [
                {"AttributeName": "connectionId", "AttributeType": "S"},
                {"AttributeName": "kind", "AttributeType": "S"},
                {"AttributeName": "connectedAt", "AttributeType": "S"}
            ],
            "KeySchema": [{"AttributeName": "connectionId", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [{
                "IndexName": CONNECTED_AT_INDEX,
                // A range over time needs `connectedAt` as the sort key; every row has the same partition, `kind`.
                "KeySchema": [
                    {"AttributeName": "kind", "KeyType": "HASH"},
                    {"AttributeName": "connectedAt", "KeyType": "RANGE"}
                ],
                "Projection": {"ProjectionType": "ALL"}
            }]
        }),
    ]
}

/// `UpdateTimeToLive` requests.
pub fn time_to_live() -> Vec<Value> {
    vec![json!({
        "TableName": CONNECTIONS_TABLE,
        "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "ttl"}
    })]
}
