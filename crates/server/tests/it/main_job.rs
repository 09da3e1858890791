//! The main job: a table changes, and every connected client that should know, knows.

use serde_json::{Value, json};
use sluicegate_testkit::{Received, TestServer, WebSocket};

const STAGE: &str = "/live-metrics/prod";
const TABLE: &str = "iops-dashboard-metrics";

#[tokio::test]
async fn every_change_reaches_every_dashboard_once_and_in_order() {
    let server = TestServer::start().await;
    let mut dashboards = Vec::new();
    for _ in 0..10 {
        dashboards.push(server.connect(STAGE).await);
    }

    put(&server, 1).await;
    put(&server, 2).await;
    server.call("DeleteItem", json!({ "TableName": TABLE, "Key": { "entity_id": { "S": "cpu" } } })).await;

    for dashboard in &mut dashboards {
        let updates = updates(dashboard, 3).await;
        let seen: Vec<_> = updates.iter().map(|update| update["eventType"].as_str().unwrap()).collect();
        assert_eq!(seen, ["INSERT", "MODIFY", "REMOVE"]);
        assert_eq!(updates[1]["data"], json!({ "entity_id": "cpu", "metric_value": 2 }));
    }
    drop(dashboards);
    server.stop().await;
}

#[tokio::test]
async fn changes_made_while_the_server_was_going_down_are_delivered_after_it_came_back() {
    // The window is longer than the test, so the change is still waiting for its batch when the server stops.
    let server = TestServer::with(|config| config.batch_window = std::time::Duration::from_secs(3)).await;
    put(&server, 1).await;

    let server = server.restart().await;
    let mut dashboard = server.connect(STAGE).await;

    assert_eq!(updates(&mut dashboard, 1).await[0]["eventType"], "INSERT");
    dashboard.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_can_be_posted_to_looked_up_and_closed() {
    let server = TestServer::start().await;
    let mut client = server.connect(STAGE).await;
    let rows = server.call("Scan", json!({ "TableName": "iops-dashboard-websocket-connections" })).await;
    let id = rows["Items"][0]["connectionId"]["S"].as_str().unwrap().replace('=', "%3D");
    let path = format!("{STAGE}/@connections/{id}");

    assert_eq!(server.connections("POST", &path, b"hello").await.status, 200);
    assert_eq!(client.receive().await, Received::Text("hello".into()));
    assert!(server.connections("GET", &path, b"").await.json()["connectedAt"].is_string());
    assert_eq!(server.connections("DELETE", &path, b"").await.status, 204);
    assert!(matches!(client.receive().await, Received::Closed(1000, _)));
    assert_eq!(server.connections("POST", &path, b"hello").await.status, 410);
    server.stop().await;
}

async fn put(server: &TestServer, value: u32) {
    let item = json!({ "entity_id": { "S": "cpu" }, "metric_value": { "N": value.to_string() } });
    server.call("PutItem", json!({ "TableName": TABLE, "Item": item })).await;
}

/// The next updates, from as many messages as they came in.
async fn updates(dashboard: &mut WebSocket, count: usize) -> Vec<Value> {
    let mut updates = Vec::new();
    while updates.len() < count {
        let message = dashboard.json().await;
        assert_eq!(message["type"], "METRICS_UPDATE", "{message}");
        updates.extend(message["updates"].as_array().expect("a METRICS_UPDATE has updates").iter().cloned());
    }
    updates
}
