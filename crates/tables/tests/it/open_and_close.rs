//! Opening and closing a data directory.

use crate::world::{World, table_request};
use bytes::Bytes;
use serde_json::json;
use sluicegate_protocol::CallTable;
use sluicegate_tables::{OpenError, Options, Position, Tables};

#[tokio::test]
async fn two_servers_do_not_share_a_data_directory() {
    let world = World::new().await;
    let second = Tables::open(Options::new(world.data.path())).await.err().unwrap();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    assert!(second.to_string().contains("another server"), "{second}");

    let World { tables, data, .. } = world;
    tables.close().await;
    Tables::open(Options::new(data.path())).await.unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Tables::open(Options::new(file.path())).await.err().unwrap();
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("tables").join("tables.db");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "certainly not a database ".repeat(100)).unwrap();
    let error = Tables::open(Options::new(data.path())).await.err().unwrap();
    assert!(error.to_string().contains("tables.db"), "{error}");
    assert!(std::fs::read_to_string(file).unwrap().starts_with("certainly"));
}

#[tokio::test]
async fn closed_tables_refuse_calls() {
    let world = World::new().await;
    let other = world.tables.clone();
    world.tables.close().await;
    let refused = other.call("ListTables", Bytes::from_static(b"{}")).await.unwrap_err();
    assert_eq!(refused.status, 500);
}

#[tokio::test]
async fn tables_streams_and_checkpoints_are_there_after_a_restart() {
    let world = World::new().await;
    let arn = world.table("Rooms", "KEYS_ONLY").await;
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
    let position = world.tables.stream("Rooms").unwrap().latest().await.unwrap();
    let checkpoints = world.tables.checkpoints();
    assert_eq!(checkpoints.load("mapping", &arn).await.unwrap(), None);
    checkpoints.begin("mapping", &arn, Position::TrimHorizon).await.unwrap();
    checkpoints.store("mapping", &arn, position).unwrap();
    checkpoints.begin("deleted", &arn, position).await.unwrap();
    checkpoints.remove("deleted").await.unwrap();

    let world = world.restart().await;
    let reader = world.tables.stream("Rooms").unwrap();
    assert_eq!(reader.stream_arn(), arn);
    let position = world.tables.checkpoints().load("mapping", &arn).await.unwrap().unwrap();
    assert_eq!(world.tables.checkpoints().load("deleted", &arn).await.unwrap(), None);
    assert!(reader.read(&position, 10).unwrap().records.is_empty());
    world.put("Rooms", json!({"id": {"S": "b"}})).await;
    assert_eq!(reader.read(&position, 10).unwrap().records.len(), 1);
    assert_eq!(world.refused("CreateTable", table_request("Rooms", None)).await.0, "ResourceInUseException");
}
