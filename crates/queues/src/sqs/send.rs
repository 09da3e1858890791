//! `SendMessage`, alone and in batches.

use super::batch::{self, Entry};
use crate::attributes::{MessageAttributes, digest};
use crate::limits::{DELAY_SECONDS, MESSAGE_BYTES, TRACE_HEADER_BYTES};
use crate::messages::NewMessage;
use crate::queues::Inner;
use crate::refusal::{BATCH_TOO_LONG, INVALID_CONTENTS, INVALID_VALUE, Refusal};
use crate::request::Request;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The one system attribute that senders may give.
const TRACE_HEADER: &str = "AWSTraceHeader";

pub(super) async fn one(inner: &Inner, queue: &str, request: Request<'_>, sender: Arc<str>) -> Result<Value, Refusal> {
    let (message, answer) = message(request, sender)?;
    match inner.send(queue, vec![message]).await?.pop() {
        Some(Err(refusal)) => Err(refusal),
        Some(Ok(())) | None => Ok(answer),
    }
}

pub(super) async fn batch(
    inner: &Inner,
    queue: &str,
    request: Request<'_>,
    sender: Arc<str>,
) -> Result<Value, Refusal> {
    let entries = batch::entries(request, "SendMessageBatchRequestEntry")?;
    let mut messages = Vec::new();
    // What is wrong with one entry is no reason to refuse the others.
    let mut results: Vec<(&str, Result<Value, Refusal>)> = Vec::new();
    for Entry { id, members } in entries {
        let parsed = message(members, Arc::clone(&sender)).map(|(message, answer)| {
            messages.push(message);
            answer
        });
        results.push((id, parsed));
    }
    let bytes: usize = messages.iter().map(NewMessage::bytes).sum();
    if bytes > MESSAGE_BYTES {
        let message =
            format!("Batch requests cannot be longer than {MESSAGE_BYTES} bytes. You have sent {bytes} bytes.");
        return Err(Refusal::new(&BATCH_TOO_LONG, message));
    }
    let mut sent = inner.send(queue, messages).await?.into_iter();
    for (_, result) in results.iter_mut().filter(|(_, result)| result.is_ok()) {
        if let Some(Err(refusal)) = sent.next() {
            *result = Err(refusal);
        }
    }
    Ok(batch::answer(results))
}

/// A message, and what its sender is told when it is in the queue.
fn message(members: Request<'_>, sender: Arc<str>) -> Result<(NewMessage, Value), Refusal> {
    let body = members.required_text("MessageBody")?;
    if let Some(bad) = body.chars().find(|c| !is_allowed(*c)) {
        let message = format!("Invalid binary character '#x{:X}' was found in the message body.", u32::from(bad));
        return Err(Refusal::new(&INVALID_CONTENTS, message));
    }
    let attributes = match members.map("MessageAttributes")? {
        Some(written) => MessageAttributes::parse(written)?,
        None => MessageAttributes::default(),
    };
    let system = members.map("MessageSystemAttributes")?;
    let mut message = NewMessage::new(body, sender);
    message.attributes = attributes;
    message.delay = members.integer("DelaySeconds", 0..=DELAY_SECONDS)?;
    let mut answer = json!({ "MessageId": message.message_id, "MD5OfMessageBody": digest(body.as_bytes()) });
    if let Some(digest) = message.attributes.digest() {
        answer["MD5OfMessageAttributes"] = digest.into();
    }
    if let Some(system) = system.filter(|system| !system.is_empty()) {
        let (header, digest) = trace_header(system)?;
        message.trace_header = Some(header);
        answer["MD5OfMessageSystemAttributes"] = digest.into();
    }
    // Of FIFO queues. A group means nothing in a standard queue; AWS takes it there as well.
    if let Some(id) = members.text("MessageDeduplicationId")? {
        let reason = "The request include parameter that is not valid for this queue type";
        return Err(Refusal::value(id, "MessageDeduplicationId", reason));
    }
    Ok((message, answer))
}

fn trace_header(system: &Map<String, Value>) -> Result<(String, String), Refusal> {
    let refused = |message: &str| Refusal::new(&INVALID_VALUE, message.to_owned());
    if let Some(other) = system.keys().find(|name| *name != TRACE_HEADER) {
        return Err(refused(&format!("Message system attribute name '{other}' is invalid: use {TRACE_HEADER}.")));
    }
    let value = system[TRACE_HEADER].as_object().map(Request);
    let value = value.ok_or_else(|| refused("AWSTraceHeader is no structure."))?;
    let header = value.required_text("StringValue")?;
    if value.required_text("DataType")? != "String" {
        return Err(refused("AWSTraceHeader must be of the type String."));
    }
    if header.len() > TRACE_HEADER_BYTES {
        return Err(refused(&format!(
            "AWSTraceHeader has more than {TRACE_HEADER_BYTES} bytes; send the trace id alone."
        )));
    }
    let digest = MessageAttributes::of_system(TRACE_HEADER, header).digest();
    Ok((header.to_owned(), digest.unwrap_or_default()))
}

/// The characters of XML 1.0, which is what messages once travelled in.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(members: Value) -> Option<&'static str> {
        let members = members.as_object().unwrap().clone();
        message(Request(&members), "me".into()).err().map(|refusal| refusal.fault.code)
    }

    #[test]
    fn messages_are_refused_as_aws_refuses_them() {
        let header = |kind: &str| json!({"AWSTraceHeader": {"DataType": kind, "StringValue": "Root=1"}});
        let long = |bytes| json!({"AWSTraceHeader": {"DataType": "String", "StringValue": "a".repeat(bytes)}});
        for (members, expected) in [
            (json!({"MessageBody": "a"}), None),
            (json!({"MessageBody": "\t\n\r ä😀\u{FFFD}"}), None),
            (json!({"MessageBody": "a\u{0}"}), Some("InvalidMessageContents")),
            (json!({"MessageBody": "\u{FFFF}"}), Some("InvalidMessageContents")),
            (json!({"MessageBody": ""}), Some("MissingParameter")),
            (json!({}), Some("MissingParameter")),
            (json!({"MessageBody": 1}), Some("InvalidParameterValue")),
            (json!({"MessageBody": "a", "DelaySeconds": 900}), None),
            (json!({"MessageBody": "a", "DelaySeconds": "900"}), None),
            (json!({"MessageBody": "a", "DelaySeconds": 901}), Some("InvalidParameterValue")),
            (json!({"MessageBody": "a", "DelaySeconds": -1}), Some("InvalidParameterValue")),
            (json!({"MessageBody": "a", "MessageSystemAttributes": header("String")}), None),
            (json!({"MessageBody": "a", "MessageSystemAttributes": header("Number")}), Some("InvalidParameterValue")),
            (json!({"MessageBody": "a", "MessageSystemAttributes": long(1_024)}), None),
            (json!({"MessageBody": "a", "MessageSystemAttributes": long(1_025)}), Some("InvalidParameterValue")),
            (json!({"MessageBody": "a", "MessageSystemAttributes": {"X": {}}}), Some("InvalidParameterValue")),
            (json!({"MessageBody": "a", "MessageDeduplicationId": "1"}), Some("InvalidParameterValue")),
        ] {
            assert_eq!(refused(members.clone()), expected, "{members}");
        }
    }
}
