//! Mappings of queues: what the function gets, and what becomes of the messages.

use crate::world::{Call, Function};
use serde_json::{Value, json};
use sluicegate_endpoint::Credentials;
use sluicegate_mappings::RetryPace;
use sluicegate_mappings::queue::{QueueMapping, QueueMappingSettings, QueueMappings};
use sluicegate_pattern::Filter;
use sluicegate_protocol::{BoxFuture, Deliver, DeliverError, Destination, Invoke, InvokeError};
use sluicegate_queues::{Clock, NewMessage, Options, QueueSettings, Queues, Receive};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// No topic is used here.
struct Nowhere;

impl Deliver for Nowhere {
    fn deliver<'a>(&'a self, _: &'a Destination, _: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async { Err(DeliverError::NoSuchDestination) })
    }
}

/// A queue, a mapping of it, and a function whose every answer the test gives. The queue's clock is the test's.
struct World {
    queues: Queues,
    calls: mpsc::UnboundedReceiver<Call>,
    function: Arc<Function>,
    seconds: Arc<AtomicI64>,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seconds = Arc::new(AtomicI64::new(1_700_000_000));
        let read = Arc::clone(&seconds);
        let queues = Queues::open(Options {
            data_dir: folder.path().to_owned(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            base_url: "http://127.0.0.1:8080".to_owned(),
            credentials: Credentials::default(),
            functions: Arc::new(Nowhere),
            clock: Clock::new(move || UNIX_EPOCH + Duration::from_secs(read.load(Ordering::SeqCst) as u64)),
        })
        .await
        .unwrap();
        queues.ensure_queue("jobs", QueueSettings::default()).await.unwrap();
        let (function, calls) = Function::new();
        Self { queues, calls, function, seconds, _folder: folder }
    }

    async fn send(&self, bodies: &[&str]) {
        for body in bodies {
            self.queues.send("jobs", NewMessage::new(*body, "me")).await.unwrap();
        }
    }

    async fn start(&self, settings: QueueMappingSettings) -> QueueMappings {
        let mapping = QueueMapping::try_from(settings).unwrap();
        let pace = RetryPace { first: Duration::from_millis(5), longest: Duration::from_millis(20) };
        let function = Arc::clone(&self.function) as Arc<dyn Invoke>;
        QueueMappings::start(vec![mapping], self.queues.clone(), function, pace).await.unwrap()
    }

    async fn next_call(&mut self) -> Call {
        self.calls.recv().await.unwrap()
    }

    /// What is still in the queue once everything is in sight again.
    async fn left(&self) -> Vec<String> {
        self.seconds.fetch_add(31, Ordering::SeqCst);
        let receive =
            Receive { most: 100, most_bytes: usize::MAX, visibility_timeout: Some(0), wait: Some(Duration::ZERO) };
        let mut bodies: Vec<String> =
            self.queues.receive("jobs", receive).await.unwrap().into_iter().map(|message| message.body).collect();
        bodies.sort();
        bodies
    }
}

fn settings() -> QueueMappingSettings {
    QueueMappingSettings::new("mapping-1", "jobs", "worker")
}

fn records(call: &Call) -> Vec<Value> {
    let event: Value = serde_json::from_slice(&call.payload).unwrap();
    event["Records"].as_array().unwrap().clone()
}

fn bodies(call: &Call) -> Vec<String> {
    let mut bodies: Vec<String> =
        records(call).iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn the_event_is_that_of_aws() {
    let mut world = World::new().await;
    world.send(&["This is a test message"]).await;
    let mappings = world.start(settings()).await;
    let call = world.next_call().await;
    let [record] = &records(&call)[..] else { panic!("{:?}", call.payload) };
    for (name, expected) in [
        ("body", json!("This is a test message")),
        ("md5OfBody", json!("fafb00f5732ab283681e124bf8747ed1")),
        ("messageAttributes", json!({})),
        ("eventSource", json!("aws:sqs")),
        ("eventSourceARN", json!("arn:aws:sqs:eu-west-1:123456789012:jobs")),
        ("awsRegion", json!("eu-west-1")),
        (
            "attributes",
            json!({"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000", "SenderId": "me",
                   "ApproximateFirstReceiveTimestamp": "1700000000000"}),
        ),
    ] {
        assert_eq!(record[name], expected, "{name}");
    }
    assert!(record["messageId"].is_string() && record["receiptHandle"].is_string());
    call.succeed();
    mappings.stop().await;
    assert!(world.left().await.is_empty(), "what is handled is deleted");
}

#[tokio::test]
async fn a_failed_batch_comes_into_sight_again() {
    let mut world = World::new().await;
    world.send(&["a", "b"]).await;
    let mappings = world.start(settings()).await;
    let call = world.next_call().await;
    assert_eq!(bodies(&call), ["a", "b"]);
    call.fail();
    mappings.stop().await;
    assert_eq!(world.left().await, ["a", "b"]);
}

#[tokio::test]
async fn reported_failures_alone_come_into_sight_again() {
    for (reports, answer, left) in [
        (true, Some("b"), vec!["b"]),
        (true, Some("nobody"), vec!["a", "b", "c"]),
        (true, None, vec![]),
        (false, Some("b"), vec![]),
    ] {
        let mut world = World::new().await;
        world.send(&["a", "b", "c"]).await;
        let mappings = world.start(QueueMappingSettings { reports_item_failures: reports, ..settings() }).await;
        let call = world.next_call().await;
        let records = records(&call);
        let id = |body: &str| {
            records.iter().find(|one| one["body"] == body).map_or("x".into(), |one| one["messageId"].clone())
        };
        let report = match answer {
            Some(body) => json!({"batchItemFailures": [{"itemIdentifier": id(body)}]}),
            None => Value::Null,
        };
        call.answer(Ok(report.to_string().into()));
        mappings.stop().await;
        assert_eq!(world.left().await, left, "{reports} {answer:?}");
    }
}

#[tokio::test]
async fn throttled_batches_are_tried_again() {
    let mut world = World::new().await;
    world.send(&["a"]).await;
    let mappings = world.start(settings()).await;
    for _ in 0..3 {
        world.next_call().await.answer(Err(InvokeError::Throttled));
    }
    world.next_call().await.succeed();
    mappings.stop().await;
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn batches_run_side_by_side_as_far_as_the_mapping_says() {
    let mut world = World::new().await;
    world.send(&["a", "b", "c"]).await;
    let limited = QueueMappingSettings { batch_size: 1, maximum_concurrency: Some(2), ..settings() };
    let mappings = world.start(limited).await;
    let (first, second) = (world.next_call().await, world.next_call().await);
    // The third cannot have been received: its place is taken.
    let receive = Receive { most: 1, most_bytes: usize::MAX, visibility_timeout: Some(0), wait: Some(Duration::ZERO) };
    assert_eq!(world.queues.receive("jobs", receive).await.unwrap().len(), 1);
    first.succeed();
    world.next_call().await.succeed();
    second.succeed();
    mappings.stop().await;
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn a_window_collects_until_the_batch_is_full() {
    let mut world = World::new().await;
    let patient = QueueMappingSettings { batch_size: 3, batch_window: Duration::from_secs(300), ..settings() };
    let mappings = world.start(patient).await;
    world.send(&["a", "b", "c"]).await;
    let call = world.next_call().await;
    assert_eq!(bodies(&call), ["a", "b", "c"]);
    call.succeed();
    mappings.stop().await;
}

#[tokio::test]
async fn a_mapping_follows_the_visibility_timeout_of_its_queue() {
    let mut world = World::new().await;
    let mut mappings = world.start(settings()).await;
    let same = || vec![QueueMapping::try_from(settings()).unwrap()];
    let longer = QueueSettings { visibility_timeout: 600, ..QueueSettings::default() };
    world.queues.ensure_queue("jobs", longer.clone()).await.unwrap();
    assert_eq!(mappings.update(same()).await.unwrap().changed, ["mapping-1"]);
    // Other settings are none of its business.
    world.queues.ensure_queue("jobs", QueueSettings { retention: 600, ..longer }).await.unwrap();
    assert!(mappings.update(same()).await.unwrap().changed.is_empty());
    world.send(&["a"]).await;
    world.next_call().await.succeed();
    mappings.stop().await;
}

#[tokio::test]
async fn what_the_filter_does_not_let_pass_is_deleted() {
    let mut world = World::new().await;
    world.send(&[r#"{"kind": "other"}"#, "no JSON", r#"{"kind": "good"}"#]).await;
    let filter = Filter::compile(&[r#"{"body": {"kind": ["good"]}}"#]).unwrap();
    let mappings = world.start(QueueMappingSettings { filter: Some(filter), ..settings() }).await;
    let call = world.next_call().await;
    assert_eq!(bodies(&call), [r#"{"kind": "good"}"#]);
    call.fail();
    mappings.stop().await;
    assert_eq!(world.left().await, [r#"{"kind": "good"}"#]);
}

#[tokio::test]
async fn a_large_batch_is_cut_to_what_a_function_takes() {
    let mut world = World::new().await;
    // Each of them takes twice its size in JSON.
    let line = "\n".repeat(1_000_000);
    world.send(&[&*line; 4]).await;
    let mappings = world.start(settings()).await;
    let mut received = 0;
    while received < 4 {
        let call = world.next_call().await;
        assert!(call.payload.len() <= 6 * 1024 * 1024 + 100, "{}", call.payload.len());
        received += records(&call).len();
        call.succeed();
    }
    mappings.stop().await;
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn a_changed_mapping_takes_the_place_of_the_old_one() {
    let mut world = World::new().await;
    let mut mappings = world.start(settings()).await;
    let changed = QueueMappingSettings { function: "other".to_owned(), ..settings() };
    let changes = mappings.update(vec![QueueMapping::try_from(changed).unwrap()]).await.unwrap();
    assert_eq!((changes.started, changes.changed, changes.stopped), (vec![], vec!["mapping-1".to_owned()], vec![]));
    world.send(&["a"]).await;
    let call = world.next_call().await;
    assert_eq!(&*call.function, "other");
    call.succeed();
    let changes = mappings.update(Vec::new()).await.unwrap();
    assert_eq!(changes.stopped, ["mapping-1"]);
    let nowhere = QueueMappingSettings { queue: "nowhere".to_owned(), ..settings() };
    let error = mappings.update(vec![QueueMapping::try_from(nowhere).unwrap()]).await.unwrap_err().to_string();
    assert!(error.contains("create the queue"), "{error}");
    mappings.stop().await;
}

#[tokio::test]
async fn a_window_longer_than_the_visibility_timeout_repeats_nothing() {
    let mut world = World::new().await;
    let patient = QueueMappingSettings { batch_size: 3, batch_window: Duration::from_secs(300), ..settings() };
    let mappings = world.start(patient).await;
    world.send(&["a"]).await;
    let look = Receive { most: 1, most_bytes: usize::MAX, visibility_timeout: Some(0), wait: Some(Duration::ZERO) };
    while !world.queues.receive("jobs", look).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // The mapping has it, and the queue's timeout passes while it waits for more.
    world.seconds.fetch_add(31, Ordering::SeqCst);
    world.send(&["b", "c"]).await;
    let call = world.next_call().await;
    assert_eq!(bodies(&call), ["a", "b", "c"]);
    call.succeed();
    mappings.stop().await;
    assert!(world.left().await.is_empty());
}

#[tokio::test]
async fn a_message_after_a_long_silence_is_tried_again_as_long_as_any() {
    let mut world = World::new().await;
    let brief = QueueSettings { visibility_timeout: 10, ..QueueSettings::default() };
    world.queues.ensure_queue("jobs", brief).await.unwrap();
    let mappings = world.start(settings()).await;
    tokio::task::yield_now().await;
    // The mapping has asked, and waits for longer than a message is hidden.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(15)).await;
    tokio::time::resume();
    world.send(&["a"]).await;
    for _ in 0..3 {
        world.next_call().await.answer(Err(InvokeError::Throttled));
    }
    world.next_call().await.succeed();
    mappings.stop().await;
    assert!(world.left().await.is_empty());
}
