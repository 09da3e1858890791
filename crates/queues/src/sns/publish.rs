//! `Publish`, alone and in batches.
//!
//! What goes to queues is written in one operation, so it is in all of them or in none. Functions get theirs afterwards, as
//! asynchronous invocations.

use super::manage::{self, arn};
use super::notification::Notification;
use super::topics::{self, Endpoint, Subscription};
use crate::attributes::MessageAttributes;
use crate::limits::{BATCH_ENTRIES, PUBLISHED_BYTES, SUBJECT_CHARS, SUBSCRIPTIONS};
use crate::messages::{self, NewMessage};
use crate::queues::Inner;
use crate::records;
use crate::refusal::{
    Refusal, SNS_BATCH_TOO_LONG, SNS_EMPTY_BATCH, SNS_IDS_NOT_DISTINCT, SNS_INVALID_ENTRY_ID, SNS_INVALID_VALUE,
    SNS_TOO_MANY_ENTRIES,
};
use crate::request::Request;
use metrics::counter;
use serde_json::{Map, Value, json};
use sluicegate_protocol::Destination;
use std::collections::HashSet;
use std::sync::Arc;
use tracing::warn;

/// A message that may be published.
struct Message {
    id: String,
    subject: Option<String>,
    text: Text,
    attributes: MessageAttributes,
}

enum Text {
    Same(String),
    /// By protocol; there is always a `default`.
    ByProtocol(Map<String, Value>),
}

/// What a delivery to a queue or to a function needs.
struct Delivery {
    subscription: Subscription,
    subscription_arn: String,
    body: String,
}

/// Where a `Publish` goes. Policies are asked about the same topic, so nothing else may decide it.
pub(super) fn topic_name(inner: &Inner, request: Request<'_>) -> Result<String, Refusal> {
    if request.text("PhoneNumber")?.is_some() {
        return Err(Refusal::sns("PhoneNumber Reason: nothing is sent to telephones here"));
    }
    match request.text("TargetArn")? {
        Some(arn) => manage::topic_of(inner, arn, "TargetArn"),
        None => manage::topic_name(inner, request, "TopicArn"),
    }
}

pub(super) async fn one(inner: &Inner, request: Request<'_>, sender: Arc<str>) -> Result<Value, Refusal> {
    let topic = topic_name(inner, request)?;
    let message = message(request)?;
    let id = message.id.clone();
    publish(inner, &topic, vec![message], sender).await?;
    Ok(json!({ "MessageId": id }))
}

/// A text of the server's own.
pub(super) async fn text(inner: &Inner, topic: &str, text: String, sender: Arc<str>) -> Result<(), Refusal> {
    check_size(text.len())?;
    let message =
        Message { id: new_id(), subject: None, text: Text::Same(text), attributes: MessageAttributes::default() };
    publish(inner, topic, vec![message], sender).await
}

pub(super) async fn batch(inner: &Inner, request: Request<'_>, sender: Arc<str>) -> Result<Value, Refusal> {
    let topic = manage::topic_name(inner, request, "TopicArn")?;
    let entries = entries(request)?;
    let (mut messages, mut successful, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, members) in entries {
        match message(members) {
            Ok(message) => {
                successful.push(json!({ "Id": id, "MessageId": message.id }));
                messages.push(message);
            }
            Err(refusal) => failed.push(json!({
                "Id": id,
                "Code": refusal.fault.code,
                "Message": refusal.message,
                "SenderFault": "true",
            })),
        }
    }
    let bytes: usize = messages.iter().map(Message::bytes).sum();
    if bytes > PUBLISHED_BYTES {
        let message =
            format!("The length of all the messages put together is more than the limit of {PUBLISHED_BYTES} bytes");
        return Err(Refusal::new(&SNS_BATCH_TOO_LONG, message));
    }
    publish(inner, &topic, messages, sender).await?;
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn entries<'r>(request: Request<'r>) -> Result<Vec<(&'r str, Request<'r>)>, Refusal> {
    let written = request.list("PublishBatchRequestEntries")?;
    if written.is_empty() {
        return Err(Refusal::new(&SNS_EMPTY_BATCH, "The batch request doesn't contain any entries."));
    }
    if written.len() > BATCH_ENTRIES {
        return Err(Refusal::new(&SNS_TOO_MANY_ENTRIES, "The batch request contains more entries than permissible."));
    }
    let mut ids = HashSet::new();
    written
        .iter()
        .map(|entry| {
            let members = entry.as_object().map(Request).ok_or_else(|| Refusal::sns("an entry is no structure"))?;
            let id = members.text("Id")?.unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if id.is_empty() || id.len() > 80 || !id.chars().all(fits) {
                return Err(Refusal::new(
                    &SNS_INVALID_ENTRY_ID,
                    "The Id of a batch entry in a batch request doesn't abide by the specification.",
                ));
            }
            if !ids.insert(id) {
                return Err(Refusal::new(
                    &SNS_IDS_NOT_DISTINCT,
                    "Two or more batch entries in the request have the same Id.",
                ));
            }
            Ok((id, members))
        })
        .collect()
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn message(members: Request<'_>) -> Result<Message, Refusal> {
    let text = members.text("Message")?.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::sns("Empty message"))?;
    let subject = members.text("Subject")?;
    if let Some(subject) = subject {
        let fits = |c: char| !c.is_control();
        if subject.is_empty() || subject.chars().count() > SUBJECT_CHARS || !subject.chars().all(fits) {
            return Err(Refusal::sns("Subject"));
        }
    }
    let attributes = match members.map("MessageAttributes")? {
        Some(written) => {
            MessageAttributes::parse(written).map_err(|refusal| Refusal::new(&SNS_INVALID_VALUE, refusal.message))?
        }
        None => MessageAttributes::default(),
    };
    check_size(text.len() + attributes.bytes())?;
    let text = match members.text("MessageStructure")? {
        None | Some("") => Text::Same(text.to_owned()),
        Some("json") => {
            let refused = |reason: &str| Refusal::sns(format!("Message Structure - {reason}"));
            let texts: Map<String, Value> =
                serde_json::from_str(text).map_err(|_| refused("JSON message body failed to parse"))?;
            if !texts.get("default").is_some_and(Value::is_string) {
                return Err(refused("No default entry in JSON message body"));
            }
            Text::ByProtocol(texts)
        }
        Some(other) => return Err(Refusal::sns(format!("MessageStructure Reason: use json, not {other}"))),
    };
    Ok(Message { id: new_id(), subject: subject.map(str::to_owned), text, attributes })
}

fn check_size(bytes: usize) -> Result<(), Refusal> {
    if bytes > PUBLISHED_BYTES { Err(Refusal::sns("Message too long")) } else { Ok(()) }
}

impl Message {
    fn bytes(&self) -> usize {
        let text = match &self.text {
            Text::Same(text) => text.len(),
            Text::ByProtocol(texts) => texts.values().filter_map(Value::as_str).map(str::len).sum(),
        };
        text + self.attributes.bytes()
    }

    fn text_for(&self, endpoint: &Endpoint) -> &str {
        match &self.text {
            Text::Same(text) => text,
            Text::ByProtocol(texts) => {
                let own = texts.get(endpoint.protocol()).and_then(Value::as_str);
                own.or_else(|| texts["default"].as_str()).unwrap_or_default()
            }
        }
    }
}

async fn publish(inner: &Inner, topic: &str, messages: Vec<Message>, sender: Arc<str>) -> Result<(), Refusal> {
    let subscriptions = subscriptions(inner, topic).await?;
    counter!("sluicegate_topic_messages_total", "topic" => topic.to_owned()).increment(messages.len() as u64);
    let (mut to_queues, mut to_functions) = (Vec::new(), Vec::new());
    let (topic_arn, published) = (inner.place.topic_arn(topic), inner.now());
    for message in &messages {
        for subscription in &subscriptions {
            let subscription_arn = arn(inner, topic, &subscription.id);
            let endpoint = &subscription.settings.endpoint;
            let filter = subscription.settings.filter.as_ref();
            if filter.is_some_and(|filter| !filter.lets_pass(&message.attributes, message.text_for(endpoint))) {
                continue;
            }
            let notification = Notification {
                message_id: &message.id,
                topic_arn: &topic_arn,
                subject: message.subject.as_deref(),
                message: message.text_for(endpoint),
                attributes: &message.attributes,
                published,
                region: &inner.place.region,
            };
            let delivery = |body| Delivery {
                subscription: subscription.clone(),
                subscription_arn: subscription_arn.clone(),
                body,
            };
            match endpoint {
                Endpoint::Queue(queue) if subscription.settings.raw => {
                    let mut new = NewMessage::new(notification.message, Arc::clone(&sender));
                    new.attributes = message.attributes.clone();
                    to_queues.push((queue.clone(), new, delivery(String::new())));
                }
                Endpoint::Queue(queue) => {
                    let new = NewMessage::new(notification.envelope(&subscription_arn), Arc::clone(&sender));
                    to_queues.push((queue.clone(), new, delivery(String::new())));
                }
                Endpoint::Function(_) => to_functions.push(delivery(notification.event(&subscription_arn))),
            }
        }
    }
    deliver_to_queues(inner, topic, to_queues).await?;
    for delivery in to_functions {
        deliver_to_function(inner, topic, delivery, &sender).await;
    }
    Ok(())
}

async fn subscriptions(inner: &Inner, topic: &str) -> Result<Vec<Subscription>, Refusal> {
    let topic = topic.to_owned();
    inner
        .run(move |connection| {
            if !topics::exists(connection, &topic)? {
                return Err(Refusal::no_topic().into());
            }
            Ok(topics::subscriptions(connection, Some(&topic), "", SUBSCRIPTIONS as usize)?)
        })
        .await
}

/// All in one operation. A queue that is gone takes nothing; the queue for dead letters does, if there is one.
async fn deliver_to_queues(
    inner: &Inner,
    topic: &str,
    deliveries: Vec<(String, NewMessage, Delivery)>,
) -> Result<(), Refusal> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let now = inner.now();
    let delivered = inner
        .run(move |connection| {
            let mut delivered = Vec::new();
            for (name, message, delivery) in deliveries {
                let dead = delivery.subscription.settings.dead_letter_queue;
                let mut taken = None;
                for queue in std::iter::once(name).chain(dead) {
                    let Some(record) = records::look_up(connection, &queue)? else { continue };
                    if message.bytes() as i64 > record.settings.maximum_bytes {
                        continue;
                    }
                    messages::insert(connection, &record, &message, now)?;
                    taken = Some(queue);
                    break;
                }
                delivered.push((delivery.subscription_arn, taken));
            }
            Ok(delivered)
        })
        .await?;
    for (subscription, queue) in delivered {
        match queue {
            Some(queue) => {
                count(topic, "sqs", "delivered");
                inner.sent(&queue, 1);
            }
            None => lost(topic, "sqs", &subscription, "there is no such queue, or it takes no message of this size"),
        }
    }
    Ok(())
}

async fn deliver_to_function(inner: &Inner, topic: &str, delivery: Delivery, sender: &Arc<str>) {
    let Delivery { subscription, subscription_arn, body } = delivery;
    let Endpoint::Function(function) = &subscription.settings.endpoint else { return };
    let destination = Destination::Function(function.as_str().into());
    let dead = subscription.settings.dead_letter_queue;
    let kept = dead.as_ref().map(|_| body.clone());
    let Err(error) = inner.functions.deliver(&destination, body).await else {
        return count(topic, "lambda", "delivered");
    };
    if let (Some(queue), Some(body)) = (dead, kept) {
        let sent = inner.send(&queue, vec![NewMessage::new(body, Arc::clone(sender))]).await;
        if matches!(sent.as_deref(), Ok([Ok(())])) {
            return count(topic, "lambda", "dead_letter");
        }
    }
    lost(topic, "lambda", &subscription_arn, &error.to_string());
}

fn lost(topic: &str, protocol: &'static str, subscription: &str, cause: &str) {
    count(topic, protocol, "lost");
    warn!(topic, subscription, cause, "a message of a topic did not reach its subscriber");
}

fn count(topic: &str, protocol: &'static str, result: &'static str) {
    counter!("sluicegate_topic_deliveries_total", "topic" => topic.to_owned(), "protocol" => protocol, "result" => result)
        .increment(1);
}
