//! Who sees a message when: visibility, delays, retention, dead letters, waiting.

use crate::fixture::World;
use serde_json::{Value, json};
use sluicegate_queues::Receive;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_received_message_is_hidden_until_its_time_is_over() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"VisibilityTimeout": "10"})).await;
    world.send(&url, "a").await;
    let first = world.receive(&url).await[0]["ReceiptHandle"].clone();
    assert!(world.bodies(&url).await.is_empty());
    assert_eq!(world.attributes(&url).await["ApproximateNumberOfMessagesNotVisible"], "1");
    world.pass(10);
    let second = world.receive(&url).await[0].clone();
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
    // The first receiver is too late: somebody else works on it.
    world.done("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": first})).await;
    world.pass(10);
    assert_eq!(world.bodies(&url).await, ["a"]);
    world.pass(10);
    let third = world.receive(&url).await[0]["ReceiptHandle"].clone();
    world.pass(11);
    // Late, but nobody else has received it since.
    world.done("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": third})).await;
    assert!(world.bodies(&url).await.is_empty());
    world.done("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": third})).await;
}

#[tokio::test]
async fn visibility_is_changed_while_a_message_is_in_flight() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"VisibilityTimeout": "10"})).await;
    world.send(&url, "a").await;
    let handle = world.receive(&url).await[0]["ReceiptHandle"].clone();
    let change = |seconds: i64| json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": seconds});
    world.pass(9);
    world.done("ChangeMessageVisibility", change(20)).await;
    world.pass(19);
    assert!(world.bodies(&url).await.is_empty());
    world.done("ChangeMessageVisibility", change(0)).await;
    assert_eq!(world.refused("ChangeMessageVisibility", change(5)).await, "MessageNotInflight");
    assert_eq!(world.bodies(&url).await, ["a"]);
    assert_eq!(world.refused("ChangeMessageVisibility", change(5)).await, "InvalidParameterValueException");
}

#[tokio::test]
async fn delays_are_the_messages_or_the_queues() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"DelaySeconds": "10"})).await;
    world.send(&url, "queue").await;
    world.done("SendMessage", json!({"QueueUrl": url, "MessageBody": "now", "DelaySeconds": 0})).await;
    world.done("SendMessage", json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 20})).await;
    for expected in [vec!["now"], vec!["queue"], vec!["later"]] {
        assert_eq!(world.bodies(&url).await, expected);
        world.pass(10);
    }
}

#[tokio::test]
async fn a_message_is_gone_when_its_retention_is_over() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"MessageRetentionPeriod": "60"})).await;
    world.send(&url, "old").await;
    world.pass(59);
    world.send(&url, "new").await;
    world.pass(1);
    assert_eq!(world.bodies(&url).await, ["new"]);
}

#[tokio::test]
async fn messages_received_too_often_go_to_the_dead_letters() {
    let world = World::new().await;
    let dead = world.queue("dead", json!({})).await;
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 2});
    let attributes = json!({"VisibilityTimeout": "10", "RedrivePolicy": policy.to_string()});
    let url = world.queue("jobs", attributes).await;
    world.send(&url, "poison").await;
    for _ in 0..2 {
        assert!(world.bodies(&dead).await.is_empty());
        assert_eq!(world.bodies(&url).await, ["poison"]);
        world.pass(10);
    }
    world.send(&url, "good").await;
    assert_eq!(world.bodies(&url).await, ["good"], "and it does not hold back the others");
    let given_up = world.receive(&dead).await;
    assert_eq!(given_up[0]["Body"], "poison");
    assert_eq!(given_up[0]["Attributes"]["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:jobs");
    assert_eq!(given_up[0]["Attributes"]["ApproximateReceiveCount"], "3");

    let nowhere = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:nowhere", "maxReceiveCount": 2});
    let request = json!({"QueueName": "x", "Attributes": {"RedrivePolicy": nowhere.to_string()}});
    assert_eq!(world.refused("CreateQueue", request).await, "InvalidParameterValueException");
}

#[tokio::test]
async fn with_no_time_to_hide_a_message_is_given_once_per_call() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"VisibilityTimeout": "0"})).await;
    world.send(&url, "a").await;
    assert_eq!(world.bodies(&url).await, ["a"]);
    assert_eq!(world.bodies(&url).await, ["a"]);
}

#[tokio::test]
async fn a_waiting_receiver_gets_what_is_sent_meanwhile() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"ReceiveMessageWaitTimeSeconds": "20"})).await;
    let (received, ()) = tokio::join!(world.bodies(&url), async {
        tokio::task::yield_now().await;
        world.send(&url, "a").await;
    });
    assert_eq!(received, ["a"]);
}

#[tokio::test]
async fn a_message_wakes_one_receiver_and_ten_wake_all() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let wait = |_| async {
        let receive =
            Receive { most: 1, most_bytes: usize::MAX, visibility_timeout: None, wait: Some(Duration::from_secs(20)) };
        world.queues.receive("jobs", receive).await.unwrap().len()
    };
    let (a, b, c, ()) = tokio::join!(wait(0), wait(1), wait(2), async {
        tokio::task::yield_now().await;
        let entries: Vec<Value> = (0..3).map(|n| json!({"Id": n.to_string(), "MessageBody": "m"})).collect();
        world.done("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries})).await;
    });
    assert_eq!((a, b, c), (1, 1, 1));
}

#[tokio::test]
async fn waiting_ends_with_its_time_and_with_the_server() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let begun = Instant::now();
    world.done("ReceiveMessage", json!({"QueueUrl": url, "WaitTimeSeconds": 1})).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let (answer, ()) =
        tokio::join!(world.done("ReceiveMessage", json!({"QueueUrl": url, "WaitTimeSeconds": 20})), async {
            world.queues.stop_waiting()
        });
    assert_eq!(answer, json!({}));
}

#[tokio::test]
async fn a_portion_is_bounded_in_bytes() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    for _ in 0..3 {
        world.send(&url, &"x".repeat(100)).await;
    }
    for (most_bytes, expected) in [(250, 2), (10, 1)] {
        let receive = Receive { most: 10, most_bytes, visibility_timeout: None, wait: None };
        assert_eq!(world.queues.receive("jobs", receive).await.unwrap().len(), expected);
    }
}

/// Far less than receivers wait.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn waiting_receivers_learn_when_messages_come_into_sight() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"VisibilityTimeout": "30"})).await;
    world.send(&url, "a").await;
    let handle = world.receive(&url).await[0]["ReceiptHandle"].clone();
    let wait = |visibility_timeout| Receive {
        most: 1,
        most_bytes: usize::MAX,
        visibility_timeout,
        wait: Some(Duration::from_secs(20)),
    };
    let begun = Instant::now();
    let (received, ()) = tokio::join!(world.queues.receive("jobs", wait(Some(1))), async {
        tokio::task::yield_now().await;
        let change = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1});
        world.done("ChangeMessageVisibility", change).await;
        world.pass(1);
    });
    assert_eq!((received.unwrap().len(), begun.elapsed() < SOON), (1, true), "its time was changed");

    let other = world.queue("other", json!({})).await;
    let hand_on = || async {
        let received = world.queues.receive("other", wait(Some(1))).await.unwrap();
        world.pass(1);
        received.len()
    };
    let begun = Instant::now();
    let (first, second, ()) = tokio::join!(hand_on(), hand_on(), async {
        tokio::task::yield_now().await;
        world.send(&other, "b").await;
    });
    assert_eq!((first, second, begun.elapsed() < SOON), (1, 1, true), "what the first does not delete is the second's");
}

#[tokio::test]
async fn receivers_that_are_woken_together_do_not_crowd_each_other_out() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let mut receivers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        for _ in 0..500 {
            let queues = world.queues.clone();
            receivers.spawn(async move {
                let wait = Some(Duration::from_secs(20));
                queues.receive("jobs", Receive { most: 1, most_bytes: 1, visibility_timeout: None, wait }).await
            });
        }
        // The runtime polls a few dozen between two turns of this task.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        // Answered after the looks of all these.
        world.attributes(&url).await;
    }
    world.done("DeleteQueue", json!({"QueueUrl": url})).await;
    while let Some(ended) = receivers.join_next().await {
        let refusal = ended.unwrap().unwrap_err();
        assert!(refusal.is_missing(), "{refusal}");
    }
}
