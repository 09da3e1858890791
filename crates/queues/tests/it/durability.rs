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

/// So many messages are more than one operation deletes.
const MANY: usize = 1_200;

impl World {
    async fn send_many(&self, url: &str) {
        let entries: Vec<_> = (0..10).map(|n| json!({"Id": n.to_string(), "MessageBody": "m"})).collect();
        let batch = json!({"QueueUrl": url, "Entries": entries});
        let batches = (0..MANY / 10).map(|_| self.done("SendMessageBatch", batch.clone()));
        futures_util::future::join_all(batches).await;
    }

    fn messages_in_the_file(&self) -> usize {
        let file = rusqlite::Connection::open(self.folder.path().join("queues.db")).unwrap();
        file.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0)).unwrap() as usize
    }
}

#[tokio::test]
async fn others_have_their_turn_while_a_receiver_passes_over_old_messages() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"MessageRetentionPeriod": "60"})).await;
    world.send_many(&url).await;
    world.pass(60);
    world.send(&url, "new").await;
    // The second asks while the first is at it.
    let (bodies, attributes) = tokio::join!(world.bodies(&url), world.attributes(&url));
    assert_eq!(bodies, ["new"]);
    assert_eq!(attributes["ApproximateNumberOfMessages"], (MANY - 500 + 1).to_string());
}

#[tokio::test]
async fn what_was_purged_or_deleted_leaves_the_file_step_by_step() {
    let world = World::new().await;
    let (purged, deleted) = (world.queue("purged", json!({})).await, world.queue("deleted", json!({})).await);
    for url in [&purged, &deleted] {
        world.send_many(url).await;
    }
    world.done("PurgeQueue", json!({"QueueUrl": purged})).await;
    world.done("DeleteQueue", json!({"QueueUrl": deleted})).await;
    world.send(&purged, "new").await;
    assert_eq!(world.messages_in_the_file(), 2 * MANY + 1, "nobody waited for the deletion");
    tokio::time::pause();
    while world.messages_in_the_file() > 1 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.bodies(&purged).await, ["new"]);
}
