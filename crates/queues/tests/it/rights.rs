//! What users with policies may reach, and what they may not reach by detours.

use crate::fixture::World;
use crate::signatures::credential;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sluicegate_endpoint::Caller;
use sluicegate_protocol::AwsService;
use std::sync::Arc;

const OPEN: &str = "arn:aws:sns:us-east-1:000000000000:open";
const SECRET: &str = "arn:aws:sns:us-east-1:000000000000:secret";

fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:us-east-1:000000000000:{name}")
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn user(statements: &[Value]) -> Caller {
    Caller::Known(Arc::new(credential(&json!({ "Statement": statements }).to_string())))
}

impl World {
    /// Topics `open` and `secret`, of which queue `leak` gets everything.
    async fn with_topics() -> (Self, String) {
        let world = Self::new().await;
        let url = world.queue("leak", json!({})).await;
        for topic in ["open", "secret"] {
            world.queues.ensure_topic(topic, None).await.unwrap();
        }
        let subscriptions = [OPEN, SECRET].map(|topic| world.queues.subscription(topic, "sqs", &arn("sqs", "leak")));
        world.queues.converge_subscriptions(subscriptions.map(Result::unwrap).to_vec()).await.unwrap();
        (world, url)
    }

    async fn sns_as(&self, caller: &Caller, parameters: &[(&str, &str)]) -> (u16, String) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = Request::post("/").body(Bytes::from(form)).unwrap();
        let response = self.queues.call(AwsService::Sns, request, caller).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn the_topic_that_is_allowed_is_the_one_that_is_published_to() {
    let (world, url) = World::with_topics().await;
    let of_open = user(&[allow("sns:Publish", OPEN)]);
    let all_but_secret = user(&[allow("sns:*", "*"), json!({"Effect": "Deny", "Action": "sns:*", "Resource": SECRET})]);
    let odd = SECRET.replace("arn:aws:", "arn:awsx:");
    for (caller, topic, expected) in [
        (&of_open, vec![("TopicArn", OPEN)], 200),
        (&of_open, vec![("TargetArn", OPEN)], 200),
        (&of_open, vec![("TopicArn", SECRET)], 403),
        (&of_open, vec![("TargetArn", SECRET)], 403),
        (&of_open, vec![("TopicArn", OPEN), ("TargetArn", SECRET)], 403),
        (&all_but_secret, vec![("TopicArn", OPEN)], 200),
        (&all_but_secret, vec![("TopicArn", SECRET)], 403),
        (&all_but_secret, vec![("TopicArn", OPEN), ("TargetArn", SECRET)], 403),
        (&all_but_secret, vec![("TopicArn", &*odd)], 404),
        (&all_but_secret, vec![("TargetArn", &*odd)], 404),
    ] {
        let parameters = [&[("Action", "Publish"), ("Message", "m")], &topic[..]].concat();
        let (status, xml) = world.sns_as(caller, &parameters).await;
        assert_eq!(status, expected, "{topic:?}: {xml}");
        assert_eq!(world.bodies(&url).await.len(), usize::from(expected == 200), "{topic:?}");
    }
    for action in ["DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "PublishBatch"] {
        let (status, xml) = world.sns_as(&all_but_secret, &[("Action", action), ("TopicArn", &odd)]).await;
        assert_eq!(status, 404, "{action}: {xml}");
    }
}

#[tokio::test]
async fn a_subscription_reaches_what_its_maker_may_reach() {
    let (world, _) = World::with_topics().await;
    let (queue, function) = (arn("sqs", "jobs"), arn("lambda", "function:f"));
    let odd_function = function.replace("arn:aws:", "arn:awsx:").replace("us-east-1", "eu-west-1");
    let redrive = json!({ "deadLetterTargetArn": arn("sqs", "dead") }).to_string();
    let dead = [("Attributes.entry.1.key", "RedrivePolicy"), ("Attributes.entry.1.value", &*redrive)];
    let subscribe = allow("sns:Subscribe", OPEN);
    let (send, send_dead) = (allow("sqs:SendMessage", &queue), allow("sqs:SendMessage", &arn("sqs", "dead")));
    let invoke = allow("lambda:InvokeFunction", &function);
    let denied = json!({"Effect": "Deny", "Action": "lambda:*", "Resource": function});
    for (statements, protocol, endpoint, attributes, expected) in [
        (vec![&subscribe], "sqs", &queue, &[][..], 403),
        (vec![&send], "sqs", &queue, &[], 403),
        (vec![&subscribe, &send], "sqs", &queue, &dead, 403),
        (vec![&subscribe, &send, &send_dead], "sqs", &queue, &dead, 200),
        (vec![&subscribe, &send], "lambda", &function, &[], 403),
        (vec![&subscribe, &allow("lambda:*", "*"), &denied], "lambda", &odd_function, &[], 403),
        (vec![&subscribe, &invoke], "lambda", &function, &[], 200),
    ] {
        let caller = user(&statements.into_iter().cloned().collect::<Vec<_>>());
        let asked = [("Action", "Subscribe"), ("TopicArn", OPEN), ("Protocol", protocol), ("Endpoint", endpoint)];
        let (status, xml) = world.sns_as(&caller, &[&asked, attributes].concat()).await;
        assert_eq!(status, expected, "{protocol} {endpoint} {attributes:?}: {xml}");
    }
}
