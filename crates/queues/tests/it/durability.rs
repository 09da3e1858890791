//! What is acknowledged is on disk.

use crate::fixture::{START, World, open};
use serde_json::json;
use sluicegate_endpoint::Credentials;
use sluicegate_queues::{Clock, Receive};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A process that is killed leaves the file and its log as they are, and never closes them.
#[tokio::test]
async fn a_copy_of_the_files_has_every_acknowledged_message() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let sends = (0..50).map(|n| {
        let (world, url, body) = (&world, &url, n.to_string());
        async move { world.send(url, &body).await }
    });
    futures_util::future::join_all(sends).await;
    let copy = tempfile::tempdir().unwrap();
    for file in ["queues.db", "queues.db-wal"] {
        std::fs::copy(world.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let clock = Clock::new(|| UNIX_EPOCH + Duration::from_millis(START as u64));
    let after = open(copy.path(), Credentials::default(), Arc::clone(&world.functions), clock).await;
    let receive = Receive { most: 100, most_bytes: usize::MAX, visibility_timeout: None, wait: Some(Duration::ZERO) };
    assert_eq!(after.receive("jobs", receive).await.unwrap().len(), 50);
}

#[tokio::test]
async fn closed_queues_refuse_and_let_go_of_the_file() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    world.queues.clone().close().await;
    let (status, answer) = world.ask("SendMessage", json!({"QueueUrl": url, "MessageBody": "a"})).await;
    assert_eq!((status, &answer["__type"]), (503, &json!("com.amazon.coral.service#ServiceUnavailableException")));
    open(world.folder.path(), Credentials::default(), Arc::default(), Clock::system()).await.close().await;
}
