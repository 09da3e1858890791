//! Queues and their messages over the JSON protocol.

use crate::fixture::{START, World};
use serde_json::{Value, json};

#[tokio::test]
async fn a_queue_is_made_once_and_says_what_it_is() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"VisibilityTimeout": "60"})).await;
    assert_eq!(url, "http://127.0.0.1:8080/000000000000/jobs");
    assert_eq!(world.queue("jobs", json!({"VisibilityTimeout": "60"})).await, url);
    assert_eq!(world.queue("jobs", json!({})).await, url);
    let other = json!({"QueueName": "jobs", "Attributes": {"VisibilityTimeout": "61"}});
    assert_eq!(world.refused("CreateQueue", other).await, "QueueNameExists");
    assert_eq!(world.done("GetQueueUrl", json!({"QueueName": "jobs"})).await["QueueUrl"], url);

    let attributes = world.attributes(&url).await;
    for (name, expected) in [
        ("QueueArn", "arn:aws:sqs:us-east-1:000000000000:jobs"),
        ("VisibilityTimeout", "60"),
        ("MessageRetentionPeriod", "345600"),
        ("MaximumMessageSize", "1048576"),
        ("DelaySeconds", "0"),
        ("CreatedTimestamp", &(START / 1000).to_string()),
        ("ApproximateNumberOfMessages", "0"),
    ] {
        assert_eq!(attributes[name], expected, "{name}");
    }
    world.pass(5);
    world.done("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "7"}})).await;
    let asked = json!({"QueueUrl": url, "AttributeNames": ["DelaySeconds", "LastModifiedTimestamp"]});
    assert_eq!(
        world.done("GetQueueAttributes", asked).await,
        json!({"Attributes": {"DelaySeconds": "7", "LastModifiedTimestamp": (START / 1000 + 5).to_string()}})
    );
}

#[tokio::test]
async fn urls_begin_with_what_the_client_dialled() {
    let world = World::new().await;
    world.queue("jobs", json!({})).await;
    let own = "http://127.0.0.1:8080";
    for (host, expected) in [
        ("queues.example.org", "http://queues.example.org"),
        ("sluicegate:9000", "http://sluicegate:9000"),
        ("192.0.2.1:80", "http://192.0.2.1:80"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ("[::1]", "http://[::1]"),
        // Functions, whose calls to AWS are led here.
        ("sqs.us-east-1.amazonaws.com", own),
        ("SQS.cn-north-1.amazonaws.com.cn:80", own),
        // None of these is a host.
        ("", own),
        (":80", own),
        ("a:b", own),
        ("a:65536", own),
        ("me@example.org", own),
        ("example.org/path", own),
        ("[::1", own),
        ("[example.org]", own),
        ("[::1]80", own),
    ] {
        assert_eq!(world.url_under(&[("host", host)], "jobs").await, format!("{expected}/000000000000/jobs"), "{host}");
    }
    let behind_tls = [("host", "queues.example.org"), ("x-forwarded-proto", "https")];
    assert_eq!(world.url_under(&behind_tls, "jobs").await, "https://queues.example.org/000000000000/jobs");
}

#[tokio::test]
async fn queues_are_listed_in_pages() {
    let world = World::new().await;
    assert_eq!(world.done("ListQueues", json!({})).await, json!({}));
    for name in ["a1", "a2", "a3", "b1"] {
        world.queue(name, json!({})).await;
    }
    let page = world.done("ListQueues", json!({"QueueNamePrefix": "a", "MaxResults": 2})).await;
    assert_eq!(page["QueueUrls"].as_array().unwrap().len(), 2);
    let rest = json!({"QueueNamePrefix": "a", "MaxResults": 2, "NextToken": page["NextToken"]});
    let rest = world.done("ListQueues", rest).await;
    assert_eq!(rest["QueueUrls"], json!(["http://127.0.0.1:8080/000000000000/a3"]));
    assert_eq!(rest.get("NextToken"), None);
}

#[tokio::test]
async fn a_message_comes_with_all_that_is_known_about_it() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let request = json!({"QueueUrl": url, "MessageBody": "This is a test message",
        "MessageAttributes": {"colour": {"DataType": "String", "StringValue": "red"}},
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}});
    let sent = world.done("SendMessage", request).await;
    assert_eq!(sent["MD5OfMessageBody"], "fafb00f5732ab283681e124bf8747ed1");
    assert!(sent["MD5OfMessageSystemAttributes"].is_string());
    world.pass(2);
    let received = world.receive(&url).await;
    let [message] = &received[..] else { panic!("{received:?}") };
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["Body"], "This is a test message");
    assert_eq!(message["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(message["MessageAttributes"], json!({"colour": {"DataType": "String", "StringValue": "red"}}));
    assert_eq!(
        message["Attributes"],
        json!({"SenderId": "me", "SentTimestamp": START.to_string(), "ApproximateReceiveCount": "1",
               "ApproximateFirstReceiveTimestamp": (START + 2000).to_string(), "AWSTraceHeader": "Root=1"})
    );
    let bare = json!({"QueueUrl": url, "VisibilityTimeout": 0});
    world.pass(31);
    let again = world.done("ReceiveMessage", bare).await["Messages"][0].clone();
    assert_eq!((again.get("Attributes"), again.get("MessageAttributes")), (None, None));
}

#[tokio::test]
async fn batches_say_what_became_of_each_entry() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({"MaximumMessageSize": "1024"})).await;
    let entries = json!([
        {"Id": "good", "MessageBody": "one"},
        {"Id": "long", "MessageBody": "x".repeat(1025)},
        {"Id": "bad", "MessageBody": "\u{1}"},
        {"Id": "late", "MessageBody": "two", "DelaySeconds": 60},
    ]);
    let answer = world.done("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries})).await;
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one["Id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&answer["Successful"]), ["good", "late"]);
    assert_eq!(ids(&answer["Failed"]), ["long", "bad"]);
    assert_eq!(answer["Failed"][0]["Code"], "InvalidParameterValue");
    assert_eq!(answer["Failed"][1]["SenderFault"], true);
    let attributes = world.attributes(&url).await;
    assert_eq!(attributes["ApproximateNumberOfMessages"], "1");
    assert_eq!(attributes["ApproximateNumberOfMessagesDelayed"], "1");

    let received = world.receive(&url).await;
    let entries =
        json!([{"Id": "a", "ReceiptHandle": received[0]["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "x"}]);
    let answer = world.done("DeleteMessageBatch", json!({"QueueUrl": url, "Entries": entries})).await;
    assert_eq!(ids(&answer["Successful"]), ["a"]);
    assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn requests_are_refused_as_aws_refuses_them() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let entry = |id: &str| json!({"Id": id, "MessageBody": "a"});
    let batch = |entries: Value| json!({"QueueUrl": url, "Entries": entries});
    let big = json!({"Id": "a", "MessageBody": "x".repeat(600 * 1024)});
    let big2 = json!({"Id": "b", "MessageBody": "x".repeat(600 * 1024)});
    let receive = |name: &str, value: Value| json!({"QueueUrl": url, name: value});
    for (operation, request, expected) in [
        ("CreateQueue", json!({}), "MissingRequiredParameterException"),
        ("CreateQueue", json!({"QueueName": "a b"}), "InvalidParameterValueException"),
        ("CreateQueue", json!({"QueueName": "a.fifo"}), "InvalidParameterValueException"),
        ("CreateQueue", json!({"QueueName": "a", "Attributes": {"FifoQueue": "true"}}), "InvalidAttributeName"),
        ("CreateQueue", json!({"QueueName": "a", "Attributes": {"DelaySeconds": "-1"}}), "InvalidAttributeValue"),
        ("GetQueueUrl", json!({"QueueName": "nobody"}), "QueueDoesNotExist"),
        ("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["Colour"]}), "InvalidAttributeName"),
        ("SendMessage", json!({"QueueUrl": "http://h/000000000000/nobody", "MessageBody": "a"}), "QueueDoesNotExist"),
        ("SendMessage", json!({"QueueUrl": "http://h/111111111111/jobs", "MessageBody": "a"}), "QueueDoesNotExist"),
        ("SendMessage", json!({"MessageBody": "a"}), "MissingRequiredParameterException"),
        (
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": "x".repeat(1_048_577)}),
            "InvalidParameterValueException",
        ),
        ("SendMessageBatch", batch(json!([])), "EmptyBatchRequest"),
        (
            "SendMessageBatch",
            batch(json!((0..11).map(|n| entry(&n.to_string())).collect::<Vec<_>>())),
            "TooManyEntriesInBatchRequest",
        ),
        ("SendMessageBatch", batch(json!([entry("a"), entry("a")])), "BatchEntryIdsNotDistinct"),
        ("SendMessageBatch", batch(json!([entry("a b")])), "InvalidBatchEntryId"),
        ("SendMessageBatch", batch(json!([big, big2])), "BatchRequestTooLong"),
        ("ReceiveMessage", receive("MaxNumberOfMessages", json!(11)), "InvalidParameterValueException"),
        ("ReceiveMessage", receive("MaxNumberOfMessages", json!(0)), "InvalidParameterValueException"),
        ("ReceiveMessage", receive("WaitTimeSeconds", json!(21)), "InvalidParameterValueException"),
        ("ReceiveMessage", receive("VisibilityTimeout", json!(43201)), "InvalidParameterValueException"),
        ("ReceiveMessage", receive("AttributeNames", json!(["Colour"])), "InvalidAttributeName"),
        ("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": "x"}), "ReceiptHandleIsInvalid"),
        (
            "ChangeMessageVisibility",
            json!({"QueueUrl": url, "ReceiptHandle": "x"}),
            "MissingRequiredParameterException",
        ),
        ("TagQueue", json!({"QueueUrl": url}), "UnsupportedOperation"),
        ("Dance", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(world.refused(operation, request.clone()).await, expected, "{operation}");
    }
}

#[tokio::test]
async fn deleted_and_purged_queues_have_nothing_left() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    world.pass(120);
    world.send(&url, "a").await;
    let handle = world.receive(&url).await[0]["ReceiptHandle"].clone();
    world.send(&url, "a").await;
    world.done("PurgeQueue", json!({"QueueUrl": url})).await;
    assert_eq!(world.refused("PurgeQueue", json!({"QueueUrl": url})).await, "PurgeQueueInProgress");
    assert!(world.bodies(&url).await.is_empty());
    let attributes = world.attributes(&url).await;
    assert_eq!(attributes["ApproximateNumberOfMessages"], "0");
    assert_eq!(attributes["ApproximateNumberOfMessagesNotVisible"], "0");
    // Who had received one before has not to know of the purge.
    world.done("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle})).await;
    let other = world.queue("other", json!({})).await;
    world.send(&other, "c").await;
    let handle = world.receive(&other).await[0]["ReceiptHandle"].clone();
    let request = json!({"QueueUrl": url, "ReceiptHandle": handle});
    assert_eq!(world.refused("DeleteMessage", request).await, "ReceiptHandleIsInvalid");
    world.send(&url, "b").await;
    world.done("DeleteQueue", json!({"QueueUrl": url})).await;
    assert_eq!(world.refused("DeleteQueue", json!({"QueueUrl": url})).await, "QueueDoesNotExist");
    world.queue("jobs", json!({})).await;
    assert!(world.bodies(&url).await.is_empty(), "a new queue of the same name has none of the old messages");
}
