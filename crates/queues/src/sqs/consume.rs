//! Received, deleted, hidden and shown again.

use super::batch::{self, Entry};
use crate::attributes::digest;
use crate::limits::{BATCH_ENTRIES, VISIBILITY_SECONDS, WAIT_SECONDS};
use crate::messages::Received;
use crate::queues::{Inner, Receive};
use crate::refusal::{INVALID_ATTRIBUTE_NAME, Refusal};
use crate::request::Request;
use serde_json::{Map, Value, json};
use std::time::Duration;

const SYSTEM_ATTRIBUTES: &[&str] = &[
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

pub(super) async fn receive(inner: &Inner, queue: &str, request: Request<'_>) -> Result<Value, Refusal> {
    let most = request.integer("MaxNumberOfMessages", 1..=BATCH_ENTRIES as i64)?.unwrap_or(1);
    let wait = request.integer("WaitTimeSeconds", 0..=WAIT_SECONDS)?;
    // The newer name and the older one.
    let mut system = request.texts("MessageSystemAttributeNames")?;
    system.extend(request.texts("AttributeNames")?);
    if let Some(unknown) = system.iter().find(|name| !SYSTEM_ATTRIBUTES.contains(name)) {
        return Err(Refusal::new(&INVALID_ATTRIBUTE_NAME, format!("Unknown Attribute {unknown}.")));
    }
    let own = request.texts("MessageAttributeNames")?;
    let receive = Receive {
        most: most.unsigned_abs() as usize,
        most_bytes: usize::MAX,
        visibility_timeout: request.integer("VisibilityTimeout", 0..=VISIBILITY_SECONDS)?,
        wait: wait.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
    };
    let received = inner.receive(queue, receive).await?;
    let messages: Vec<Value> = received.into_iter().map(|message| described(message, &system, &own)).collect();
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}

fn described(message: Received, system: &[&str], own: &[&str]) -> Value {
    let mut answer = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": digest(message.body.as_bytes()),
    });
    let is_asked = |name: &str| system.contains(&"All") || system.contains(&name);
    let given: Map<String, Value> = message
        .system_attributes()
        .into_iter()
        .filter(|(name, _)| is_asked(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if !given.is_empty() {
        answer["Attributes"] = given.into();
    }
    let attributes = message.attributes.asked(own);
    if let Some(digest) = attributes.digest() {
        answer["MD5OfMessageAttributes"] = digest.into();
        answer["MessageAttributes"] = attributes.to_json();
    }
    answer["Body"] = message.body.into();
    answer
}

pub(super) async fn delete(inner: &Inner, queue: &str, request: Request<'_>) -> Result<Value, Refusal> {
    let handle = request.required_text("ReceiptHandle")?.to_owned();
    match inner.delete(queue, vec![handle]).await?.pop() {
        Some(Err(refusal)) => Err(refusal),
        Some(Ok(_)) | None => Ok(json!({})),
    }
}

pub(super) async fn delete_batch(inner: &Inner, queue: &str, request: Request<'_>) -> Result<Value, Refusal> {
    let entries = batch::entries(request, "DeleteMessageBatchRequestEntry")?;
    let handles = entries.iter().map(|entry| entry.members.required_text("ReceiptHandle").map(str::to_owned));
    let handles = handles.collect::<Result<Vec<_>, _>>()?;
    let deleted = inner.delete(queue, handles).await?.into_iter().map(|one| one.map(|_| json!({})));
    Ok(batch::answer(entries.iter().map(|entry| entry.id).zip(deleted)))
}

pub(super) async fn hide(inner: &Inner, queue: &str, request: Request<'_>) -> Result<Value, Refusal> {
    match inner.hide(queue, vec![hidden(request)?]).await?.pop() {
        Some(Err(refusal)) => Err(refusal),
        Some(Ok(())) | None => Ok(json!({})),
    }
}

pub(super) async fn hide_batch(inner: &Inner, queue: &str, request: Request<'_>) -> Result<Value, Refusal> {
    let entries = batch::entries(request, "ChangeMessageVisibilityBatchRequestEntry")?;
    let asked = entries.iter().map(|Entry { members, .. }| hidden(*members)).collect::<Result<Vec<_>, _>>()?;
    let hidden = inner.hide(queue, asked).await?.into_iter().map(|one| one.map(|()| json!({})));
    Ok(batch::answer(entries.iter().map(|entry| entry.id).zip(hidden)))
}

/// Handle and seconds.
fn hidden(members: Request<'_>) -> Result<(String, i64), Refusal> {
    let handle = members.required_text("ReceiptHandle")?.to_owned();
    let seconds = members.integer("VisibilityTimeout", 0..=VISIBILITY_SECONDS)?;
    Ok((handle, seconds.ok_or_else(|| Refusal::missing("VisibilityTimeout"))?))
}
