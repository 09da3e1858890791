//! Topics: subscriptions, and what becomes of a published message.

use crate::fixture::World;
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:news";

impl World {
    async fn sns(&self, parameters: &[(&str, &str)]) -> (u16, String) {
        let form = form_urlencoded::Serializer::new("Version=2010-03-31".to_owned()).extend_pairs(parameters).finish();
        self.form("/", &form).await
    }

    async fn topic(&self) {
        let (status, xml) = self.sns(&[("Action", "CreateTopic"), ("Name", "news")]).await;
        assert_eq!(status, 200, "{xml}");
        assert!(xml.contains(&format!("<TopicArn>{TOPIC}</TopicArn>")), "{xml}");
    }

    /// Returns the ARN of the subscription.
    async fn subscribed(&self, protocol: &str, endpoint: &str, attributes: &[(&str, &str)]) -> String {
        let mut parameters =
            vec![("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", protocol), ("Endpoint", endpoint)];
        parameters.extend(attributes);
        let (status, xml) = self.sns(&parameters).await;
        assert_eq!(status, 200, "{xml}");
        inside(&xml, "SubscriptionArn")
    }

    async fn publish(&self, parameters: &[(&str, &str)]) -> (u16, String) {
        self.sns(&[&[("Action", "Publish"), ("TopicArn", TOPIC)], parameters].concat()).await
    }
}

fn inside(xml: &str, element: &str) -> String {
    let rest = xml.split(&format!("<{element}>")).nth(1).unwrap_or_else(|| panic!("no {element} in {xml}"));
    rest.split('<').next().unwrap().to_owned()
}

fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

const RAW: [(&str, &str); 2] = [("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "true")];
const COLOUR: [(&str, &str); 3] = [
    ("MessageAttributes.entry.1.Name", "colour"),
    ("MessageAttributes.entry.1.Value.DataType", "String"),
    ("MessageAttributes.entry.1.Value.StringValue", "red"),
];

#[tokio::test]
async fn a_message_reaches_queues_and_functions() {
    let world = World::new().await;
    world.topic().await;
    let (wrapped, raw) = (world.queue("wrapped", json!({})).await, world.queue("raw", json!({})).await);
    world.subscribed("sqs", &queue_arn("wrapped"), &[]).await;
    world.subscribed("sqs", &queue_arn("raw"), &RAW).await;
    let subscription = world.subscribed("lambda", &function_arn("reader"), &[]).await;
    let (status, xml) = world.publish(&[&[("Message", "hello"), ("Subject", "Hi")][..], &COLOUR].concat()).await;
    assert_eq!(status, 200, "{xml}");
    let id = inside(&xml, "MessageId");

    let envelope: Value = serde_json::from_str(&world.bodies(&wrapped).await[0]).unwrap();
    let expected = json!({"Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Subject": "Hi", "Message": "hello",
                          "MessageAttributes": {"colour": {"Type": "String", "Value": "red"}}});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&envelope[name], value, "{name}");
    }
    let message = &world.receive(&raw).await[0];
    assert_eq!(message["Body"], "hello");
    assert_eq!(message["MessageAttributes"], json!({"colour": {"DataType": "String", "StringValue": "red"}}));

    let events = world.functions.0.lock().unwrap();
    let [(function, event)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(function, "reader");
    let record = &event["Records"][0];
    assert_eq!((&record["EventSubscriptionArn"], &record["EventSource"]), (&json!(subscription), &json!("aws:sns")));
    assert_eq!((&record["Sns"]["MessageId"], &record["Sns"]["Message"]), (&json!(id), &json!("hello")));
}

#[tokio::test]
async fn each_protocol_may_have_a_text_of_its_own() {
    let world = World::new().await;
    world.topic().await;
    let url = world.queue("raw", json!({})).await;
    world.subscribed("sqs", &queue_arn("raw"), &RAW).await;
    world.subscribed("lambda", &function_arn("reader"), &[]).await;
    let texts = r#"{"default": "for all", "sqs": "for queues"}"#;
    assert_eq!(world.publish(&[("Message", texts), ("MessageStructure", "json")]).await.0, 200);
    assert_eq!(world.bodies(&url).await, ["for queues"]);
    assert_eq!(world.functions.0.lock().unwrap()[0].1["Records"][0]["Sns"]["Message"], "for all");
}

#[tokio::test]
async fn what_cannot_be_delivered_goes_to_the_dead_letters() {
    let world = World::new().await;
    world.topic().await;
    let dead = world.queue("dead", json!({})).await;
    let policy = json!({ "deadLetterTargetArn": queue_arn("dead") }).to_string();
    let attributes = [("Attributes.entry.1.key", "RedrivePolicy"), ("Attributes.entry.1.value", &*policy)];
    world.subscribed("sqs", &queue_arn("gone"), &attributes).await;
    world.subscribed("lambda", &function_arn("missing"), &attributes).await;
    assert_eq!(world.publish(&[("Message", "hello")]).await.0, 200, "one subscriber's trouble is not the publisher's");
    let bodies = world.bodies(&dead).await;
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert!(bodies.iter().all(|body| body.contains("hello")));
}

#[tokio::test]
async fn subscriptions_are_made_once_listed_and_removed() {
    let world = World::new().await;
    world.topic().await;
    let arn = world.subscribed("sqs", &queue_arn("jobs"), &RAW).await;
    assert_eq!(world.subscribed("sqs", &queue_arn("jobs"), &RAW).await, arn, "the same subscription");
    assert_eq!(world.subscribed("sqs", &queue_arn("jobs"), &[]).await, arn, "whatever its attributes");
    let jobs = queue_arn("jobs");
    let endpoint = [("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", "sqs"), ("Endpoint", &*jobs)];
    let not_raw = [("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "false")];
    let (status, xml) = world.sns(&[&endpoint[..], &not_raw].concat()).await;
    assert_eq!(status, 400, "{xml}");
    assert!(xml.contains("Subscription already exists with different attributes"), "{xml}");
    world.subscribed("lambda", &function_arn("reader"), &[]).await;
    let (_, xml) = world.sns(&[("Action", "ListSubscriptionsByTopic"), ("TopicArn", TOPIC)]).await;
    assert_eq!(xml.matches("<member>").count(), 2, "{xml}");
    assert!(xml.contains("<Protocol>sqs</Protocol>") && xml.contains(&queue_arn("jobs")), "{xml}");
    let (_, xml) = world.sns(&[("Action", "GetSubscriptionAttributes"), ("SubscriptionArn", &arn)]).await;
    assert!(xml.contains("<entry><key>RawMessageDelivery</key><value>true</value></entry>"), "{xml}");
    assert_eq!(world.sns(&[("Action", "Unsubscribe"), ("SubscriptionArn", &arn)]).await.0, 200);
    let (_, xml) = world.sns(&[("Action", "ListSubscriptions")]).await;
    assert_eq!(xml.matches("<member>").count(), 1, "{xml}");
    assert_eq!(world.sns(&[("Action", "DeleteTopic"), ("TopicArn", TOPIC)]).await.0, 200);
    let (_, xml) = world.sns(&[("Action", "ListSubscriptions")]).await;
    assert!(xml.contains("<Subscriptions></Subscriptions>"), "{xml}");
}

#[tokio::test]
async fn a_template_takes_back_its_own_subscriptions_only() {
    let world = World::new().await;
    world.topic().await;
    let listed = || async {
        let (_, xml) = world.sns(&[("Action", "ListSubscriptionsByTopic"), ("TopicArn", TOPIC)]).await;
        ["own", "first", "second"].map(|name| xml.contains(&format!(":{name}</Endpoint>")))
    };
    world.subscribed("sqs", &queue_arn("own"), &[]).await;
    let wanted = |name: &str| world.queues.subscription(TOPIC, "sqs", &queue_arn(name)).unwrap();
    world.queues.converge_subscriptions(vec![wanted("first"), wanted("second")]).await.unwrap();
    assert_eq!(listed().await, [true, true, true]);
    world.queues.converge_subscriptions(vec![wanted("second")]).await.unwrap();
    assert_eq!(listed().await, [true, false, true]);
    world.queues.converge_subscriptions(Vec::new()).await.unwrap();
    assert_eq!(listed().await, [true, false, false]);
}

#[tokio::test]
async fn a_batch_is_published_as_far_as_it_goes() {
    let world = World::new().await;
    world.topic().await;
    let url = world.queue("raw", json!({})).await;
    world.subscribed("sqs", &queue_arn("raw"), &RAW).await;
    let entry = |n: usize, member: &str| format!("PublishBatchRequestEntries.member.{n}.{member}");
    let (ids, messages) = ([entry(1, "Id"), entry(2, "Id")], [entry(1, "Message"), entry(2, "Subject")]);
    let (status, xml) = world
        .sns(&[
            ("Action", "PublishBatch"),
            ("TopicArn", TOPIC),
            (&ids[0], "a"),
            (&messages[0], "hello"),
            (&ids[1], "b"),
            (&messages[1], "no message"),
        ])
        .await;
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains("<Failed><member><Code>InvalidParameter</Code><Id>b</Id>"), "{xml}");
    assert_eq!(world.bodies(&url).await, ["hello"]);
}

#[tokio::test]
async fn requests_are_refused_as_aws_refuses_them() {
    let world = World::new().await;
    world.topic().await;
    let subscribe = |protocol, endpoint| {
        vec![("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", protocol), ("Endpoint", endpoint)]
    };
    let publish = |parameters: &[(&'static str, &'static str)]| {
        [&[("Action", "Publish"), ("TopicArn", TOPIC)], parameters].concat()
    };
    let filtered = [("Attributes.entry.1.key", "FilterPolicy"), ("Attributes.entry.1.value", "{")];
    let queue: &'static str = "arn:aws:sqs:us-east-1:000000000000:q";
    for (parameters, status, expected) in [
        (vec![("Action", "CreateTopic"), ("Name", "a b")], 400, "Topic Name"),
        (vec![("Action", "CreateTopic"), ("Name", "a.fifo")], 400, "FIFO topics do not exist here"),
        (subscribe("https", "https://example.org"), 400, "topics here deliver to sqs and lambda, not to https"),
        (subscribe("email", "a@example.org"), 400, "not to email"),
        (subscribe("pigeon", "x"), 400, "Does not support this protocol string: pigeon"),
        (subscribe("sqs", "https://example.org"), 400, "use the ARN of a queue of this server"),
        (subscribe("lambda", "reader"), 400, "use the ARN of a function"),
        ([subscribe("sqs", queue), filtered.to_vec()].concat(), 400, "FilterPolicy: "),
        (publish(&[]), 400, "Empty message"),
        (publish(&[("Message", "a"), ("Subject", "a\nb")]), 400, "Subject"),
        (publish(&[("Message", "{}"), ("MessageStructure", "json")]), 400, "No default entry"),
        (publish(&[("Message", "a"), ("PhoneNumber", "+1")]), 400, "telephones"),
        (vec![("Action", "Publish"), ("TopicArn", "news"), ("Message", "a")], 400, "TopicArn Reason"),
        (
            vec![("Action", "Publish"), ("TopicArn", "arn:aws:sns:us-east-1:000000000000:x"), ("Message", "a")],
            404,
            "Topic does not exist",
        ),
        (vec![("Action", "PublishBatch"), ("TopicArn", TOPIC)], 400, "EmptyBatchRequest"),
    ] {
        let (answered, xml) = world.sns(&parameters).await;
        assert_eq!(answered, status, "{parameters:?}: {xml}");
        assert!(xml.contains(expected), "{parameters:?}: {xml}");
    }
    let long = "x".repeat(256 * 1024 + 1);
    assert!(world.publish(&[("Message", &long)]).await.1.contains("Message too long"));
}
