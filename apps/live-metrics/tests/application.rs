//! The application over real tables, functions and its mapping.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail where it stands")]

mod world;

use serde_json::{Value, json};
use sluicegate_handler::Item;
use sluicegate_handler::table::{Page, Query, Write};
use sluicegate_live_metrics::{CONNECTED_AT_INDEX, CONNECTIONS_TABLE, METRICS_TABLE};
use world::{World, id};

#[tokio::test]
async fn a_connection_has_a_row_from_connect_to_disconnect() {
    let world = World::new().await;

    assert_eq!(world.route("$connect", id(1), None).await, json!({"statusCode": 200}));

    let row = world.connection_row(&id(1).to_string()).await.unwrap();
    assert_eq!((&row["ipAddress"], &row["userAgent"]), (&json!("198.51.100.7"), &json!("ExampleClient/1.0")));
    let connected_at = row["connectedAt"].as_str().unwrap();
    let connected = humantime::parse_rfc3339(connected_at).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(row["ttl"], connected.as_secs() + 24 * 60 * 60);

    let since = Query::new(CONNECTIONS_TABLE, "kind = :kind AND connectedAt >= :since").index(CONNECTED_AT_INDEX);
    let since = since.value(":kind", "connection").value(":since", connected_at).backward();
    let found: Page<Value> = world.client().query(&since).await.unwrap();
    assert_eq!(found.items, [row]);

    assert_eq!(world.route("$disconnect", id(1), None).await, json!({"statusCode": 200}));
    assert_eq!(world.connection_row(&id(1).to_string()).await, None);
}

#[tokio::test]
async fn without_its_table_nobody_gets_in_and_everybody_gets_out() {
    let world = World::new().await;
    world.call("DeleteTable", json!({"TableName": CONNECTIONS_TABLE})).await;
    assert_eq!(world.route("$connect", id(1), None).await, json!({"statusCode": 500}));
    assert_eq!(world.route("$disconnect", id(1), None).await, json!({"statusCode": 200}));
}

#[tokio::test]
async fn the_connections_table_expires_rows_by_their_ttl() {
    let world = World::new().await;
    let described = world.call("DescribeTimeToLive", json!({"TableName": CONNECTIONS_TABLE})).await;
    assert_eq!(described["TimeToLiveDescription"]["AttributeName"], "ttl");
}

#[tokio::test]
async fn every_change_of_a_metric_is_broadcast_in_order() {
    let mut world = World::new().await;
    let key = json!({"entity_id": {"S": "stream-001"}});
    let put = json!({"entity_id": {"S": "stream-001"}, "metric_value": {"N": "1234"}, "tags": {"SS": ["a"]}});
    world.call("PutItem", json!({"TableName": METRICS_TABLE, "Item": put})).await;
    world
        .call(
            "UpdateItem",
            json!({"TableName": METRICS_TABLE, "Key": key, "UpdateExpression": "SET metric_value = :v",
                   "ExpressionAttributeValues": {":v": {"N": "0.5"}}}),
        )
        .await;
    world.call("DeleteItem", json!({"TableName": METRICS_TABLE, "Key": key})).await;

    let mut updates = Vec::new();
    while updates.len() < 3 {
        for message in world.next_broadcast().await {
            assert_eq!(message["type"], "METRICS_UPDATE");
            updates.extend(message["updates"].as_array().unwrap().clone());
        }
    }
    let row = |value: Value| json!({"entity_id": "stream-001", "metric_value": value, "tags": ["a"]});
    let seen: Vec<_> = updates.iter().map(|update| (update["eventType"].clone(), update["data"].clone())).collect();
    assert_eq!(
        seen,
        [("INSERT", row(json!(1234))), ("MODIFY", row(json!(0.5))), ("REMOVE", row(json!(0.5)))]
            .map(|(event, data)| (json!(event), data))
    );
    assert!(updates.iter().all(|update| update["timestamp"].as_u64().unwrap() > 1_700_000_000_000));
}

#[tokio::test]
async fn rows_of_connections_that_are_gone_are_removed_and_others_are_not() {
    let row =
        |id: &str, connected_at: &str| json!({"connectionId": id, "kind": "connection", "connectedAt": connected_at});
    let mut world = World::with_rows(&[
        row(&id(1).to_string(), "2026-01-01T00:00:00.000Z"),
        row(&id(2).to_string(), "2026-01-01T00:00:00.000Z"),
        row("written-by-hand", "yesterday"),
        json!({"connectionId": "without-a-time"}),
    ])
    .await;
    world.sockets.open(id(1));
    // Arrives: its row is written, its socket is not there yet.
    world.route("$connect", id(3), None).await;

    world.client().put(METRICS_TABLE, &json!({"entity_id": "cpu"})).await.unwrap();
    world.next_broadcast().await;

    for gone in [id(2).to_string().as_str(), "written-by-hand", "without-a-time"] {
        while world.connection_row(gone).await.is_some() {
            tokio::task::yield_now().await;
        }
    }
    assert!(world.connection_row(&id(1).to_string()).await.is_some(), "its socket is open");
    assert!(world.connection_row(&id(3).to_string()).await.is_some(), "its socket may still come");
}

#[tokio::test]
async fn clients_are_answered_whatever_they_say() {
    let world = World::new().await;
    world.sockets.open(id(1));
    for (message, expected) in [
        (r#"{"action":"ping"}"#, json!({"type": "pong"})),
        (r#"{"action":"ping","id":7}"#, json!({"type": "pong", "id": 7})),
        (r#"{"action":"ping","id":"a"}"#, json!({"type": "pong", "id": "a"})),
        (r#"{"action":"ping","id":{"deep":1}}"#, json!({"type": "pong"})),
    ] {
        assert_eq!(world.say(id(1), message).await, [expected], "{message}");
    }
    for (message, expected) in [
        (r#"{"action":"dance"}"#, r#"Unknown action "dance""#),
        (r#"{"action":7}"#, "Unknown action"),
        (r#"{"no":"action"}"#, "Unknown action"),
        ("[1]", "Unknown action"),
        ("not JSON", "Unknown action"),
        ("", "Unknown action"),
    ] {
        let answers = world.say(id(1), message).await;
        assert_eq!((answers.len(), &answers[0]["type"]), (1, &json!("error")), "{message}");
        assert!(answers[0]["message"].as_str().unwrap().starts_with(expected), "{answers:?}");
    }
    assert_eq!(world.say(id(2), r#"{"action":"ping"}"#).await, Vec::<Value>::new(), "a client that is gone");
}

#[tokio::test]
async fn a_snapshot_has_every_row_in_messages_of_bounded_size() {
    let world = World::new().await;
    world.sockets.open(id(1));
    let empty = world.say(id(1), r#"{"action":"snapshot"}"#).await;
    assert_eq!(empty, [json!({"type": "METRICS_SNAPSHOT", "metrics": [], "last": true})]);

    let row = |n: usize, text: usize| {
        Write::Put(Item::from_serde(&json!({"entity_id": format!("e{n}"), "text": "x".repeat(text)})).unwrap())
    };
    let mut rows: Vec<Write> = (0..600).map(|n| row(n, 500)).collect();
    rows.push(row(600, 200_000));
    world.client().batch_write(METRICS_TABLE, rows).await.unwrap();

    let messages = world.say(id(1), r#"{"action":"snapshot"}"#).await;

    assert!(messages.len() > 3);
    let lasts: Vec<_> = messages.iter().map(|message| message["last"] == json!(true)).collect();
    assert_eq!(lasts.iter().position(|last| *last), Some(messages.len() - 1));
    let rows: Vec<_> = messages.iter().flat_map(|message| message["metrics"].as_array().unwrap().clone()).collect();
    let mut entities: Vec<_> = rows.iter().map(|row| row["entity_id"].as_str().unwrap().to_owned()).collect();
    entities.sort();
    entities.dedup();
    assert_eq!(entities.len(), 601);
    let large = rows.iter().find(|row| row["entity_id"] == "e600").unwrap();
    assert_eq!(*large, json!({"entity_id": "e600", "truncated": true}));
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_an_error_message() {
    let world = World::new().await;
    world.sockets.open(id(1));
    world.call("DeleteTable", json!({"TableName": METRICS_TABLE})).await;
    let answers = world.say(id(1), r#"{"action":"snapshot"}"#).await;
    assert_eq!(answers[0]["type"], "error");
}
