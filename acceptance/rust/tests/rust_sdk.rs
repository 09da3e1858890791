//! The official Rust SDK, unmodified, against the real binary: tables, streams and `@connections`.
//!
//! The SDK is built without TLS and given a connector for plain HTTP; nothing else about it is special.

use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{AttributeValue as Recorded, OperationType, ShardIteratorType};
use aws_smithy_http_client::Builder as HttpClientBuilder;
use serde_json::{Value, json};
use sluicegate_testkit::{Received, ServerProcess, WebSocket};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const METRICS: &str = "iops-dashboard-metrics";
const CONNECTIONS: &str = "iops-dashboard-websocket-connections";
const API: &str = "/live-metrics/prod";
const DASHBOARDS: usize = 10;

/// A client of one service. The services' clients are built alike, but have no type in common.
macro_rules! client {
    ($service:ident, $endpoint:expr) => {
        $service::Client::from_conf(
            $service::Config::builder()
                .behavior_version($service::config::BehaviorVersion::latest())
                .region($service::config::Region::new("us-east-1"))
                .credentials_provider($service::config::Credentials::new("local", "local", None, None, "test"))
                .http_client(HttpClientBuilder::new().build_http())
                .endpoint_url($endpoint)
                .build(),
        )
    };
}

#[tokio::test]
async fn changes_made_with_the_rust_sdk_reach_every_dashboard() {
    let (server, _data) = server().await;
    let mut dashboards = Vec::new();
    for _ in 0..DASHBOARDS {
        dashboards.push(WebSocket::connect(server.listen(), API).await);
    }

    let tables = client!(aws_sdk_dynamodb, url(&server));
    let put = tables.put_item().table_name(METRICS).item("entity_id", text("rust"));
    put.item("value", number("1")).send().await.expect("put");
    let update = tables.update_item().table_name(METRICS).key("entity_id", text("rust"));
    let update = update.update_expression("SET #value = :value").expression_attribute_names("#value", "value");
    update.expression_attribute_values(":value", number("2.5")).send().await.expect("update");
    tables.delete_item().table_name(METRICS).key("entity_id", text("rust")).send().await.expect("delete");

    let expected = [("INSERT", json!(1)), ("MODIFY", json!(2.5)), ("REMOVE", json!(2.5))]
        .map(|(event, value)| (json!(event), json!({"entity_id": "rust", "value": value})));
    for dashboard in &mut dashboards {
        assert_eq!(updates(dashboard, expected.len()).await, expected);
    }
}

#[tokio::test]
async fn errors_have_their_types() {
    let (server, _data) = server().await;
    let tables = client!(aws_sdk_dynamodb, url(&server));

    let missing = tables.describe_table().table_name("nowhere").send().await.expect_err("there is no such table");
    assert!(missing.into_service_error().is_resource_not_found_exception());

    let put = || tables.put_item().table_name(METRICS).item("entity_id", text("once"));
    put().send().await.expect("put");
    let again = put().condition_expression("attribute_not_exists(entity_id)").send().await;
    let refused = again.expect_err("the condition does not hold").into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
}

#[tokio::test]
async fn the_stream_is_read_with_the_rust_sdk() {
    let (server, _data) = server().await;
    let tables = client!(aws_sdk_dynamodb, url(&server));
    for value in ["1", "2"] {
        let put = tables.put_item().table_name(METRICS).item("entity_id", text("rust"));
        put.item("value", number(value)).send().await.expect("put");
    }

    let streams = client!(aws_sdk_dynamodbstreams, url(&server));
    let listed = streams.list_streams().table_name(METRICS).send().await.expect("list");
    let arn = listed.streams()[0].stream_arn().expect("a stream has an ARN");
    let description = streams.describe_stream().stream_arn(arn).send().await.expect("describe");
    let shards = description.stream_description().expect("a description").shards();
    let iterator =
        streams.get_shard_iterator().stream_arn(arn).shard_id(shards[0].shard_id().expect("a shard has an id"));
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.expect("iterator");
    let records = streams.get_records().set_shard_iterator(iterator.shard_iterator).send().await.expect("records");

    let records = records.records();
    let events: Vec<_> = records.iter().filter_map(|record| record.event_name()).collect();
    assert_eq!(events, [&OperationType::Insert, &OperationType::Modify]);
    let change = records[1].dynamodb().expect("a record has its change");
    let value =
        |image: Option<&HashMap<String, Recorded>>| image.and_then(|image| image.get("value")?.as_n().ok().cloned());
    assert_eq!((value(change.old_image()), value(change.new_image())), (Some("1".into()), Some("2".into())));
    assert!(change.approximate_creation_date_time().is_some());
}

#[tokio::test]
async fn a_connection_is_posted_to_looked_up_and_closed_with_the_rust_sdk() {
    let (server, _data) = server().await;
    let mut dashboard = WebSocket::connect(server.listen(), API).await;
    let tables = client!(aws_sdk_dynamodb, url(&server));
    let rows = tables.scan().table_name(CONNECTIONS).consistent_read(true).send().await.expect("scan");
    let id = rows.items()[0]["connectionId"].as_s().expect("an id is a text").clone();
    let api = client!(aws_sdk_apigatewaymanagement, format!("{}{API}", url(&server)));

    api.post_to_connection().connection_id(&id).data(Blob::new("hello")).send().await.expect("post");
    assert_eq!(dashboard.receive().await, Received::Text("hello".into()));

    let connection = api.get_connection().connection_id(&id).send().await.expect("get");
    assert!(connection.connected_at().is_some() && connection.last_active_at().is_some());
    assert_eq!(connection.identity().and_then(|identity| identity.source_ip()), Some("127.0.0.1"));

    api.delete_connection().connection_id(&id).send().await.expect("delete");
    assert!(matches!(dashboard.receive().await, Received::Closed(1000, _)));
    let gone = api.post_to_connection().connection_id(&id).data(Blob::new("hello")).send().await;
    assert!(gone.expect_err("the connection is closed").into_service_error().is_gone_exception());
}

async fn server() -> (ServerProcess, TempDir) {
    let data = tempfile::tempdir().expect("there is no temporary folder");
    let server =
        ServerProcess::start(binary(), data.path(), &["--collector", "off", "--batch-window", "0", "--log", "warn"])
            .await;
    (server, data)
}

/// The binary beside which this test was built, unless `SLUICEGATE_BIN` names another.
fn binary() -> PathBuf {
    let binary = std::env::var_os("SLUICEGATE_BIN").map_or_else(built_beside, PathBuf::from);
    assert!(binary.is_file(), "there is no server at {}: run `cargo build`", binary.display());
    binary
}

fn built_beside() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let profile = test.parent().and_then(Path::parent).expect("tests are built into target/<profile>/deps");
    profile.join(format!("sluicegate{}", std::env::consts::EXE_SUFFIX))
}

fn url(server: &ServerProcess) -> String {
    format!("http://{}", server.listen())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.into())
}

/// The next `count` changes a dashboard is told of, each with its event and its data.
async fn updates(dashboard: &mut WebSocket, count: usize) -> Vec<(Value, Value)> {
    let mut updates = Vec::new();
    while updates.len() < count {
        let message = dashboard.json().await;
        assert_eq!(message["type"], "METRICS_UPDATE");
        let told = message["updates"].as_array().expect("updates are a list");
        updates.extend(told.iter().map(|update| (update["eventType"].clone(), update["data"].clone())));
    }
    updates
}
